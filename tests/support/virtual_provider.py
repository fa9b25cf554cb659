"""The provider played in-process, with latencies of the loop's own time: for a `VirtualLoop`.

It is written from what is known of the provider and shares no code with the client, but for one promise
that every transport under the client must keep: it tells, through a request's `trace`, when a connection is
opened and when the request's first byte is next.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace

import anyio
import httpx

CONNECTING = "connection.connect_tcp.started"
FIRST_BYTE = "http11.send_request_headers.started"
MINUTE = 60_000
PAGE = 25


class LoopClock:
    """A clock that follows the running loop: `bulk_pec.clock.Clock`.

    Args:
        at: Milliseconds since the epoch at the loop's first moment.

    Attributes:
        stepped: Milliseconds by which the wall clock has been set forward (back: less than nought).
    """

    def __init__(self, at: int) -> None:
        self._at = at
        self._since: float | None = None
        self.stepped = 0

    def running(self) -> float:
        """Seconds since the clock was first looked at."""
        time = asyncio.get_running_loop().time()
        self._since = time if self._since is None else self._since
        return time - self._since

    def true(self) -> int:
        """What a clock that nobody sets would show."""
        return self._at + int(self.running() * 1000)

    def skip(self, seconds: float) -> None:
        """Let time pass between two starts."""
        self._at += round(seconds * 1000)

    def now(self) -> int:
        """What the machine's wall clock shows."""
        return self.true() + self.stepped


@dataclass(frozen=True, slots=True)
class Posted:
    """A POST /send whose first byte came: when (true time), to whom, with which subject, from whom."""

    at: int
    recipient: str
    subject: str
    sender: str


@dataclass
class VirtualProvider(httpx.AsyncBaseTransport):
    """Takes every message, and puts its receipts into the inbox some minutes later.

    Attributes:
        clock: Whose true time the provider lives by.
        posts: What it took, in order.
        connect: Seconds to open a connection.
        answer: Seconds an answer takes.
        lags: Seconds more that the answer to a request of this path takes.
        down: Whether it cannot be reached at a moment.
        refused: The body of the 4xx that a recipient is refused with, if any.
        receipts: Minutes after which a recipient's receipts come: of acceptance, of delivery; None: never.
        fails: Whether a recipient's provider says that it was not delivered.
        share: How full a mailbox is at a moment.
        capacity: Of every mailbox, in the unit in which quotas are told.
        shares: The same of single mailboxes, by user name.
        wrong: The status that every call for a mailbox is answered with, by user name, if it is no good one.
        ails: The status that a GET of this path is answered with, for a user name, if it is no good one.
        reads: When an inbox was read.
        asked: Every call that was answered: the method, and for which user name.
        unreached: True times at which it could not be reached.
        mail: Everything that is, or will be, in the inboxes: when it arrives, its subject, the user name.
        on_connect: Called with the true time when it was reached.
        on_post: Called with the true time when a message was taken.
    """

    clock: LoopClock
    posts: list[Posted] = field(default_factory=list)
    connect: float = 0.05
    answer: float = 0.4
    lags: Callable[[str], float] = lambda _: 0.0
    down: Callable[[int], bool] = lambda _: False
    refused: Callable[[str], int | None] = lambda _: None
    receipts: Callable[[str], tuple[float, float] | None] = lambda _: (1, 3)
    fails: Callable[[str], bool] = lambda _: False
    share: Callable[[int], float] = lambda _: 0.1
    capacity: float = 1.0
    shares: dict[str, Callable[[int], float]] = field(default_factory=dict)
    wrong: Callable[[str], int | None] = lambda _: None
    ails: Callable[[str, str], int | None] = lambda _path, _user: None
    reads: list[int] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    unreached: list[int] = field(default_factory=list)
    mail: list[tuple[int, str, str]] = field(default_factory=list)
    on_connect: Callable[[int], None] = lambda _: None
    on_post: Callable[[int], None] = lambda _: None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange.

        Raises:
            httpx.ConnectError: It is down.
        """
        trace = request.extensions.get("trace")
        if trace is not None:
            await trace(CONNECTING, {})
        await anyio.sleep(self.connect)
        if self.down(self.clock.true()):
            self.unreached.append(self.clock.true())
            raise httpx.ConnectError("refused")
        if trace is not None:
            await trace(FIRST_BYTE, {"request": SimpleNamespace(method=request.method.encode())})
        self.on_connect(self.clock.true())
        at = self.clock.true()
        await anyio.sleep(self.answer + self.lags(request.url.path))
        status, body = self._answered(request, at)
        return httpx.Response(status, content=json.dumps(body).encode())

    def _answered(self, request: httpx.Request, at: int) -> tuple[int, dict[str, object]]:
        letter = json.loads(request.content) if request.method == "POST" else {}
        user = letter.get("username") or request.headers["x-username"]
        self.asked.append((request.method, user))
        if (status := self.wrong(user)) is not None:
            return status, {"success": False, "message": "not now" if status >= 500 else "Unauthorized"}
        if letter:
            return self._take(letter, at)
        if (status := self.ails(request.url.path, user)) is not None:
            return status, {"success": False, "message": "not now" if status >= 500 else "Unauthorized"}
        if request.url.path.startswith("/quota/"):
            usage = self.shares.get(user, self.share)(at) * self.capacity
            return 200, {"success": True, "message": "", "data": {"usage": usage, "limit": self.capacity}}
        if request.url.path != "/inbox":  # a text, or what is filed under one sending: it shows neither
            return 404, {"success": False, "message": "Result empty"}
        return 200, self._page(user, int(request.url.params["page"]), request.url.params.get("q"))

    def _take(self, letter: dict[str, str], at: int) -> tuple[int, dict[str, object]]:
        recipient = letter["recipient"]
        status = self.refused(recipient)
        if status is not None:
            return status, {"success": False, "message": "refused", "data": None}
        number = f"{2026_0000_0000_000 + len(self.posts)}"
        self.posts.append(Posted(at, recipient, letter["subject"], letter["sender"]))
        self.on_post(at)
        minutes = self.receipts(recipient)
        if minutes is not None:
            subject = f"{letter['subject']} {number}"
            final = "AVVISO DI MANCATA CONSEGNA" if self.fails(recipient) else "CONSEGNA"
            user = letter["username"]
            self.mail.append((at + round(minutes[0] * MINUTE), f"ACCETTAZIONE: {subject}", user))
            self.mail.append((at + round(minutes[1] * MINUTE), f"{final}: {subject}", user))
        return 201, {"success": True, "sent": 1, "message": "", "message_id": number}

    def _page(self, user: str, page: int, query: str | None) -> dict[str, object]:
        """Newest first, pages from 1; page 0 is page 1."""
        now = self.clock.true()
        if query is None:
            self.reads.append(now)
        there = sorted((one for one in self.mail if one[0] <= now and one[2] == user), reverse=True)
        found = [one for one in there if query is None or query in one[1]]
        start = (max(1, page) - 1) * PAGE
        items = [_shown(*one[:2]) for one in found[start : start + PAGE]]
        pages = -(-len(found) // PAGE)
        return {
            "success": True,
            "message": "",
            "data": items,
            "total": len(found),
            "page": page,
            "n_of_pages": pages,
        }


def _shown(at: int, subject: str) -> dict[str, object]:
    date = datetime.fromtimestamp(at / 1000, UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    return {
        "id": f"{at}-{subject[-20:]}-{subject[:4]}",
        "sender": "posta-certificata@example.net",
        "recipient": "ufficio@example.com",
        "date": date,
        "object": subject,
    }
