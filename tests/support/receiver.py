"""A receiver that takes every POST /send and writes down when it came: the other end of the pace.

A process of its own, so that the sender's work does not delay its clock; no code shared with the client. Its
port is its first line on stdout. GET /times gives the moments at which the head of each POST had come, with
the address that sent it, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

HEAD = "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
WINDOW = 0.95
"""Seconds in which no more may come than the rate."""


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Answer the requests of one connection, one after the other."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            came = time.monotonic()
            first, *lines = head.split("\r\n")
            lengths = [line.split(":")[1] for line in lines if line.lower().startswith("content-length:")]
            body = await reader.readexactly(int(lengths[0])) if lengths else b""
            if first.startswith("POST"):
                _seen.append((came, json.loads(body)["sender"]))
                number = len(_seen)
                await asyncio.sleep(delay)
                text = json.dumps(
                    {"success": True, "sent": 1, "message": "", "message_id": f"2020{number:08}"}
                )
                status = "201 Created"
            else:
                text, status = json.dumps(_seen), "200 OK"
            writer.write(HEAD.format(status=status, length=len(text)).encode() + text.encode())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


_seen: list[tuple[float, str]] = []


async def _main(delay: float) -> None:
    server = await asyncio.start_server(lambda r, w: _serve(r, w, delay), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@dataclass(frozen=True, slots=True)
class Receiver:
    """A running receiver."""

    url: str

    def seen(self) -> list[tuple[float, str]]:
        """When each POST came, in seconds on a steady clock, and who sent it."""
        with urllib.request.urlopen(f"{self.url}/times", timeout=30) as answer:  # noqa: S310 - its own http URL
            return [(came, sender) for came, sender in json.load(answer)]

    def times(self) -> list[float]:
        """When each POST came, in order."""
        return sorted(came for came, _ in self.seen())


@contextmanager
def running_receiver(delay: float = 0.0) -> Iterator[Receiver]:
    """A receiver that answers each POST after `delay` seconds; ended when the block is left."""
    command = [sys.executable, __file__, str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Receiver(f"http://127.0.0.1:{process.stdout.readline().strip()}")
        finally:
            process.terminate()


def most_in_a_window(times: Sequence[float], width: float = WINDOW) -> int:
    """The most that came within any stretch of so many seconds."""
    most = first = 0
    for last, time_of_last in enumerate(times):
        while times[first] <= time_of_last - width:
            first += 1
        most = max(most, last - first + 1)
    return most


if __name__ == "__main__":
    asyncio.run(_main(float(sys.argv[1])))
