"""When sending is allowed, and which calendar period a moment belongs to. It has no clock of its own.

One sentence decides everything: **it is open at a moment if and only if the local clock shows a time inside
the window then, and the day on which that window began is permitted.** What follows from it:

* A window that crosses midnight belongs to the day it began on: Friday's 20:00-06:00 reaches into Saturday,
  and Saturday's early hours are open though Saturday is not permitted. The same holds for holidays.
* An hour that does not exist (spring) is never shown, so it is never open: a window that lies wholly in it
  does not open that night, one that begins in it opens when the clocks have moved, one that ends in it
  closes then. 20:00-06:00 lasts nine hours that night.
* An hour that is repeated (autumn) is shown twice and counts twice. 20:00-06:00 lasts eleven hours. A window
  that begins or ends inside it opens twice: 20:00-02:30 is open to the first 02:30, closed while the clock
  goes on to 03:00, open again from the second 02:00 to the second 02:30.

Moments are milliseconds since the epoch, UTC. The rules of a time zone come from the IANA database that
Python's zoneinfo reads; a zone is taken to change its offset at most once within three days.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from bulk_pec.domain.errors import ConfigError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The names of the days, in the order of `date.weekday`."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DAY = timedelta(days=1)
_DAY_MS = 86_400_000
_LAST_DAY = date.max - 3 * _DAY
_BARREN_DAYS = 1000
"""When so many days in a row are not permitted, none ever will be."""
_ENDLESS_MS = 1000 * _DAY_MS
"""What is open without a break for so long is taken never to close."""


class DailyWindow(Protocol):
    """A daily stretch of local time. When `end` is before `start` it runs over midnight."""

    @property
    def start(self) -> time:
        """The first moment inside."""
        ...

    @property
    def end(self) -> time:
        """The first moment outside again; never equal to `start`."""
        ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """Open without a break, and belonging to one day.

    Attributes:
        start_ms: The first moment inside.
        end_ms: The first moment outside again.
        day: The day it belongs to: the local date on which its window began.
    """

    start_ms: int
    end_ms: int
    day: date


@dataclass(frozen=True, slots=True)
class Period:
    """The calendar periods a moment lies in, as keys under which what counts against a cap can be kept.

    Attributes:
        day: For example ``2026-11-23``.
        month: For example ``2026-11``.
        year: For example ``2026``.
    """

    day: str
    month: str
    year: str


class Calendar:
    """When sending is allowed.

    Args:
        timezone: A name of the IANA database, such as ``Europe/Rome``.
        window: The part of each day; None: the whole day.
        days: The permitted days, of `WEEKDAYS`; None: all.
        holidays: Tells of a date whether it is a holiday; nothing that begins on one is open. None: none are.

    Raises:
        ValueError: `days` is empty or has an unknown name, or the window's ends are the same.
        ZoneInfoNotFoundError: There is no such time zone.
    """

    def __init__(
        self,
        timezone: str,
        window: DailyWindow | None = None,
        days: Collection[str] | None = None,
        holidays: Callable[[date], bool] | None = None,
    ) -> None:
        if days is not None and (not days or not set(days) <= set(WEEKDAYS)):
            raise ValueError(f"days must be some of {', '.join(WEEKDAYS)}")
        if window is not None and window.start == window.end:
            raise ValueError("a window must start and end at different times")
        self.timezone = timezone
        self.window = window
        self.days = None if days is None or len(set(days)) == len(WEEKDAYS) else frozenset(days)
        self.holidays = holidays
        self._zone = ZoneInfo(timezone)
        self._last: tuple[int | None, Period] = None, Period("", "", "")

    def unrestricted(self) -> Calendar:
        """A calendar of the same time zone that is always open."""
        return Calendar(self.timezone)

    @property
    def always_open(self) -> bool:
        """Whether nothing restricts it."""
        return self.window is None and self.days is None and self.holidays is None

    def local(self, at_ms: int) -> datetime:
        """The moment on the local clock, aware of its zone."""
        return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(self._zone)

    def is_open(self, at_ms: int) -> bool:
        """Whether sending is allowed at this moment."""
        local = self.local(at_ms)
        day, shown = local.date(), local.time()
        if self.window is not None:
            start, end = self.window.start, self.window.end
            if start > end and shown < end:
                day -= _DAY
            elif not (start <= shown and (start > end or shown < end)):
                return False
        return self._permits(day)

    def next_open(self, at_ms: int) -> int:
        """The first moment from `at_ms` on, itself included, at which sending is allowed.

        Raises:
            ConfigError: There is none in almost three years.
        """
        for stretch in self.stretches(at_ms):
            return stretch.start_ms
        raise ConfigError(
            "sending.window, sending.days and sending.skip_holidays leave no time to send.",
            hint="Widen the window or permit more days.",
        )

    def closes(self, at_ms: int) -> int | None:
        """The first moment from `at_ms` on at which sending is not allowed; `at_ms` itself if it is closed.

        None: it never closes. Stretches that touch are one here: with days but no window, Friday's end is
        the end of the whole week's.
        """
        if not self.is_open(at_ms):
            return at_ms
        end = at_ms
        for stretch in () if self.always_open else self.stretches(at_ms):
            if stretch.start_ms > end:
                return end
            end = stretch.end_ms
            if end - at_ms > _ENDLESS_MS:
                break
        return None

    def stretches(self, from_ms: int) -> Iterator[Stretch]:
        """Every open stretch from a moment on, in order; the first one cut to begin no sooner.

        Without a window each day is one stretch and they may touch. A clock change inside a window may part
        it into two of the same day. It ends where the calendar of Python does, in the year 9999, or where
        no day is permitted for almost three years.
        """
        held: list[Stretch] = []
        for day in self._days_from(self.local(from_ms).date() - _DAY):
            found = [
                Stretch(max(start, from_ms), end, day)
                for start, end in self._spans(*self._shown(day))
                if end > from_ms
            ]
            # A clock that goes back can open the day before once more when this one has begun.
            held = sorted(held + found, key=lambda stretch: stretch.start_ms)
            while any(stretch.day < day for stretch in held):
                yield held.pop(0)
        yield from held

    def _days_from(self, first: date) -> Iterator[date]:
        """The permitted days from one on, until Python's calendar ends or far too many in a row are not."""
        day, barren = first, 0
        while barren < _BARREN_DAYS and day < _LAST_DAY:
            barren += 1
            if self._permits(day):
                barren = 0
                yield day
            day += _DAY

    def next_time(self, at_ms: int, shown: time) -> int:
        """The first moment after `at_ms` at which the local clock comes to show a time of day.

        A time that does not exist that day (spring) is the moment the clocks have moved; one that is
        repeated (autumn) comes twice.
        """
        day = self.local(at_ms).date()
        while True:
            for moment in self._moments(datetime.combine(day, shown)):
                if moment > at_ms:
                    return moment
            day += _DAY

    def _moments(self, shown: datetime) -> list[int]:
        """When the local clock comes to show this; if it never does, when it has passed it by."""
        exact = self._spans(shown, shown + _MILLISECOND) or self._spans(shown, shown + _DAY)[:1]
        return [start for start, _ in exact]

    def period(self, at_ms: int) -> Period:
        """The local day, month and year of a moment: caps are calendar periods."""
        # Asked of every message, twice; within a second of UTC no clock on earth goes on to the next day.
        second, found = self._last
        if second == at_ms // 1000:
            return found
        day = self.local(at_ms).date().isoformat()
        found = Period(day, day[:7], day[:4])
        self._last = at_ms // 1000, found
        return found

    def day_ends(self, at_ms: int) -> int:
        """The moment the next local calendar day begins."""
        midnight = datetime.combine(self.local(at_ms).date(), time())
        return next(end for start, end in self._spans(midnight, midnight + _DAY) if start <= at_ms < end)

    def _permits(self, day: date) -> bool:
        named = self.days is None or WEEKDAYS[day.weekday()] in self.days
        return named and not (self.holidays is not None and self.holidays(day))

    def _shown(self, day: date) -> tuple[datetime, datetime]:
        """What the local clock shows when a day's window begins and ends."""
        if self.window is None:
            midnight = datetime.combine(day, time())
            return midnight, midnight + _DAY
        last = day if self.window.start < self.window.end else day + _DAY
        return datetime.combine(day, self.window.start), datetime.combine(last, self.window.end)

    def _spans(self, first: datetime, last: datetime) -> list[tuple[int, int]]:
        """The stretches of time in which the local clock shows `first` or later, and not yet `last`."""
        start, end = _naive_ms(first), _naive_ms(last)
        low, high = start - _DAY_MS, end + _DAY_MS
        before, after = self._offset(low), self._offset(high)
        if before == after:
            return [(start - before, end - before)]
        change = self._change(low, high)
        old = (start - before, min(end - before, change))
        new = (max(start - after, change), end - after)
        if old[0] < old[1] == new[0] < new[1]:
            return [(old[0], new[1])]
        return [span for span in (old, new) if span[0] < span[1]]

    def _change(self, low: int, high: int) -> int:
        """The first moment with another offset than `low`'s, somewhere up to `high`."""
        before = self._offset(low)
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(middle) == before:
                low = middle
            else:
                high = middle
        return high

    def _offset(self, at_ms: int) -> int:
        """Milliseconds by which the local clock is ahead of UTC."""
        offset = self.local(at_ms).utcoffset() or timedelta()
        return offset // _MILLISECOND


def _naive_ms(shown: datetime) -> int:
    """What a local clock shows, as if it were UTC."""
    return (shown.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND
