"""One walk over a mailbox's inbox: which pages it reads, and what it makes of the provider's figures."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import count
from typing import Protocol

from bulk_pec.clock import Clock
from bulk_pec.domain.inbox import InboxPage, Quota
from bulk_pec.domain.letters import Mailbox
from bulk_pec.ledger.inbox.harvests import Outset, WalkEnd
from bulk_pec.ledger.inbox.mails import Mail
from bulk_pec.ledger.inbox.sightings import Page
from bulk_pec.receipts.ahead import Stretch
from bulk_pec.receipts.calls import Books
from bulk_pec.receipts.figures import Figures
from bulk_pec.receipts.reading import alike, ids, read

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


class Walk:
    """One walk under way. It keeps figures and one page, never what grows with the box.

    Args:
        listing: The provider's inbox.
        mailbox: Whose.
        books: The ledger's inbox, and how it is called.
        clock: For the times written.
        outset: What the ledger knows.

    Attributes:
        pages: Read.
        new: Mails never seen before.
        matched: Receipts matched to a message.
        strange: New receipts whose references the ledger does not know.
        saw_all: Every page was read, by this walk or the dead one that it carried on.
        both_ends: It met known mail, or the list's end, at both ends.
    """

    def __init__(
        self, listing: Listing, mailbox: Mailbox, books: Books, clock: Clock, outset: Outset
    ) -> None:
        self._listing = listing
        self._mailbox = mailbox
        self._inbox = books.inbox
        self._call = books.call
        self._clock = clock
        self._outset = outset
        self._walk = outset.walk
        self._positioned = outset.walk.dead is None
        self._first_page = outset.first_page
        self.pages = self.new = self.matched = self.strange = 0
        self.saw_all = self.both_ends = False
        self._figures = Figures()
        self._is_whole = False
        self._counted = self._unknown = self._unseen = self._carried = 0
        self._missing = set(outset.ends)
        self._first: tuple[int, str] | None = None
        self._last: tuple[int, str] | None = None
        self._before: Page | None = None
        self._same = 1
        self._full = PAGE
        self._met: int | None = None
        self._zero_is_empty = False
        self._carries_on = self._outrun = False

    async def read(self, *, whole: bool = False) -> None:
        """Walk: from the first page to known mail, then from the last; all of it where that may miss some.

        Args:
            whole: Read every page, for the total had fallen while a walk read.

        Raises:
            BulkPecError: The provider or the ledger failed; the next walk carries on.
        """
        self._is_whole = whole
        if whole:
            await self._whole()
        else:
            await self._to_known_mail()
        if self._first_page != self._outset.first_page and self._first_page is not None:
            await self._call(self._inbox.learn_first_page, self._walk.mailbox_id, self._first_page)
        await self._look_for_a_fall()

    async def _to_known_mail(self) -> None:
        """From both ends, and the whole box where the figures say that this may not have been all."""
        await self._forward()
        if not self.saw_all:
            await self._backward()
        if self._first_page == 1 and self._highest < -(-(self._figures.total or 0) // PAGE):
            await self._look_before_the_first()
        self._carried = await self._call(self._inbox.carried, self._walk) if self._carries_on else 0
        if (self._carries_on and not self._confirmed) or self._grew_between:
            await self._whole()

    async def _look_for_a_fall(self) -> None:
        """Where fewer were counted than the figures say, the list ended early: ask whether they still say so.

        Mail deleted before the last page was read may have emptied it; and an empty page has no figures.
        """
        if self.saw_all and self._first and self._counted + self._carried < (self._figures.total or 0):
            await self._ask(self._first[0])

    async def end(self, quota_share: float) -> None:
        """Record that the walk is complete: what it read is known from now on."""
        before = self._outset.total
        shrank = before is not None and self._figures.total is not None and 0 < self._figures.total < before
        empty = self.saw_all and self._last is None
        lost = bool(self._missing) or shrank or (empty and bool(before)) or self._figures.fell
        end = WalkEnd(
            pages=self.pages,
            total=self._figures.total,
            both_ends=self.both_ends,
            steady=_no_less(before, 0 if empty else self._figures.total) and not lost,
            quota_share=quota_share,
            ends=tuple(end[1] for end in (self._first, self._last) if end is not None),
            lost=lost,
            total_right=self._total_is_right and not self._figures.fell,
            whole=self._is_whole,
        )
        walk, now = self._walk, self._clock.now()
        await self._call(self._inbox.complete, walk.id, walk.mailbox_id, end, now, head=walk.own[-1])

    @property
    def mailbox_id(self) -> int:
        """The ledger's id of the mailbox."""
        return self._walk.mailbox_id

    @property
    def _highest(self) -> int:
        """The highest page that held mail."""
        return self._last[0] if self._last else 0

    @property
    def _total_is_right(self) -> bool:
        """Whether the total is what was counted; or, of a box not seen whole, agrees with one that was."""
        if self.saw_all:
            return (self._figures.total or 0) == self._counted + self._carried
        before = self._outset.total
        return before is not None and self._figures.total is not None and self._figures.total >= before

    @property
    def _grew_between(self) -> bool:
        """Whether the box has grown by more than the mail found at its ends, as far as its totals say.

        The total is the one of the first page: mail that came later may stand where it had been read.
        """
        before = self._outset.total
        if self.saw_all or before is None or self._figures.total_at_first is None:
            return False
        return self._figures.total_at_first - before > self._unknown + self._carried

    @property
    def _confirmed(self) -> bool:
        """Whether the totals say that nothing stands among the pages that the dead walk had read.

        Mail may have been put there since. Without a total that tells, they are read again.
        """
        before = self._outset.total
        if self._figures.total is None or self._figures.total_at_first is None:
            return False
        if self.saw_all:
            return self._figures.total_at_first <= self._counted + self._carried <= self._figures.total
        return before is not None and not self._grew_between

    async def _forward(self) -> None:
        """From the first page on, until known mail or the end; over what a dead walk had recorded."""
        await self._go(count(1 if self._first_page == 1 else 0))
        if self._met is None:
            return
        met, self._met, dead = self._met, None, self._walk.dead
        self._positioned = True
        targets = (
            () if dead is None or self._outrun else (dead.position + self._unseen // PAGE, dead.position)
        )
        for target in dict.fromkeys(targets):
            if target > met and await self._carry_on(target):
                return
        await self._go(count(met + 1))  # there is a gap, or it lives: page by page

    async def _carry_on(self, target: int) -> bool:
        """Go on from this page, if it begins with mail of the dead walk: then nothing stands in between."""
        page = await self._read(target)
        if not page.mails:
            return False
        walk = await self._call(self._inbox.carry_on, self._walk, page.mails[0].fingerprint, target - 1)
        if walk is None:
            return False
        self._walk, self._carries_on = walk, True
        if await self._record([page], meet=False):
            await self._go(count(target + 1))
        return True

    async def _go(self, numbers: Iterable[int], *, past_known: bool = False) -> None:
        """Forward. An empty page 0 may only mean a base of 1."""
        meet = not past_known and not self._positioned
        record = partial(self._record, past_known=past_known, meet=meet)
        if await Stretch(self._read_forward, record).walk(numbers):
            self.saw_all = self.both_ends = True

    async def _whole(self) -> None:
        """Every page, known or not, by this walk alone."""
        self._before, self._same = None, 1
        self._positioned = False
        await self._go(count(), past_known=True)
        self._carried = 0

    async def _look_before_the_first(self) -> None:
        """The last page is lower than it should be: perhaps pages have come to count from 0."""
        if (await self._read(0)).mails:
            await self._go(count())

    async def _backward(self) -> None:
        """From the last page towards the first, until known mail.

        The last page is looked for from where the provider's figures place it: upwards until an empty one,
        for its figures may be too low, and mail may have come since; downwards if that page is empty.
        """
        self._positioned = False
        number = max(self._figures.pages or 0, -(-(self._figures.total or 0) // PAGE), 1)
        lowest_known, size = await self._one(number)
        if size:
            await self._climb(number)
        else:
            number, lowest_known = await self._descend(number)
        if not lowest_known:
            await Stretch(self._read_down, self._record).walk(range(number - 1, -1, -1))
            await self._once_more()
        self.both_ends = True

    async def _once_more(self) -> None:
        """Forward again, to the first page that was wholly known before the walk.

        On the way back mail can be missed: where the newest is first, one that comes meanwhile pushes another
        from a page that is next onto one that was just read. Forward the same only shows it twice.
        """
        self._before, self._same = None, 1
        await Stretch(self._read_forward, self._record).walk(count(1 if self._first_page == 1 else 0))

    async def _climb(self, number: int) -> None:
        """Read upwards from a page that held mail until an empty one."""
        while pages := await self._read_up(number := number + 1):
            await self._record(pages)

    async def _descend(self, empty: int) -> tuple[int, bool]:
        """The last page that holds mail, and whether it was wholly known before the walk.

        It stands between the highest page seen with mail, which is where the walk forward met known mail, and
        this empty one. Where pages count from 0 it is the one before; else the figures may be wrong by any
        amount, so the way is halved, not walked.
        """
        full, known = self._highest, True
        middle = empty - 1
        while empty - full > 1:
            wholly_known, size = await self._one(middle)
            if size:
                full, known = middle, wholly_known
            else:
                empty = middle
            middle = (full + empty) // 2
        return full, known

    async def _one(self, number: int) -> tuple[bool, int]:
        """Read and record one page; whether it was wholly known before the walk, and how many it held."""
        page = await self._read(number)
        known = bool(page.mails) and not await self._record([page])
        return known, len(page.mails)

    async def _read_forward(self, number: int) -> list[Page]:
        """A page on the way forward; nothing at the list's end.

        So much mail may have come since the first page that this one shows only such as is newer, where the
        newest is first. Then what it shows does not stand behind what was read before: were the walk to die,
        none could be carried on from here.
        """
        pages = await self._read_up(number)
        self._outrun = self._outrun or self._figures.grown >= max(number, 1) * PAGE
        if number == 1 and not pages and self._first_page == 1:
            pages = await self._read_up(0)  # an empty box, or one whose pages count from 0 by now
        if pages and pages[-1].number == 0:
            self._first_page = 0
        elif pages and number == 1 and self._zero_is_empty:
            pages = await self._look_at_zero(pages)
        if number == 0 and not pages:
            self._zero_is_empty = True
            return [Page(0, ())]
        return pages

    async def _look_at_zero(self, pages: list[Page]) -> list[Page]:
        """Page 0 was empty and page 1 is not: that is where they begin, or mail came just then.

        Then page 1 is read once more, behind page 0: what came in between may have been pushed onto it.
        """
        zero = await self._read(0)
        self._first_page = 0 if zero.mails else 1
        if zero.mails:
            return [zero, await self._read(1)]
        self._before = pages[-1]
        return pages

    async def _read_up(self, number: int) -> list[Page]:
        """A page, none if it is empty; and those before it again that were not full, and yet not the last.

        Where the newest mail is last they have filled meanwhile: what came stands on them, and no later walk
        would look there. If they have not, that is how many mails a page holds. Where it is first, what they
        showed was pushed on, and all that stands there now is for the next walk: recorded, it would make that
        one believe that it knows what stands in between.
        """
        before, page = self._before, await self._read(number)
        if not page.mails or before is None or before.number != number - 1:
            return [page] * bool(page.mails)
        if not 0 < len(before.mails) < self._full or alike(before.mails, page.mails):
            return [page]
        pages = [await self._read(before.number), page]
        if alike(before.mails, pages[0].mails):
            self._full = len(before.mails)
        elif not alike(before.mails, pages[0].mails[: len(before.mails)]):
            pages = [page]
        else:
            while len(pages[0].mails) < self._full and pages[0].number > 0:
                pages.insert(0, await self._read(pages[0].number - 1))
        self._before = page
        return pages

    async def _read_down(self, number: int) -> list[Page]:
        """A page on the way back."""
        return [await self._read(number)]

    async def _read(self, number: int) -> Page:
        """Read a page. One that repeats the two before it, mail for mail, holds nothing."""
        listed = await self._ask(number)
        mails = tuple(map(read, listed.items))
        self._missing -= {mail.fingerprint for mail in mails}
        before = self._before
        if before is None or number != before.number:
            same = before is not None and bool(mails) and alike(before.mails, mails)
            self._same = self._same + 1 if same else 1
            if self._same == SAME and before is not None and not await self._stands(before):
                self._same = 1  # a whole page came in between
        beside = await self._beside(before, number, mails)
        self._before = Page(number, mails)
        return Page(number, mails if self._same < SAME else (), beside)

    async def _ask(self, number: int) -> InboxPage:
        """Ask for a page, and note its figures."""
        page = await self._listing.page(self._mailbox, number)
        self.pages += 1
        if self._figures.note(page):
            await self._call(self._inbox.note_fall, self._walk, self._clock.now())
        return page

    async def _beside(self, before: Page | None, number: int, mails: tuple[Mail, ...]) -> tuple[Mail, ...]:
        """What looks like this page's first (or last) mail at the near end of the page read before it.

        They are two mails, or one that new mail has pushed over the border. The other page, read again,
        tells: if it has not changed, nothing has moved.
        """
        if before is None or not before.mails or not mails or abs(before.number - number) != 1:
            return ()
        here, there = (0, -1) if number > before.number else (-1, 0)
        mine, other = mails[here], before.mails[there]
        if mine.fingerprint != other.fingerprint or mine.item.item_id == other.item.item_id:
            return ()
        unmoved = await self._stands(before)
        return tuple(mail for mail in before.mails if unmoved and mail.fingerprint == mine.fingerprint)

    async def _stands(self, page: Page) -> bool:
        """Whether a page, read again, shows what it showed."""
        again = tuple(map(read, (await self._ask(page.number)).items))
        return alike(page.mails, again) and ids(page.mails) == ids(again)

    async def _record(self, pages: list[Page], *, past_known: bool = False, meet: bool = False) -> bool:
        """Record pages; whether to go on: not where one was known, or is where a dead walk had been."""
        full = [page for page in pages if page.mails]
        if not full:
            return True
        recorded = await self._call(
            self._inbox.record,
            self._walk,
            full,
            self._clock.now(),
            past_known=past_known,
            positioned=self._positioned and not self._outrun,
        )
        self._walk = recorded.walk
        self.new += recorded.added.new
        self.matched += recorded.added.matched
        self.strange += recorded.added.strange
        self._counted += recorded.counted
        self._unknown += recorded.unknown
        self._unseen += recorded.unseen
        for page in full[: len(recorded.known)]:
            self._see(page)
        if meet and True in recorded.dead:
            self._met = full[len(recorded.known) - 1].number
            return False
        return past_known or not recorded.known[-1]

    def _see(self, page: Page) -> None:
        first, last = (page.number, page.mails[0].fingerprint), (page.number, page.mails[-1].fingerprint)
        if self._first is None or first[0] <= self._first[0]:
            self._first = first
        if self._last is None or last[0] >= self._last[0]:
            self._last = last


def _no_less(before: int | None, after: int | None) -> bool:
    return before is None or (after is not None and after >= before)
