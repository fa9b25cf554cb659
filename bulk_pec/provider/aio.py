"""An httpx transport over aiohttp, which says exactly when a request's first byte is next.

Why not httpx's own: its pool costs more with each connection (docs/performance.md), it cannot look at a
kept connection once the request waits for its pace, and a TLS handshake that fails inside a proxy's
tunnel keeps its place in httpcore 1.0.9's pool for ever.

What it tells, it tells through the `trace` extension of the request, as httpcore does: a coroutine
function of an event's name and a mapping. There are three events: `CONNECTING`, `FIRST_BYTE`, `HUNG_UP`.

Read in aiohttp 3.14 (``client.py``, ``client_reqrep.py``, ``connector.py``), as to sending twice and to
bytes that leave unannounced:

* A request's bytes are written by `ClientRequest.send` and nowhere else; `_Request.send` announces them
  before it calls it.
* `ClientSession._request` goes round again for a redirect (off here) and, for methods it holds to be
  idempotent, when a kept connection was lost. DELETE is one of those, though a mail's id may shift after
  a delete; so `_Request.send` sends once for each request of ours, whatever its method, and then refuses.
* `AioTransport` goes round again for `_Dead` only, which is raised before the announcement: for a kept
  connection, and no more often than the pool has places.
* The CONNECT to a proxy is a plain `ClientRequest`, never a `_Request`, so it is not announced.
* On Python 3.11 head and body are written by a task of its own, which starts after `send`; a cancellation
  in between may leave nothing sent though `FIRST_BYTE` was told. That errs on the side of doubt.

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
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from multidict import CIMultiDict
from yarl import URL

CONNECTING = "connection.connect_tcp.started"
"""A connection is about to be opened: name look-up, TCP, proxy and TLS come now."""
FIRST_BYTE = "http11.send_request_headers.started"
"""The connection is open and the request's first byte is next. ``info["request"].method`` is bytes."""
HUNG_UP = "connection.hung_up"
"""After `FIRST_BYTE` was awaited: the connection is closed or out of step; nothing of the request left."""

Trace = Callable[[str, Mapping[str, Any]], Awaitable[None]]

KEEPALIVE = 4.0
"""Seconds an idle connection is kept: below the shortest idle time servers commonly have (5 s)."""

