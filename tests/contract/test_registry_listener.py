"""The receiver of callbacks, spoken to over real sockets by a registry, by mistakes and by strangers."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
from anyio.abc import SocketStream

from bulk_pec.registry.listener import CONNECTIONS, LONGEST_BODY, Door, listening

pytestmark = pytest.mark.anyio

ID = "6040e4613a716838dc4eee0e"
MAILBOX = json.dumps({"casella_pec": "ufficio@example.com", "stato": "evasa", "id": ID})
USUAL, BRISK = Door(), Door(patience=0.2)
"""The second is a door whose clients have little time, so that a test of its patience has much."""


class _Hints:
    """What was hinted at; `full`: no more is taken."""

    def __init__(self, *, full: bool = False) -> None:
        self.taken: list[str] = []
        self.full = full

    def __call__(self, identity: str) -> bool:
        self.taken.append(identity)
        return not self.full


@asynccontextmanager
async def _asking(
    door: Door = USUAL, hints: Callable[[str], bool] = lambda _: True
) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A client, and the URL of a receiver that listens."""
    async with listening(door, hints) as url, httpx.AsyncClient(timeout=30) as client:
        yield client, url


async def _raw(url: str) -> SocketStream:
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 0
    return await anyio.connect_tcp(host, port)


async def _all(stream: SocketStream) -> bytes:
    """What comes until the other end closes."""
    heard = bytearray()
    try:
        while True:
            heard += await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return bytes(heard)


async def _drip(stream: SocketStream) -> None:
    """Say a byte now and then, until nobody listens."""
    while True:
        await stream.send(b"X")
        with anyio.move_on_after(0.01):
            await stream.receive()


async def test_a_form_field_is_taken() -> None:
    """`method` POST: a form, the mailbox as JSON in the field. 204, and nothing is said."""
    hints = _Hints()
    async with _asking(hints=hints) as (client, url):
        answer = await client.post(url, data={"data": MAILBOX})
    assert (answer.status_code, answer.content) == (204, b"")
    assert hints.taken == [ID]


async def test_json_is_taken() -> None:
    """`method` JSON: under the field's name, or bare."""
    hints = _Hints()
    async with _asking(Door(field="esito"), hints) as (client, url):
        first = await client.post(url, json={"esito": json.loads(MAILBOX)})
        second = await client.post(url, json=json.loads(MAILBOX))
    assert [first.status_code, second.status_code] == [204, 204]
    assert hints.taken == [ID, ID]


async def test_parts_of_a_form_are_taken() -> None:
    """As PHP sends an array of fields."""
    hints = _Hints()
    async with _asking(hints=hints) as (client, url):
        answer = await client.post(url, files={"data": (None, MAILBOX)})
    assert answer.status_code == 204
    assert hints.taken == [ID]


async def test_it_is_bound_to_this_machine_and_says_where() -> None:
    """A free port of 127.0.0.1, unless told otherwise; the path is part of what it says."""
    async with _asking(Door(path="/richiamata")) as (_, url):
        assert urlsplit(url).hostname == "127.0.0.1"
        assert urlsplit(url).path == "/richiamata"


