"""Every way a POST can go wrong, on real sockets: the outcome, held against what the server saw."""

from __future__ import annotations

import asyncio
import json

import pytest
from support.fault_server import (
    HTML,
    Act,
    FaultServer,
    Wire,
    answer,
    close,
    drip,
    half_answer,
    raw_answer,
    refusing_port,
    reset,
    response,
    sent,
    silence,
    then_close,
)
from support.pec import LETTER, MAILBOX, PASSWORD, TOKEN, USERNAME, agrees, sender

from bulk_pec.domain.letters import Attachment, Letter, Mailbox, Secret
from bulk_pec.domain.outcomes import Stop, Verdict

pytestmark = pytest.mark.anyio

OK = {"success": True, "sent": 1, "message": "", "message_id": "2020082610003492"}
SHORT = 0.3  # seconds: long for loopback, short for a person


def with_attachment(mebibytes: int) -> Letter:
    """A letter with a file of so many MiB of base64."""
    content = b"QUJD" * (mebibytes << 18)
    return Letter(LETTER.recipients, "s", "b", (Attachment("a.pdf", "application/pdf", "0", content),))


BIG = with_attachment(32)  # more than the buffers of two sockets hold

TAKEN_OR_NOT: dict[str, Act] = {
    "closed without an answer": close,
    "reset after reading": reset,
    "half a body": half_answer(),
    "half a head": raw_answer(b"HTTP/1.1 201 Created\r\nContent-Le"),
    "half a chunk": raw_answer(b'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{"succ'),
    "no HTTP at all": raw_answer(b"220 mail.example.com ESMTP\r\n"),
    "HTML under 200": answer(200, HTML, {"Content-Type": "text/html"}),
    "nothing under 200": answer(200, b""),
    "204": answer(204),
    "no message_id": answer(201, {"success": True, "sent": 1, "message": ""}),
    "an SMTP error for a message_id": answer(200, OK | {"message_id": "550 5.1.1 User unknown"}),
    "sent 0": answer(201, OK | {"sent": 0}),
    "a failure of the server's own": answer(200, {"success": False, "message": "MySQL Error 1205"}),
    "the same, as an object": answer(200, {"success": False, "message": {"sql": 1205}}),
    "a failure without a reason": answer(200, {"success": False, "message": ""}),
    "longer than any envelope": answer(200, b"[" + b" " * (1 << 20) + b"]"),
    "compressed, but not": answer(200, b"{}", {"Content-Encoding": "gzip"}),
    "408": answer(408),
    "500 after taking it": answer(500, {"success": False, "message": "MySQL Error 2006"}),
    "502": answer(502, HTML),
    "503": answer(503, HTML),
    "504": answer(504, HTML),
    "101": raw_answer(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
}

REJECTED: dict[str, Act] = {
    **{
        str(status): answer(status, {"success": False, "message": "no"})
        for status in (400, 406, 413, 417, 422, 428)
    },
    "400 with half a body": half_answer(400),
    "success false": answer(200, {"success": False, "message": "Invalid recipient"}),
    "success false, an object": answer(200, {"success": False, "message": {"recipient": ["is not valid"]}}),
    "success false, a number": answer(200, {"success": False, "message": 12}),
}

TAKEN: dict[str, Act] = {
    "201": sent(),
    "JSON in JSON": answer(201, json.dumps(OK)),
    "200 without sent": answer(200, {"success": True, "message_id": "2020082610003492"}),
    "numbers as text": answer(200, OK | {"sent": "1"}),
    "an id as a number": answer(200, OK | {"message_id": 2020082610003492}),
    "chunked": raw_answer(
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"%x\r\n%b\r\n0\r\n\r\n" % (len(json.dumps(OK)), json.dumps(OK).encode())
    ),
    "until the connection closes": raw_answer(b"HTTP/1.1 201 Created\r\n\r\n" + json.dumps(OK).encode()),
}


@pytest.mark.parametrize("name", TAKEN_OR_NOT)
async def test_what_cannot_be_told_from_taken_is_in_doubt(name: str) -> None:
    """The request arrived whole, once, and the answer does not settle whether it was taken: in doubt."""
    async with FaultServer(TAKEN_OR_NOT[name]) as server, sender(server.url) as it:
        outcome = await it.send()
        assert outcome.verdict is Verdict.IN_DOUBT
        assert outcome.message_id is None
        assert outcome.stop is None
        assert len(server.posts) == len(server.wires) == 1
        assert agrees(outcome, it.hook, server.raw)


@pytest.mark.parametrize("name", REJECTED)
async def test_a_refusal_of_this_message_rejects_it(name: str) -> None:
    """The provider refused the message for good; nothing else stops."""
    async with FaultServer(REJECTED[name]) as server, sender(server.url) as it:
        outcome = await it.send()
        assert (outcome.verdict, outcome.stop) == (Verdict.REJECTED, None)
        assert len(server.posts) == 1
        assert agrees(outcome, it.hook, server.raw)


@pytest.mark.parametrize("name", TAKEN)
async def test_a_clear_yes_is_sent_with_its_token(name: str) -> None:
    """A 2xx that names one token is sent, in every form in which providers write it."""
    async with FaultServer(TAKEN[name]) as server, sender(server.url) as it:
        outcome = await it.send()
        assert (outcome.verdict, outcome.message_id) == (Verdict.SENT, "2020082610003492")
        assert len(server.posts) == 1
        assert agrees(outcome, it.hook, server.raw)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 404, 405, 415])
