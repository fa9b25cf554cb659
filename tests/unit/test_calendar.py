"""Windows, days and calendar periods, on ordinary days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bulk_pec.config.values import Window
from bulk_pec.domain.calendar import Calendar, Period, Stretch
from bulk_pec.domain.errors import ConfigError

ROME = ZoneInfo("Europe/Rome")
NIGHT = Window(time(20), time(6))
OFFICE = Window(time(8, 30), time(18))
WORKDAYS = ["mon", "tue", "wed", "thu", "fri"]


def ms(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    """A moment on Rome's clock."""
    return int(datetime(year, month, day, hour, minute, tzinfo=ROME).timestamp()) * 1000


def stretch(start: int, end: int, day: date) -> Stretch:
    """A stretch, short to write."""
    return Stretch(start, end, day)


def test_without_limits_it_is_always_open_and_never_closes() -> None:
    """No window, no days, no holidays: open at any moment, for ever."""
    calendar = Calendar("Europe/Rome")
    at = ms(2026, 11, 23, 3)
    assert calendar.always_open
    assert calendar.is_open(at)
    assert calendar.next_open(at) == at
    assert calendar.closes(at) is None


def test_all_seven_days_are_the_same_as_none_named() -> None:
    """Naming every day restricts nothing."""
    days = [*WORKDAYS, "sat", "sun"]
    assert Calendar("Europe/Rome", days=days).always_open


def test_a_window_within_a_day() -> None:
    """The first minute is inside, the last one is not."""
    calendar = Calendar("Europe/Rome", OFFICE)
    opens, closes = ms(2026, 11, 23, 8, 30), ms(2026, 11, 23, 18)
    assert not calendar.is_open(opens - 1)
    assert calendar.is_open(opens)
    assert calendar.is_open(closes - 1)
    assert not calendar.is_open(closes)
    assert calendar.next_open(ms(2026, 11, 23, 2)) == opens
    assert calendar.next_open(closes) == ms(2026, 11, 24, 8, 30)
    assert calendar.closes(opens) == closes


def test_a_window_over_midnight() -> None:
    """20:00-06:00 is open at 23:59, at 00:00 and at 05:59, and belongs to the day it began on."""
    calendar = Calendar("Europe/Rome", NIGHT)
    opens, closes = ms(2026, 11, 23, 20), ms(2026, 11, 24, 6)
    assert not calendar.is_open(opens - 1)
    assert all(calendar.is_open(at) for at in (opens, ms(2026, 11, 24), closes - 1))
    assert not calendar.is_open(closes)
    assert calendar.closes(ms(2026, 11, 24)) == closes
    first = next(calendar.stretches(ms(2026, 11, 24, 1)))
    assert first == stretch(ms(2026, 11, 24, 1), closes, date(2026, 11, 23))


def test_a_window_that_ends_at_midnight() -> None:
    """20:00-00:00 ends with the day and does not reach into the next."""
    calendar = Calendar("Europe/Rome", Window(time(20), time(0)))
    assert calendar.closes(ms(2026, 11, 23, 21)) == ms(2026, 11, 24)
    assert not calendar.is_open(ms(2026, 11, 24))


def test_closed_closes_at_once() -> None:
    """Asked when it is closed, `closes` names that very moment."""
    at = ms(2026, 11, 23, 12)
    assert Calendar("Europe/Rome", NIGHT).closes(at) == at


def test_friday_night_reaches_into_saturday() -> None:
    """On working days 20:00-06:00 is open on Saturday at 05:59, not on Monday at 05:59."""
    calendar = Calendar("Europe/Rome", NIGHT, WORKDAYS)
    friday, saturday, monday = date(2026, 11, 27), date(2026, 11, 28), date(2026, 11, 30)
    assert (friday.weekday(), saturday.weekday(), monday.weekday()) == (4, 5, 0)
    assert calendar.is_open(ms(2026, 11, 28, 5, 59))
    assert not calendar.is_open(ms(2026, 11, 28, 20))
    assert not calendar.is_open(ms(2026, 11, 30, 5, 59))
    assert calendar.next_open(ms(2026, 11, 28, 6)) == ms(2026, 11, 30, 20)
    found = calendar.stretches(ms(2026, 11, 27, 12))
    assert next(found) == stretch(ms(2026, 11, 27, 20), ms(2026, 11, 28, 6), friday)
    assert next(found) == stretch(ms(2026, 11, 30, 20), ms(2026, 12, 1, 6), monday)


