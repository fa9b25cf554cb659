"""A bell: wakes everybody who waits for a change. Mostly nobody waits, and then it costs nothing."""

from __future__ import annotations

import anyio


class Bell:
    """Rung at every change; who waits from before the ring hears it.

    Attributes:
        rings: How often it was rung: whoever was busy meanwhile can tell.
    """

    __slots__ = ("_event", "rings")

    def __init__(self) -> None:
        self.rings = 0
        self._event: anyio.Event | None = None

    def ring(self) -> None:
        """Something has changed."""
        self.rings += 1
        if self._event is not None:
            self._event.set()
            self._event = None

    async def heard(self) -> None:
        """Until the next ring."""
        if self._event is None:
            self._event = anyio.Event()
        await self._event.wait()
