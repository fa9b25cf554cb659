"""Every status of HTTP over a real socket, and every way TLS can end: the outcome table on the wire."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path

import pytest
from support.fault_server import (
    Act,
    FaultServer,
    Wire,
    answer,
    close,
    half_answer,
    reset,
    response,
    sent,
    silence,
)
from support.pec import agrees, sender

from bulk_pec.domain.outcomes import Outcome, Stop, Verdict

pytestmark = pytest.mark.anyio

TLS = Path(__file__).parents[1] / "support" / "tls"
OK = {"success": True, "sent": 1, "message": "", "message_id": "2020082610003492"}
NO = {"success": False, "message": "no"}
BODIES = {"a clear yes": OK, "a clear no": NO, "nothing": b"", "a page": b"<html></html>"}
SHORT = 0.3

REJECTED = {400, 406, 413, 417, 422, 428}
REFUSED = {401: Stop.MAILBOX, 403: Stop.MAILBOX, 402: Stop.CREDIT}
WRONG_ADDRESS = {404, 405, 415}


async def outcomes(statuses: Iterable[int], body: object) -> dict[int, Outcome]:
    """What one POST each came to; each arrived once, and nothing was followed."""
    asked = list(statuses)
    acts = [answer(status, body, {"Location": "/elsewhere"}) for status in asked]
    found: dict[int, Outcome] = {}
    async with FaultServer(*acts) as server, sender(server.url) as it:
        for status in asked:
            before = len(server.raw)
            found[status] = await it.send()
            assert agrees(found[status], it.hook, server.raw[before:]), status
        assert [post.target for post in server.posts] == ["/send"] * len(asked)
        assert len(server.seen) == len(asked)
    return found


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
async def test_every_3xx_is_a_wrong_address(body: object) -> None:
    """Whatever its body says: not sent, never followed, the run stops and the URL is named."""
    for status, outcome in (await outcomes(range(300, 400), body)).items():
        assert (outcome.verdict, outcome.stop, outcome.status) == (Verdict.NOT_SENT, Stop.ADDRESS, status)
        assert "/send" in outcome.detail


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
async def test_every_4xx_has_its_row_and_the_rest_is_in_doubt(body: object) -> None:
    """The status decides and no body does; a 4xx that the table does not list may have left."""
    for status, outcome in (await outcomes(range(400, 500), body)).items():
        assert (outcome.verdict, outcome.stop) == _row(status), status
        assert outcome.status == status
        assert outcome.message_id is None


def _row(status: int) -> tuple[Verdict, Stop | None]:
    if status in REJECTED:
        return Verdict.REJECTED, None
    if status in REFUSED:
        return Verdict.REFUSED, REFUSED[status]
    if status in WRONG_ADDRESS:
        return Verdict.NOT_SENT, Stop.ADDRESS
    return (Verdict.THROTTLED, None) if status == 429 else (Verdict.IN_DOUBT, None)


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
async def test_every_5xx_is_in_doubt(body: object) -> None:
    """A server that failed may have taken the message first, even if its words say yes or no."""
    for status, outcome in (await outcomes(range(500, 600), body)).items():
        assert (outcome.verdict, outcome.stop, outcome.message_id) == (Verdict.IN_DOUBT, None, None), status


async def test_every_2xx_is_what_its_body_says() -> None:
    """Any 2xx with a clear yes is sent, with a clear no rejected; 204 has no body and says nothing."""
    statuses = [status for status in range(200, 300) if status != 204]
    assert {one.verdict for one in (await outcomes(statuses, OK)).values()} == {Verdict.SENT}
    assert {one.verdict for one in (await outcomes(statuses, NO)).values()} == {Verdict.REJECTED}
    assert (await outcomes([204], OK))[204].verdict is Verdict.IN_DOUBT


@pytest.mark.parametrize("status", [100, 102, 103])
async def test_an_interim_answer_is_not_the_answer(status: int) -> None:
    """The final one counts (RFC 9110, 15.2); an interim one alone, then the end, leaves a doubt."""

    async def interim_first(wire: Wire) -> None:
        await wire.write(f"HTTP/1.1 {status} Wait\r\n\r\n".encode() + response(201, OK))

    async def interim_only(wire: Wire) -> None:
        await wire.write(f"HTTP/1.1 {status} Wait\r\n\r\n".encode())
        wire.close()

    for act, verdict in ((interim_first, Verdict.SENT), (interim_only, Verdict.IN_DOUBT)):
        async with FaultServer(act) as server, sender(server.url) as it:
            assert (await it.send()).verdict is verdict
            assert len(server.posts) == 1


def context(certificate: str) -> ssl.SSLContext:
    """A server's side of TLS with one of the tests' certificates."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(TLS / certificate, TLS / "key.pem")
    return made


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both certificates are trusted by whoever makes a TLS context from now on."""
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "trusted.pem"))


async def test_a_certificate_that_nobody_vouches_for_is_not_sent() -> None:
    """The handshake fails on our side: no byte of the request was written."""
    async with (
        FaultServer(sent(), tls=context("this-machine.pem")) as server,
        sender(f"https://127.0.0.1:{server.port}") as it,
    ):
        outcome = await it.send()
        assert (outcome.verdict, it.hook.calls, server.raw) == (Verdict.NOT_SENT, 0, b"")
        assert "certificate" in outcome.detail.lower()


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_for_another_name_is_not_sent() -> None:
    """It is valid and trusted, and somebody else's."""
    async with (
        FaultServer(sent(), tls=context("elsewhere.pem")) as server,
        sender(f"https://127.0.0.1:{server.port}") as it,
    ):
        outcome = await it.send()
        assert (outcome.verdict, it.hook.calls, server.raw) == (Verdict.NOT_SENT, 0, b"")


