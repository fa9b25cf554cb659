"""Pace: how far apart the first bytes of two POSTs are.

The vendor allows about one POST /send a second. The slot is taken at the first byte itself, when the
intent is committed and the connection open, so a slow commit loses its slot and nothing is caught up in
a burst. Starts are 1.01/rate apart; the margin absorbs jitter on the way.
"""

from __future__ import annotations

import math

import anyio
from aiolimiter import AsyncLimiter

from bulk_pec.sending.stops import Stops

MARGIN = 1.01
LEAD = 0.1
"""Seconds before its slot at which a message's intent is committed: for the commit and a connection."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_LEAST_SHARE = 0.1
_CALM = 10.0


class Pace:
    """The pace of one mailbox.

    Args:
        rate: POSTs a second; ``math.inf`` for no limit.
        stops: End the waiting.

    Attributes:
        interval: Seconds from one first byte to the next, at least.
    """

    def __init__(self, rate: float, stops: Stops) -> None:
        self._stops = stops
        self._rate = rate
        self._share = 1.0
        self._unlimited = math.isinf(rate)
        self.interval = 0.0 if self._unlimited else MARGIN / rate
        # A bucket of one: a larger one would grant a double burst in its first period.
        self._limiter = AsyncLimiter(1, max(self.interval, 1e-9))
        self._turn = anyio.Lock()
        self._room = anyio.Semaphore(1 if self._unlimited else max(1, math.ceil(rate * LEAD)))
        self._next = -math.inf
        self._paused_until = -math.inf
        self._pauses = 0
        self._throttled_at = -math.inf

    def start_after(self, seconds: float) -> None:
        """The first slot comes no sooner than this: an earlier process may just have used one."""
        if not self._unlimited:
            self._next = anyio.current_time() + seconds

    async def approach(self) -> None:
        """Wait until it is time to commit an intent, or a stop comes; a place is then held until `leave`."""
        if self._unlimited:
            await self._wait_out_pause()
            return
        await self._room.acquire()
        try:
            await self._wait_out_pause()
            ahead = self._next - LEAD - anyio.current_time()
            if self._room.value == 0 and ahead > 0:
                await self._stops.rest(ahead)
        except BaseException:
            self._room.release()
            raise

    async def _wait_out_pause(self) -> None:
        while self.paused and not self._stops.asked:
            await self._stops.rest(self._paused_until - anyio.current_time())

    @property
    def paused(self) -> bool:
        """Whether the mailbox pauses: an intent that meets a pause is closed as not sent."""
        return self._paused_until > anyio.current_time()

    async def slot(self) -> None:
        """Take the slot: returns when the first byte may leave, which must be at once, or is held back."""
        if self._unlimited:
            return
        async with self._turn:
            await self._stops.rest_unless_held(max(0.0, self._next - anyio.current_time()))
            if self._stops.held_back:
                return
            await self._limiter.acquire()
            if self._share < 1.0 and anyio.current_time() - self._throttled_at >= _CALM:
                self._share = 1.0
            self._next = anyio.current_time() + self.interval / self._share

    def leave(self) -> None:
        """Give the place of `approach` back: the first byte left, or never will."""
        if not self._unlimited:
            self._room.release()

    def throttled(self, retry_after: float | None) -> float:
        """The provider asked for less: pause, then go on at half the rate. Returns the pause in seconds.

        Answers that come while a pause is on belong to it: they neither lengthen it nor halve again,
        unless one names a later time. A Retry-After of nought names none.
        """
        now = anyio.current_time()
        if self.paused:
            self._paused_until = max(self._paused_until, now + (retry_after or 0.0))
            self._throttled_at = self._paused_until  # the calm time counts from the pause's real end
            return self._paused_until - now
        self._pauses = self._pauses + 1 if now - self._throttled_at < _LONGEST_PAUSE + _CALM else 1
        pause = retry_after or _pause(self._pauses)
        self._throttled_at = now + pause
        self._share = max(_LEAST_SHARE, self._share / 2)
        self._paused_until = now + pause
        return pause

    def back_off(self, failures: int) -> float:
        """The provider cannot be reached: pause 1, 2, 4 … 60 s. Returns the pause."""
        now = anyio.current_time()
        if not self.paused:
            self._paused_until = now + _pause(failures)
        return self._paused_until - now


def _pause(times: int) -> float:
    return float(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (times - 1)))
