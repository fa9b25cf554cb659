"""The source of work: every message is handed out once, and again only when it may be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from support.inboxes import HandClock
from support.ledgers import THROTTLED, Desk, load, open_ledger, query

from bulk_pec.domain.exits import Reason
from bulk_pec.ledger.outbox.claims import PendingMessage
from bulk_pec.sending.committer import LedgerThread
from bulk_pec.sending.source import Source
from bulk_pec.sending.stops import Stops

pytestmark = pytest.mark.anyio


@dataclass
class Bench:
    """A source over a real ledger.

    Attributes:
        desk: The worker it claims for; it holds no block itself.
        source: Under test.
        stops: Its stops.
        clock: Moved by the test.
    """

    desk: Desk
    source: Source
    stops: Stops
    clock: HandClock

    async def all(self) -> list[PendingMessage]:
        """Take everything, each message done at once."""
        taken = []
        while (message := await self.source.next()) is not None:
            taken.append(message)
            self.source.done()
        return taken


@asynccontextmanager
async def _bench(tmp_path: Path, rows: int) -> AsyncIterator[Bench]:
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        desk = Desk.of(ledger, load(ledger, rows), claim=False)
        stops, clock = Stops(), HandClock()
        source = Source(LedgerThread(), ledger.claims, desk.worker, stops=stops, clock=clock)
        yield Bench(desk, source, stops, clock)


@pytest.mark.parametrize("rows", [1, 499, 500, 501, 1200])
async def test_every_message_once_in_order(tmp_path: Path, rows: int) -> None:
    """Over as many blocks as there are, in input order; then there is nothing."""
    async with _bench(tmp_path, rows) as bench:
        assert [message.row for message in await bench.all()] == list(range(1, rows + 1))
        assert await bench.source.next() is None


async def test_many_takers_share_them(tmp_path: Path) -> None:
    """Sixteen tasks take each message exactly once between them."""
    async with _bench(tmp_path, 1200) as bench:
        rows: list[int] = []

        async def take() -> None:
            while (message := await bench.source.next()) is not None:
                rows.append(message.row)
                await anyio.lowlevel.checkpoint()
                bench.source.done()

        async with anyio.create_task_group() as tasks:
            for _ in range(16):
                tasks.start_soon(take)
        assert sorted(rows) == list(range(1, 1201))


async def test_one_that_did_not_leave_comes_again(tmp_path: Path) -> None:
    """It is handed out again, not before its time, and meanwhile the others are."""
    async with _bench(tmp_path, 3) as bench:
        first = await bench.source.next()
        assert first is not None
        bench.source.again(first, bench.clock.at + 60_000)
        rows = []
        for _ in range(2):
            message = await bench.source.next()
            assert message is not None
            rows.append(message.row)
            bench.source.done()
        assert rows == [2, 3]
        bench.clock.wait(60_000)
        again = await bench.source.next()
        assert again == first
        bench.source.done()
        assert await bench.source.next() is None


async def test_they_wait_for_what_is_out(tmp_path: Path) -> None:
    """A task without work stays while another's message may come back; it gets it when it does."""
    async with _bench(tmp_path, 1) as bench:
        first = await bench.source.next()
        assert first is not None
        got: list[PendingMessage | None] = []

        async def idle() -> None:
            got.append(await bench.source.next())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(idle)
            await anyio.wait_all_tasks_blocked()
            assert got == []
            bench.source.again(first, bench.clock.at)
        assert got == [first]


async def test_when_the_last_is_done_all_go_home(tmp_path: Path) -> None:
    """Every task that waits is told that there is nothing left."""
    async with _bench(tmp_path, 1) as bench:
        await bench.source.next()
        got: list[PendingMessage | None] = []

        async def idle() -> None:
            got.append(await bench.source.next())

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(idle)
            await anyio.wait_all_tasks_blocked()
            bench.source.done()
        assert got == [None] * 3


@pytest.mark.parametrize("wait", [0, 60_000], ids=["message out", "message that waits"])
async def test_a_stop_ends_the_waiting(tmp_path: Path, wait: int) -> None:
    """A stop wakes who waits, for a message of another's or for a time; nothing more is handed out."""
    async with _bench(tmp_path, 1) as bench:
        first = await bench.source.next()
        assert first is not None
        if wait:
            bench.source.again(first, bench.clock.at + wait)
        got: list[PendingMessage | None] = []

        async def idle() -> None:
            got.append(await bench.source.next())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(idle)
            await anyio.wait_all_tasks_blocked()
            bench.stops.claims(Reason.UNTIL)
        assert got == [None]


async def test_what_waits_in_the_ledger_waits_here(tmp_path: Path) -> None:
    """A message throttled in an earlier start is not handed out before its time."""
    async with _bench(tmp_path, 2) as bench:
        (block,) = bench.desk.claim()
        first = bench.desk.pending()[0]
        attempt = bench.desk.opened(first)
        bench.desk.close(attempt, first.id, THROTTLED, wait=bench.clock.at + 60_000)
        bench.desk.ledger.claims.give_back(bench.desk.worker, [block])
        second = await bench.source.next()
        assert second is not None
        assert second.row == 2
        bench.source.done()
        bench.clock.wait(60_000)
        assert [message.row for message in await bench.all()] == [1]


async def test_blocks_are_given_back(tmp_path: Path) -> None:
    """At the end no block is held, and those in which something is pending can be claimed again."""
    async with _bench(tmp_path, 1200) as bench:
        await bench.source.next()
        await bench.source.give_back()
        blocks = query(bench.desk.ledger, "SELECT worker_id, done FROM blocks")
        assert [(block["worker_id"], block["done"]) for block in blocks] == [(None, 0)] * 3
        assert len(bench.desk.claim()) == 3
