"""Italian public holidays, and nights that begin on one."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from bulk_pec.config.values import Window
from bulk_pec.domain.calendar import Calendar
from bulk_pec.planning.holidays import italian_holidays

ROME = ZoneInfo("Europe/Rome")
NIGHT = Window(time(20), time(6))
WORKDAYS = ["mon", "tue", "wed", "thu", "fri"]


def ms(year: int, month: int, day: int, hour: int = 0) -> int:
    """A moment on Rome's clock."""
    return int(datetime(year, month, day, hour, tzinfo=ROME).timestamp()) * 1000


@pytest.mark.parametrize(
    "day",
    [
        date(2026, 1, 1),
        date(2026, 1, 6),
        date(2026, 4, 5),
        date(2026, 4, 6),
        date(2026, 4, 25),
        date(2026, 5, 1),
        date(2026, 6, 2),
        date(2026, 8, 15),
        date(2026, 11, 1),
        date(2026, 12, 8),
        date(2026, 12, 25),
        date(2026, 12, 26),
        date(2024, 4, 1),
        date(2025, 4, 21),
        date(2027, 3, 29),
    ],
)
def test_the_public_holidays(day: date) -> None:
    """The fixed ones by law, and Easter Monday wherever it falls."""
    assert italian_holidays()(day)


@pytest.mark.parametrize(
    "day",
    [
        date(2026, 6, 24),
        date(2026, 6, 29),
        date(2026, 12, 7),
        date(2026, 3, 29),
        date(2026, 12, 24),
        date(2026, 4, 4),
    ],
)
def test_what_is_no_public_holiday(day: date) -> None:
    """Patron saints of Florence, Rome and Milan, a plain Sunday, Christmas Eve, Easter Saturday."""
    assert not italian_holidays()(day)


def test_saint_francis_counts_from_2026() -> None:
    """4 October became a holiday with law 151/2025, first in 2026."""
    look_up = italian_holidays()
    assert not look_up(date(2025, 10, 4))
    assert look_up(date(2026, 10, 4))


def test_the_language_of_the_machine_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library reads LANGUAGE; our look-up does not depend on it."""
    monkeypatch.setenv("LANGUAGE", "th")
    assert italian_holidays()(date(2026, 4, 6))


def test_the_slow_library_is_imported_only_when_asked() -> None:
    """Importing our module does not import the library."""
    script = "import sys, bulk_pec.planning.holidays; sys.exit('holidays' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_easter_monday_night_is_closed_and_the_one_before_runs_into_it() -> None:
    """Nothing begins on Easter Monday 2026-04-06; a night that began on the Friday before is not touched."""
    calendar = Calendar("Europe/Rome", NIGHT, WORKDAYS, italian_holidays())
    assert calendar.is_open(ms(2026, 4, 3, 23)), "Good Friday is a working day in Italy"
    assert calendar.is_open(ms(2026, 4, 4, 5))
    assert not calendar.is_open(ms(2026, 4, 6, 21))
    assert not calendar.is_open(ms(2026, 4, 7, 5))
    assert calendar.next_open(ms(2026, 4, 4, 6)) == ms(2026, 4, 7, 20)


def test_a_night_that_begins_before_a_holiday_runs_into_it() -> None:
    """25 April 2025 is a Friday: Thursday's night is open to 06:00 of the holiday, Friday's is not at all."""
    calendar = Calendar("Europe/Rome", NIGHT, holidays=italian_holidays())
    assert calendar.is_open(ms(2025, 4, 25, 5))
    assert not calendar.is_open(ms(2025, 4, 25, 20))
    assert not calendar.is_open(ms(2025, 4, 26, 3))
    assert calendar.next_open(ms(2025, 4, 25, 6)) == ms(2025, 4, 26, 20)


def test_holidays_without_a_window_are_whole_days() -> None:
    """On working days without a window, 8 December is closed from midnight to midnight."""
    calendar = Calendar("Europe/Rome", days=WORKDAYS, holidays=italian_holidays())
    assert calendar.closes(ms(2026, 12, 7, 12)) == ms(2026, 12, 8)
    assert calendar.next_open(ms(2026, 12, 8)) == ms(2026, 12, 9)
    assert calendar.closes(ms(2026, 12, 9)) == ms(2026, 12, 12)
