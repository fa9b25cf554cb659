"""Resuming: a walk that died is carried on by the next, and nothing is missed, doubted or counted twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

import anyio
import pytest
from anyio.lowlevel import checkpoint
from support.inboxes import BOX, MINUTE, SIZE, HandClock, MemoryInbox, Shape
from support.ledgers import open_ledger, query
from support.walks import known_before

from bulk_pec.domain.errors import ProviderUnavailable
from bulk_pec.domain.inbox import InboxPage
from bulk_pec.domain.letters import Mailbox
from bulk_pec.ledger.inbox.harvests import WalkEnd
from bulk_pec.ledger.inbox.sightings import Page
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.receipts.harvest import Harvest, Harvester
from bulk_pec.receipts.reading import read
from bulk_pec.sending.committer import LedgerThread

pytestmark = pytest.mark.anyio

P = ParamSpec("P")
T = TypeVar("T")

SHAPES = {
    "newest first": Shape(),
    "newest first, base 0": Shape(base=0),
    "oldest first": Shape(newest_first=False),
    "an empty page 0": Shape(empty_zero=True),
    "ids that are places": Shape(shifting_ids=True),
}
END = WalkEnd(pages=1, total=1, both_ends=True, steady=True, quota_share=0.1)


class Slow(MemoryInbox):
    """An inbox whose answers let others work meanwhile, and that is asked one thing at a time."""

    _asked = False

    async def page(self, mailbox: Mailbox, number: int, query: str | None = None) -> InboxPage:
        """One page, as the shape lists it."""
        assert not self._asked
        self._asked = True
        await checkpoint()
        self._asked = False
        return await super().page(mailbox, number, query)


@dataclass
class Room:
    """An inbox, and a ledger that reads it.

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

    async def harvest(self, *, dies_at: int | None = None) -> Harvest | None:
        """Walk the inbox; None if the walk died, at its n-th read."""
        began = self.inbox.reads

        def fail(read: int) -> None:
            if read - began == dies_at:
                raise ProviderUnavailable("The provider does not answer.", hint="Later.")

        self.inbox.on_read = fail
        self.clock.wait(MINUTE)
        try:
            return await Harvester(self.inbox, self.ledger.inbox, self.clock, LedgerThread().call).harvest(
                BOX
            )
        except ProviderUnavailable:
            return None

    async def done(self) -> Harvest:
        """Walk the inbox to the end."""
        harvest = await self.harvest()
        assert harvest is not None
        return harvest

    def recorded(self) -> int:
        """How many mails the ledger holds."""
        return int(query(self.ledger, "SELECT COUNT(*) AS mails FROM receipts")[0]["mails"])

    def walks(self) -> list[dict[str, object]]:
        """The harvests, in order."""
        return query(self.ledger, "SELECT * FROM harvests ORDER BY id")


@pytest.mark.parametrize("name", SHAPES)
async def test_the_next_walk_goes_on_where_the_dead_one_had_got_to(ledger: Ledger, name: str) -> None:
    """It reads the first page and what the dead one had not; afterwards all of it is known."""
    room = Room(ledger, MemoryInbox(SHAPES[name]))
    room.fill(1000)
    assert await room.harvest(dies_at=31) is None
    had = room.recorded()
    second = await room.done()
    assert room.recorded() == 1000
    assert second.new == 1000 - had
    assert second.pages <= 17
    last = room.walks()[-1]
    assert (last["carried_on"], last["complete"], last["both_ends"], last["steady"]) == (1, 1, 1, 1)
    assert last["total_right"]
    assert (await room.done()).pages <= 3


@pytest.mark.parametrize("came", [1, 24, 25, 60])
async def test_what_came_since_is_read_first(ledger: Ledger, came: int) -> None:
    """New mail shifts the place where the dead walk had got to; nothing is left out in between."""
    room = Room(ledger, MemoryInbox(Shape()))
    room.fill(1000)
    await room.harvest(dies_at=31)
    room.fill(came, "nuova")
    second = await room.done()
    assert room.recorded() == 1000 + came
    assert second.pages <= 20
    assert (await room.done()).pages <= 3


