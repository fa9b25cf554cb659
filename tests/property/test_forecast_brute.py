"""The forecast against a simulation that sends every single message, one after another.

The simulation shares nothing with the forecast but the dataclasses: it reads the wall clock through zoneinfo,
keeps its own counters by date, and moves quarter by quarter of an hour where nothing can be sent.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bulk_pec.config.values import Window
from bulk_pec.domain.calendar import WEEKDAYS, Calendar
from bulk_pec.planning import Limit, MailboxLimits, Speed, Work, forecast
from bulk_pec.planning.mailboxes import shares

ROME = ZoneInfo("Europe/Rome")
RATES = {0.0202: 50, 0.0101: 100, 0.00505: 200, 0.00202: 500, 0.00101: 1000}
"""Rates, and the seconds between two starts that they make with the margin: whole ones."""
STARTS = [
    datetime(2026, 3, 27, 9, tzinfo=UTC),
    datetime(2026, 10, 23, 9, tzinfo=UTC),
    datetime(2026, 12, 30, 20, tzinfo=UTC),
    datetime(2028, 2, 28, 22, 30, tzinfo=UTC),
    datetime(2026, 4, 4, 3, 17, tzinfo=UTC),
]
EASTER_MONDAY = date(2026, 4, 6)
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30]))
WINDOWS = st.none() | st.tuples(TIMES, TIMES).filter(lambda ends: ends[0] != ends[1]).map(
    lambda ends: Window(*ends)
)
CAPS = st.none() | st.integers(5, 60)
BOXES = st.builds(
    MailboxLimits,
    address=st.just("ufficio@pec.example.com"),
    per_day=CAPS,
    per_month=CAPS,
    per_year=st.none() | st.integers(50, 120),
    used_day=st.integers(0, 20),
    used_month=st.integers(0, 30),
    used_year=st.integers(0, 100),
    free_bytes=st.none() | st.integers(0, 40_000_000),
)
QUARTER = 900
LAST_DAYS = 40


@dataclass
class Simulation:
    """Messages one by one."""

    work: Work
    intervals: list[int]
    calendar: Calendar
    boxes: list[MailboxLimits]
    now: int
    nights: Counter[date] = field(default_factory=Counter)
    starts: list[int] = field(default_factory=list)

    def night(self, at: int) -> date | None:
        """The day to which a moment belongs, if sending is allowed then."""
        local = datetime.fromtimestamp(at, ROME)
        shown, begun, window = local.time(), local.date(), self.calendar.window
        if window is not None:
            if window.start > window.end and shown < window.end:
                begun -= timedelta(days=1)
            elif shown < window.start or (window.start < window.end <= shown):
                return None
        days, off = self.calendar.days, self.calendar.holidays
        if (days is not None and WEEKDAYS[begun.weekday()] not in days) or (off is not None and off(begun)):
            return None
        return begun

    def run(self) -> None:
        """Send until all is sent or the last day is over."""
        sent = [0] * len(self.boxes)
        keys = [self._keys(self.now)] * len(self.boxes)
        used = [[box.used_year, box.used_month, box.used_day] for box in self.boxes]
        ready, at, afford = [self.now] * len(self.boxes), self.now, self.work.affordable
        while len(self.starts) < afford and at < self.now + LAST_DAYS * 86_400:
            night = self.night(at)
            for index in range(len(self.boxes)):
                fresh = self._keys(at)
                used[index] = [
                    0 if old != new else count
                    for old, new, count in zip(keys[index], fresh, used[index], strict=True)
                ]
                keys[index] = fresh
            choice = self._choose(sent, used, ready, at) if night is not None else None
            if choice is None or night is None:
                later = [moment for moment in ready if moment > at]
                at = min([at // QUARTER * QUARTER + QUARTER, *later])
                continue
            weight = self._weight(sent[choice])
            used[choice] = [count + weight for count in used[choice]]
            sent[choice] += 1
            self.nights[night] += 1
            self.starts.append(at)
            ready[choice] = at + self.intervals[choice]
            at += self.intervals[-1]

    def _keys(self, at: int) -> list[object]:
        local = datetime.fromtimestamp(at, ROME)
        return [local.year, (local.year, local.month), local.date()]

    def _weight(self, sent: int) -> int:
        total, of = self.work.counted, self.work.messages
        return (sent + 1) * total // of - sent * total // of

    def _left(self, index: int, sent: int, used: list[int]) -> tuple[int, int]:
        """Messages until the year's, the month's or the space's end; and until the day's."""
        box, long, short = self.boxes[index], 10**9 - sent, 10**9
        for cap, count in ((box.per_year, used[0]), (box.per_month, used[1])):
            long = min(long, self._fit(cap, count, sent))
        if box.free_bytes is not None:
            long = min(long, box.free_bytes * self.work.messages // self.work.receipt_bytes - sent)
        return long, min(short, self._fit(box.per_day, used[2], sent))

    def _fit(self, cap: int | None, used: int, sent: int) -> int:
        if cap is None:
            return 10**9 - sent
        count = 0
        while used + self._weight(sent + count) <= cap:
            used += self._weight(sent + count)
            count += 1
        return count

    def _choose(self, sent: list[int], used: list[list[int]], ready: list[int], at: int) -> int | None:
        """The mailbox that has the most left, of those that may send now."""
        best: tuple[int, int] | None = None
        for index in range(len(self.boxes)):
            long, day = self._left(index, sent[index], used[index])
            if ready[index] <= at and min(long, day) > 0 and (best is None or long > best[0]):
                best = long, index
        return None if best is None else best[1]


def calendar_of(window: Window | None, days: set[str] | None, off: bool) -> Calendar:
    """A calendar that may know of Easter Monday."""
    return Calendar("Europe/Rome", window, days, EASTER_MONDAY.__eq__ if off else None)


@settings(max_examples=100, deadline=None)
@given(
    messages=st.integers(1, 150),
    several=st.integers(0, 60),
    rate=st.sampled_from(sorted(RATES)),
    start=st.sampled_from(STARTS),
    window=WINDOWS,
    days=st.none() | st.sets(st.sampled_from(WEEKDAYS), min_size=1),
    off=st.booleans(),
    boxes=st.lists(BOXES, min_size=1, max_size=3),
    budget=st.none() | st.integers(1, 150),
)
@example(90, 0, 0.0101, STARTS[1], Window(time(20), time(2, 30)), None, False, [MailboxLimits("a")], None)
@example(90, 0, 0.00101, STARTS[0], None, None, False, [MailboxLimits("a")], None)
@example(
    6, 58, 0.00101, STARTS[0], None, None, False, [MailboxLimits("a", per_day=7, free_bytes=9)] * 2, None
)
def test_as_many_as_if_each_message_were_sent(  # noqa: PLR0917 - hypothesis gives them by name
    messages: int,
    several: int,
    rate: float,
    start: datetime,
    window: Window | None,
    days: set[str] | None,
    off: bool,
    boxes: list[MailboxLimits],
    budget: int | None,
) -> None:
    """Every night's count, the first and the last start, and what is left are those of the simulation."""
    max_cost = None if budget is None else budget / 10
    work = Work(messages, addresses=messages + several, price=0.1, max_cost=max_cost)
    calendar = calendar_of(window, days, off)
    now = int(start.timestamp())
    if start.month != 12:  # where the year does not end soon, its cap would take years
        boxes = [replace(box, per_year=None) for box in boxes]
    found = forecast(work, Speed(rate), calendar, boxes, now * 1000)
    # What takes years is no different, but takes long to simulate.
    assume(not found.nights or found.end_ms is None or found.end_ms < (now + LAST_DAYS * 86_400) * 1000)

    simulation = Simulation(work, [RATES[rate]] * len(boxes), calendar, boxes, now)
    simulation.run()
    assert {night.date: night.messages for night in found.nights} == dict(simulation.nights)
    assert found.left == messages - len(simulation.starts)
    assert found.start_ms == (simulation.starts[0] * 1000 if simulation.starts else None)
    assert found.end_ms == (simulation.starts[-1] * 1000 if simulation.starts else None)
    if found.left:
        assert found.binding is not None


