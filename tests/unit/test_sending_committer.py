"""Group commit: many who wait share one commit, and none is told "done" who is not."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
from support.inboxes import HandClock
from support.ledgers import IN_DOUBT, SENT, Desk, attempts, load, message, open_ledger, query

from bulk_pec.domain.errors import LedgerError
from bulk_pec.ledger.outbox.attempts import Closing, Intent, Refusal
from bulk_pec.ledger.outbox.claims import PendingMessage
from bulk_pec.sending.committer import Committer, LedgerThread

pytestmark = pytest.mark.anyio


@dataclass
class Bench:
    """A committer at work on a real ledger, whose thread a test can hold.

    Attributes:
        desk: A worker that holds every block.
        thread: The ledger's.
        committer: Runs while the bench is open.
        free: Set when the thread is not held.
    """

    desk: Desk
    thread: LedgerThread
    committer: Committer
    free: threading.Event = field(default_factory=threading.Event)

    @property
    def pending(self) -> list[PendingMessage]:
        """What may be sent."""
        return self.desk.pending()

    def intent(self, pending: PendingMessage) -> Intent:
        """Of the message's next attempt."""
        return self.desk.intent(pending)

    @asynccontextmanager
    async def thread_held(self) -> AsyncIterator[None]:
        """While this is open the ledger's thread is busy; what comes meanwhile has to wait."""
        began = anyio.Event()

        def hold() -> None:
            anyio.from_thread.run_sync(began.set)
            self.free.wait()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.thread.call, hold)
            await began.wait()
            try:
                yield
            finally:
                self.free.set()


@asynccontextmanager
async def _bench(tmp_path: Path, rows: int) -> AsyncIterator[Bench]:
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        desk = Desk.of(ledger, load(ledger, rows))
        thread = LedgerThread()
        committer = Committer(thread, ledger.attempts, desk.worker, HandClock())
        yield Bench(desk, thread, committer)


async def test_those_who_wait_share_a_commit(tmp_path: Path) -> None:
    """Forty intents that come while a commit is under way are one transaction; each gets its own attempt."""
    async with _bench(tmp_path, 40) as bench, anyio.create_task_group() as running:
        opened: dict[int, int | Refusal | None] = {}

        async def opens(pending: PendingMessage) -> None:
            opened[pending.id] = await bench.committer.open(bench.intent(pending))

        waiting = bench.pending
        running.start_soon(bench.committer.run)
        async with anyio.create_task_group() as callers, bench.thread_held():
            for pending in waiting:
                callers.start_soon(opens, pending)
            await anyio.wait_all_tasks_blocked()
            assert opened == {}
        running.cancel_scope.cancel()
    # The first may have been taken alone, before the others came.
    assert bench.committer.commits <= 2
    assert len(opened) == len(set(opened.values())) == 40
    assert None not in opened.values()


async def test_an_intent_is_durable_when_its_caller_goes_on(tmp_path: Path) -> None:
    """When `open` returns another connection sees the attempt; when `settled` does, the outcome too."""
    async with _bench(tmp_path, 1) as bench, anyio.create_task_group() as running:
        running.start_soon(bench.committer.run)
        (pending,) = bench.pending
        attempt = await bench.committer.open(bench.intent(pending))
        assert isinstance(attempt, int)
        with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", "read") as other:
            (seen,) = attempts(other, pending.id)
            assert (seen["id"], seen["closed_at"]) == (attempt, None)
            bench.committer.close(Closing(attempt, pending.id, SENT, 5))
            await bench.committer.settled()
            (seen,) = attempts(other, pending.id)
            assert (seen["outcome"], message(other, pending.id)["state"]) == ("sent", "sent")
        running.cancel_scope.cancel()


async def test_an_outcome_is_never_later_than_its_callers_next_intent(tmp_path: Path) -> None:
    """So that a dead process leaves no more attempts open than it had callers.

    A caller hands over an outcome and goes on to its next intent without waiting: when that intent is
    seen by another connection, so is the outcome.
    """
    async with _bench(tmp_path, 2) as bench, anyio.create_task_group() as running:
        running.start_soon(bench.committer.run)
        first, second = bench.pending
        attempt = await bench.committer.open(bench.intent(first))
        assert isinstance(attempt, int)
        before = bench.committer.commits
        bench.committer.close(Closing(attempt, first.id, SENT, 5))
        assert await bench.committer.open(bench.intent(second)) is not None
        assert bench.committer.commits == before + 1
        with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", "read") as other:
            assert [message(other, one.id)["state"] for one in (first, second)] == ["sent", "sending"]
        running.cancel_scope.cancel()


async def test_a_refused_intent_is_told(tmp_path: Path) -> None:
    """An intent the ledger does not take gives None; those committed with it are not harmed."""
    async with _bench(tmp_path, 2) as bench, anyio.create_task_group() as running:
        first, second = bench.pending
        results: dict[str, int | Refusal | None] = {}

        async def opens(name: str, intent: Intent) -> None:
            results[name] = await bench.committer.open(intent)

        running.start_soon(bench.committer.run)
        async with anyio.create_task_group() as callers:
            callers.start_soon(opens, "wrong number", bench.desk.intent(first, number=7))
            callers.start_soon(opens, "right", bench.intent(second))
        assert results["wrong number"] is None
        assert results["right"] is not None
        running.cancel_scope.cancel()


async def test_a_failing_commit_tells_nobody(tmp_path: Path) -> None:
    """The error comes out of `run`; who waited for that commit is not told that it is done."""
    async with _bench(tmp_path, 3) as bench:
        waiting, told = bench.pending, []
        ledger = bench.desk.ledger
        with ledger.database.transaction() as connection:
            ledger.database.execute(connection, "ALTER TABLE attempts RENAME TO lost")

        async def opens(pending: PendingMessage) -> None:
            await bench.committer.open(bench.intent(pending))
            told.append(pending.id)

        async def all_of_them() -> None:
            async with anyio.create_task_group() as tasks:
                for pending in waiting:
                    tasks.start_soon(opens, pending)
                tasks.start_soon(bench.committer.run)

        with pytest.raises(ExceptionGroup) as failed:
            await all_of_them()
        assert failed.group_contains(LedgerError)
        assert told == []
        states = query(ledger, "SELECT DISTINCT state FROM messages")
        assert states == [{"state": "pending"}]


async def test_a_commit_begun_is_waited_for(tmp_path: Path) -> None:
    """A committer that is cancelled while it commits leaves no half: what it took is in the ledger."""
    async with _bench(tmp_path, 1) as bench:
        (pending,) = bench.pending
        attempt = bench.desk.opened(pending)
        async with anyio.create_task_group() as running:
            running.start_soon(bench.committer.run)
            async with bench.thread_held():
                bench.committer.close(Closing(attempt, pending.id, IN_DOUBT, 5))
                await anyio.wait_all_tasks_blocked()
                running.cancel_scope.cancel()
        assert attempts(bench.desk.ledger, pending.id)[0]["outcome"] == "in_doubt"


async def test_the_thread_makes_one_call_at_a_time(tmp_path: Path) -> None:
    """The ledger is used by one thread at a time, in the order the calls came."""
    async with _bench(tmp_path, 1) as bench:
        order: list[int] = []
        async with bench.thread_held(), anyio.create_task_group() as callers:
            for number in range(5):
                callers.start_soon(bench.thread.call, order.append, number)
            await anyio.wait_all_tasks_blocked()
            assert order == []
            bench.free.set()
        assert order == [0, 1, 2, 3, 4]
