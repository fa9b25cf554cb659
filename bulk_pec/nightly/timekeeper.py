"""The timekeeper: when this start must claim no more, by the wall clock and by how long it has run.

Both are asked again at least every minute: a wall clock may be set while the job works, and a machine may
have slept through the moment.
"""

from __future__ import annotations

from datetime import time

import anyio

from bulk_pec.clock import Clock
from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.exits import Reason
from bulk_pec.sending.stops import Stops

LOOK = 60.0
"""Seconds after which the clocks are asked again, at the latest."""


class Timekeeper:
    """Says when it is time.

    Args:
        calendar: When sending is allowed.
        clock: For both clocks.
        stops: Told when it is time to stop.
        until: No claims from the next moment on at which the local clock shows this.
        duration: No claims once so many seconds have passed.
    """

    def __init__(
        self,
        calendar: Calendar,
        clock: Clock,
        stops: Stops,
        *,
        until: time | None = None,
        duration: float | None = None,
    ) -> None:
        self._calendar = calendar
        self._clock = clock
        self._stops = stops
        self._until = None if until is None else calendar.next_time(clock.now(), until)
        self._ends = None if duration is None else clock.running() + duration

    async def keep_the_end(self) -> None:
        """Stop claims at `until` and after `duration`; returns once one of them has come."""
        while True:
            left = self._left()
            if left is None:
                return
            seconds, reason = left
            if seconds <= 0:
                self._stops.claims(reason)
                return
            await _rest(seconds)

    def over(self) -> bool:
        """Whether `until` or `duration` has come: then nothing that can wait is begun any more."""
        left = self._left()
        return left is not None and left[0] <= 0

    def _left(self) -> tuple[float, Reason] | None:
        """Seconds until the first end, and which it is."""
        ends: list[tuple[float, Reason]] = []
        if self._until is not None:
            ends.append(((self._until - self._clock.now()) / 1000, Reason.UNTIL))
        if self._ends is not None:
            ends.append((self._ends - self._clock.running(), Reason.MAX_DURATION))
        return min(ends) if ends else None

    def open(self) -> bool:
        """Whether it is open now; if it is not, claims are stopped."""
        now = self._clock.now()
        if self._calendar.is_open(now):
            return True
        opens = self._calendar.local(self._calendar.next_open(now))
        self._stops.claims(Reason.WINDOW, f"it opens {opens:%Y-%m-%d %H:%M} ({self._calendar.timezone})")
        return False

    async def keep_the_window(self) -> None:
        """Stop claims when the window closes; until cancelled."""
        while self.open():
            now = self._clock.now()
            closes = self._calendar.closes(now)
            await _rest(LOOK if closes is None else (closes - now) / 1000)

    async def sleep_until(self, moment: int) -> None:
        """Until the wall clock has come to a moment, in milliseconds since the epoch, or a stop is asked."""
        while not self._stops.asked and (left := moment - self._clock.now()) > 0:
            await self._stops.rest(min(LOOK, left / 1000))


async def _rest(seconds: float) -> None:
    """A millisecond at least: the wall clock's unit."""
    await anyio.sleep(min(LOOK, max(0.001, seconds)))
