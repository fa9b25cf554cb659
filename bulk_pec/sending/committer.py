"""Group commit: intents and outcomes that come while a commit is under way share the next one.

The ledger is used by one thread at a time; everything that touches it while sending goes through here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from bulk_pec.clock import Clock
from bulk_pec.domain.caps import Limits
from bulk_pec.ledger.outbox.attempts import NO_LIMITS, Attempts, Closing, Intent, Refusal, Tick
from bulk_pec.ledger.outbox.workers import Worker

_TURNS = 3
"""Turns of the event loop that a commit waits for what is just coming: no time, and a third fewer commits."""

P = ParamSpec("P")
T = TypeVar("T")


class LedgerThread:
    """Runs ledger calls in a thread, one at a time and in order."""

    def __init__(self) -> None:
        self._one = anyio.CapacityLimiter(1)

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one call. It is not cut short by cancellation: a commit begun is a commit waited for."""
        return await anyio.to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self._one)


class _Batch:
    """Intents and outcomes of one commit. Whoever asked for an intent waits for all of it."""

    def __init__(self) -> None:
        self.intents: list[Intent] = []
        self.closings: list[Closing] = []
        self.done = anyio.Event()
        self.tick = Tick()


class Committer:
    """Commits intents and outcomes in groups, in the order they came.

    Args:
        thread: Shared with everything else that uses the ledger.
        attempts: The ledger's attempts.
        worker: Whose fencing token every write carries.
        clock: For the times written.
        limits: Caps and budget.
    """

    def __init__(
        self,
        thread: LedgerThread,
        attempts: Attempts,
        worker: Worker,
        clock: Clock,
        limits: Limits = NO_LIMITS,
    ) -> None:
        self._thread = thread
        self._attempts = attempts
        self._worker = worker
        self._clock = clock
        self._limits = limits
        self._next = _Batch()
        self._work = anyio.Event()
        self._idle = anyio.Event()
        self._committing = False
        self.commits = 0

    async def open(self, intent: Intent) -> int | Refusal | None:
        """Commit an intent durably; returns the attempt's id.

        Or, if the ledger refused it, why; None: its message is not to be sent from here.
        """
        batch = self._next
        batch.intents.append(intent)
        self._work.set()
        await batch.done.wait()
        return batch.tick.opened.get(intent.message, batch.tick.refused.get(intent.message))

    def close(self, closing: Closing) -> None:
        """Have an outcome committed, durably and at once; nobody waits for it.

        The caller's next intent comes in the same commit or a later one, never before: so a process that
        dies leaves no more open attempts than it has callers. `settled` waits for all of them.
        """
        self._next.closings.append(closing)
        self._work.set()

    async def settled(self) -> None:
        """Until everything handed over so far is committed."""
        while self._busy:
            await self._idle.wait()

    @property
    def _busy(self) -> bool:
        return bool(self._next.intents or self._next.closings or self._committing)

    async def run(self) -> None:
        """Commit whatever comes, until cancelled.

        Raises:
            LedgerError: A commit failed. Nobody who waited for it is told "done": no POST follows.
        """
        while True:
            await self._work.wait()
            for _ in range(_TURNS):
                await anyio.lowlevel.checkpoint()
            self._work = anyio.Event()
            await self._commit()

    async def _commit(self) -> None:
        batch, self._next = self._next, _Batch()
        self._committing = True
        with anyio.CancelScope(shield=True):
            batch.tick = await self._thread.call(
                self._attempts.tick,
                self._worker,
                batch.intents,
                batch.closings,
                self._clock.now(),
                self._limits,
            )
        self.commits += 1
        batch.done.set()
        self._committing = False
        if not self._busy:
            self._idle.set()
            self._idle = anyio.Event()
