"""One request on a connection of aiohttp's: announced, looked after, written once.

Read in aiohttp 3.14 (``client.py``, ``client_reqrep.py``, ``connector.py``), as to sending twice and to
bytes that leave unannounced:

* aiohttp's `ClientSession` is left out: it goes round again for redirects and, for methods it holds to be
  idempotent, when a kept connection was lost; its cookies, traces and merged headers cost as much as the
  exchange. What it does besides, `AioTransport._request` and `answered` do.
* A request's bytes are written by `Request.send` and nowhere else, after it has announced them; it sends
  once for each request of ours, and then refuses.
* `AioTransport` goes round again for `Dead` only, which is raised before the announcement: for a kept
  connection, and no more often than the pool has places.
* The CONNECT to a proxy is a plain `ClientRequest`, never a `Request`, so it is not announced.
* Up to `SMALL` a request is handed to the connection without a pause: a cancellation comes wholly before
  it or wholly after. A larger one is written by a task of its own, which starts after `send`; a
  cancellation in between may leave nothing sent though `FIRST_BYTE` was told. That errs on the side of doubt.

And as to whose answer is read (HTTP/1.1 pairs answers with requests by their order alone):

* aiohttp parses what comes on an idle connection and hands it to whoever asks next. So a connection that
  has spoken out of turn counts as hung up: bytes in aiohttp's buffers (`ResponseHandler.should_close`) or,
  without TLS, in the kernel's. With TLS the kernel's may be a session ticket; the loop is let read them.
* An answer that came before the request's last byte left this process is dropped with its connection, and
  the request is in doubt: it may be somebody else's. So is an honest 401 or 413 to a body that was not read
  to its end. "Left" is when `ClientRequest.write_bytes` has written all with nothing come in by then, and
  the transport's write buffer is empty when the answer is read.
* An answer too many that arrives after the request has left cannot be told from the right one.
"""

from __future__ import annotations

import asyncio
import io
import select
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import StreamWriter

CONNECTING = "connection.connect_tcp.started"
"""A connection is about to be opened: name look-up, TCP, proxy and TLS come now."""
FIRST_BYTE = "http11.send_request_headers.started"
"""The connection is open and the request's first byte is next. ``info["request"].method`` is bytes."""
HUNG_UP = "connection.hung_up"
"""After `FIRST_BYTE` was awaited: the connection is closed or out of step; nothing of the request left."""

Trace = Callable[[str, Mapping[str, Any]], Awaitable[None]]

LARGE = 1 << 20  # bytes from which aiohttp wants a body as a file, to write it in pieces
SMALL = 1 << 15  # bytes up to which aiohttp writes a body without waiting for the connection to take it
_READ_AHEAD = 1 << 18  # bytes of an answer that are taken from the kernel before somebody reads them


class Turn:
    """One request of ours on its way through aiohttp.

    Attributes:
        trace: Whom to tell; None: nobody.
        fresh: Whether a connection was opened for it in this round.
        sent: Whether its bytes were handed to a connection.
        written: Whether all of them were, before anything came back.
        transport: Of that connection.
    """

    __slots__ = ("fresh", "sent", "trace", "transport", "written")

    def __init__(self, trace: Trace | None) -> None:
        self.trace = trace
        self.fresh = False
        self.sent = False
        self.written = False
        self.transport: asyncio.Transport | None = None

    @property
    def left(self) -> bool:
        """Whether all its bytes have left this process, as far as the transport tells."""
        transport = self.transport
        return self.written and transport is not None and not transport.get_write_buffer_size()


class Pool(aiohttp.TCPConnector):
    """Connections, which says when one is about to be opened."""

    @property
    def loop_of_ours(self) -> asyncio.AbstractEventLoop:
        """The event loop it was made in."""
        return self._loop

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:  # noqa: ASYNC109 - theirs
        turn: Turn = req.turn
        turn.fresh = True
        if turn.trace is not None:
            await turn.trace(CONNECTING, {})
        return await super()._create_connection(req, traces, timeout)


