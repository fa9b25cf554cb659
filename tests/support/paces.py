"""Paces on a virtual clock, with slots of a real ledger; and what can be said of when messages started."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import anyio
from support.ledgers import open_ledger
from support.pec import MAILBOX
from support.virtual_provider import LoopClock
from support.virtual_time import run

from bulk_pec.sending.boxes import Boxes
from bulk_pec.sending.committer import LedgerThread
from bulk_pec.sending.options import MailboxLimits, SendingMailbox
from bulk_pec.sending.pace import Pace
from bulk_pec.sending.stops import Stops
from bulk_pec.sending.timetable import Timetable

TINY = 1e-6
TICK = 0.0011
"""Seconds: the ledger's clock, read by the process on SQLite, ticks in milliseconds."""
BOX = 1


async def start_one(pace: Pace, starts: list[float], commit: float = 0.0, box: int | None = None) -> None:
    """One message's way to its first byte, whose intent takes `commit` seconds to be committed."""
    turn = await pace.approach(box)
    assert turn is not None
    if commit:
        await anyio.sleep(commit)
    assert await pace.slot(turn)
    starts.append(anyio.current_time())
    pace.leave(turn)


async def start_many(
    pace: Pace, count: int, senders: int = 16, commit: Callable[[int], float] | None = None
) -> list[float]:
    """The first bytes of `count` messages sent by so many tasks."""
    starts: list[float] = []
    numbers = iter(range(count))

    async def sender() -> None:
        for number in numbers:
            await start_one(pace, starts, commit(number) if commit else 0.0)

    async with anyio.create_task_group() as tasks:
        for _turn in range(senders):
            tasks.start_soon(sender)
    return starts


def gaps(starts: Sequence[float]) -> list[float]:
    """Seconds from each start to the next."""
    return [after - before for before, after in pairwise(starts)]


class Bench:
    """A real ledger and paces that take their slots from it.

    Args:
        path: Of the ledger's file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def on(
        self,
        main: Callable[[Pace, Stops], Awaitable[object]],
        rate: float,
        limits: Sequence[float | None] = (None,),
    ) -> None:
        """Run `main` with a pace; `limits` are the mailboxes' own rates."""

        async def go() -> None:
            with open_ledger(f"sqlite:///{self._path}") as self._ledger:
                self._clock = LoopClock(1_800_000_000_000)
                self._thread = LedgerThread()
                stops = Stops()
                async with self._pace(rate, stops, limits) as pace:
                    await main(pace, stops)

        run(go)

    @asynccontextmanager
    async def _pace(
        self, rate: float, stops: Stops, limits: Sequence[float | None] = (None,)
    ) -> AsyncIterator[Pace]:
        boxes = [
            SendingMailbox(MAILBOX, number, None, MailboxLimits(own))
            for number, own in enumerate(limits, BOX)
        ]
        timetable = Timetable(self._thread, self._ledger.paces, self._clock, shared=False)
        pace = Pace(timetable, Boxes(boxes, stops, self._clock), rate, stops)
        async with anyio.create_task_group() as background:
            background.start_soon(pace.run)
            yield pace
            background.cancel_scope.cancel()

    def take_away(self, box: int, seconds: float) -> None:
        """As if other processes had all slots of a mailbox for so long."""
        database = self._ledger.database
        until = (self._clock.now() + round(seconds * 1000)) * 1000
        with database.transaction() as connection:
            taken = "UPDATE paces SET next_at = :until WHERE scope = :scope"
            database.execute(connection, taken, until=until, scope=f"mailbox:{box}")

    async def again(
        self, many: Callable[[Pace, int], Awaitable[list[float]]], count: int, rate: float, stops: Stops
    ) -> list[float]:
        """Send with another pace on the same ledger, as another process would have it."""
        async with self._pace(rate, stops) as pace:
            return await many(pace, count)


def used(starts: Sequence[float], rate: float) -> float:
    """The share of the rate that was used."""
    return (len(starts) - 1) / (starts[-1] - starts[0]) / rate
