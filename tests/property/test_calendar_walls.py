"""The calendar against the wall clock itself, minute by minute, where the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bulk_pec.config.values import Window
from bulk_pec.domain.calendar import WEEKDAYS, Calendar

MINUTE = 60_000
CHANGES = [
    ("Europe/Rome", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Rome", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("Europe/Rome", datetime(2026, 12, 31, 23, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 10, 29, 21, tzinfo=UTC)),  # midnight goes back to 23:00
    ("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),  # midnight does not exist
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),  # half an hour
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),  # a whole day does not exist
    ("Asia/Kathmandu", datetime(2026, 2, 28, 18, 15, tzinfo=UTC)),
]
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 59]))
WINDOWS = st.none() | st.tuples(TIMES, TIMES).filter(lambda ends: ends[0] != ends[1]).map(
    lambda ends: Window(*ends)
)
DAYS = st.none() | st.sets(st.sampled_from(WEEKDAYS), min_size=1)


def shown_inside(
    at: int, zone: ZoneInfo, window: Window | None, days: set[str] | None, off: set[date]
) -> bool:
    """What the calendar's one sentence says, by the clock alone: no spans, no offsets."""
    local = datetime.fromtimestamp(at // 1000, zone)
    minute = local.hour * 60 + local.minute
    begun = local.date()
    if window is not None:
        start = window.start.hour * 60 + window.start.minute
        end = window.end.hour * 60 + window.end.minute
        if start > end and minute < end:
            begun -= timedelta(days=1)
        elif minute < start or (start < end <= minute):
            return False
    return begun not in off and (days is None or WEEKDAYS[begun.weekday()] in days)


@settings(max_examples=150, deadline=None)
@given(
    change=st.sampled_from(CHANGES),
    window=WINDOWS,
    days=DAYS,
    off=st.sets(st.integers(-2, 2), max_size=2),
    hours=st.integers(1, 30),
)
@example(CHANGES[1], Window(time(2, 30), time(2, 15)), None, set(), 3)
@example(CHANGES[3], Window(time(23, 30), time(0, 30)), None, set(), 3)
@example(CHANGES[4], Window(time(0, 15), time(0, 45)), None, set(), 3)
@example(CHANGES[6], None, None, set(), 30)
def test_it_is_open_exactly_when_the_clock_says_so(
    change: tuple[str, datetime], window: Window | None, days: set[str] | None, off: set[int], hours: int
) -> None:
    """Minute by minute `is_open`, `stretches`, `next_open` and `closes` agree with the clock."""
    name, moment = change
    zone, middle = ZoneInfo(name), int(moment.timestamp()) * 1000
    holidays = {moment.date() + timedelta(days=number) for number in off}
    calendar = Calendar(name, window, days, holidays.__contains__ if holidays else None)
    first, last = middle - hours * 60 * MINUTE, middle + 30 * 60 * MINUTE
    minutes = range(first, last, MINUTE)
    expected = [shown_inside(at, zone, window, days, holidays) for at in minutes]

    assert [calendar.is_open(at) for at in minutes] == expected
    covered = [False] * len(minutes)
    for stretch in calendar.stretches(first):
        if stretch.start_ms >= last:
            break
        for at in range(stretch.start_ms, min(stretch.end_ms, last), MINUTE):
            assert not covered[(at - first) // MINUTE], "stretches do not overlap"
            covered[(at - first) // MINUTE] = True
    assert covered == expected
    for (was, now), at in zip(pairwise(expected), minutes[1:], strict=True):
        if now and not was:
            assert calendar.next_open(at - 1) == at
        if was and not now:
            assert calendar.closes(at - 1) == at


@settings(max_examples=150, deadline=None)
@given(
    change=st.sampled_from(CHANGES), offset=st.integers(-60 * 60 * 1000, 60 * 60 * 1000).map(lambda n: n * 60)
)
def test_a_day_ends_where_its_key_does(change: tuple[str, datetime], offset: int) -> None:
    """Up to `day_ends` the day's key stays, and there it is another."""
    name, moment = change
    calendar, at = Calendar(name), int(moment.timestamp()) * 1000 + offset
    end = calendar.day_ends(at)
    assert at < end
    assert calendar.period(end - 1).day == calendar.period(at).day
    assert calendar.period(end).day > calendar.period(at).day
