"""An event loop on which time passes only when nothing else is left to do, and then at once.

`time()` all but stands still while callbacks run (a turn of the loop takes a nanosecond) and jumps to the
next timer when the loop is idle, so a week of waiting takes no real second and intervals are exact. Work
that anyio hands to a thread is waited for in real time, and takes none of the loop's.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from unittest.mock import patch

import anyio
import anyio.to_thread

T = TypeVar("T")

START = 1_000.0
"""Seconds on the loop's clock at its start: any moment but nought."""

TURN = 1e-9
"""Seconds a turn of the loop takes: the loop's resolution, or a wait shorter than that would never end."""

_LONGEST_CALL = 60.0
"""Real seconds that nothing in a thread may take."""


class NothingLeft(Exception):
    """The loop would wait for ever: no timer is set, and nothing is ready."""


class _IdleSelector(selectors.SelectSelector):
    """A selector that never waits for time, only for threads: time passes by `loop.pass_time`."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; if nothing is, what a thread at work makes ready, or time passes instead."""
        self._loop.pass_time(TURN)
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._loop.at_work:
            ready = super().select(_LONGEST_CALL)
            assert ready, "a thread has been at work for a minute"
            return ready
        self._loop.pass_time(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; its clock begins at `START`.

    Attributes:
        at_work: Calls that threads have been given and not yet answered.
        glance: Seconds that pass with every look at the clock: nought, or what a busy machine makes of it.
    """

    def __init__(self) -> None:
        self._now = START
        self.at_work = 0
        self.glance = 0.0
        super().__init__(_IdleSelector(self))

    def time(self) -> float:
        """Seconds on the loop's own clock."""
        self._now += self.glance
        return self._now

    def pass_time(self, seconds: float | None) -> None:
        """Let time pass; None: for ever."""
        if seconds is None:
            raise NothingLeft
        self._now += seconds


_to_thread = anyio.to_thread.run_sync


async def _counted(*args: Any, **options: Any) -> Any:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.at_work += 1
    try:
        return await _to_thread(*args, **options)
    finally:
        loop.at_work -= 1


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Run an async function to its end on a `VirtualLoop`; returns what it returns."""
    with patch.object(anyio.to_thread, "run_sync", _counted):
        return anyio.run(main, backend="asyncio", backend_options={"loop_factory": VirtualLoop})
