"""A mailbox in memory, listed in every odd way a provider may list it; and a clock that tests move.

It is the provider's side, written from what is known of the provider; it shares no code with the harvest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from bulk_pec.domain.inbox import InboxItem, InboxPage, Quota
from bulk_pec.domain.letters import Mailbox, Secret

NOW = 1_800_000_000_000
"""The tests' first moment: milliseconds since the epoch, in 2027."""
MINUTE = 60_000
BOX = Mailbox("ufficio@example.com", Secret("ufficio@example.com"), Secret("segreta"))
SIZE = 25


@dataclass
class HandClock:
    """Time that passes when a test says so.

    Attributes:
        at: Milliseconds since the epoch.
    """

    at: int = NOW

    def now(self) -> int:
        """Milliseconds since the epoch; each look takes one, as looks do."""
        self.at += 1
        return self.at

    def running(self) -> float:
        """The same, in seconds."""
        return self.at / 1000

    def wait(self, milliseconds: int) -> None:
        """Let time pass."""
        self.at += milliseconds


@dataclass
class Shape:
    """How an inbox is listed.

    Attributes:
        base: Number of the first page. With 1, page 0 equals page 1, unless `empty_zero`.
        newest_first: The order.
        total: What is said of the number of mails; `None` in its place for "not said".
        pages: What is said of the number of pages.
        empty_zero: With base 1, page 0 is empty.
        shifting_ids: Ids are places in the list.
        repeats_last: Beyond the last page there is the last page again, instead of an empty one.
    """

    base: int = 1
    newest_first: bool = True
    total: Callable[[int], int | None] = lambda true: true
    pages: Callable[[int], int | None] = lambda true: true
    empty_zero: bool = False
    shifting_ids: bool = False
    repeats_last: bool = False


@dataclass
class MemoryInbox:
    """An inbox that can be listed and searched.

    Attributes:
        shape: See `Shape`.
        mails: Oldest first.
        share: How full the box is said to be.
        reads: How many pages were listed, searches left out.
        on_read: Called with the number of the read before each page is listed.
        blind: Searches find nothing.
    """

    shape: Shape = field(default_factory=Shape)
    mails: list[InboxItem] = field(default_factory=list)
    share: float = 0.25
    reads: int = 0
    on_read: Callable[[int], None] = lambda _: None
    blind: bool = False
    _ids: count[int] = field(default_factory=lambda: count(1))

    def put(self, subject: str, at: int, sender: str = "posta-certificata@example.net") -> InboxItem:
        """A mail arrives."""
        date = datetime.fromtimestamp(at / 1000, UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
        item = InboxItem(f"id{next(self._ids)}", sender, subject, date, at // 1000 * 1000)
        self.mails.append(item)
        return item

    async def page(self, mailbox: Mailbox, number: int, query: str | None = None) -> InboxPage:
        """One page, as the shape lists it."""
        del mailbox
        if query is None:
            self.reads += 1
            self.on_read(self.reads)
        found = [mail for mail in self.mails if query is None or (query in mail.subject and not self.blind)]
        return self._listed(found, number)

    def _listed(self, mails: list[InboxItem], number: int) -> InboxPage:
        shape = self.shape
        if number == 0 and shape.base == 1 and not shape.empty_zero:
            number = 1
        listed = mails[::-1] if shape.newest_first else mails
        if shape.repeats_last:
            number = min(number, max(0, len(mails) - 1) // SIZE + shape.base)
        start = (number - shape.base) * SIZE
        items = listed[start : start + SIZE] if start >= 0 else []
        if shape.shifting_ids:
            items = [self._numbered(item, start + place) for place, item in enumerate(items)]
        if not items:
            return InboxPage((), None, None, None)
        pages = -(-len(mails) // SIZE) + shape.base - 1
        return InboxPage(tuple(items), shape.total(len(mails)), number, shape.pages(pages))

    @staticmethod
    def _numbered(item: InboxItem, place: int) -> InboxItem:
        return InboxItem(str(place), item.sender, item.subject, item.date, item.at)

    async def quota(self, mailbox: Mailbox) -> Quota:
        """How full the box is."""
        del mailbox
        return Quota(self.share * 1000, 1000)
