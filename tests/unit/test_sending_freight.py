"""Bytes in flight are bounded, in the order in which they came."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from bulk_pec.sending.freight import Freight

pytestmark = pytest.mark.anyio


async def settle() -> None:
    """Let every task that can run, run."""
    for _ in range(10):
        await anyio.lowlevel.checkpoint()


class Dock:
    """Carries weights, and notes which are on their way."""

    def __init__(self, room: int) -> None:
        self.freight = Freight(room)
        self.afloat: list[int] = []
        self.began: list[int] = []
        self.ends: dict[int, anyio.Event] = {}

    async def carry(self, weight: int) -> None:
        """Hold a weight until it is told to end."""
        self.ends[weight] = anyio.Event()
        async with self.freight.carried(weight):
            self.began.append(weight)
            self.afloat.append(weight)
            await self.ends[weight].wait()
            self.afloat.remove(weight)


async def test_what_fits_goes_and_the_rest_waits_its_turn() -> None:
    """A small one that comes later does not overtake a large one for ever."""
    dock = Dock(100)
    async with anyio.create_task_group() as tasks:
        for weight in (60, 30, 50, 5):
            tasks.start_soon(dock.carry, weight)
            await settle()
        assert dock.afloat == [60, 30]
        dock.ends[30].set()
        await settle()
        assert dock.afloat == [60]
        dock.ends[60].set()
        await settle()
        assert dock.afloat == [50, 5]
        dock.ends[50].set()
        dock.ends[5].set()
    assert dock.began == [60, 30, 50, 5]


async def test_one_that_is_larger_than_the_room_goes_alone() -> None:
    """It would otherwise never go."""
    dock = Dock(100)
    async with anyio.create_task_group() as tasks:
        for weight in (1, 1000, 2):
            tasks.start_soon(dock.carry, weight)
            await settle()
        assert dock.afloat == [1]
        dock.ends[1].set()
        await settle()
        assert dock.afloat == [1000]
        dock.ends[1000].set()
        await settle()
        assert dock.afloat == [2]
        dock.ends[2].set()


async def test_letters_without_attachments_never_wait_for_room() -> None:
    """A weight of nothing fits even into a full room, unless others wait."""
    dock = Dock(10)
    async with anyio.create_task_group() as tasks:
        for weight in (10, 0):
            tasks.start_soon(dock.carry, weight)
            await settle()
        assert dock.afloat == [10, 0]
        dock.ends[10].set()
        dock.ends[0].set()


async def test_whoever_gives_up_waiting_holds_nothing() -> None:
    """Room is neither lost nor given twice when a waiting task is cancelled, or one under way fails."""
    dock = Dock(10)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(dock.carry, 10)
        await settle()
        with anyio.CancelScope() as scope:
            scope.cancel()
            async with dock.freight.carried(7):
                pytest.fail("there was no room")
        with pytest.raises(ValueError, match="broken"):
            async with dock.freight.carried(0):
                raise ValueError("broken")
        dock.ends[10].set()
    assert dock.freight._taken == 0
    async with dock.freight.carried(10):
        assert dock.freight._taken == 10
