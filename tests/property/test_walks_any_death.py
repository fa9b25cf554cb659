"""Walks, whatever happens: mail comes and goes while they read, ids shift, they die and are carried on."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.inboxes import BOX, MINUTE, HandClock, MemoryInbox, Shape
from support.ledgers import open_ledger, query

from bulk_pec.domain.errors import ProviderUnavailable
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.receipts.harvest import Harvest, Harvester
from bulk_pec.sending.committer import LedgerThread

SHAPES = st.builds(
    Shape,
    base=st.sampled_from([0, 1]),
    newest_first=st.booleans(),
    empty_zero=st.booleans(),
    shifting_ids=st.booleans(),
    repeats_last=st.booleans(),
    total=st.sampled_from([lambda true: true, lambda true: true, lambda true: true + 60, lambda _: None]),
)


@dataclass(frozen=True)
class Night:
    """What happens around one walk.

    Attributes:
        before: How many mails come before it.
        during: How many come before its n-th read.
        dies_at: The read that fails, from 1; None: it ends.
        alike: Whether two of the mails that come look alike.
        deleted: How many others delete before its n-th read, and from which place on.
    """

    before: int
    during: dict[int, int]
    dies_at: int | None
    alike: bool
    deleted: dict[int, tuple[int, int]] = field(default_factory=dict)


MOST_HIDDEN = 2
"""Mails that come between two reads where the last page is repeated for ever: nothing shows there which
page it is, so a whole page that comes at such a moment cannot be told from a repetition."""

NIGHTS = st.lists(
    st.builds(
        Night,
        before=st.sampled_from([0, 1, 24, 25, 26, 60, 140]),
        during=st.dictionaries(st.integers(1, 12), st.sampled_from([1, 2, 25, 30]), max_size=4),
        dies_at=st.none() | st.integers(1, 14),
        alike=st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


TIDIED = st.lists(
    st.builds(
        Night,
        before=st.sampled_from([0, 1, 26, 60, 140]),
        during=st.just({}),
        dies_at=st.none() | st.integers(1, 14),
        alike=st.just(False),
        deleted=st.dictionaries(
            st.integers(1, 16),
            st.tuples(st.sampled_from([1, 2, 25, 30]), st.integers(0, 200)),
            max_size=3,
        ),
    ),
    min_size=1,
    max_size=4,
)
DAY = 24 * 60 * MINUTE


@dataclass
class World:
    """An inbox that fills, and a ledger that reads it.

    Attributes:
        ledger: Open for writing.
        inbox: The provider's.
        clock: Moved by hand.
        ever: What was ever in the inbox.
    """

    ledger: Ledger
    inbox: MemoryInbox
    clock: HandClock = field(default_factory=HandClock)
    ever: Counter[str] = field(default_factory=Counter)

    def arrive(self, mails: int, *, alike: bool = False) -> None:
        """Mail comes, a second apart; of those alike two in one second."""
        for number in range(mails):
            if not (alike and number == 1):
                self.clock.wait(1000)
            word = "doppia" if alike and number < 2 else f"fattura {self.clock.at}"
            mail = self.inbox.put(f"POSTA CERTIFICATA: {word}", self.clock.at)
            self.ever[mail.subject + mail.date] += 1

    def tidy(self, mails: int, place: int) -> None:
        """Somebody deletes mail."""
        start = place % max(1, len(self.inbox.mails))
        del self.inbox.mails[start : start + mails]

    async def pass_night(self, night: Night) -> Harvest | None:
        """A walk as it comes; None if it died."""
        self.arrive(night.before, alike=night.alike)
        began = self.inbox.reads

        def on_read(read: int) -> None:
            self.arrive(
                min(night.during.get(read - began, 0), MOST_HIDDEN if self.inbox.shape.repeats_last else 99)
            )
            self.tidy(*night.deleted.get(read - began, (0, 0)))
            if read - began == night.dies_at:
                raise ProviderUnavailable("The provider does not answer.", hint="Later.")

        self.inbox.on_read = on_read
        self.clock.wait(MINUTE)
        there = Counter(mail.subject + mail.date for mail in self.inbox.mails)
        try:
            done = await Harvester(self.inbox, self.ledger.inbox, self.clock, LedgerThread().call).harvest(
                BOX
            )
        except ProviderUnavailable:
            done = None
        self.check(Counter() if night.deleted or done is None else there)
        return done

    def unread(self) -> set[str]:
        """What stands in the box and not in the ledger."""
        recorded = {row["subject"] for row in query(self.ledger, "SELECT subject FROM receipts")}
        return {mail.subject for mail in self.inbox.mails} - recorded

    def check(self, there: Counter[str]) -> None:
        """No mail is recorded oftener than it exists, and what was there when a walk that ended began, is."""
        recorded = Counter(
            row["subject"] + row["date"] for row in query(self.ledger, "SELECT subject, date FROM receipts")
        )
        assert recorded <= self.ever
        assert there.keys() <= recorded.keys()
        (box,) = query(self.ledger, "SELECT seen FROM mailboxes")
        assert box["seen"] == recorded.total()


@pytest.fixture(scope="module")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new ledger on SQLite, to be copied."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    open_ledger(f"sqlite:///{path}").close()
    return path


async def _live(world: World, nights: list[Night]) -> None:
    """Pass the nights, then two calm ones; the second reads a few pages and finds nothing.

    It reads one page more where two mails alike stand on both sides of a border: whether anything has moved
    is told by the other page only.
    """
    for night in nights:
        await world.pass_night(night)
    calm = Night(0, {}, None, alike=False)
    await world.pass_night(calm)
    again = await world.pass_night(calm)
    assert again is not None
    assert again.new == 0
    shape = world.inbox.shape
    if shape.total(10) == 10 and not shape.repeats_last:
        assert again.pages <= 3 + any(night.alike for night in nights)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=SHAPES, nights=NIGHTS)
@example(Shape(empty_zero=True), [Night(24, {1: 2}, None, alike=True)])
@example(
    Shape(empty_zero=True),
    [Night(25, {}, None, alike=False), Night(25, {1: 1, 4: 25, 8: 1}, None, alike=False)],
)
def test_every_mail_is_recorded_once_and_none_is_missed(
    empty_ledger: Path, tmp_path: Path, shape: Shape, nights: list[Night]
) -> None:
    """Over any nights, a walk that ends has read all that stood there when it began, and nothing twice."""
    path = Path(shutil.copy(empty_ledger, tmp_path / "ledger.db"))
    with open_ledger(f"sqlite:///{path}") as ledger:
        world = World(ledger, MemoryInbox(shape))
        anyio.run(partial(_live, world, nights))


async def _tidied(world: World, nights: list[Night]) -> None:
    for night in nights:
        await world.pass_night(night)
    world.clock.wait(DAY)
    calm = Night(0, {}, None, alike=False)
    await world.pass_night(calm)
    assert world.unread() == set()
    again = await world.pass_night(calm)
    assert again is not None
    assert again.new == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=SHAPES.filter(lambda shape: shape.total(10) is not None), nights=TIDIED)
def test_what_others_delete_hides_nothing_for_long(
    empty_ledger: Path, tmp_path: Path, shape: Shape, nights: list[Night]
) -> None:
    """Whatever they delete while walks read and die: when they rest, all that stands there is recorded."""
    path = Path(shutil.copy(empty_ledger, tmp_path / "ledger.db"))
    with open_ledger(f"sqlite:///{path}") as ledger:
        world = World(ledger, MemoryInbox(shape))
        anyio.run(partial(_tidied, world, nights))