@settings(max_examples=60, deadline=None)
@given(
    messages=st.integers(1, 150),
    start=st.sampled_from(STARTS),
    window=WINDOWS,
    boxes=st.lists(BOXES, min_size=2, max_size=3),
    slower=st.lists(st.sampled_from([100, 200, 500, 1000]), min_size=3, max_size=3),
)
def test_slow_mailboxes_are_taken_at_their_best(
    messages: int, start: datetime, window: Window | None, boxes: list[MailboxLimits], slower: list[int]
) -> None:
    """With mailboxes slower than the overall pace the forecast is a bound no schedule beats."""
    rates = {seconds: rate for rate, seconds in RATES.items()}
    paced = [
        MailboxLimits("a", rates[seconds], box.per_day, box.per_month)
        for box, seconds in zip(boxes, slower, strict=False)
    ]
    calendar, now = calendar_of(window, None, off=False), int(start.timestamp())
    work = Work(messages)
    found = forecast(work, Speed(0.0202), calendar, paced, now * 1000)
    assume(found.end_ms is not None and found.end_ms < (now + LAST_DAYS * 86_400) * 1000)
    simulation = Simulation(work, [*slower[: len(paced)], 50], calendar, paced, now)
    simulation.run()
    assert found.end_ms is not None
    assert found.end_ms <= simulation.starts[-1] * 1000
    assert found.nights[0].messages >= simulation.nights[found.nights[0].date]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30)), min_size=1, max_size=4), st.integers(0, 50)
)
def test_shares_are_those_of_one_by_one(mailboxes: list[tuple[int, int]], asked: int) -> None:
    """The closed form shares messages out exactly as giving each to whoever has the most left."""
    most = [min(can, left) for can, left in mailboxes]
    reserves = [left for _, left in mailboxes]
    total = min(asked, sum(most))
    given_out = [0] * len(most)
    for _ in range(total):
        able = [index for index in range(len(most)) if given_out[index] < most[index]]
        given_out[max(able, key=lambda index: (reserves[index] - given_out[index], -index))] += 1
    assert shares(total, most, reserves) == given_out


