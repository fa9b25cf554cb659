"""An httpx transport over aiohttp, which says exactly when a request's first byte is next.

Why not httpx's own: its pool costs more with each connection (docs/performance.md), it cannot look at a
kept connection once the request waits for its pace, and a TLS handshake that fails inside a proxy's
tunnel keeps its place in httpcore 1.0.9's pool for ever.

What it tells, it tells through the `trace` extension of the request, as httpcore does: a coroutine
function of an event's name and a mapping. There are three events: `CONNECTING`, `FIRST_BYTE`, `HUNG_UP`.

What it relies on in aiohttp is listed in `bulk_pec.provider.wire`.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from functools import lru_cache
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from multidict import CIMultiDict
from yarl import URL

from bulk_pec.provider.wire import LARGE, SMALL, Dead, InPieces, Pool, Request, Trace, Turn, answered

KEEPALIVE = 4.0
"""Seconds an idle connection is kept: below the shortest idle time servers commonly have (5 s)."""

_OWN_HEADERS = frozenset({"User-Agent", "Accept", "Accept-Encoding", "Content-Type"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


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
        self._pool: Pool | None = None
        self._proxies: dict[tuple[str, str], URL | None] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request once and hand back the response, its body unread.

        Raises:
            httpx.TransportError: The network or the server failed.
        """
        limits = request.extensions.get("timeout", {})
        asked = asking(request.method, request.url, request.headers)
        answer = await self.exchange(
            asked,
            await request.aread(),
            timeout=_timeout(limits.get("connect"), limits.get("read")),
            trace=request.extensions.get("trace"),
        )
        return answer.as_response()

    async def post(
        self, asked: Asking, body: bytes, *, connect: float, trace: Trace | None = None
    ) -> Arrived:
        """The same without httpx's objects, which cost as much as the exchange.

        Args:
            asked: Made once, used for many.
            body: Of this request.
            connect: Seconds for connecting. How long the answer may take, the caller sees to.
            trace: Whom to tell.

        Raises:
            httpx.TransportError: The network or the server failed.
        """
        return await self.exchange(asked, body, timeout=_timeout(connect, None), trace=trace)

    async def exchange(
        self,
        asked: Asking,
        body: bytes,
        *,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - of each step
        trace: Trace | None,
    ) -> Arrived:
        """Send a request once.

        Raises:
            httpx.TransportError: The network or the server failed.
        """
        try:
            return Arrived(await self._on_a_live_connection(asked, body, timeout, Turn(trace)))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise translated(error) from error

    async def aclose(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            await self._pool.close()

    async def _on_a_live_connection(
        self, asked: Asking, body: bytes, limits: aiohttp.ClientTimeout, turn: Turn
    ) -> aiohttp.ClientResponse:
        """Request again while the pool hands out dead connections; each one met is closed and gone."""
        for _ in range(self._connections + 1):
            turn.fresh = False
            try:
                response = await self._request(asked, body, limits, turn)
            except Dead:
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

    async def _request(
        self, asked: Asking, body: bytes, limits: aiohttp.ClientTimeout, turn: Turn
    ) -> aiohttp.ClientResponse:
        pool = self._opened()
        request = Request(
            asked.method,
            asked.url,
            headers=asked.headers,
            skip_auto_headers=asked.missing,
            data=(InPieces(body) if len(body) > LARGE else body) or None,
            loop=pool.loop_of_ours,
            proxy=self._proxy(asked.url),
        )
        request.turn = turn
        request.at_once = len(body) <= SMALL
        try:
            conn = await pool.connect(request, [], limits)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError("connecting took too long") from error
        try:
            return await answered(request, conn, limits)
        except BaseException:
            conn.close()
            raise

    def _opened(self) -> Pool:
        """The connections; the pool can be made only inside a running event loop."""
        if self._pool is None:
            self._pool = Pool(limit=self._connections, keepalive_timeout=KEEPALIVE, ssl=self._context)
        return self._pool

    def _proxy(self, url: URL) -> URL | None:
        origin = (url.scheme, url.host or "")
        if origin not in self._proxies:
            named = proxy_for(*origin)
            self._proxies[origin] = None if named is None else URL(named)
        return self._proxies[origin]


class Asking:
    """What is the same in many requests, in aiohttp's words.

    Args:
        method: In capitals.
        url: Where to.
        headers: All but Host and Content-Length; they may hold secrets.

    Attributes:
        missing: Headers that aiohttp would add, and must not; None: there is none of them.
    """

    __slots__ = ("headers", "method", "missing", "url")

    def __init__(self, method: str, url: URL, headers: CIMultiDict[str]) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.missing = [name for name in _OWN_HEADERS if name not in headers] or None


def asking(method: str, url: httpx.URL, headers: httpx.Headers) -> Asking:
    """A request's head in aiohttp's words."""
    # aiohttp will encode the values again, in UTF-8.
    pairs = ((name.decode(), value.decode("utf-8", "replace")) for name, value in headers.raw)
    return Asking(method, URL(str(url), encoded=True), CIMultiDict(pairs))


class Arrived(httpx.AsyncByteStream):
    """A response whose head has come, and its body as it arrives.

    Attributes:
        status: The HTTP status.
        headers: As they came.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = response.raw_headers

    def header(self, name: str) -> str | None:
        """A header's value; None: it is not there."""
        return self._response.headers.get(name)

    def whole(self) -> bytes | None:
        """The body, if all of it has come with the head; None: it is to be waited for."""
        content = self._response.content
        return content.read_nowait() if content.is_eof() and content.exception() is None else None

    def as_response(self) -> httpx.Response:
        """The same as httpx's."""
        return httpx.Response(
            self.status, headers=list(self.headers), stream=self, extensions={"http_version": b"HTTP/1.1"}
        )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise translated(error) from error

    async def aclose(self) -> None:
        """Give the connection back if the body was read to its end; close it otherwise."""
        self.leave()

    def leave(self) -> None:
        """The same at once."""
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


@lru_cache(maxsize=64)
def _timeout(connect: float | None, read: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read)
