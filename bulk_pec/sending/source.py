"""The source of work: messages of claimed blocks, and those that wait to be tried again."""

from __future__ import annotations

import heapq
from collections import deque
from itertools import count

import anyio

from bulk_pec.clock import Clock
from bulk_pec.ledger.outbox.claims import Block, Claims, PendingMessage
from bulk_pec.ledger.outbox.workers import Worker
from bulk_pec.sending.bell import Bell
from bulk_pec.sending.committer import LedgerThread
from bulk_pec.sending.stops import Stops


class Source:
    """Hands out messages one by one; claims blocks as they are needed.

    Args:
        thread: The ledger's thread.
        claims: The ledger's claims.
        worker: Who claims.
        stops: Ends the claims.
        clock: For `not_before`.
    """

    def __init__(
        self, thread: LedgerThread, claims: Claims, worker: Worker, *, stops: Stops, clock: Clock
    ) -> None:
        self._thread = thread
        self._claims = claims
        self._worker = worker
        self._stops = stops
        self._clock = clock
        self._ready: deque[PendingMessage] = deque()
        self._later: list[tuple[int, int, PendingMessage]] = []
        self._order = count()
        self._held: list[Block] = []
        self._after = 0
        self._exhausted = False
        self._out = 0
        self._fetching = anyio.Lock()
        self._changed = Bell()
        stops.on_change(self._changed.ring)

    async def next(self) -> PendingMessage | None:
        """The next message to try; None when there is none left, or a stop came.

        Every message handed out must come back through `done` or `again`.
        """
        while not self._stops.asked:
            message = self._take()
            if message is not None:
                self._out += 1
                return message
            if not self._exhausted:
                await self._fetch()
            elif not self._later and not self._out:
                self._changed.ring()
                return None
            else:
                await self._wait()
        return None

    def _take(self) -> PendingMessage | None:
        if self._later and self._later[0][0] <= self._clock.now():
            return heapq.heappop(self._later)[2]
        return self._ready.popleft() if self._ready else None

    async def _fetch(self) -> None:
        async with self._fetching:
            if self._ready or self._exhausted:
                return
            block = await self._thread.call(self._claims.take, self._worker, self._after)
            if block is None:
                self._exhausted = True
                self._changed.ring()
                return
            self._after = block.first_id
            self._held.append(block)
            now = self._clock.now()
            for message in await self._thread.call(self._claims.pending, self._worker, block, now):
                if (message.not_before or 0) > now:
                    self._put_later(message, message.not_before or 0)
                else:
                    self._ready.append(message)

    def _put_later(self, message: PendingMessage, not_before: int) -> None:
        heapq.heappush(self._later, (not_before, next(self._order), message))

    async def _wait(self) -> None:
        ahead = (self._later[0][0] - self._clock.now()) / 1000 if self._later else None
        with anyio.move_on_after(ahead):
            await self._changed.heard()

    def done(self) -> None:
        """A message that was handed out needs nothing more in this start."""
        self._out -= 1
        self._changed.ring()

    def again(self, message: PendingMessage, not_before: int) -> None:
        """A message that was handed out did not leave: it is handed out again, not before that time."""
        self._out -= 1
        self._put_later(message, not_before)
        self._changed.ring()

    async def give_back(self) -> None:
        """Give every claimed block back to the ledger."""
        held, self._held = self._held, []
        await self._thread.call(self._claims.give_back, self._worker, held)
