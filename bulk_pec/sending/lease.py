"""The lease: while it lives, this process may send. Renewed at a third of its length."""

from __future__ import annotations

import anyio

from bulk_pec.clock import Clock
from bulk_pec.domain.exits import Reason
from bulk_pec.ledger.outbox.workers import Worker, Workers
from bulk_pec.sending.committer import LedgerThread
from bulk_pec.sending.stops import Stops


class Lease:
    """A worker's lease as this process knows it.

    Its end is kept on a clock that counts suspension, from before the request that renewed it, so this
    process believes in its lease for no longer than the database does.

    Args:
        thread: The ledger's thread.
        workers: The ledger's workers.
        clock: For both clocks.
        seconds: The lease's length.
        since: `Clock.running` from before the lease was taken.
        timed: False where the file lock is the lease (SQLite).
    """

    def __init__(
        self,
        thread: LedgerThread,
        workers: Workers,
        clock: Clock,
        *,
        seconds: float,
        since: float,
        timed: bool,
    ) -> None:
        self._thread = thread
        self._workers = workers
        self._clock = clock
        self._seconds = seconds
        self._timed = timed
        self._ends = since + seconds

    @property
    def lives(self) -> bool:
        """Whether this process may still let a byte leave."""
        return not self._timed or self._clock.running() < self._ends

    async def keep(self, worker: Worker, stops: Stops) -> None:
        """Renew until cancelled; a lease that has ended stops everything."""
        while self._timed:
            await anyio.sleep(self._seconds / 3)
            asked = self._clock.running()
            milliseconds = round(self._seconds * 1000)
            if not await self._thread.call(self._workers.renew, worker, milliseconds, self._clock.now()):
                stops.everything(Reason.BUSY, "this process's lease on the run has ended")
                return
            self._ends = asked + self._seconds