def test_days_without_a_window_touch_and_close_once() -> None:
    """Monday to Friday without a window is one opening from Monday 00:00 to Saturday 00:00."""
    calendar = Calendar("Europe/Rome", days=WORKDAYS)
    assert calendar.closes(ms(2026, 11, 24, 9)) == ms(2026, 11, 28)
    assert calendar.next_open(ms(2026, 11, 28)) == ms(2026, 11, 30)
    found = calendar.stretches(ms(2026, 11, 23))
    assert [next(found).day for _ in range(6)] == [
        *(date(2026, 11, 23 + index) for index in range(5)),
        date(2026, 11, 30),
    ]


def test_a_day_never_off_never_closes() -> None:
    """Holidays that never come do not make it search for ever."""
    assert Calendar("Europe/Rome", holidays=lambda _: False).closes(ms(2026, 11, 23)) is None


def test_a_calendar_without_any_opening_says_so() -> None:
    """When every day is a holiday there are no stretches, and `next_open` is a clean error."""
    calendar = Calendar("Europe/Rome", NIGHT, holidays=lambda _: True)
    assert list(calendar.stretches(ms(2026, 11, 23))) == []
    with pytest.raises(ConfigError, match="no time to send"):
        calendar.next_open(ms(2026, 11, 23))


def test_stretches_end_where_dates_end() -> None:
    """Near the year 9999 the search ends rather than fails."""
    late = int((datetime(9999, 12, 20, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1000
    assert 0 < len(list(Calendar("Europe/Rome").stretches(late))) < 12


@pytest.mark.parametrize("days", [[], ["monday"], ["mon", "Tue"]])
def test_unknown_days_are_refused(days: list[str]) -> None:
    """A calendar that would never open by mistake cannot be made."""
    with pytest.raises(ValueError, match="days must be some of mon, tue"):
        Calendar("Europe/Rome", days=days)


@dataclass(frozen=True)
class _Same:
    start: time = time(6)
    end: time = time(6)


def test_a_window_of_no_length_is_refused() -> None:
    """Whether 06:00-06:00 means always or never is not guessed."""
    with pytest.raises(ValueError, match="different times"):
        Calendar("Europe/Rome", _Same())


def test_a_leap_day_is_a_day() -> None:
    """29 February 2028 has its window, its own day key, and February's month key."""
    calendar = Calendar("Europe/Rome", NIGHT)
    assert next(calendar.stretches(ms(2028, 2, 29, 12))).day == date(2028, 2, 29)
    assert calendar.period(ms(2028, 2, 29, 23, 59)) == Period("2028-02-29", "2028-02", "2028")
    assert calendar.closes(ms(2028, 2, 29, 20)) == ms(2028, 3, 1, 6)


def test_periods_change_at_local_midnight() -> None:
    """Caps are calendar periods on the local clock: a night has two days, and may have two years."""
    calendar = Calendar("Europe/Rome", NIGHT)
    midnight = ms(2027, 1, 1)
    assert calendar.period(midnight - 1) == Period("2026-12-31", "2026-12", "2026")
    assert calendar.period(midnight) == Period("2027-01-01", "2027-01", "2027")
    assert datetime.fromtimestamp(midnight / 1000, UTC).year == 2026, "in UTC it is still the old year"


def test_a_day_ends_at_the_next_local_midnight() -> None:
    """From the first millisecond to the last."""
    calendar = Calendar("Europe/Rome")
    assert calendar.day_ends(ms(2026, 11, 23)) == ms(2026, 11, 24)
    assert calendar.day_ends(ms(2026, 11, 24) - 1) == ms(2026, 11, 24)


def test_another_time_zone_has_its_own_midnight() -> None:
    """A zone with an odd offset: Kathmandu is 5 h 45 ahead."""
    calendar = Calendar("Asia/Kathmandu", OFFICE)
    opens = datetime(2026, 11, 23, 2, 45, tzinfo=UTC)
    assert calendar.next_open(int((opens - timedelta(hours=1)).timestamp()) * 1000) == int(
        opens.timestamp() * 1000
    )
