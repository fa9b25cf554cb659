"""The timekeeper: once `--until` or `--max-duration` has come, what can wait is not begun any more."""

from __future__ import annotations

from datetime import time

from support.inboxes import NOW, HandClock

from bulk_pec.domain.calendar import Calendar
from bulk_pec.nightly.timekeeper import Timekeeper
from bulk_pec.sending.stops import Stops


def test_the_time_is_over_when_it_has_come() -> None:
    """Not before; without an end, never."""
    clock, calendar = HandClock(NOW), Calendar("UTC", None, None, None)
    free = Timekeeper(calendar, clock, Stops())
    timed = Timekeeper(calendar, clock, Stops(), duration=3_600.0)
    until = Timekeeper(calendar, clock, Stops(), until=time(10, 0))
    assert [one.over() for one in (free, timed, until)] == [False, False, False]
    clock.wait(3_700_000)
    assert [one.over() for one in (free, timed, until)] == [False, True, False]
    clock.wait(3_600_000)
    assert [one.over() for one in (free, timed, until)] == [False, True, True]
