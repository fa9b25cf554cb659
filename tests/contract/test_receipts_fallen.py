"""Somebody deletes mail while a walk reads: what slides onto pages already read is read all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest
from support.inboxes import BOX, MINUTE, NOW, Case, HandClock, MemoryInbox, Shape, all_but
from support.ledgers import load, open_ledger, query

from bulk_pec.domain.errors import ProviderUnavailable
from bulk_pec.domain.inbox import InboxItem
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.receipts.harvest import Harvest, Harvester
from bulk_pec.sending.committer import LedgerThread

pytestmark = pytest.mark.anyio

DAY = 24 * 60 * MINUTE
SHAPES = {
    "newest first": Shape(),
    "oldest first": Shape(newest_first=False),
    "base 0, newest first": Shape(base=0),
    "base 0, oldest first": Shape(base=0, newest_first=False),
    "ids that are places": Shape(shifting_ids=True),
    "an empty page 0": Shape(empty_zero=True, newest_first=False),
    "pages and no total": Shape(total=lambda _: None),
}


@dataclass
class Desk:
    """An inbox in which somebody tidies up, and a ledger that reads it.

    Attributes:
        ledger: Open for writing.
        inbox: The provider's.
        clock: A second passes with every page.
    """

    ledger: Ledger
    inbox: MemoryInbox
    clock: HandClock = field(default_factory=HandClock)

    def fill(self, mails: int) -> None:
        """Mail arrives."""
        for _ in range(mails):
            self.clock.wait(1000)
            self.inbox.put(f"POSTA CERTIFICATA: fattura {self.clock.at}", self.clock.now())

    def tidy(self, mails: int) -> None:
        """Somebody deletes what the list shows first: that has been read."""
        box = self.inbox.mails
        box[:] = box[:-mails] if self.inbox.shape.newest_first else box[mails:]

    async def harvest(self, **during: Callable[[], None]) -> Harvest:
        """Walk the inbox, a minute later; `at_8=…` happens before the 8th page is listed."""
        acts = {int(name.removeprefix("at_")): act for name, act in during.items()}
        begun = self.inbox.reads

        def on_read(read: int) -> None:
            self.clock.wait(1000)
            acts.get(read - begun, lambda: None)()

        self.inbox.on_read = on_read
        self.clock.wait(MINUTE)
        return await Harvester(self.inbox, self.ledger.inbox, self.clock, LedgerThread().call).harvest(BOX)

    def unread(self) -> list[InboxItem]:
        """What stands in the box and not in the ledger."""
        subjects = {row["subject"] for row in query(self.ledger, "SELECT subject FROM receipts")}
        return [mail for mail in self.inbox.mails if mail.subject not in subjects]

    def last(self) -> dict[str, object]:
        """The walk recorded last."""
        (row,) = query(self.ledger, "SELECT * FROM harvests ORDER BY id DESC LIMIT 1")
        return row

    def wholes(self) -> int:
        """How many walks read everything because a total had fallen."""
        return len(query(self.ledger, "SELECT id FROM harvests WHERE whole"))


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An empty ledger on SQLite, and an empty inbox."""
    return Desk(open_ledger(f"sqlite:///{tmp_path_factory.mktemp('desk')}/ledger.db"), MemoryInbox())


@pytest.mark.parametrize("newest_first", [True, False])
async def test_what_slides_onto_pages_already_read_is_read(ledger: Ledger, newest_first: bool) -> None:
    """Read mail is deleted at page 8: the same harvest reads the box again, and is right about it."""
    desk = Desk(ledger, MemoryInbox(Shape(newest_first=newest_first)))
    desk.fill(300)
    await desk.harvest(at_8=lambda: desk.tidy(30))
    assert desk.unread() == []
    assert (desk.last()["total"], desk.last()["total_right"], desk.last()["whole"]) == (270, True, True)
    desk.fill(3)
    done = await desk.harvest()
    assert (done.new, done.pages <= 5, desk.last()["steady"], desk.last()["lost"]) == (3, True, True, False)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("at_read", [3, 5])
