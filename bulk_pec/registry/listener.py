"""The listener: an HTTP door for the registry's callbacks. It believes nothing and answers at once.

Whoever reaches it can knock, so what comes in is only ever a hint to ask the registry itself (`rereading`).
Before a public address it wants a reverse proxy that speaks TLS: it does not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from bulk_pec.registry.hints import Malformed, ids, readable

LONGEST_BODY = 64 << 10
"""Bytes of a body, at most."""
CONNECTIONS = 64
"""Connections at once; a further one is closed unheard."""

Hint = Callable[[str], bool]
"""Takes an id, at once; False: there are too many."""

_SILENT = logging.getLogger("bulk_pec.listener")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False  # what strangers send is no error of ours


@dataclass(frozen=True, slots=True)
class Door:
    """Where the listener is to be found, and what it takes.

    Attributes:
        host: The address it is bound to.
        port: 0: a free one.
        path: The one path it answers.
        field: The field that holds the data, as the registration's `callback` names it.
        patience: Seconds a client has for a request's body; a connection lasts twice as long at most.
    """

    host: str = "127.0.0.1"
    port: int = 0
    path: str = "/callback"
    field: str = "data"
    patience: float = 10.0


@asynccontextmanager
async def listening(door: Door, hint: Hint) -> AsyncIterator[str]:
    """Listen while the block runs; gives the URL for this machine.

    A POST is answered 204 once it is understood, and 400 (no id in it), 404, 405, 408 (too slow), 413 (too
    large), 415 (neither a form nor JSON) or 503 (too many hints) else.

    Args:
        door: Where, and what.
        hint: Told each id.

    Raises:
        OSError: It cannot listen there.
    """
    desk = _Desk(door, hint)
    server = web.Server(
        desk.serve, access_log=None, logger=_SILENT, auto_decompress=False, lingering_time=1.0
    )
    gate = _Gate(server, 2 * door.patience)
    bound = await asyncio.get_running_loop().create_server(gate.connection, door.host, door.port)
    sweeping = asyncio.create_task(gate.sweep())
    try:
        host, port = bound.sockets[0].getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{port}{door.path}"
    finally:
        bound.close()
        sweeping.cancel()
        await server.shutdown(0.2)


class _Gate:
    """Lets connections in, so many at once, and none for ever.

    Args:
        server: Makes their protocols.
        longest: Seconds that a connection may last, whatever is said on it: aiohttp itself waits without end
            for a request's head.
    """

    def __init__(self, server: web.Server, longest: float) -> None:
        self._server = server
        self._longest = longest

    def connection(self) -> asyncio.Protocol:
        """The protocol for a new connection."""
        return _Unheard() if len(self._server.connections) >= CONNECTIONS else self._server()

    async def sweep(self) -> None:
        """Close what lasts too long, until cancelled; looked at ten times as often."""
        since: dict[web.RequestHandler, float] = {}
        while True:
            now = asyncio.get_running_loop().time()
            since = {one: since.get(one, now) for one in self._server.connections}
            for one in [one for one, begun in since.items() if now - begun >= self._longest]:
                one.force_close()
            await asyncio.sleep(self._longest / 10)


class _Unheard(asyncio.Protocol):
    """A connection that is closed as soon as it is made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()


class _Refused(Exception):
    """A request that is not taken, and why."""

    def __init__(self, status: HTTPStatus, words: str = "") -> None:
        super().__init__(words)
        self.status = status
        self.words = words or status.phrase


class _Desk:
    """Answers requests."""

    def __init__(self, door: Door, hint: Hint) -> None:
        self._door = door
        self._hint = hint

    async def serve(self, request: web.BaseRequest) -> web.Response:
        """Answer, and close the connection: a caller has one thing to say."""
        try:
            await self._take(request)
        except _Refused as refused:
            response = web.Response(status=refused.status, text=f"{refused.words}\n")
        else:
            response = web.Response(status=HTTPStatus.NO_CONTENT)
        response.force_close()
        return response

    async def _take(self, request: web.BaseRequest) -> None:
        """Take the hints in a request; nothing is asked of anybody before its answer has left."""
        if request.path != self._door.path:
            raise _Refused(HTTPStatus.NOT_FOUND)
        if request.method != "POST":
            raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED)
        if not readable(request.content_type) or "Content-Encoding" in request.headers:
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A form or JSON is expected.")
        try:
            async with asyncio.timeout(self._door.patience):
                body = await _body(request)
            found = ids(request.headers.get("Content-Type", ""), body, self._door.field)
        except TimeoutError:
            raise _Refused(HTTPStatus.REQUEST_TIMEOUT) from None
        except web.RequestPayloadError:
            raise _Refused(HTTPStatus.BAD_REQUEST, "It is cut off.") from None
        except Malformed as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, str(error)) from None
        for one in found:
            if not self._hint(one):
                raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE, "Too much to do; try again later.")


async def _body(request: web.BaseRequest) -> bytes:
    """The body; of one that is too long no more is read than shows it."""
    too_long = _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{LONGEST_BODY} bytes at most.")
    if (request.content_length or 0) > LONGEST_BODY:
        raise too_long
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise too_long
    return bytes(body)