class InPieces(io.BytesIO):
    """A large body. To learn the size aiohttp asks for the buffer, for which BytesIO itself copies it all."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._body = body

    def getbuffer(self) -> memoryview:
        """The bytes it was made of."""
        return memoryview(self._body)


class Dead(Exception):
    """The pool handed out a connection that cannot be used; nothing was announced or sent."""


class Request(aiohttp.ClientRequest):
    """A request that announces its first byte."""

    turn: Turn
    at_once: bool

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        """Announce, look whether the server is still there and silent, then send."""
        if await _has_hung_up(conn):
            raise Dead
        turn = self.turn
        if turn.sent:
            raise aiohttp.ClientPayloadError("the connection was lost before the answer")
        if turn.trace is not None:
            await turn.trace(FIRST_BYTE, _who(self.method))
            if await _has_hung_up(conn):
                await turn.trace(HUNG_UP, {})
                raise aiohttp.ClientPayloadError("the connection was lost before the first byte")
        turn.sent = True
        turn.transport = conn.transport
        if self.at_once and self._body and self.proxy is None and not conn.protocol.writing_paused:
            return await self._send_at_once(conn)
        response = await super().send(conn)
        turn.written = turn.written or not self._body
        return response

    async def _send_at_once(self, conn: Any) -> aiohttp.ClientResponse:
        """As aiohttp sends, without a task that writes: nothing in here waits."""
        writer = StreamWriter(conn.protocol, self.loop)
        await writer.write_headers(f"{self.method} {self.url.raw_path_qs} HTTP/1.1", self.headers)
        await self.write_bytes(writer, conn, int(self.headers["Content-Length"]))
        return aiohttp.ClientResponse(
            self.method,
            self.url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self.request_info,
            traces=[],
            loop=self.loop,
            session=None,  # type: ignore[arg-type]  # used only for what a charset is guessed by
            stream_writer=writer,
        )

    async def write_bytes(self, writer: Any, conn: Any, content_length: int | None = None) -> None:
        """Write head and body; then look whether the server kept silent for so long."""
        await super().write_bytes(writer, conn, content_length)
        protocol = conn.protocol
        self.turn.written = protocol is not None and not protocol.should_close


async def answered(request: Request, conn: Any, limits: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
    """Send a request on a connection, and wait for the answer's head."""
    conn.protocol.set_response_params(
        skip_payload=request.method == "HEAD",
        read_until_eof=True,
        auto_decompress=False,
        read_timeout=limits.sock_read,
        read_bufsize=_READ_AHEAD,
    )
    response = await request.send(conn)
    try:
        return await response.start(conn)
    except BaseException:
        response.close()
        raise


async def _has_hung_up(conn: Any) -> bool:
    """Whether the server has closed this connection or spoken unasked, as far as this machine knows by now.

    The kernel is asked too: the event loop may not have come round to the news.
    """
    if _is_lost(conn):
        return True
    news = _news(conn.transport)
    if not news or news & ~select.POLLIN:
        return bool(news)
    if conn.transport.get_extra_info("ssl_object") is None:
        return True
    for _ in range(2):  # in the first the loop polls, in the second it has read
        await asyncio.sleep(0)
    return _is_lost(conn)


def _is_lost(conn: Any) -> bool:
    """Whether aiohttp knows that a connection is closed, or holds bytes of it that nobody asked for."""
    protocol = conn.protocol
    return protocol is None or not protocol.is_connected() or protocol.should_close


def _news(transport: asyncio.Transport) -> int:
    """What the kernel has to tell of a connection: the bits of ``poll``; 0 is nothing."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0 or not hasattr(select, "poll"):
        return 0
    told = _watch(sock.fileno()).poll(0)
    return told[0][1] if told else 0


@lru_cache(maxsize=1024)
def _watch(descriptor: int) -> Any:
    """What asks the kernel for news of a descriptor; of whichever connection has that number by then."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | getattr(select, "POLLRDHUP", 0))
    return poll


@lru_cache(maxsize=16)
def _who(method: str) -> Mapping[str, Any]:
    """What is told of a request whose first byte is next."""
    return {"request": SimpleNamespace(method=method.encode())}