_LARGE = 1 << 20  # bytes from which aiohttp wants a body as a file, to write it in pieces
_OWN_HEADERS = frozenset({"User-Agent", "Accept", "Accept-Encoding", "Content-Type"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class _Turn:
    """One request of ours on its way through aiohttp.

    Attributes:
        trace: Whom to tell.
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


_turn_of_task: ContextVar[_Turn] = ContextVar("bulk_pec_turn")


class AioTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over aiohttp: no redirects, no retries of a POST, no cookies, nothing decompressed.

    It uses the environment's proxies (HTTPS_PROXY, NO_PROXY, …), but none for this machine's own names.

    Args:
        connections: How many may be open at once. Waiting for a free one is not bounded.
        context: For TLS.
    """

    def __init__(self, *, connections: int, context: ssl.SSLContext) -> None:
        self._connections = connections
        self._context = context
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[tuple[str, str], str | None] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request once and hand back the response, its body unread.

        Raises:
            httpx.TransportError: The network or the server failed.
        """
        trace = request.extensions.get("trace")
        turn = _Turn(trace)
        token = _turn_of_task.set(turn)
        try:
            response = await self._on_a_live_connection(request, turn)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise translated(error) from error
        finally:
            _turn_of_task.reset(token)
        return httpx.Response(
            response.status,
            headers=list(response.raw_headers),
            stream=_Body(response),
            extensions={"http_version": b"HTTP/1.1"},
        )

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def _on_a_live_connection(self, request: httpx.Request, turn: _Turn) -> aiohttp.ClientResponse:
        """Request again while the pool hands out dead connections; each one met is closed and gone."""
        for _ in range(self._connections + 1):
            turn.fresh = False
            try:
                response = await self._request(request, turn.trace)
            except _Dead:
                if turn.fresh:
                    raise httpx.ConnectError("the connection was closed as soon as it was open") from None
                continue
            if turn.left:  # no other task has run since the answer's head was taken
                return response
            response.close()
            if turn.transport is not None:
                turn.transport.abort()
            raise httpx.RemoteProtocolError(f"HTTP {response.status} came before the request had left whole")
        raise httpx.ConnectError("every connection met was closed")

    async def _request(self, request: httpx.Request, trace: Trace | None) -> aiohttp.ClientResponse:
        limits = request.extensions.get("timeout", {})
        body = await request.aread()
        return await self._opened().request(
            request.method,
            URL(str(request.url), encoded=True),
            data=(_InPieces(body) if len(body) > _LARGE else body) or None,
            headers=CIMultiDict((name.decode(), _text(value)) for name, value in request.headers.raw),
            allow_redirects=False,
            proxy=self._proxy(request.url),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=limits.get("connect"), sock_read=limits.get("read")
            ),
            trace_request_ctx=trace,
        )

    def _opened(self) -> aiohttp.ClientSession:
        """The session; it can be made only inside a running event loop."""
        if self._session is None:
            tracing = aiohttp.TraceConfig()
            tracing.on_connection_create_start.append(_connecting)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections, keepalive_timeout=KEEPALIVE, ssl=self._context
                ),
                request_class=_Request,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_OWN_HEADERS,
                auto_decompress=False,
                trust_env=False,
                trace_configs=[tracing],
            )
        return self._session

    def _proxy(self, url: httpx.URL) -> str | None:
        origin = (url.scheme, url.host)
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(*origin)
        return self._proxies[origin]


class _InPieces(io.BytesIO):
    """A large body. To learn the size aiohttp asks for the buffer, for which BytesIO itself copies it all."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._body = body

    def getbuffer(self) -> memoryview:
        """The bytes it was made of."""
        return memoryview(self._body)


class _Dead(Exception):
    """The pool handed out a connection that cannot be used; nothing was announced or sent."""


class _Request(aiohttp.ClientRequest):
    """A request that announces its first byte."""

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        """Announce, look whether the server is still there and silent, then send."""
        if await _has_hung_up(conn):
            raise _Dead
        turn = _turn_of_task.get()
        if turn.sent:
            raise aiohttp.ClientPayloadError("the connection was lost before the answer")
        if turn.trace is not None:
            await turn.trace(FIRST_BYTE, {"request": SimpleNamespace(method=self.method.encode())})
            if await _has_hung_up(conn):
                await turn.trace(HUNG_UP, {})
                raise aiohttp.ClientPayloadError("the connection was lost before the first byte")
        turn.sent = True
        turn.transport = conn.transport
        response = await super().send(conn)
        turn.written = turn.written or not self._body
        return response

    async def write_bytes(self, writer: Any, conn: Any, content_length: int | None = None) -> None:
        """Write head and body; then look whether the server kept silent for so long."""
        await super().write_bytes(writer, conn, content_length)
        protocol = conn.protocol
        _turn_of_task.get().written = protocol is not None and not protocol.should_close


class _Body(httpx.AsyncByteStream):
    """A response's body as it arrives."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise translated(error) from error

    async def aclose(self) -> None:
        """Give the connection back if the body was read to its end; close it otherwise."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


def proxy_for(scheme: str, host: str) -> str | None:
    """The proxy the environment names for a host, or None.

    Raises:
        ValueError: It is not an HTTP proxy.
    """
    if host in _LOOPBACK or proxy_bypass(host):
        return None
    proxies = getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not proxy.startswith(("http://", "https://")):
        raise ValueError("only HTTP proxies can be used; the environment names another kind")
    return proxy


def translated(error: Exception) -> httpx.TransportError:
    """An aiohttp error as httpx's. Its name is for people only: `FIRST_BYTE` tells what had left."""
    kinds: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
        (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
        (TimeoutError, httpx.ReadTimeout),
        (aiohttp.ClientHttpProxyError, httpx.ProxyError),
        (aiohttp.ClientProxyConnectionError, httpx.ProxyError),
        (aiohttp.ClientConnectorError, httpx.ConnectError),
        (aiohttp.ClientConnectorCertificateError, httpx.ConnectError),
        (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
        (OSError, httpx.ReadError),
        (aiohttp.ClientConnectionError, httpx.ReadError),
        (aiohttp.ClientPayloadError, httpx.RemoteProtocolError),
        (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    )
    kind = next((ours for theirs, ours in kinds if isinstance(error, theirs)), httpx.TransportError)
    # The text of a proxy's or a response's error names URLs and headers.
    return kind(
        getattr(error, "message", None) or (error.strerror if isinstance(error, OSError) else "") or ""
    )


async def _connecting(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceConnectionCreateStartParams
) -> None:
    trace: Trace | None = context.trace_request_ctx
    _turn_of_task.get().fresh = True
    if trace is not None:
        await trace(CONNECTING, {})


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
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN | getattr(select, "POLLRDHUP", 0))
    return sum(bits for _, bits in poll.poll(0))


def _text(value: bytes) -> str:
    """A header's value as aiohttp will encode it again, in UTF-8."""
    return value.decode("utf-8", "replace")
