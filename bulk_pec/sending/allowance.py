"""The allowance: how many attempts one start may make."""

from __future__ import annotations

from bulk_pec.domain.exits import Reason
from bulk_pec.sending.bell import Bell
from bulk_pec.sending.stops import Stops


class Allowance:
    """Attempts left to this start.

    Claims stop only when the last attempt allowed has ended: a stop that came sooner would hold back those
    that still wait for their slot, and a run with a small allowance would never get on.

    Args:
        limit: Attempts at most; None for no limit.
        stops: Told when nothing is left; ends the waiting.
    """

    def __init__(self, limit: int | None, stops: Stops) -> None:
        self._left = limit
        self._stops = stops
        self._under_way = 0
        self._changed = Bell()
        stops.on_change(self._changed.ring)

    async def take(self) -> bool:
        """Take one attempt; False if none is left. Each one taken must come back through `settle`."""
        while self._left == 0 and self._under_way and not self._stops.asked:
            await self._changed.heard()
        if self._left == 0:
            self._stops.claims(Reason.MAX_MESSAGES)
            return False
        self._left = None if self._left is None else self._left - 1
        self._under_way += 1
        return True

    def settle(self, *, used: bool) -> None:
        """An attempt that was taken has ended or, if not `used`, was never made."""
        self._under_way -= 1
        if self._left is not None and not used:
            self._left += 1
        self._changed.ring()
