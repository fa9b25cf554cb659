"""The sandbox's time, and how the provider writes it: Italian local time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

_WINTER = timezone(timedelta(hours=1), "CET")
_SUMMER = timezone(timedelta(hours=2), "CEST")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class SandboxClock:
    """Seconds since the epoch, passing `speed` times as fast as the clock beneath.

    Args:
        speed: Sandbox seconds in a real second.
        start: Where it starts; None means the real time.
        real: Real seconds from any origin, never going back.

    Attributes:
        speed: As given.
    """

    def __init__(
        self, speed: float, start: datetime | None = None, real: Callable[[], float] = time.monotonic
    ) -> None:
        self._start = time.time() if start is None else start.timestamp()
        self.speed = speed
        self._real = real
        self._origin = real()
        self._skipped = 0.0

    def now(self) -> float:
        """Sandbox seconds since the epoch, UTC."""
        return self._start + (self._real() - self._origin) * self.speed + self._skipped

    def real(self) -> float:
        """Real seconds, from the origin of the clock beneath."""
        return self._real()

    def advance(self, seconds: float) -> None:
        """Jump forward by so many sandbox seconds.

        Raises:
            ValueError: `seconds` is negative: time does not go back.
        """
        if seconds < 0:
            raise ValueError("time does not go back")
        self._skipped += seconds


def local(at: float) -> datetime:
    """Italian local time, by the Union's rule (directive 2000/84/EC) so that no zone data is needed."""
    begins, ends = _summer_of(time.gmtime(at).tm_year)
    return datetime.fromtimestamp(at, _SUMMER if begins <= at < ends else _WINTER)


@lru_cache(maxsize=16)
def _summer_of(year: int) -> tuple[float, float]:
    """When summer time begins and ends, in seconds since the epoch."""
    return _last_sunday(year, 3).timestamp(), _last_sunday(year, 10).timestamp()


def _last_sunday(year: int, month: int) -> datetime:
    """01:00 UTC on the last Sunday of a month of 31 days."""
    end = datetime(year, month, 31, 1, tzinfo=UTC)
    return end - timedelta(days=(end.weekday() + 1) % 7)


def rfc2822(at: float, *, comment: bool = False) -> str:
    """A mail date, for example ``Wed, 26 Aug 2020 10:00:35 +0200``, with ``(CEST)`` after it if asked."""
    return _written(int(at), comment)


@lru_cache(maxsize=4096)
def _written(at: int, comment: bool) -> str:
    moment = local(at)
    text = (
        f"{_DAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]} {moment.year} "
        f"{moment:%H:%M:%S %z}"
    )
    return f"{text} ({moment:%Z})" if comment else text