async def test_a_wrong_address_stops_the_run_and_is_never_followed(status: int) -> None:
    """A redirect is not followed: one request in all; the detail names the URL that was asked."""
    async with FaultServer(sent("elsewhere")) as other:
        act = answer(status, b"", {"Location": f"{other.url}/send"})
        async with FaultServer(act) as server, sender(server.url) as it:
            outcome = await it.send()
            assert (outcome.verdict, outcome.stop) == (Verdict.NOT_SENT, Stop.ADDRESS)
            assert f"{server.url}/send" in outcome.detail
            assert len(server.posts) == 1
            assert not other.wires
            assert agrees(outcome, it.hook, server.raw)


@pytest.mark.parametrize(("status", "stop"), [(401, Stop.MAILBOX), (403, Stop.MAILBOX), (402, Stop.CREDIT)])
async def test_a_refused_account_stops_more_than_the_message(status: int, stop: Stop) -> None:
    """401 and 403 stop the mailbox, 402 the run; the message was not taken, nor posted again."""
    act = answer(status, {"success": False, "message": "Insufficient Credit in Wallet: 0.05 > 0.00"})
    async with FaultServer(act) as server, sender(server.url) as it:
        outcome = await it.send()
        assert (outcome.verdict, outcome.stop) == (Verdict.REFUSED, stop)
        assert "Insufficient Credit" in outcome.detail
        assert len(server.posts) == 1


@pytest.mark.parametrize(
    ("header", "seconds"), [({}, None), ({"Retry-After": "7"}, 7.0), ({"Retry-After": "soon"}, None)]
)
async def test_too_many_requests_is_throttled_and_not_repeated(
    header: dict[str, str], seconds: float | None
) -> None:
    """429 is one request and an outcome that pauses, with the provider's time if it names one."""
    async with FaultServer(answer(429, HTML, header)) as server, sender(server.url) as it:
        outcome = await it.send()
        assert (outcome.verdict, outcome.retry_after) == (Verdict.THROTTLED, seconds)
        assert outcome.pauses
        assert len(server.posts) == 1


async def test_503_with_a_time_is_in_doubt_and_pauses() -> None:
    """503 may come after the message was taken; its Retry-After pauses the mailbox all the same."""
    async with FaultServer(answer(503, HTML, {"Retry-After": "9"})) as server, sender(server.url) as it:
        outcome = await it.send()
        assert (outcome.verdict, outcome.retry_after, outcome.pauses) == (Verdict.IN_DOUBT, 9.0, True)


async def test_a_refused_connection_is_not_sent() -> None:
    """Nobody listens: nothing left, and the hook was never asked."""
    with refusing_port() as port:
        async with sender(f"http://127.0.0.1:{port}") as it:
            outcome = await it.send()
            assert (outcome.verdict, outcome.stop, it.hook.calls) == (Verdict.NOT_SENT, None, 0)


