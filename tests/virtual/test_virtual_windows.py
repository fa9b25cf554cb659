"""Weeks of windows in seconds: the real job, engine and ledger, under a clock that jumps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
from support.ledgers import open_ledger
from support.nights import Nights, play, rome, rules, shown

from bulk_pec.config import Window
from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.planning.holidays import italian_holidays

NIGHT = Window.parse("20:00-06:00")
WORKING = ("mon", "tue", "wed", "thu", "fri")
LEAD = 100
"""Milliseconds for which an intent may wait for its slot: what has one at the window's end still goes out."""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Time passes here for a SQLite ledger only: Postgres has a clock of its own."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


def _inside(calendar: Calendar, at: int) -> bool:
    return calendar.is_open(at) or calendar.is_open(at - LEAD)


@pytest.mark.parametrize(
    "begins",
    [
        pytest.param("2026-10-22 09:00", id="autumn: the clocks go back on Sunday 25 October"),
        pytest.param("2027-03-25 09:00", id="spring: the clocks go forward on Sunday 28 March, Easter"),
        pytest.param("2026-12-04 09:00", id="7 and 8 December: a Monday, then a holiday"),
    ],
)
def test_days_of_windows(ledger: Ledger, begins: str) -> None:
    """With --wait one start sends all of it, only on working nights, at the rate, and waits in between."""
    calendar = Calendar("Europe/Rome", NIGHT, WORKING, italian_holidays())

    async def wait_it_out(nights: Nights) -> None:
        ended = await nights.start(wait=True)
        assert ended.exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 150, begins, wait_it_out, rules(calendar, rate=1 / 600))
    times = [post.at for post in nights.provider.posts]
    assert len(times) == 150
    assert all(_inside(calendar, at) for at in times), [shown(at) for at in times]
    assert all(later - earlier >= 606_000 for earlier, later in pairwise(times))
    assert all("Waiting until the window opens" in said for said in nights.said if "Waiting" in said)


def test_without_wait_each_start_ends_with_its_window(ledger: Ledger) -> None:
    """A closed window ends a start with 75 `window` before anything is posted; the inbox is read.

    One that closes while sending ends it too, and the next evening's start goes on.
    """
    calendar = Calendar("Europe/Rome", NIGHT)
    given = rules(calendar, rate=1 / 600)

    async def evenings(nights: Nights) -> None:
        early = await nights.start()
        assert early.exit == Exit.of(Reason.WINDOW)
        assert nights.provider.reads
        assert not nights.provider.posts
        ends = []
        for _ in range(3):
            await _sleep_until_evening(nights)
            ends.append((await nights.start()).exit)
        assert ends == [Exit.of(Reason.WINDOW), Exit.of(Reason.WINDOW), Exit.of(Reason.COMPLETE)]

    nights = play(ledger, 130, "2026-11-23 10:00", evenings, given)
    assert len(nights.provider.posts) == 130
    assert all(_inside(calendar, post.at) for post in nights.provider.posts)


async def _sleep_until_evening(nights: Nights) -> None:
    calendar, now = nights.rules.calendar, nights.clock.now()
    await anyio.sleep((calendar.next_open(now) - now) / 1000)


def test_until_and_max_duration(ledger: Ledger) -> None:
    """--until ends at the next occurrence of that local time, --max-duration after so long; both with 75."""

    async def starts(nights: Nights) -> None:
        began = nights.clock.true()
        long = await nights.start(max_duration=3600.0)
        assert long.exit == Exit.of(Reason.MAX_DURATION)
        assert 3_600_000 <= nights.clock.true() - began < 3_660_000
        until = await nights.start(until=NIGHT.end)
        assert until.exit == Exit.of(Reason.UNTIL)

    nights = play(ledger, 3000, "2026-10-24 23:00", starts, rules(Calendar("Europe/Rome"), rate=1 / 30))
    last = nights.provider.posts[-1].at
    assert rome("2026-10-25 05:59") < last < rome("2026-10-25 06:00") + LEAD


def test_a_clock_set_forward_past_the_window_stops_claims(ledger: Ledger) -> None:
    """The wall clock is asked again every minute, whatever it said before."""
    calendar = Calendar("Europe/Rome", NIGHT)
    set_at: list[int] = []

    async def set_forward(nights: Nights) -> None:
        def step(at: int) -> None:
            if len(nights.provider.posts) >= 10 and not nights.clock.stepped:
                nights.clock.stepped = 10 * 3_600_000
                set_at.append(at)

        nights.provider.on_post = step
        ended = await nights.start()
        assert ended.exit == Exit.of(Reason.WINDOW)

    nights = play(ledger, 300, "2026-11-23 21:00", set_forward, rules(calendar, rate=1 / 10))
    late = [post for post in nights.provider.posts if post.at > set_at[0]]
    assert len(late) <= 60 / 10


def test_a_clock_set_back_neither_bursts_nor_ends_early(ledger: Ledger) -> None:
    """Two hours back in the middle of the night: the pace stays, the window closes by the new time."""
    calendar = Calendar("Europe/Rome", NIGHT)

    async def set_back(nights: Nights) -> None:
        def step(_: int) -> None:
            if len(nights.provider.posts) == 30:
                nights.clock.stepped = -2 * 3_600_000

        nights.provider.on_post = step
        ended = await nights.start()
        assert ended.exit == Exit.of(Reason.WINDOW)
        assert calendar.closes(nights.clock.now()) == nights.clock.now()

    nights = play(ledger, 1000, "2026-11-23 23:00", set_back, rules(calendar, rate=1 / 60))
    times = [post.at for post in nights.provider.posts]
    assert all(later - earlier >= 60_600 for earlier, later in pairwise(times))
    assert rome("2026-11-24 07:58") < times[-1] < rome("2026-11-24 08:00") + LEAD
    assert len({post.subject for post in nights.provider.posts}) == len(times)
