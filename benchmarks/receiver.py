"""A provider that answers at once: the other end of every benchmark, in a process of its own.

Usage: ``python -m benchmarks.receiver [DELAY]``: POST /send is answered after so many seconds. Its port is
its first line on stdout. Standard library only; no line shared with the client or the sandbox.

It answers POST /send with an envelope of constant size and a message_id of its own, GET /quota/… with an
empty mailbox, GET /inbox with an empty page, and GET /tally with what came since the last GET /tally. With a
delay the tally holds the moment and the sender of each POST as well.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import sys
import time

_HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
_ENVELOPE = b'{"success":true,"message":"","error":null,"sent":1,"message_id":"opec%015d@pec.example"}'
_SENT = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
    _ENVELOPE % 0
)
_QUOTA = b'{"success":true,"message":"","error":null,"data":[{"usage":1000,"limit":1000000000}]}'
_EMPTY = b'{"success":false,"message":"Result empty","error":null,"data":[]}'
_LENGTH = b"content-length:"
_SENDER = re.compile(rb'"sender":"([^"]*)"')


class Tally:
    """What came.

    Attributes:
        posts: POST /send since the last tally.
        first: `time.monotonic` at the first of them, after it was read whole.
        last: At the last of them.
        moments: Of each, with its sender; kept only with a delay, for they would fill the memory.
    """

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.number = 0
        self._reset()

    def _reset(self) -> None:
        self.posts = 0
        self.first: float | None = None
        self.last: float | None = None
        self.moments: list[tuple[float, str]] = []
        self.connections = 0
        self._cpu = time.process_time()

    def post(self, body: bytes) -> bytes:
        """Take note of a POST; its answer."""
        self.last = time.monotonic()
        if self.first is None:
            self.first = self.last
        if self.delay:
            found = _SENDER.search(body)
            self.moments.append((self.last, found[1].decode() if found else ""))
        self.posts += 1
        self.number += 1
        return _SENT + _ENVELOPE % self.number

    def told(self) -> bytes:
        """The tally as JSON; the next one begins."""
        cpu = time.process_time() - self._cpu
        facts = {
            "posts": self.posts,
            "first": self.first,
            "last": self.last,
            "moments": self.moments,
            "connections": self.connections,
            "cpu": cpu,
        }
        self._reset()
        return json.dumps(facts).encode()


class Connection(asyncio.Protocol):
    """One connection: whole requests are taken off what came, and each is answered."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._came = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._tally.connections += 1

    def data_received(self, data: bytes) -> None:
        """More came: answer what is whole."""
        self._came += data
        answers: list[bytes] = []
        while (end := self._came.find(b"\r\n\r\n")) >= 0:
            head = self._came[:end]
            whole = end + 4 + _length(head)
            if len(self._came) < whole:
                break
            body, self._came = self._came[end + 4 : whole], self._came[whole:]
            answers.append(self._answer(head, body))
        if answers:
            self._write(b"".join(answers))

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)

    def _answer(self, head: bytes, content: bytes) -> bytes:
        if head.startswith(b"POST /send "):
            answer = self._tally.post(content)
            if not self._tally.delay:
                return answer
            asyncio.get_running_loop().call_later(self._tally.delay, self._write, answer)
            return b""
        if head.startswith(b"GET /quota/"):
            body = _QUOTA
        elif head.startswith(b"GET /inbox"):
            body = _EMPTY
        elif head.startswith(b"GET /tally"):
            body = self._tally.told()
        else:
            return _HEAD % (b"404 Not Found", 2, b"{}")
        return _HEAD % (b"200 OK", len(body), body)


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(_LENGTH)
    return int(lowered[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def serve() -> None:
    """Listen on any free port of this machine until ended."""
    tally = Tally(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(tally), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    gc.freeze()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