async def test_a_name_that_does_not_resolve_is_not_sent() -> None:
    """No address, so no connection: nothing left. RFC 6761 keeps `.invalid` unresolved."""
    async with sender("https://name.invalid") as it:
        outcome = await it.send()
        assert (outcome.verdict, it.hook.calls) == (Verdict.NOT_SENT, 0)


async def test_a_failed_tls_handshake_is_not_sent() -> None:
    """The server speaks no TLS: it saw a handshake and no byte of the request."""

    async def plain_words(wire: Wire) -> None:
        await wire.read()
        await wire.write(response(400, HTML))
        wire.close()

    async with (
        FaultServer(sent(), on_connect=plain_words) as server,
        sender(f"https://127.0.0.1:{server.port}") as it,
    ):
        outcome = await it.send()
        assert (outcome.verdict, it.hook.calls) == (Verdict.NOT_SENT, 0)
        assert server.raw
        assert agrees(outcome, it.hook, server.raw)


async def test_a_tls_handshake_that_never_ends_is_not_sent() -> None:
    """The server accepts and says nothing: connecting is bounded, and nothing of the request left."""
    async with (
        FaultServer(sent(), on_connect=silence) as server,
        sender(f"https://127.0.0.1:{server.port}") as it,
    ):
        outcome = await it.send(limit=SHORT)
        assert (outcome.verdict, it.hook.calls) == (Verdict.NOT_SENT, 0)
        assert agrees(outcome, it.hook, server.raw)


async def test_a_connection_reset_at_once_is_never_called_unsent_if_a_byte_left() -> None:
    """Reset before a byte was read: whichever came first, the outcome fits what the server saw."""
    async with FaultServer(sent(), on_connect=reset) as server, sender(server.url) as it:
        outcome = await it.send()
        assert outcome.verdict in {Verdict.NOT_SENT, Verdict.IN_DOUBT}
        assert not server.seen
        assert agrees(outcome, it.hook, server.raw)


async def test_no_answer_within_the_timeout_is_in_doubt() -> None:
    """The server took the request and says nothing."""
    async with FaultServer(silence) as server, sender(server.url) as it:
        outcome = await it.send(limit=SHORT)
        assert outcome.verdict is Verdict.IN_DOUBT
        assert len(server.posts) == 1


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.1 201 Created\r\nX-Slow: ", b"HTTP/1.1 201 Created\r\nContent-Length: 100000\r\n\r\n{"],
    ids=["head", "body"],
)
async def test_a_dripping_answer_does_not_hold_for_ever(data: bytes) -> None:
    """A byte now and then is within every read timeout; the exchange as a whole is bounded."""
    async with FaultServer(drip(data)) as server, sender(server.url) as it:
        outcome = await it.send(limit=SHORT)
        assert outcome.verdict is Verdict.IN_DOUBT
        assert len(server.posts) == 1
        assert agrees(outcome, it.hook, server.raw)


async def test_a_server_that_does_not_read_on_is_in_doubt() -> None:
    """The head left and the body cannot: within the timeout it is a doubt, not an unsent message."""
    stop = asyncio.Event()

    async def head_only(wire: Wire) -> None:
        await wire.read(64)
        await stop.wait()

    async with FaultServer(sent(), on_connect=head_only) as server, sender(server.url) as it:
        outcome = await it.send(limit=SHORT, letter=BIG)
        stop.set()
        assert (outcome.verdict, it.hook.began) == (Verdict.IN_DOUBT, 1)
        assert b"POST" in server.raw


@pytest.mark.parametrize("status", [201, 401, 413, 429])
async def test_an_answer_before_the_body_had_left_is_no_answer_to_it(status: int) -> None:
    """It may be somebody else's, one too many on this connection: in doubt, and its status is named."""

    async def too_soon(wire: Wire) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += await wire.read()
        await wire.write(response(status, OK))
        await wire.gone()

    async with FaultServer(sent(), on_connect=too_soon) as server, sender(server.url) as it:
        outcome = await it.send(letter=BIG)
        assert (outcome.verdict, outcome.message_id, it.hook.began) == (Verdict.IN_DOUBT, None, 1)
        assert str(status) in outcome.detail
        await server.ended[0].wait()
        assert len(server.raw) < len(BIG.attachments[0].base64)


