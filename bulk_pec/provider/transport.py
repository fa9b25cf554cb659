"""The HTTP client, and what is known of a request: had its first byte left?

"Before the first byte" is told by the transport, not guessed from an exception's name. The transport
awaits the `trace` extension of a request at `FIRST_BYTE`, right before it writes the request's head;
`bulk_pec.provider.wire` says why no byte leaves without it and no POST is sent twice. httpx itself sends a
request again for a redirect or an auth flow: both are off, call by call. Should the event come a second
time all the same, the second request is dropped before its first byte.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import anyio
import httpx

from bulk_pec import __version__
from bulk_pec.clock import loop_time
from bulk_pec.provider.aio import AioTransport, Arrived, Asking, asking
from bulk_pec.provider.outcomes import Answer
from bulk_pec.provider.wire import CONNECTING, FIRST_BYTE, HUNG_UP

BeforeFirstByte = Callable[[], Awaitable[str | None]]
"""Awaited with the connection open and the request's first byte next. None lets it go; a text drops it."""

LONGEST_ANSWER = 1 << 20
"""Bytes of a response to POST /send that are read; a longer one cannot be the envelope."""


class Http(httpx.AsyncClient):
    """An HTTP client whose transport can be asked without httpx's layers, which cost more than it."""

    def __init__(self, transport: AioTransport, **settings: Any) -> None:
        super().__init__(transport=transport, **settings)
        self.straight = transport


def open_http(*, timeout: float, connections: int, verify: bool = True) -> Http:
    """An HTTP client for the provider: HTTP/1.1, no redirects, no retries, no cookies.

    It follows the proxy and certificate settings of the environment (HTTPS_PROXY, SSL_CERT_FILE, …), but
    never uses a proxy for this machine's own names.

    Args:
        timeout: Seconds, for each step of an exchange.
        connections: How many may be open at once. Waiting for a free one is not bounded.
        verify: Whether certificates are checked; False is for tests.
    """
    context = httpx.create_ssl_context(verify=verify)
    context.set_alpn_protocols(["http/1.1"])
    return Http(
        AioTransport(connections=connections, context=context),
        follow_redirects=False,
        # A session cookie given to one mailbox must not come along with the next one's request.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=httpx.Timeout(timeout, pool=None),
        headers={"User-Agent": f"bulk-pec/{__version__}", "Accept-Encoding": "identity"},
    )


class Withheld(Exception):
    """A request was dropped before its first byte.

    Args:
        why: The text that `before_first_byte` returned, or None if it raised.
        cause: What it raised.
    """

    def __init__(self, why: str | None, cause: Exception | None = None) -> None:
        super().__init__("the request was dropped before its first byte")
        self.why = why
        self.cause = cause


class Route:
    """Where POSTs go and what stands at their head: made once, for many.

    Args:
        url: Where to.
        headers: They hold the token.
        method: In capitals. Another one than POST is for what must be sent once all the same.
    """

    __slots__ = ("asking", "headers", "method", "url")

    def __init__(self, url: httpx.URL, headers: httpx.Headers, method: str = "POST") -> None:
        self.url = url
        self.headers = headers
        self.method = method
        self.asking: Asking = asking(method, url, headers)


class Post:
    """One POST, or one request of a `Route` with another method, sent once at most.

    Args:
        http: From `open_http`; any other one is asked as httpx does.
        before_first_byte: See `BeforeFirstByte`.
        timeout: Seconds for connecting, and again for everything from the first byte to the end of the
            answer: a server that sends a byte now and then does not hold it longer.

    Attributes:
        began: Whether the request's first byte may have left.
    """

    def __init__(
        self, http: httpx.AsyncClient, before_first_byte: BeforeFirstByte, *, timeout: float
    ) -> None:
        self.began = False
        self._http = http
        self._before_first_byte = before_first_byte
        self._timeout = timeout
        self._asked = False
        self._scope = anyio.CancelScope()
        self._head: tuple[int, None, str | None] | None = None
        self._method = b"POST"

    async def answer(self, route: Route, body: bytes) -> Answer:
        """Send it and read the answer, as far as it can be read.

        Raises:
            Withheld: Dropped before the first byte.
            TimeoutError: Too slow; `began` says in which half.
            httpx.HTTPError, httpx.StreamError, OSError: As the transport raised them.
        """
        self._method = route.method.encode()
        with self._scope:
            return await self._exchange(route, body)
        if self._head is not None:
            return Answer(*self._head, flaw="it did not end in time")
        raise TimeoutError(f"nothing within {self._timeout:g} s")

    async def _exchange(self, route: Route, body: bytes) -> Answer:
        if isinstance(self._http, Http):
            straight = self._http.straight
            arrived = await straight.post(route.asking, body, connect=self._timeout, trace=self._trace)
            if arrived.header("content-encoding") is None:
                return await self._read_straight(arrived)
            return await self._read(arrived.as_response())
        limits = httpx.Timeout(self._timeout, pool=None).as_dict()
        extensions = {"timeout": limits, "trace": self._trace}
        request = httpx.Request(
            route.method, route.url, headers=route.headers, content=body, extensions=extensions
        )
        response = await self._http.send(request, stream=True, auth=None, follow_redirects=False)
        return await self._read(response)

    async def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event == CONNECTING:
            self._scope.deadline = loop_time() + self._timeout
        elif event == FIRST_BYTE and info["request"].method == self._method:
            await self._first_byte_is_next()
        elif event == HUNG_UP:
            self.began = False
            raise Withheld("The connection was closed, or spoken on unasked, before the request's first byte")

    async def _first_byte_is_next(self) -> None:
        self._scope.deadline = math.inf
        if self._asked:
            raise Withheld("The transport would have sent the request twice")
        self._asked = True
        try:
            why = await self._before_first_byte()
        except Exception as error:
            # Wrapped, so that the transport cannot take it for an error of its own and act on it.
            raise Withheld(None, error) from error
        if why is not None:
            raise Withheld(why)
        self.began = True
        self._scope.deadline = loop_time() + self._timeout

    async def _read_straight(self, arrived: Arrived) -> Answer:
        status, retry_after = arrived.status, arrived.header("retry-after")
        self._head = (status, None, retry_after)
        try:
            body, flaw = arrived.whole(), ""
            if body is None or len(body) > LONGEST_ANSWER:
                chunks = arrived if body is None else httpx.ByteStream(body)
                body, flaw = await _body(chunks, LONGEST_ANSWER)
        finally:
            arrived.leave()
        return Answer(status, body, retry_after, flaw)

    async def _read(self, response: httpx.Response) -> Answer:
        status, retry_after = response.status_code, response.headers.get("retry-after")
        self._head = (status, None, retry_after)
        try:
            body, flaw = await _body(response.aiter_bytes(), LONGEST_ANSWER)
        finally:
            await response.aclose()
            # httpx ties a response and its stream into a knot that holds the request, and so its body,
            # until the garbage collector comes by: with large attachments that was most of the memory used.
            response.stream = _NO_MORE
        return Answer(status, body, retry_after, flaw)


_NO_MORE = httpx.ByteStream(b"")


async def _body(chunks: AsyncIterable[bytes], longest: int) -> tuple[bytes | None, str]:
    """The body, or None and why it cannot be had whole."""
    found: list[bytes] = []
    size = 0
    try:
        async for chunk in chunks:
            size += len(chunk)
            if size > longest:
                return None, f"it is longer than {longest} bytes"
            found.append(chunk)
    except httpx.HTTPError as error:
        return None, type(error).__name__
    return b"".join(found), ""