@pytest.mark.parametrize("mails", [10, 26])
async def test_at_any_page(desk: Desk, name: str, at_read: int, mails: int) -> None:
    """Also where the deletes empty the last page, whose figures then are not heard."""
    desk.inbox.shape = SHAPES[name]
    desk.fill(85)
    if desk.inbox.shape.total(1) is None:
        mails = 26  # the number of pages falls only with a page
    await desk.harvest(**{f"at_{at_read}": lambda: desk.tidy(mails)})
    await desk.harvest()
    assert desk.unread() == []


async def test_known_mail_behind_new_is_no_cover(desk: Desk) -> None:
    """A box that was known: receipts that slid among known mail would never be looked for again."""
    desk.fill(200)
    await desk.harvest()
    desk.fill(100)
    await desk.harvest(at_3=lambda: desk.tidy(30))
    assert desk.unread() == []
    await desk.harvest()
    assert (await desk.harvest()).pages <= 3


async def test_a_walk_that_dies_after_it_leaves_word(desk: Desk) -> None:
    """Its pages are not believed: the next harvest reads the whole box."""

    def fail() -> None:
        raise ProviderUnavailable("The provider does not answer.", hint="Later.")

    desk.fill(300)
    with pytest.raises(ProviderUnavailable):
        await desk.harvest(at_6=lambda: desk.tidy(30), at_9=fail)
    await desk.harvest()
    assert desk.unread() == []
    assert desk.wholes() == 1


async def test_deleted_again_while_it_is_read_again(desk: Desk) -> None:
    """The harvest is not believed, and one after it, when some time has passed, reads the whole box."""
    desk.fill(300)
    await desk.harvest(at_8=lambda: desk.tidy(30), at_20=lambda: desk.tidy(30))
    assert desk.unread()
    assert (desk.last()["lost"], desk.last()["steady"], desk.last()["total_right"]) == (1, 0, 0)
    assert (await desk.harvest()).pages <= 6
    desk.clock.wait(5 * MINUTE)
    await desk.harvest()
    assert desk.unread() == []
    assert desk.last()["total_right"]


async def test_totals_that_jump_do_not_keep_us_reading(desk: Desk) -> None:
    """Reading again takes at most a tenth of the time: of thirty harvests, a minute apart, a few do it."""
    jumps = count()
    desk.inbox.shape = Shape(total=lambda true: true - next(jumps) % 3)
    desk.fill(300)
    for _ in range(30):
        await desk.harvest()
    assert 2 <= desk.wholes() <= 30 * 60 // (9 * 12) + 1
    assert desk.unread() == []


async def test_a_long_reading_waits_a_day_at_most(desk: Desk) -> None:
    """However long it took, what may be hidden is looked for on the next day."""
    desk.fill(100)
    slow = {f"at_{read}": lambda: desk.clock.wait(DAY // 4) for read in range(6, 9)}
    await desk.harvest(at_3=lambda: desk.tidy(10), **slow, at_9=lambda: desk.tidy(10))
    before = desk.wholes()
    await desk.harvest()
    assert desk.wholes() == before == 1
    desk.clock.wait(DAY)
    await desk.harvest()
    assert (desk.wholes(), desk.unread()) == (2, [])


@pytest.mark.parametrize("dies", [True, False])
async def test_no_absence_is_accepted_where_mail_was_going(ledger: Ledger, dies: bool) -> None:
    """The receipt that is looked for may have been what was deleted, also if the walk that saw it died."""
    case = Case(ledger, load(ledger, 3, now=NOW))
    for number in range(60):
        case.inbox.put(f"POSTA CERTIFICATA: fattura {number}", case.clock.now() - MINUTE)
    await all_but(case)
    for number in range(60):
        case.clock.wait(1000)
        case.inbox.put(f"POSTA CERTIFICATA: nuova {number}", case.clock.now())
    begun = case.inbox.reads

    def on_read(read: int) -> None:
        if read - begun == 2:
            del case.inbox.mails[-5:]
        if dies and read - begun == 3:
            raise ProviderUnavailable("The provider does not answer.", hint="Later.")

    case.inbox.on_read = on_read
    if dies:
        with pytest.raises(ProviderUnavailable):
            await case.harvest()
    await case.harvest()
    await case.harvest()
    settled = await case.settle()
    assert (settled.accepted, case.state(1)) == (0, "in_doubt")
    assert "known mail has gone" in str(settled.why)