async def test_a_refusal_of_a_large_body_that_was_read_whole_is_heard() -> None:
    """Once the body has left whole, an answer counts, whatever the size."""
    async with FaultServer(answer(413, {"message": "too large"})) as server, sender(server.url) as it:
        outcome = await it.send(letter=with_attachment(4))
        assert (outcome.verdict, outcome.status, len(server.posts)) == (Verdict.REJECTED, 413, 1)


async def test_a_letter_that_cannot_be_encoded_is_not_sent() -> None:
    """A local error precedes the first byte: half of a surrogate pair is no Unicode."""
    async with FaultServer(sent()) as server, sender(server.url) as it:
        outcome = await it.send(letter=Letter(LETTER.recipients, "\ud83d", "body"))
        assert (outcome.verdict, it.hook.calls) == (Verdict.NOT_SENT, 0)
        assert not server.wires


async def test_secrets_that_the_provider_repeats_are_masked() -> None:
    """A provider that quotes what it was sent does not bring a secret into the outcome."""
    words = (
        f"bad: {TOKEN} {USERNAME} {PASSWORD} {json.dumps(PASSWORD)} s3cret%2Fpass%20word of {MAILBOX.address}"
    )
    async with FaultServer(answer(400, {"message": words})) as server, sender(server.url) as it:
        outcome = await it.send()
        assert outcome.verdict is Verdict.REJECTED
        assert MAILBOX.address in outcome.detail
        assert not any(secret in repr(outcome) for secret in (TOKEN, USERNAME, PASSWORD, "s3cret"))


async def test_a_user_name_that_is_the_address_is_no_secret() -> None:
    """The address may be named in a detail though it is also the user name."""
    mailbox = Mailbox(MAILBOX.address, Secret(MAILBOX.address), Secret(PASSWORD))
    act = answer(400, {"message": f"sender {MAILBOX.address} unknown"})
    async with FaultServer(act) as server, sender(server.url) as it:
        outcome = await it.send(mailbox=mailbox)
        assert outcome.detail == f"HTTP 400: sender {MAILBOX.address} unknown"


async def test_the_body_is_the_vendors() -> None:
    """One recipient is a text, several are an array; attachments are data URIs."""
    letter = Letter(
        ("a@example.org", "b@example.org"),
        "Oggetto",
        "<p>è</p>",
        (Attachment("ü.pdf", "application/pdf", "0", b"QUJD"),),
    )
    async with FaultServer(sent()) as server, sender(server.url) as it:
        await it.send()
        await it.send(letter=letter)
        first, second = server.posts
        assert (first.target, first.headers["authorization"]) == ("/send", f"Bearer {TOKEN}")
        assert first.json() == {
            "sender": MAILBOX.address,
            "recipient": "destinatario@example.org",
            "subject": LETTER.subject,
            "body": LETTER.body,
            "username": USERNAME,
            "password": PASSWORD,
        }
        assert second.json()["recipient"] == ["a@example.org", "b@example.org"]
        assert second.json()["attachments"] == [{"name": "ü.pdf", "file": "data:application/pdf;base64,QUJD"}]


async def test_a_large_attachment_arrives_whole() -> None:
    """A body of many pieces is one request, with its length announced."""
    letter = with_attachment(4)
    content = letter.attachments[0].base64
    async with FaultServer(sent()) as server, sender(server.url) as it:
        outcome = await it.send(letter=letter)
        assert outcome.verdict is Verdict.SENT
        (post,) = server.posts
        assert "transfer-encoding" not in post.headers
        assert post.json()["attachments"][0]["file"].encode().endswith(b";base64," + content)


async def test_a_connection_closed_while_idle_loses_and_doubles_nothing() -> None:
    """A connection the server closed after its answer is not used again; the second POST arrives once."""
    async with FaultServer(then_close(sent("1")), sent("2")) as server, sender(server.url) as it:
        first = await it.send()
        await server.ended[0].wait()
        second = await it.send()
        assert [first.message_id, second.message_id] == ["1", "2"]
        assert [post.connection for post in server.posts] == [1, 2]
