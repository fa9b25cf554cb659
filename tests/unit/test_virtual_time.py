"""The tests' own clock: timers of asyncio, anyio and aiolimiter all go by it."""

from __future__ import annotations

import asyncio
import time

import anyio
import pytest
from aiolimiter import AsyncLimiter
from support.virtual_time import START, NothingLeft, run


def test_a_week_passes_at_once() -> None:
    """Time jumps to the next timer when nothing else is left to do; no processor time is spent waiting."""
    week = 7 * 24 * 3600.0

    async def main() -> float:
        await anyio.sleep(week)
        return anyio.current_time()

    before = time.process_time()
    assert run(main) == pytest.approx(START + week)
    assert time.process_time() - before < week / 1000


def test_timers_fire_in_their_order() -> None:
    """Sleepers wake by their times, whichever was started first, each at its own time."""
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await anyio.sleep(seconds)
        woken.append((name, anyio.current_time() - START))

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sleeper, "late", 5.0)
            tasks.start_soon(sleeper, "early", 2.0)

    run(main)
    assert [name for name, _ in woken] == ["early", "late"]
    assert [when for _, when in woken] == pytest.approx([2.0, 5.0])


def test_deadlines_of_anyio_go_by_it() -> None:
    """`move_on_after` ends a wait for an event that never comes."""

    async def main() -> float:
        with anyio.move_on_after(30.0):
            await anyio.Event().wait()
        return anyio.current_time() - START

    assert run(main) == pytest.approx(30.0)


def test_aiolimiter_goes_by_it() -> None:
    """A bucket of one grants its tokens a period apart."""

    async def main() -> list[float]:
        limiter = AsyncLimiter(1, 2.0)
        granted = []
        for _ in range(4):
            await limiter.acquire()
            granted.append(asyncio.get_running_loop().time() - START)
        return granted

    assert run(main) == pytest.approx([0.0, 2.0, 4.0, 6.0], abs=1e-6)


def test_waiting_for_nothing_is_an_error() -> None:
    """A wait that no timer can end is reported instead of hanging."""

    async def main() -> None:
        await anyio.Event().wait()

    with pytest.raises(NothingLeft):
        run(main)
