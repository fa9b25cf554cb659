"""Harvest: a walk over one mailbox's inbox.

The provider does not say whether pages begin at 0 or 1, which end is the newest, or how many there
truly are; new mail shifts pages while we read. So the walk goes forward from page 0 until an empty page
or one wholly known before the walk began; then, unless it saw the whole box, backward from the last page
until it meets known mail there too. New mail at either end is so found, whichever end that is. If the box
has grown by more than that, mail was put in between, and the walk reads the whole box.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from bulk_pec.clock import Clock
from bulk_pec.domain.inbox import InboxPage, Quota
from bulk_pec.domain.letters import Mailbox
from bulk_pec.ledger.inbox import Inbox, Mail, WalkEnd
from bulk_pec.receipts.reading import read

PAGE = 25
"""Items a page, as documented by the vendor."""

SAME = 3
"""Pages in a row that hold the very same mails: then the last one is being repeated, and there is no more.
Two may be the same by chance: page 0 and 1 where pages count from 1, or 25 mails that came in between."""


class Listing(Protocol):
    """Reads pages and quotas, at the GET rate."""

    async def page(self, mailbox: Mailbox, number: int, query: str | None = None) -> InboxPage:
        """One page of the inbox, or of a search in it."""
        ...

    async def quota(self, mailbox: Mailbox) -> Quota:
        """How full the mailbox is."""
        ...


@dataclass(frozen=True, slots=True)
class Harvest:
    """What a walk brought.

    Attributes:
        pages: Read.
        new: Mails never seen before.
        matched: Receipts among them that belong to a message in the ledger.
        quota_share: How full the mailbox is.
        strange: Receipts among them with well-formed references that this ledger does not know. Many of
            them mean that the ledger is new or was lost, and that the list may have been sent before.
    """

    pages: int
    new: int
    matched: int
    quota_share: float
    strange: int


class Harvester:
    """Walks one mailbox.

    Args:
        listing: The provider's inbox.
        inbox: The ledger's.
        clock: For the times written.
    """

    def __init__(self, listing: Listing, inbox: Inbox, clock: Clock) -> None:
        self._listing = listing
        self._inbox = inbox
        self._clock = clock

    async def harvest(self, mailbox: Mailbox) -> Harvest:
        """Walk the inbox once; its receipts are in the ledger, folded, when this returns.

        Raises:
            BulkPecError: The provider or the ledger failed; what was read so far is read again next time.
        """
        mailbox_id = self._inbox.mailbox_id(mailbox.address)
        total_before = self._inbox.last_total(mailbox_id)
        walk = _Walk(self, mailbox, mailbox_id, self._inbox.begin(mailbox_id, self._clock.now()))
        walk.missing = set(self._inbox.last_ends(mailbox_id))
        await walk.forward()
        if not walk.saw_all:
            await walk.backward()
        if walk.grew_between(total_before):
            await walk.whole()
        quota = await self._listing.quota(mailbox)
        shrank = total_before is not None and walk.total is not None and 0 < walk.total < total_before
        lost = bool(walk.missing) or shrank or (walk.empty and bool(total_before))
        end = WalkEnd(
            pages=walk.pages,
            total=walk.total,
            both_ends=walk.both_ends,
            steady=walk.steady and _no_less(total_before, walk.total) and not lost,
            quota_share=quota.share,
            ends=walk.ends,
            lost=lost,
            total_right=walk.total_is_right(total_before),
        )
        self._inbox.complete(walk.id, mailbox_id, end, self._clock.now())
        return Harvest(walk.pages, walk.new, walk.matched, quota.share, walk.strange)

    async def read_page(self, mailbox: Mailbox, number: int) -> tuple[InboxPage, list[Mail]]:
        """One page, each of its mails read."""
        page = await self._listing.page(mailbox, number)
        return page, [read(item) for item in page.items]

    def record(self, walk: _Walk, mails: list[Mail]) -> bool:
        """Put a page into the ledger; whether all of it was known before the walk."""
        known = self._inbox.known_before(walk.id, walk.mailbox_id, mails)
        walk.unknown.update(mail.fingerprint for mail in mails if mail.fingerprint not in known)
        wholly = all(mail.fingerprint in known for mail in mails)
        if not wholly:
            added = self._inbox.add_page(walk.id, walk.mailbox_id, mails, self._clock.now())
            walk.new += added.new
            walk.matched += added.matched
            walk.strange += added.strange
        return wholly


class _Walk:
    """One walk under way."""

    def __init__(self, harvester: Harvester, mailbox: Mailbox, mailbox_id: int, walk_id: int) -> None:
        self._harvester = harvester
        self._mailbox = mailbox
        self.mailbox_id = mailbox_id
        self.id = walk_id
        self.pages = 0
        self.new = 0
        self.matched = 0
        self.strange = 0
        self.total: int | None = None
        self.steady = True
        self.saw_all = False
        self.both_ends = False
        self.seen: dict[str, int] = {}  # by fingerprint: how many such stood on one page
        self.unknown: set[str] = set()  # of those: not known before the walk
        self.missing: set[str] = set()  # of the mails that stood at the ends before
        self._first: tuple[int, str] | None = None
        self._last: tuple[int, str] | None = None
        self._last_page: int | None = None
        self._total_at_first: int | None = None
        self._page_before: list[str] = []
        self._same = 1

    @property
    def empty(self) -> bool:
        """Whether it saw the whole box and there was nothing in it."""
        return self.saw_all and not self.seen

    def total_is_right(self, before: int | None) -> bool:
        """Whether the total is what was counted; or, of a box not seen whole, agrees with one that was."""
        if self.saw_all:
            return (self.total or 0) == sum(self.seen.values())
        return before is not None and self.total is not None and self.total >= before

    def grew_between(self, before: int | None) -> bool:
        """Whether the box has grown by more than the mail found at its ends, as far as its totals say.

        The total is the one of the first page: mail that came later may stand where it had been read.
        """
        if self.saw_all or before is None or self._total_at_first is None:
            return False
        return self._total_at_first - before > len(self.unknown)

    @property
    def ends(self) -> tuple[str, ...]:
        """The first mail of the first page and the last mail of the last one; none of an empty box."""
        return tuple(end[1] for end in (self._first, self._last) if end is not None)

    async def forward(self, *, past_known: bool = False) -> None:
        """From page 0 on, until known mail or the end. An empty page 0 may only mean a base of 1."""
        number = 0
        while True:
            wholly_known, size = await self._read(number)
            if size == 0 and number > 0:
                self.saw_all = self.both_ends = True
                return
            if size and wholly_known and not past_known:
                return
            number += 1

    async def whole(self) -> None:
        """Every page, known or not."""
        self._page_before, self._same = [], 1
        await self.forward(past_known=True)

    async def backward(self) -> None:
        """From the last page towards the first, until known mail.

        The last page is looked for from where the provider's figures place it: upwards until an empty one,
        for its figures may be too low, and mail may have come since; downwards if that page is empty.
        """
        number = max(self._last_page or 0, -(-(self.total or 0) // PAGE), 1)
        wholly_known, size = await self._read(number)
        lowest_known = bool(size) and wholly_known
        if size:
            await self._climb(number)
        else:
            number, lowest_known = await self._descend(number)
        while not lowest_known and number > 0:
            number -= 1
            wholly_known, size = await self._read(number)
            lowest_known = bool(size) and wholly_known
        self.both_ends = True

    async def _climb(self, number: int) -> None:
        """Read upwards from a page that held mail until an empty one."""
        size = 1
        while size:
            number += 1
            _, size = await self._read(number)

    async def _descend(self, empty: int) -> tuple[int, bool]:
        """The last page that holds mail, and whether it was wholly known before the walk.

        It stands between the highest page seen with mail, which is where the walk forward met known mail, and
        this empty one. Where pages count from 0 it is the one before; else the figures may be wrong by any
        amount, so the way is halved, not walked.
        """
        full, known = (self._last[0] if self._last else 0), True
        middle = empty - 1
        while empty - full > 1:
            wholly_known, size = await self._read(middle)
            if size:
                full, known = middle, wholly_known
            else:
                empty = middle
            middle = (full + empty) // 2
        return full, known

    async def _read(self, number: int) -> tuple[bool, int]:
        """Read and record a page; whether it was wholly known before the walk, and how many it held."""
        page, mails = await self._harvester.read_page(self._mailbox, number)
        self.pages += 1
        self._note(page)
        fingerprints = [mail.fingerprint for mail in mails]
        self._see(number, fingerprints)
        self._same = self._same + 1 if mails and fingerprints == self._page_before else 1
        self._page_before = fingerprints
        if self._same >= SAME:
            return False, 0
        return (self._harvester.record(self, mails) if mails else False), len(mails)

    def _see(self, number: int, fingerprints: list[str]) -> None:
        if not fingerprints:
            return
        for fingerprint, count in Counter(fingerprints).items():
            self.seen[fingerprint] = max(count, self.seen.get(fingerprint, 0))
        self.missing.difference_update(fingerprints)
        self._first = min(self._first or (number, fingerprints[0]), (number, fingerprints[0]))
        self._last = max(self._last or (number, fingerprints[-1]), (number, fingerprints[-1]))

    def _note(self, page: InboxPage) -> None:
        """A box that shrinks while it is read may have moved mail to where it was not looked for."""
        if page.total is None or not page.items:
            return
        self.steady = self.steady and _no_less(self.total, page.total)
        self.total = page.total
        self._total_at_first = page.total if self._total_at_first is None else self._total_at_first
        self._last_page = page.pages


def _no_less(before: int | None, after: int | None) -> bool:
    return before is None or (after is not None and after >= before)
