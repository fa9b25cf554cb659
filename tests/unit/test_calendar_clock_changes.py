"""Daylight saving: on 2026-03-29 Rome's clocks go from 02:00 to 03:00, on 2026-10-25 from 03:00 to 02:00.

Moments are written in UTC here: both changes are at 01:00 UTC.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from bulk_pec.config.values import Window
from bulk_pec.domain.calendar import Calendar, Stretch

HOUR = 3_600_000


def utc(month: int, day: int, hour: int, minute: int = 0) -> int:
    """A moment of 2026 in UTC."""
    return int(datetime(2026, month, day, hour, minute, tzinfo=UTC).timestamp()) * 1000


SPRING, AUTUMN = utc(3, 29, 1), utc(10, 25, 1)


def stretches(window: str, of: date) -> list[tuple[int, int]]:
    """The stretches that belong to a day."""
    calendar = Calendar("Europe/Rome", Window.parse(window))
    before = int(datetime(of.year, of.month, of.day, tzinfo=UTC).timestamp() * 1000) - 24 * HOUR
    found: list[Stretch] = []
    for stretch in calendar.stretches(before):
        if stretch.day > of:
            break
        found.append(stretch)
    return [(stretch.start_ms, stretch.end_ms) for stretch in found if stretch.day == of]


def test_the_spring_night_is_an_hour_short() -> None:
    """20:00-06:00 on 28 March lasts nine hours, without a break."""
    assert stretches("20:00-06:00", date(2026, 3, 28)) == [(utc(3, 28, 19), utc(3, 29, 4))]


def test_the_autumn_night_is_an_hour_long() -> None:
    """20:00-06:00 on 24 October lasts eleven hours, without a break."""
    assert stretches("20:00-06:00", date(2026, 10, 24)) == [(utc(10, 24, 18), utc(10, 25, 5))]


def test_a_window_in_the_hour_that_does_not_exist_does_not_open() -> None:
    """02:15-02:45 is never shown on 29 March; the day before and after it is open."""
    assert stretches("02:15-02:45", date(2026, 3, 29)) == []
    assert stretches("02:15-02:45", date(2026, 3, 28)) == [(utc(3, 28, 1, 15), utc(3, 28, 1, 45))]
    assert stretches("02:15-02:45", date(2026, 3, 30)) == [(utc(3, 30, 0, 15), utc(3, 30, 0, 45))]


def test_a_window_that_begins_in_the_missing_hour_opens_when_the_clock_has_moved() -> None:
    """02:30-06:00 opens at 03:00 summer time, the first moment the clock shows one of its times."""
    assert stretches("02:30-06:00", date(2026, 3, 29)) == [(SPRING, utc(3, 29, 4))]


def test_a_window_that_ends_in_the_missing_hour_closes_when_the_clock_moves() -> None:
    """20:00-02:30 ends at 02:00 winter time, when the clock leaps over its end."""
    assert stretches("20:00-02:30", date(2026, 3, 28)) == [(utc(3, 28, 19), SPRING)]


def test_a_window_in_the_repeated_hour_opens_twice() -> None:
    """02:15-02:45 is shown twice on 25 October, and is open both times."""
    assert stretches("02:15-02:45", date(2026, 10, 25)) == [
        (utc(10, 25, 0, 15), utc(10, 25, 0, 45)),
        (utc(10, 25, 1, 15), utc(10, 25, 1, 45)),
    ]


def test_a_window_that_begins_in_the_repeated_hour_pauses_while_the_clock_is_behind_it() -> None:
    """02:30-06:00: open from the first 02:30 to 03:00, closed to the second 02:30, open to 06:00."""
    assert stretches("02:30-06:00", date(2026, 10, 25)) == [
        (utc(10, 25, 0, 30), AUTUMN),
        (utc(10, 25, 1, 30), utc(10, 25, 5)),
    ]


def test_a_window_that_ends_in_the_repeated_hour_opens_again() -> None:
    """20:00-02:30: open to the first 02:30, and again from the second 02:00 to the second 02:30."""
    assert stretches("20:00-02:30", date(2026, 10, 24)) == [
        (utc(10, 24, 18), utc(10, 25, 0, 30)),
        (AUTUMN, utc(10, 25, 1, 30)),
    ]


def test_closing_and_opening_again_in_the_repeated_hour() -> None:
    """`closes` and `next_open` see the break that the clock's return makes."""
    calendar = Calendar("Europe/Rome", Window.parse("20:00-02:30"))
    assert calendar.closes(utc(10, 24, 23)) == utc(10, 25, 0, 30)
    assert calendar.next_open(utc(10, 25, 0, 30)) == AUTUMN
    assert calendar.closes(AUTUMN) == utc(10, 25, 1, 30)


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 23), (10, 25, 25), (10, 26, 24)])
def test_a_whole_day_is_as_long_as_it_is(month: int, day: int, hours: int) -> None:
    """Without a window a day is one stretch, of 23 or 25 hours when the clocks change."""
    calendar = Calendar("Europe/Rome", days=["sun", "mon"])
    found = calendar.stretches(utc(month, day, 0) - 3 * HOUR)
    whole = next(stretch for stretch in found if stretch.day == date(2026, month, day))
    assert whole.end_ms - whole.start_ms == hours * HOUR
    assert calendar.day_ends(whole.start_ms) == whole.end_ms


def test_the_day_of_a_repeated_hour_is_one_day() -> None:
    """Both passes of 02:30 count against the same day's cap."""
    calendar = Calendar("Europe/Rome")
    assert calendar.period(AUTUMN - HOUR // 2).day == calendar.period(AUTUMN + HOUR // 2).day == "2026-10-25"


def test_only_the_permitted_day_counts_over_the_change() -> None:
    """Saturday's night is open after the change on Sunday; Sunday alone is open only from 20:00."""
    saturday = Calendar("Europe/Rome", Window.parse("20:00-06:00"), ["sat"])
    sunday = Calendar("Europe/Rome", Window.parse("20:00-06:00"), ["sun"])
    assert saturday.is_open(AUTUMN)
    assert not sunday.is_open(AUTUMN)
    assert sunday.next_open(AUTUMN) == utc(10, 25, 19)