@pytest.mark.usefixtures("trusted")
async def test_a_server_that_speaks_another_tls_is_not_sent() -> None:
    """No protocol version in common: the handshake ends in an alert."""
    old = context("this-machine.pem")
    old.set_ciphers("PSK")  # that no client without a shared key can agree to
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    async with (
        FaultServer(sent(), tls=old) as server,
        sender(f"https://127.0.0.1:{server.port}") as it,
    ):
        outcome = await it.send()
        assert (outcome.verdict, it.hook.calls, server.raw) == (Verdict.NOT_SENT, 0, b"")


UNDER_TLS: dict[str, tuple[Act, Verdict]] = {
    "sent": (sent(), Verdict.SENT),
    "closed after reading": (close, Verdict.IN_DOUBT),
    "reset after reading": (reset, Verdict.IN_DOUBT),
    "half an answer": (half_answer(), Verdict.IN_DOUBT),
    "too slow": (silence, Verdict.IN_DOUBT),
    "429": (answer(429), Verdict.THROTTLED),
}


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("name", UNDER_TLS)
async def test_behind_tls_the_table_is_the_same(name: str) -> None:
    """What came decrypted decides as it does without TLS; the hook ran once, after the handshake."""
    act, verdict = UNDER_TLS[name]
    async with (
        FaultServer(act, tls=context("this-machine.pem")) as server,
        sender(f"https://127.0.0.1:{server.port}") as it,
    ):
        outcome = await it.send(limit=SHORT if act is silence else 5.0)
        assert (outcome.verdict, it.hook.calls, len(server.posts)) == (verdict, 1, 1)
        assert agrees(outcome, it.hook, server.raw)


@pytest.mark.usefixtures("trusted")
async def test_a_reset_behind_tls_before_anything_was_read_fits_what_arrived() -> None:
    """The server resets as soon as the handshake is over: never called unsent if a byte was decrypted."""
    async with (
        FaultServer(sent(), on_connect=reset, tls=context("this-machine.pem")) as server,
        sender(f"https://127.0.0.1:{server.port}") as it,
    ):
        outcome = await it.send()
        assert outcome.verdict in {Verdict.NOT_SENT, Verdict.IN_DOUBT}
        assert agrees(outcome, it.hook, server.raw)
