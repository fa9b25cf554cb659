"""Freight: letters with attachments wait until there is room for them, so that memory stays bounded."""

from __future__ import annotations

from collections import deque

import anyio

ROOM = 256 << 20
"""Bytes of attachments on their way at once, with what they take up while they are sent."""


class Freight:
    """Bytes in flight, bounded. Whoever came first goes first.

    Args:
        room: Bytes. One letter that is larger goes alone.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._taken = 0
        self._waiting: deque[tuple[int, anyio.Event]] = deque()

    def carried(self, weight: int) -> _Carried:
        """Hold room for `weight` bytes while the block runs; waits for it first."""
        return _Carried(self, min(weight, self._room))

    async def take(self, weight: int) -> None:
        """Wait for room, and take it."""
        if self._waiting or self._taken + weight > self._room:
            await self._turn(weight)
        else:
            self._taken += weight

    def give_back(self, weight: int) -> None:
        """There is room again."""
        self._taken -= weight
        self._let_in()

    async def _turn(self, weight: int) -> None:
        place = (weight, anyio.Event())
        self._waiting.append(place)
        try:
            await place[1].wait()
        except BaseException:
            if place in self._waiting:
                self._waiting.remove(place)
            else:
                self._taken -= weight
            self._let_in()
            raise

    def _let_in(self) -> None:
        while self._waiting and self._taken + self._waiting[0][0] <= self._room:
            weight, event = self._waiting.popleft()
            self._taken += weight
            event.set()


class _Carried:
    """Room that is held while a block runs."""

    __slots__ = ("_freight", "_weight")

    def __init__(self, freight: Freight, weight: int) -> None:
        self._freight = freight
        self._weight = weight

    async def __aenter__(self) -> None:
        await self._freight.take(self._weight)

    async def __aexit__(self, *failed: object) -> None:
        self._freight.give_back(self._weight)
