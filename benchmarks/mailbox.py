"""A full mailbox: the provider's side of the harvest benchmarks, in a process of its own.

Usage: ``python -m benchmarks.mailbox FILE``: the file holds the references of a run's messages, thirteen
bytes each. The mailbox holds an ACCETTAZIONE and a CONSEGNA for each, and a foreign mail after every twenty;
newest first, pages counted from 1. Its port is its first line on stdout. Standard library only; no line
shared with the client or the sandbox.
"""

from __future__ import annotations

import asyncio
import gc
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

PAGE = 25
_BLOCK = 21
"""Twenty receipts and a foreign mail."""
_LATER = 8
"""A message's CONSEGNA comes after so many other messages' ACCETTAZIONE."""
_WIDTH = 13
_BEGAN = datetime(2026, 1, 5, 8, tzinfo=UTC)
_HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
_QUOTA = b'{"success":true,"message":"","error":null,"data":[{"usage":1000,"limit":1000000000}]}'
_ASKED = re.compile(rb"GET /inbox\?page=(\d+)")
_RECEIPT = (
    '{"id":"%d","sender":"posta-certificata@pec.example","recipient":"ufficio@pec.example",'
    '"date":"%s","object":"%s: Avviso n. AV-2026-%07d [rif. %s] 2026010508%07d"}'
)
_FOREIGN = (
    '{"id":"%d","sender":"\\"Per conto di: ditta%d@pec.example\\" <posta-certificata@pec.example>",'
    '"recipient":"ufficio@pec.example","date":"%s","object":"POSTA CERTIFICATA: fattura %d"}'
)


class Box:
    """The mails, computed as they are asked for; mail 0 is the oldest.

    Args:
        references: Of the messages, one after the other.
    """

    def __init__(self, references: bytes) -> None:
        self._references = references
        self._messages = len(references) // _WIDTH
        receipts = 2 * self._messages
        self.total = receipts + receipts // (_BLOCK - 1)

    def page(self, number: int) -> bytes:
        """A page's JSON; an empty list beyond the last."""
        number = max(1, number)
        newest = self.total - 1 - (number - 1) * PAGE
        items = [self._mail(place) for place in range(newest, max(-1, newest - PAGE), -1)]
        return (
            f'{{"success":true,"message":"","error":null,"data":[{",".join(items)}],'
            f'"total":{self.total},"page":{number},"n_of_pages":{-(-self.total // PAGE)}}}'
        ).encode()

    def _mail(self, place: int) -> str:
        block, within = divmod(place, _BLOCK)
        date = _date(place // 2)
        if within == _BLOCK - 1:
            return _FOREIGN % (place + 1, block, date, block)
        message, delivered = divmod(block * (_BLOCK - 1) + within, 2)
        if delivered:
            message = (message - _LATER) % self._messages
        reference = self._references[message * _WIDTH : (message + 1) * _WIDTH].decode()
        word = "CONSEGNA" if delivered else "ACCETTAZIONE"
        return _RECEIPT % (place + 1, date, word, message, reference, message)


def _date(seconds: int) -> str:
    return (_BEGAN + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S +0000")


class Connection(asyncio.Protocol):
    """One connection: each request is answered as soon as its head is whole."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._came = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """More came: answer what is whole."""
        assert self._transport is not None
        self._came += data
        while (end := self._came.find(b"\r\n\r\n")) >= 0:
            head, self._came = self._came[:end], self._came[end + 4 :]
            self._transport.write(self._answer(head))

    def _answer(self, head: bytes) -> bytes:
        if asked := _ASKED.match(head):
            body = self._box.page(int(asked[1]))
        elif head.startswith(b"GET /quota/"):
            body = _QUOTA
        else:
            return _HEAD % (b"404 Not Found", 2, b"{}")
        return _HEAD % (b"200 OK", len(body), body)


async def serve(box: Box) -> None:
    """Listen on any free port of this machine until ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(box), "127.0.0.1", 0, backlog=64)
    print(server.sockets[0].getsockname()[1], flush=True)
    gc.freeze()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Box(Path(sys.argv[1]).read_bytes())))