async def test_any_number_of_deaths(ledger: Ledger) -> None:
    """Each walk carries on all those before it, so that a box is read whole by walks that all die."""
    room = Room(ledger, MemoryInbox(Shape()))
    room.fill(2000)
    deaths = 0
    while await room.harvest(dies_at=13) is None:
        deaths += 1
        room.fill(1, f"nuova {deaths}")
        assert deaths < 20
    assert room.recorded() == 2000 + deaths
    assert room.inbox.reads <= 13 * (deaths + 1)
    assert (await room.done()).pages <= 3


async def test_mail_put_among_what_the_dead_walk_had_read_is_found(ledger: Ledger) -> None:
    """The total is more than was counted, so the whole box is read by one walk."""
    room = Room(ledger, MemoryInbox(Shape()))
    room.fill(1000)
    await room.harvest(dies_at=31)
    room.inbox.put("POSTA CERTIFICATA: spostata", room.clock.now())
    room.inbox.mails.insert(700, room.inbox.mails.pop())
    await room.done()
    assert room.recorded() == 1001
    assert room.walks()[-1]["total_right"]


@pytest.mark.parametrize("total", [lambda _: None, lambda true: true - 10, lambda true: true + 10])
async def test_without_a_total_that_tells_all_is_read_again(
    ledger: Ledger, total: Callable[[int], int | None]
) -> None:
    """Nothing shows that no mail was put among what the dead walk had read: correctness comes first."""
    room = Room(ledger, MemoryInbox(Shape(total=total)))
    room.fill(500)
    await room.harvest(dies_at=15)
    assert (await room.done()).pages >= 500 // SIZE
    assert room.recorded() == 500


async def test_where_mail_has_gone_the_walk_goes_page_by_page(ledger: Ledger) -> None:
    """Somebody deleted most of what the dead walk had read: what stands there now is not taken for read."""
    room = Room(ledger, MemoryInbox(Shape()))
    room.fill(1000)
    await room.harvest(dies_at=31)
    del room.inbox.mails[300:900]
    await room.done()
    there = {mail.subject for mail in room.inbox.mails}
    assert there <= {row["subject"] for row in query(ledger, "SELECT subject FROM receipts")}


async def test_a_dead_walk_s_pages_are_not_known_before_the_end(ledger: Ledger) -> None:
    """A second death after the first was carried on leaves all of it unknown: the third reads to the end."""
    room = Room(ledger, MemoryInbox(Shape()))
    room.fill(1000)
    await room.harvest(dies_at=31)
    await room.harvest(dies_at=6)
    assert [walk["ended_at"] for walk in room.walks()] == [None, None]
    await room.done()
    assert room.recorded() == 1000
    assert all(walk["ended_at"] is not None for walk in room.walks())
    assert [bool(walk["complete"]) for walk in room.walks()] == [False, False, True]


async def test_absence_counts_from_the_walk_s_own_beginning(ledger: Ledger) -> None:
    """What a dead walk had read earlier does not make the harvest older or younger than it is."""
    room = Room(ledger, MemoryInbox(Shape()))
    room.fill(500)
    await room.harvest(dies_at=15)
    between = room.clock.now()
    await room.done()
    box = ledger.inbox.mailbox_id(BOX.address)
    found = ledger.doubts.harvest_since(box, between)
    assert found is not None
    assert found.begun_at > between
    assert ledger.doubts.harvest_since(box, found.begun_at) is None


