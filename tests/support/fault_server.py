"""A server that misbehaves on purpose: raw sockets on 127.0.0.1, one fault a request.

It runs in the test's own event loop and shares no code with the client. It keeps what it saw, so that a
test can hold an outcome against the bytes that really arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

HTML = b"<html><body><h1>Service temporarily unavailable</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that was read whole."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    def json(self) -> Any:
        """The body's JSON value."""
        return json.loads(self.body)


class Wire:
    """One connection, seen from the server.

    Attributes:
        number: 1 for the first connection the server accepted.
        raw: Every byte that arrived on it.
        request: The request being answered, once it was read whole.
        closed: Whether our end was closed.
    """

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.raw = bytearray()
        self.request: Seen | None = None
        self.closed = False
        self._reader = reader
        self._writer = writer

    async def read(self, count: int = 65536) -> bytes:
        """Whatever arrives next, at most `count` bytes; empty when the client has closed."""
        with contextlib.suppress(ConnectionError):
            data = await self._reader.read(count)
            self.raw += data
            return data
        return b""

    async def read_request(self) -> Seen | None:
        """The next request, whole; None when the client closed before that."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = await self.read()
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", "0")):
            more = await self.read()
            if not more:
                return None
            body += more
        method, target, _ = first.split(" ")
        self.request = Seen(method, target, headers, body, self.number)
        return self.request

    async def write(self, data: bytes) -> bool:
        """Send bytes as they stand; whether the client was still there."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError:
            return False
        return not self._writer.is_closing()

    async def gone(self) -> None:
        """Wait until the client closes, and keep what it still sends."""
        while await self.read():
            pass

    def close(self) -> None:
        """Close our end in good order."""
        self.closed = True
        self._writer.close()

    def reset(self) -> None:
        """Close with a RST instead of a FIN (SO_LINGER with zero seconds)."""
        self.closed = True
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Act = Callable[[Wire], Awaitable[None]]
"""What the server does on a connection: for one request, or as soon as it is accepted."""


@dataclass
class FaultServer:
    """The server; use it as an async context manager.

    Args:
        acts: One for each request, in the order they arrive over all connections; the last one repeats.
        on_connect: Done when a connection is accepted, before anything is read.
        tls: Speak TLS with it; then `raw` holds what was decrypted.

    Attributes:
        wires: Every connection that was accepted.
        seen: Every request that was read whole.
        connected: Set while at least one connection was accepted.
        ended: One event for each connection, set when the server is done with it.
    """

    acts: tuple[Act, ...]
    on_connect: Act | None = None
    tls: ssl.SSLContext | None = None
    wires: list[Wire] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    ended: list[asyncio.Event] = field(default_factory=list)
    port: int = 0

    def __init__(self, *acts: Act, on_connect: Act | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.acts = acts
        self.on_connect = on_connect
        self.tls = tls
        self.wires = []
        self.seen = []
        self.connected = asyncio.Event()
        self.ended = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = self._turns()

    @property
    def url(self) -> str:
        """Its plain HTTP address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def raw(self) -> bytes:
        """Every byte that arrived, over all connections."""
        return b"".join(bytes(wire.raw) for wire in self.wires)

    @property
    def posts(self) -> list[Seen]:
        """The POSTs among the requests that were read whole."""
        return [request for request in self.seen if request.method == "POST"]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _turns(self) -> Iterator[Act]:
        yield from self.acts
        while True:
            yield self.acts[-1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        wire = Wire(len(self.wires) + 1, reader, writer)
        self.wires.append(wire)
        self.ended.append(asyncio.Event())
        self.connected.set()
        try:
            await self._serve(wire)
        except asyncio.CancelledError:
            pass  # the test is over; a cancelled handler would be reported as an error of its own
        finally:
            wire.close()
            self.ended[wire.number - 1].set()

    async def _serve(self, wire: Wire) -> None:
        if self.on_connect is not None:
            await self.on_connect(wire)
        while not wire.closed:
            request = await wire.read_request()
            if request is None:
                return
            self.seen.append(request)
            await next(self._turn)(wire)


def response(
    status: int,
    body: bytes | object = b"",
    headers: Mapping[str, str] | None = None,
    *,
    length: int | None = None,
) -> bytes:
    """An HTTP/1.1 response; a body that is not bytes becomes JSON; `length` overrides Content-Length."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = dict(headers or {})
    if status in {204, 304}:
        content = b""
    else:
        fields.setdefault("Content-Length", str(len(content) if length is None else length))
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Status\r\n{lines}\r\n".encode() + content


def sent(message_id: str = "2020082610003492") -> Act:
    """The vendor's documented success."""
    return answer(201, {"success": True, "sent": 1, "message": "", "message_id": message_id})


def answer(status: int, body: bytes | object = b"", headers: Mapping[str, str] | None = None) -> Act:
    """Answer, and keep the connection."""

    async def act(wire: Wire) -> None:
        await wire.write(response(status, body, headers))

    return act


def raw_answer(data: bytes) -> Act:
    """Send bytes as they stand and close."""

    async def act(wire: Wire) -> None:
        await wire.write(data)
        wire.close()

    return act


def half_answer(status: int = 201, body: bytes = b'{"success": true, "sent": 1, "mess') -> Act:
    """Announce a longer body than is sent, and close."""
    return raw_answer(response(status, body, length=len(body) + 100))


def then_close(first: Act) -> Act:
    """Do something, then close the connection though the client was told nothing of it."""

    async def act(wire: Wire) -> None:
        await first(wire)
        wire.close()

    return act


async def close(wire: Wire) -> None:
    """Close without an answer."""
    wire.close()


async def reset(wire: Wire) -> None:
    """Reset the connection without an answer."""
    wire.reset()


async def silence(wire: Wire) -> None:
    """Never answer; the connection ends when the client gives up."""
    await wire.gone()
    wire.close()


def drip(data: bytes, every: float = 0.02) -> Act:
    """Send one byte at a time, for ever: the data once, then blanks as long as the client stays."""

    async def act(wire: Wire) -> None:
        place = 0
        while await wire.write(data[place : place + 1] or b" "):
            place += 1
            try:
                async with asyncio.timeout(every):
                    await wire.gone()
                break
            except TimeoutError:
                continue
        wire.close()

    return act


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """A port of 127.0.0.1 that is taken but not listened on: connecting is refused."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@contextlib.contextmanager
def slamming_port() -> Iterator[tuple[int, list[int]]]:
    """A port where every connection is accepted and closed at once, and a list that grows by one each time.

    A thread of its own: in the event loop of the client it would always come too late.
    """
    accepted: list[int] = []

    def slam() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, (_, port) = listener.accept()
                connection.close()
                accepted.append(port)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=slam)
        thread.start()
        try:
            yield listener.getsockname()[1], accepted
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