@settings(max_examples=40, deadline=None)
@given(messages=st.integers(1, 400), window=WINDOWS, box=BOXES, budget=st.none() | st.integers(0, 500))
def test_the_sums_hold(messages: int, window: Window | None, box: MailboxLimits, budget: int | None) -> None:
    """Nights add up to what is sent, are in order, not empty, within their hours; the cost is theirs."""
    calendar, box = calendar_of(window, None, off=False), replace(box, per_year=None)
    now = int(STARTS[0].timestamp()) * 1000
    work = Work(messages, price=0.05, max_cost=None if budget is None else budget / 10)
    found = forecast(work, Speed(), calendar, [box], now)
    assert sum(night.messages for night in found.nights) + found.left == messages
    assert all(night.messages > 0 for night in found.nights)
    assert all(one.date < two.date for one, two in zip(found.nights, found.nights[1:], strict=False))
    assert found.cost == round((messages - found.left) * 0.05, 2)
    assert work.max_cost is None or found.cost <= work.max_cost
    for night in found.nights:
        assert night.messages <= (night.closes_ms - night.opens_ms) / 1010 + 1
        assert (night.binding is None) == (night is found.nights[-1] and not found.left)
    if found.start_ms is not None and found.end_ms is not None:
        assert now <= found.nights[0].opens_ms <= found.start_ms <= found.end_ms < found.nights[-1].closes_ms
        assert calendar.is_open(found.start_ms)
        assert calendar.is_open(found.end_ms)
    assert found.binding in {None, *Limit}