async def test_a_walk_that_lives_is_not_cut_short_by_one_that_carries_it_on(ledger: Ledger) -> None:
    """Thought dead, it goes on under a new number; what it reads then is known only when it has ended."""
    room = Room(ledger, MemoryInbox(Shape()))
    room.fill(200)
    pages = [
        Page(number, tuple(map(read, (await room.inbox.page(BOX, number)).items))) for number in range(1, 9)
    ]
    inbox = ledger.inbox
    lives = inbox.set_out(BOX.address, 1000).walk
    lives = inbox.record(lives, pages[:4], 1001, positioned=True).walk
    other = inbox.set_out(BOX.address, 1002).walk
    met = inbox.record(other, pages[:1], 1003)
    assert met.dead == (True,)
    carried = inbox.carry_on(met.walk, pages[3].mails[0].fingerprint, 3)
    assert carried is not None
    assert inbox.carry_on(met.walk, pages[3].mails[0].fingerprint, 3) is None
    lives = inbox.record(lives, pages[4:6], 1004, positioned=True).walk
    assert len(lives.own) == 2
    inbox.complete(carried.id, carried.mailbox_id, END, 1005, head=carried.own[-1])
    lives = inbox.record(lives, pages[6:7], 1006, positioned=True).walk
    late = inbox.begin(lives.mailbox_id, 1007)
    known = [
        len(known_before(ledger, late, lives.mailbox_id, page.mails)) == SIZE
        for page in (*pages[:4], *pages[4:7])
    ]
    assert known == [True] * 4 + [False] * 3
    inbox.complete(lives.id, lives.mailbox_id, END, 1008, head=lives.own[-1])
    latest = inbox.begin(lives.mailbox_id, 1009)
    assert all(len(known_before(ledger, latest, lives.mailbox_id, page.mails)) == SIZE for page in pages[:7])
    assert [walk["id"] for walk in room.walks() if walk["complete"]] == [lives.id, carried.id]


async def test_a_cancelled_walk_is_carried_on_too(ledger: Ledger) -> None:
    """A stop between two pages leaves what was recorded, whole, and the position."""
    room = Room(ledger, MemoryInbox(Shape()))
    room.fill(1000)
    with anyio.CancelScope() as scope:
        room.inbox.on_read = lambda read: scope.cancel() if read == 31 else None
        await Harvester(room.inbox, ledger.inbox, room.clock, LedgerThread().call).harvest(BOX)
    assert scope.cancelled_caught
    (dead,) = room.walks()
    assert (dead["ended_at"], dead["mails"]) == (None, room.recorded())
    room.inbox.on_read = lambda _: None
    assert (await room.done()).pages <= 1000 // SIZE - int(str(dead["position"])) + 6
    assert room.recorded() == 1000


async def test_pages_are_read_one_at_a_time_and_recorded_many_at_a_time(ledger: Ledger) -> None:
    """Reading goes on while the ledger is at work; a GET is never on its way beside another."""
    room, thread = Room(ledger, Slow(Shape())), LedgerThread()
    room.fill(3000)
    during, records = 0, 0

    class Watched:
        """The ledger's thread, watched."""

        async def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
            nonlocal during, records
            before = room.inbox.reads
            answer = await thread.call(function, *args, **kwargs)
            during += room.inbox.reads - before
            records += function.__name__ == "record"
            return answer

    done = await Harvester(room.inbox, ledger.inbox, room.clock, Watched()).harvest(BOX)
    assert (done.new, done.pages) == (3000, 122)
    assert during > 0
    assert records < 60


@pytest.mark.postgres
@pytest.mark.parametrize("dead", [False, True])
async def test_two_hosts_may_walk_one_mailbox_at_once(postgres_url: str, dead: bool) -> None:
    """Whatever one takes from the other, each mail is recorded once, and then all of it is known."""
    with open_ledger(postgres_url) as one, open_ledger(postgres_url) as other:
        rooms = [Room(ledger, Slow(Shape()), HandClock()) for ledger in (one, other)]
        for room in rooms:
            room.fill(700)
        if dead:
            await rooms[0].harvest(dies_at=15)
        async with anyio.create_task_group() as both:
            for room in rooms:
                both.start_soon(room.done)
        assert rooms[0].recorded() == 700
        (box,) = query(one, "SELECT seen FROM mailboxes")
        assert box["seen"] == 700
        rooms[0].clock.wait(MINUTE)
        rooms[1].clock.wait(MINUTE)
        await rooms[1].done()
        assert (await rooms[0].done()).pages <= 3
