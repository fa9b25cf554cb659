"""How far a walk reads: where mail was put in between, and where the provider's figures are absurd."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from support.inboxes import BOX, MINUTE, NOW, SIZE, HandClock, MemoryInbox, Shape
from support.ledgers import open_ledger, query

from bulk_pec.ledger.ledger import Ledger
from bulk_pec.receipts.harvest import Harvest, Harvester
from bulk_pec.sending.committer import LedgerThread

pytestmark = pytest.mark.anyio

SHAPES = {
    "base 1, newest first": Shape(),
    "base 1, oldest first": Shape(newest_first=False),
    "base 0, newest first": Shape(base=0),
    "base 0, oldest first": Shape(base=0, newest_first=False),
    "an empty page 0": Shape(empty_zero=True, newest_first=False),
}
ABSURD = 10**9


@dataclass
class Room:
    """An inbox of somebody's mail, and a ledger that reads it.

    Attributes:
        ledger: Open for writing.
        inbox: The provider's.
        clock: Moved by the test.
    """

    ledger: Ledger
    inbox: MemoryInbox
    clock: HandClock = field(default_factory=HandClock)

    def fill(self, count: int, word: str = "fattura") -> None:
        """Mail arrives."""
        for number in range(count):
            self.clock.wait(1000)
            self.inbox.put(f"POSTA CERTIFICATA: {word} {number}", self.clock.now())

    def put_between(self, place: int, word: str) -> None:
        """A mail appears in the middle: somebody moved it back from another folder."""
        self.inbox.put(f"POSTA CERTIFICATA: {word}", NOW)
        self.inbox.mails.insert(place, self.inbox.mails.pop())

    async def harvest(self) -> Harvest:
        """Walk the inbox."""
        self.clock.wait(MINUTE)
        return await Harvester(self.inbox, self.ledger.inbox, self.clock, LedgerThread().call).harvest(BOX)

    def recorded(self) -> int:
        """How many mails the ledger holds."""
        return int(query(self.ledger, "SELECT COUNT(*) AS mails FROM receipts")[0]["mails"])

    def last(self) -> dict[str, object]:
        """The harvest recorded last."""
        (row,) = query(self.ledger, "SELECT * FROM harvests ORDER BY id DESC LIMIT 1")
        return row


@pytest.fixture
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """An empty ledger and inbox."""
    return Room(open_ledger(f"sqlite:///{tmp_path_factory.mktemp('room')}/ledger.db"), MemoryInbox())


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("arriving", [0, 30])
async def test_mail_put_in_the_middle_is_read(room: Room, name: str, arriving: int) -> None:
    """The total grew by more than was found at the ends: the walk reads the whole box, once."""
    room.inbox.shape = SHAPES[name]
    room.fill(200)
    await room.harvest()
    room.fill(arriving, "nuova")
    room.put_between(100, "spostata")
    assert (await room.harvest()).new == arriving + 1
    assert room.recorded() == 201 + arriving
    assert (room.last()["both_ends"], room.last()["steady"], room.last()["total_right"]) == (1, 1, 1)
    assert (await room.harvest()).pages <= 4


@pytest.mark.parametrize("name", SHAPES)
async def test_new_mail_at_the_end_alone_does_not_make_it_read_all(room: Room, name: str) -> None:
    """Neither the mail that came before the walk nor that which comes during it."""
    room.inbox.shape = SHAPES[name]
    room.fill(500)
    await room.harvest()
    room.fill(30, "nuova")
    room.inbox.on_read = lambda _: room.fill(1, f"adesso {room.inbox.reads}")
    assert (await room.harvest()).pages <= 6
    room.inbox.on_read = lambda _: None
    assert (await room.harvest()).pages <= 6
    assert room.recorded() == len(room.inbox.mails)


async def test_what_a_dead_walk_recorded_is_found_by_the_next(room: Room) -> None:
    """Mail that a dead walk had read accounts for the growth too, though it is not new to the ledger."""
    room.fill(500)
    await room.harvest()
    room.fill(40, "nuova")

    def fail(_: int) -> None:
        if room.inbox.reads == first + 3:
            raise ConnectionError

    first, room.inbox.on_read = room.inbox.reads, fail
    with pytest.raises(ConnectionError):
        await room.harvest()
    room.inbox.on_read = lambda _: None
    done = await room.harvest()
    assert (done.new, done.pages <= 6) == (40 - SIZE, True)


async def test_two_mails_alike_do_not_make_every_walk_a_whole_one(room: Room) -> None:
    """Two mails of one sender, subject and second are one to the ledger and two to the total."""
    room.fill(200)
    await room.harvest()
    room.inbox.mails.append(room.inbox.mails[-1])
    await room.harvest()
    assert room.last()["total_right"]
    assert (await room.harvest()).pages <= 3


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("mails", [20, 60, 400])
async def test_an_absurd_total_costs_few_pages(room: Room, name: str, mails: int) -> None:
    """The last page is looked for by halves, and new mail at either end is found all the same."""
    shape = SHAPES[name]
    room.inbox.shape = Shape(
        shape.base, shape.newest_first, lambda _: ABSURD, lambda _: ABSURD // SIZE, shape.empty_zero
    )
    room.fill(mails)
    await room.harvest()
    room.fill(30, "nuova")
    assert (await room.harvest()).pages <= 40
    assert room.recorded() == mails + 30
    assert room.last()["both_ends"]


@pytest.mark.parametrize("name", SHAPES)
async def test_a_total_that_was_absurd_once_loses_nothing(room: Room, name: str) -> None:
    """It is not taken for right: the next true total is no loss of mail."""
    shape = SHAPES[name]
    room.inbox.shape = Shape(shape.base, shape.newest_first, empty_zero=shape.empty_zero)
    room.fill(100)
    await room.harvest()
    room.inbox.shape.total = lambda _: ABSURD
    assert (await room.harvest()).pages <= 60
    assert not room.last()["total_right"]
    room.inbox.shape.total = lambda true: true
    room.fill(3, "nuova")
    await room.harvest()
    assert (room.last()["lost"], room.last()["steady"]) == (0, 1)
    assert room.recorded() == 103


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("at_read", [2, 3, 4])
@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_page_s_worth_that_comes_between_two_reads(
    room: Room, base: int, at_read: int, newest_first: bool
) -> None:
    """What was there before is read by this walk, what has come by the next; no page is taken for another."""
    room.inbox.shape = Shape(base=base, newest_first=newest_first)
    room.fill(26)
    room.inbox.on_read = lambda read: room.fill(SIZE, "nuova") if read == at_read else None
    await room.harvest()
    old = query(room.ledger, "SELECT COUNT(*) AS mails FROM receipts WHERE subject LIKE '%fattura%'")
    assert old == [{"mails": 26}]
    room.inbox.on_read = lambda _: None
    await room.harvest()
    assert room.recorded() == len(room.inbox.mails)
