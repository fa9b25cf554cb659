"""A witness: just enough of the provider, in a process of its own, for the tests that kill the sender.

Usage: ``python tests/support/witness.py --log FILE [options]``. Its address is its first line on stdout.
Every POST /send it can read is one JSON line in an append-only log, written before any answer, so the log is
what a court would believe of what left. Standard library only; it shares no line with the client or the
sandbox, so that a mistake of theirs is not its mistake too.

A log line: ``at`` (seconds, monotonic), ``reference`` (from ``[rif. …]`` in the subject, or null),
``recipient``, ``digest`` (SHA-256 of the body without its credentials, keys sorted), ``taken`` (false:
answered 500 and forgotten), ``message_id`` (null if not taken).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import re
import sys
import time
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 25
KIB_A_RECEIPT = 4
_REFERENCE = re.compile(r"\[rif\. ([0-9A-Z]{13})\]")
_REASONS = {200: "OK", 201: "Created", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are lower case, `query` holds each parameter's first value."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a JSON document, after `delay` seconds; status 0 is none, and `silent` none for ever."""

    status: int
    document: Mapping[str, Any] = field(default_factory=dict)
    delay: float = 0.0
    silent: bool = False


@dataclass(slots=True)
class Inbox:
    """One mailbox's mail, in the order it came; `visible` holds when each item may be seen (monotonic)."""

    items: list[dict[str, Any]] = field(default_factory=list)
    visible: list[float] = field(default_factory=list)

    def add(self, subject: str, mailbox: str, at: float) -> None:
        """Put a receipt into the inbox, to be seen from `at` on."""
        item = {
            "id": len(self.items) + 1,
            "sender": "posta-certificata@pec.example",
            "recipient": mailbox,
            "date": formatdate(),
            "object": subject,
        }
        self.items.append(item)
        self.visible.append(at)

    def seen(self, words: str) -> list[dict[str, Any]]:
        """The items that may be seen now, oldest first; with `words`, those whose subject holds them."""
        now = self.items[: bisect_right(self.visible, time.monotonic())]
        return [item for item in now if words in item["object"]] if words else now


