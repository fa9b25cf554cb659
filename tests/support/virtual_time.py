"""An event loop on which time passes only when nothing else is left to do, and then at once.

`time()` all but stands still while callbacks run (a turn of the loop takes a nanosecond) and jumps to the
next timer when the loop is idle, so a week of waiting takes no real second and intervals are exact. It is
for code that waits on timers and events of its own loop; nobody here waits for work in threads.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

T = TypeVar("T")

START = 1_000.0
"""Seconds on the loop's clock at its start: any moment but nought."""

TURN = 1e-9
"""Seconds a turn of the loop takes: the loop's resolution, or a wait shorter than that would never end."""


class NothingLeft(Exception):
    """The loop would wait for ever: no timer is set, and nothing is ready."""


class _IdleSelector(selectors.SelectSelector):
    """A selector that never waits: it hands the time it was asked to wait for to `pass_time`."""

    def __init__(self, pass_time: Callable[[float | None], None]) -> None:
        super().__init__()
        self._pass_time = pass_time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; if nothing is, time passes instead."""
        self._pass_time(TURN)
        ready = super().select(0)
        if not ready and (timeout is None or timeout > 0):
            self._pass_time(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; its clock begins at `START`."""

    def __init__(self) -> None:
        self._now = START
        super().__init__(_IdleSelector(self._pass_time))

    def time(self) -> float:
        """Seconds on the loop's own clock."""
        return self._now

    def _pass_time(self, seconds: float | None) -> None:
        if seconds is None:
            raise NothingLeft
        self._now += seconds


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Run an async function to its end on a `VirtualLoop`; returns what it returns."""
    return anyio.run(main, backend="asyncio", backend_options={"loop_factory": VirtualLoop})
