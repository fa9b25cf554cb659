"""A mailbox in memory, listed in every odd way a provider may list it; a clock that tests move; a doubt.

The mailbox is the provider's side, written from what is known of the provider; it shares no code with the
harvest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from support.ledgers import IN_DOUBT, SENT, message, recount

from bulk_pec.domain.inbox import InboxItem, InboxPage, Quota
from bulk_pec.domain.letters import Mailbox, Secret
from bulk_pec.domain.outcomes import Outcome
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.attempts import Closing, Intent
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.receipts.calls import Books
from bulk_pec.receipts.harvest import Harvester
from bulk_pec.receipts.settle import Policy, Settled, SettleOptions, Settler
from bulk_pec.sending.committer import LedgerThread

NOW = 1_800_000_000_000
"""The tests' first moment: milliseconds since the epoch, in 2027."""
MINUTE = 60_000
BOX = Mailbox("ufficio@example.com", Secret("ufficio@example.com"), Secret("segreta"))
SIZE = 25
SETTLE_AFTER = 1800.0
FULL_AT = 0.9


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
        finds: Whether a search for this text finds this mail: by its subject, unless a test says otherwise.
    """

    shape: Shape = field(default_factory=Shape)
    mails: list[InboxItem] = field(default_factory=list)
    share: float = 0.25
    reads: int = 0
    on_read: Callable[[int], None] = lambda _: None
    blind: bool = False
    finds: Callable[[str, InboxItem], bool] = lambda text, mail: text in mail.subject
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
        return self._listed(self._found(query), number)

    def _found(self, query: str | None) -> list[InboxItem]:
        if query is None:
            return self.mails
        return [mail for mail in self.mails if self.finds(query, mail) and not self.blind]

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


@dataclass
class Case:
    """Message 1 is in doubt, message 2 was sent later from the same mailbox; the rest is the test's.

    Attributes:
        ledger: Open for writing.
        run: Loaded with three messages.
        inbox: The provider's.
        clock: Moved by the test.
        policy: Of the settling.
    """

    ledger: Ledger
    run: Run
    inbox: MemoryInbox = field(default_factory=MemoryInbox)
    clock: HandClock = field(default_factory=HandClock)
    policy: Policy = Policy.RECONCILE

    @property
    def box(self) -> int:
        """The ledger's id of the mailbox."""
        return self.ledger.inbox.mailbox_id(BOX.address)

    def reference(self, row: int) -> str:
        """The reference of a row's message."""
        return str(message(self.ledger, self.run.first_id + row - 1)["reference"])

    def attempt(self, row: int, outcome: Outcome, share: float | None = 0.25) -> int:
        """Make one attempt at a row's message, by a worker that then ends."""
        worker = self.ledger.workers.register(self.run, 600_000, self.clock.now())
        block = self.ledger.claims.take(worker, 0)
        assert block is not None
        ready = self.ledger.claims.pending(worker, block, self.clock.now())
        (pending,) = [one for one in ready if one.row == row]
        intent = Intent(pending.id, pending.attempts + 1, block.id, self.box, f"d{row}", share)
        tick = self.ledger.attempts.tick(worker, [intent], [], self.clock.now())
        attempt = tick.opened[pending.id]
        self.clock.wait(1000)
        at = self.clock.now()
        self.ledger.attempts.tick(worker, [], [Closing(attempt, pending.id, outcome, at)], at)
        self.ledger.claims.give_back(worker, [block])
        self.ledger.workers.end(worker, self.clock.now())
        return attempt

    def receipt(self, row: int, word: str = "ACCETTAZIONE") -> None:
        """A receipt for a row's message arrives."""
        self.clock.wait(1000)
        subject = f"{word}: Avviso [rif. {self.reference(row)}] 20200826{row:08d}"
        self.inbox.put(subject, self.clock.now())

    async def harvest(self) -> None:
        """Walk the inbox."""
        self.clock.wait(1000)
        await Harvester(self.inbox, self.ledger.inbox, self.clock, LedgerThread().call).harvest(BOX)

    async def settle(self, *, configured: bool = True, unread: bool = False) -> Settled:
        """Look at the doubts; the counters must hold afterwards."""
        options = SettleOptions(self.policy, SETTLE_AFTER, FULL_AT)
        settler = Settler(
            self.inbox,
            self.ledger.doubts,
            options,
            self.clock,
            Books(self.ledger.inbox, LedgerThread().call),
        )
        settled = await settler.settle(
            self.run, {self.box: BOX} if configured else {}, {self.box} if unread else set()
        )
        recount(self.ledger, self.run)
        return settled

    def pass_settle_after(self) -> None:
        """More than `settle_after` passes."""
        self.clock.wait(round(SETTLE_AFTER * 1000) + MINUTE)

    def state(self, row: int) -> str:
        """Where a row's message stands."""
        return str(message(self.ledger, self.run.first_id + row - 1)["state"])

    def claimable(self) -> list[int]:
        """The rows that a new worker could send now."""
        worker = self.ledger.workers.register(self.run, 600_000, self.clock.now())
        block = self.ledger.claims.take(worker, 0)
        blocks = [] if block is None else [block]
        now = self.clock.now()
        rows = [one.row for held in blocks for one in self.ledger.claims.pending(worker, held, now)]
        self.ledger.claims.give_back(worker, blocks)
        self.ledger.workers.end(worker, self.clock.now())
        return rows


async def all_but(case: Case, share: float | None = 0.25) -> None:
    """Everything that accepting the absence of message 1 needs."""
    await case.harvest()
    case.attempt(1, IN_DOUBT, share)
    case.clock.wait(MINUTE)
    case.attempt(2, SENT)
    case.receipt(2)
    case.pass_settle_after()
    await case.harvest()
