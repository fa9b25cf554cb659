"""The timetable: the ledger's slots, told on this event loop's clock.

The ledger's clock is read somewhere between asking and being answered. So a time of it is known on the loop's
clock only between two ends, and is taken to be the later one: what errs, errs late. The narrowest measurement
of the last minute counts, as long as the newest one does not contradict it (a clock was set).
"""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from bulk_pec.clock import Clock
from bulk_pec.domain.slots import SECOND, Lane, Slot, Wanted
from bulk_pec.ledger.outbox.paces import Paces
from bulk_pec.sending.committer import LedgerThread

TOLERANCE = 0.03
"""Seconds after which a slot is missed: so late a start still leaves 0.95 s free of one too many."""
_LEAST_TOLERANCE = 0.005
_GOOD_FOR = 60.0
_LONG_AGO = 3600.0
_MILLISECOND = 0.001


@dataclass(slots=True, eq=False)
class Turn:
    """A slot on the loop's clock.

    Attributes:
        box: The mailbox's id.
        at: The first byte leaves no sooner.
        until: Nor later: then the slot is lost.
        slot: As the ledger gave it.
        held: Whether it is still to be used.
        claimed: Whether its message is ready for it: intent committed, connection open.
        ready: When its message began to get ready for it.
    """

    box: int
    at: float
    until: float
    slot: Slot
    held: bool = True
    claimed: bool = False
    ready: float = 0.0


@dataclass(frozen=True, slots=True)
class Turns:
    """What the ledger gave.

    Attributes:
        turns: In order of time.
        again: When asking again may give more; None: all that was asked for was given.
        paused: Until when each mailbox pauses.
        alone: Whether nobody else has taken a slot since this process did.
    """

    turns: list[Turn]
    again: float | None
    paused: dict[int, float]
    alone: bool


class Timetable:
    """Asks the ledger for slots.

    Args:
        thread: The ledger's.
        paces: The ledger's.
        clock: For the ledger's clock on SQLite.
        shared: Whether the database has a clock of its own (Postgres).
    """

    def __init__(self, thread: LedgerThread, paces: Paces, clock: Clock, *, shared: bool) -> None:
        self._thread = thread
        self._paces = paces
        self._clock = clock
        self._shared = shared
        self._ahead = 0.0
        self._measured_at = -_GOOD_FOR
        self._free_at: int | None = None

    async def allot(self, wanted: Wanted, earliest: float) -> Turns:
        """Slots that are free.

        Args:
            wanted: How many, for whom.
            earliest: None before this, on the loop's clock.
        """
        before = anyio.current_time()
        ahead = max(earliest - before, -_LONG_AGO)
        given = await self._thread.call(self._paces.allot, wanted, self._now(), round(ahead * SECOND))
        lowest = self._measure(before, given.now)
        turns = [self._turn(slot, lowest) for slot in given.allotment.slots]
        again = given.allotment.again
        paused = {box: self._loop_time(lane.paused_until) for box, lane in given.allotment.lanes.items()}
        alone = given.free_at == self._free_at
        self._free_at = given.allotment.api.next_at
        return Turns(turns, None if again is None else self._loop_time(again), paused, alone=alone)

    async def throttled(self, box: int, named: float | None, left_at: float) -> float:
        """Record that the provider asked for less; until when the mailbox pauses, on the loop's clock.

        Args:
            box: The mailbox's id.
            named: Seconds that Retry-After named, if it did.
            left_at: When the request's first byte left, on the loop's clock.
        """
        before = anyio.current_time()
        ago = round(max(0.0, before - left_at) * SECOND)
        lane, shown = await self._thread.call(self._paces.throttle, box, named, self._now(), ago)
        self._measure(before, shown)
        return self._loop_time(lane.paused_until)

    async def pause_of(self, box: int) -> float:
        """Until when a mailbox pauses, on the loop's clock: somebody else may have been told so."""
        before = anyio.current_time()
        lanes, shown = await self._thread.call(self._paces.lanes, [box], self._now())
        self._measure(before, shown)
        return self._loop_time(lanes.get(box, Lane()).paused_until)

    def _now(self) -> int:
        return self._clock.now() * 1000

    def _measure(self, before: float, shown: int) -> float:
        """Learn how far the loop's clock is ahead of the ledger's; how far it is at least."""
        now = anyio.current_time()
        # The database's clock was read at some time until now; the process's own, in milliseconds, before.
        lowest = before - shown / SECOND - (0.0 if self._shared else _MILLISECOND)
        highest = (now if self._shared else before) - shown / SECOND
        if not lowest <= self._ahead <= highest or now - self._measured_at >= _GOOD_FOR:
            self._ahead, self._measured_at = highest, now
        return lowest

    def _turn(self, slot: Slot, lowest: float) -> Turn:
        start = self._loop_time(slot.at)
        until = max(slot.at / SECOND + lowest + TOLERANCE, start + _LEAST_TOLERANCE)
        return Turn(slot.box, start, until, slot)

    def _loop_time(self, at: int) -> float:
        return at / SECOND + self._ahead