async def test_a_port_that_is_taken_is_an_error() -> None:
    """Nothing is served half."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        async with listening(Door(port=taken.getsockname()[1]), _Hints()):
            pytest.fail("it listens on a port that is taken")


@pytest.mark.parametrize("path", ["", "/", "/callback/", "/callback/x", "/Callback", "/callback%00"])
async def test_an_unknown_path_is_not_found(path: str) -> None:
    """Only the one path is answered."""
    hints = _Hints()
    async with _asking(hints=hints) as (client, url):
        answer = await client.post(url.removesuffix("/callback") + path, data={"data": MAILBOX})
    assert answer.status_code == 404
    assert hints.taken == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_another_method_is_refused(method: str) -> None:
    """A callback is a POST."""
    async with _asking() as (client, url):
        assert (await client.request(method, url)).status_code == 405


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{", 400),
        ("application/json", b"", 400),
        ("application/json", b'{"stato": "evasa"}', 400),
        ("application/json", b"[" * 30_000, 400),
        ("application/x-www-form-urlencoded", b"other=1", 400),
        ("application/x-www-form-urlencoded", b"data=%00%ff", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nnothing", 400),
        ("multipart/form-data", b"data", 400),
        ("text/plain", MAILBOX.encode(), 415),
        ("", MAILBOX.encode(), 415),
    ],
)
async def test_a_malformed_body_is_refused(kind: str, body: bytes, status: int) -> None:
    """400 or 415, in words that repeat nothing of it; and the next one is taken as if nothing had been."""
    hints = _Hints()
    async with _asking(hints=hints) as (client, url):
        answer = await client.post(url, content=body, headers={"Content-Type": kind} if kind else {})
        assert answer.status_code == status
        assert len(answer.text) < 60
        assert hints.taken == []
        assert (await client.post(url, data={"data": MAILBOX})).status_code == 204


async def test_a_compressed_body_is_refused() -> None:
    """A small one could be a very large one."""
    async with _asking() as (client, url):
        answer = await client.post(url, json={"id": ID}, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_oversized_body_is_refused(chunked: bool) -> None:
    """413 at a byte too many, whether its length is told beforehand or not; the limit itself is taken."""
    largest = b'{"id": "' + ID.encode() + b'", "x": "'
    largest += b"x" * (LONGEST_BODY - len(largest) - 2) + b'"}'
    hints = _Hints()

    async def parts(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 8_192):
            yield body[start : start + 8_192]

    async with _asking(hints=hints) as (client, url):
        head = {"Content-Type": "application/json"}
        for body, status in ((largest, 204), (largest + b" ", 413)):
            content = parts(body) if chunked else body
            assert (await client.post(url, content=content, headers=head)).status_code == status
    assert hints.taken == [ID]


async def test_a_body_of_which_a_gigabyte_is_announced_is_not_read() -> None:
    """The length alone is enough to refuse it."""
    async with _asking() as (_, url), await _raw(url) as stream:
        await stream.send(
            b"POST /callback HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1073741824\r\n\r\n{"
        )
        assert (await stream.receive()).startswith(b"HTTP/1.1 413 ")


async def test_what_is_no_http_is_refused() -> None:
    """It is answered 400 or hung up on, and the next client is served."""
    hints = _Hints()
    async with _asking(hints=hints) as (client, url):
        for nonsense in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
            b"HELO example.org\r\n\r\n",
            b"\r\n" * 2_000,
        ):
            async with await _raw(url) as stream:
                await stream.send(nonsense)
                await stream.send_eof()
                assert b" 204 " not in await _all(stream)
        assert (await client.post(url, data={"data": MAILBOX})).status_code == 204
    assert hints.taken == [ID]


async def test_a_slow_body_is_not_waited_for() -> None:
    """408 once the door's patience is over, and the connection is closed."""
    async with _asking(BRISK) as (_, url), await _raw(url) as stream:
        await stream.send(
            b"POST /callback HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 99\r\n\r\n{"
        )
        assert (await _all(stream)).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("head", [b"", b"P", b"POST /callback HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_that_never_ends_is_hung_up_on(head: bytes) -> None:
    """A connection lasts twice the patience at most, whatever little is said on it."""
    async with _asking(BRISK) as (_, url), await _raw(url) as stream:
        if head:
            await stream.send(head)
        assert b"204" not in await _all(stream)


async def test_a_head_that_comes_a_byte_at_a_time_is_hung_up_on() -> None:
    """Bytes that keep coming do not make a connection last longer."""
    async with _asking(BRISK) as (_, url), await _raw(url) as stream:
        with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await _drip(stream)


async def test_a_connection_serves_one_request() -> None:
    """It is closed after the answer, so that nobody keeps one."""
    async with _asking() as (_, url), await _raw(url) as stream:
        await stream.send(
            b"POST /callback HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 2\r\n\r\n{}"
        )
        answer = await _all(stream)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1


async def test_a_crowd_that_says_nothing_is_closed_unheard_and_then_gone() -> None:
    """So many connections at once; a further one is closed. When their time is over the next is served."""
    hints = _Hints()
    async with _asking(BRISK, hints) as (client, url), AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(await _raw(url)) for _ in range(CONNECTIONS)]
        for stream in crowd[:1]:
            await stream.send(b"P")
        with pytest.raises(httpx.TransportError):
            await client.post(url, data={"data": MAILBOX})
        for stream in crowd:
            await _all(stream)
        assert (await client.post(url, data={"data": MAILBOX})).status_code == 204
    assert hints.taken == [ID]


async def test_a_flood_is_answered_and_each_hint_handed_on() -> None:
    """Some hundred callbacks, sixteen at a time: all are answered, none waits for anything."""
    hints = _Hints()
    statuses: list[int] = []

    async with _asking(hints=hints) as (client, url), anyio.create_task_group() as tasks:

        async def some() -> None:
            for _ in range(20):
                answer = await client.post(url, data={"data": MAILBOX})
                statuses.append(answer.status_code)

        for _ in range(16):
            tasks.start_soon(some)
    assert statuses == [204] * 320
    assert len(hints.taken) == len(statuses)


async def test_when_too_many_hints_wait_the_caller_is_told() -> None:
    """503: the registry may call again."""
    async with _asking(hints=_Hints(full=True)) as (client, url):
        assert (await client.post(url, data={"data": MAILBOX})).status_code == 503


async def test_a_client_that_goes_away_harms_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    """Half a body and a closed connection: nothing is said about it, and the next client is served."""
    hints = _Hints()
    async with _asking(hints=hints) as (client, url):
        async with await _raw(url) as stream:
            await stream.send(
                b"POST /callback HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 99\r\n\r\n{"
            )
        assert (await client.post(url, data={"data": MAILBOX})).status_code == 204
    assert hints.taken == [ID]
    assert capfd.readouterr() == ("", "")