class Witness:
    """The provider's side of the story.

    Args:
        options: The command line, see `parse`.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._log = os.open(options.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._chance = random.Random(options.seed)  # noqa: S311 - seeded faults, no secret
        self._inboxes: dict[str, Inbox] = {}
        self._taken = 0
        self._posts = 0

    def answer(self, request: Request) -> Answer:
        """What to say to one request; the log already holds it when this returns."""
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return _refusal(401, "Authorization is not valid or empty")
        match request.method, request.path:
            case "POST", "/send":
                return self._send(request)
            case "GET", "/inbox":
                return self._page(request)
            case "GET", "/quota/INBOX":
                usage = 1024 + KIB_A_RECEIPT * len(self._inbox(request).items)
                return Answer(
                    200, {"data": {"usage": usage, "limit": 1 << 20}, "success": True, "message": ""}
                )
            case _:
                return _refusal(404, "Not found")

    def _send(self, request: Request) -> Answer:
        try:
            body = json.loads(request.body)
            mailbox, subject = body.pop("username"), body["subject"]
            del body["password"]
        except (ValueError, KeyError, TypeError, AttributeError):
            return _refusal(400, "Post parameter is not valid")
        fate = self._fate()
        taken = fate not in {"error-before", "swallow"}
        message_id = self._record(body, taken=taken)
        if taken:
            self._receive(subject, body["sender"], mailbox, message_id)
        delay = self._chance.uniform(*self._options.answer_delay_ms) / 1000
        if fate in {"hold", "swallow"}:
            return Answer(0, silent=True)
        if fate == "lose":
            return Answer(0, delay=delay)
        if fate.startswith("error"):
            return Answer(500, {"success": False, "message": "MySQL Error 2006"}, delay)
        return Answer(201, {"success": True, "sent": 1, "message": "", "message_id": message_id}, delay)

    def _fate(self) -> str:
        """Which of the asked-for faults meets this message, if any does."""
        self._posts += 1
        if self._posts <= self._options.hold_first:
            return "hold"
        if self._posts <= self._options.swallow_first:
            return "swallow"
        draw = self._chance.random()
        for fate in ("lose", "error-after", "error-before"):
            draw -= getattr(self._options, fate.replace("-", "_"))
            if draw < 0:
                return fate
        return "answer"

    def _record(self, body: Mapping[str, Any], *, taken: bool) -> str:
        """Write the log line in one write, and give the message's id."""
        self._taken += taken
        message_id = f"{time.strftime('%Y%m%d')}{self._taken:08d}"
        found = _REFERENCE.search(body["subject"])
        line = {
            "at": time.monotonic(),
            "reference": found[1] if found else None,
            "recipient": body.get("recipient"),
            "digest": hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest(),
            "taken": taken,
            "message_id": message_id if taken else None,
        }
        os.write(self._log, json.dumps(line).encode() + b"\n")
        return message_id

    def _receive(self, subject: str, sender: str, mailbox: str, message_id: str) -> None:
        inbox = self._inboxes.setdefault(mailbox, Inbox())
        at = time.monotonic() + self._options.receipt_delay_ms / 1000
        inbox.add(f"ACCETTAZIONE: {subject} {message_id}", sender, at)
        if not self._options.no_consegna:
            inbox.add(f"CONSEGNA: {subject} {message_id}", sender, at)

    def _inbox(self, request: Request) -> Inbox:
        return self._inboxes.get(request.headers.get("x-username", ""), Inbox())

    def _page(self, request: Request) -> Answer:
        """25 items a page from page 1; page 0 is page 1, and a page past the end is empty."""
        items = self._inbox(request).seen(request.query.get("q", ""))
        page = max(1, int(request.query.get("page", "1")))
        first, last = (page - 1) * PAGE, page * PAGE
        if self._options.order == "newest":
            shown = items[max(0, len(items) - last) : max(0, len(items) - first)][::-1]
        else:
            shown = items[first:last]
        envelope = {"success": True, "message": "", "total": len(items), "page": page}
        return Answer(200, {**envelope, "data": shown, "n_of_pages": -(-len(items) // PAGE)})


def _refusal(status: int, message: str) -> Answer:
    return Answer(status, {"success": False, "message": message})


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Read one HTTP/1.1 request with a Content-Length body. Half a request raises `IncompleteReadError`."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    url = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    return Request(method, url.path.rstrip("/"), query, headers, body)


async def serve(witness: Witness, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection, one after the other, until either side closes it."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            answer = witness.answer(await read_request(reader))
            await asyncio.sleep(answer.delay)
            if answer.silent:
                await reader.read()  # until the other side goes
            if answer.status == 0:
                break
            body = json.dumps(answer.document).encode()
            status = f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Internal Server Error')}\r\n"
            fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(status.encode() + fields.encode() + body)
            await writer.drain()
    writer.close()


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line. Probabilities are shares of POST /send and add up."""
    parser = argparse.ArgumentParser(description="A witness provider for crash tests.")
    parser.add_argument("--log", required=True, help="the append-only log")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--answer-delay-ms", type=_span, default=(0.0, 0.0), metavar="A:B")
    parser.add_argument("--receipt-delay-ms", type=float, default=0.0, help="from taking to being seen")
    parser.add_argument("--lose", type=float, default=0.0, help="close after taking it")
    parser.add_argument("--error-after", type=float, default=0.0, help="answer 500 after taking it")
    parser.add_argument("--error-before", type=float, default=0.0, help="answer 500 without taking it")
    parser.add_argument("--hold-first", type=int, default=0, help="take so many and never answer them")
    parser.add_argument("--swallow-first", type=int, default=0, help="the same, but without taking them")
    parser.add_argument("--order", choices=("newest", "oldest"), default="newest", help="of the inbox")
    parser.add_argument("--no-consegna", action="store_true", help="only acceptance receipts")
    return parser.parse_args(arguments)


def _span(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    return float(low), float(high or low)


async def main() -> None:
    """Serve on a free local port until the process is ended."""
    witness = Witness(parse(sys.argv[1:]))
    server = await asyncio.start_server(lambda r, w: serve(witness, r, w), "127.0.0.1", 0, backlog=1024)
    host, port = server.sockets[0].getsockname()
    sys.stdout.write(f"http://{host}:{port}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
