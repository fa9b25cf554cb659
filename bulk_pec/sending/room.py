"""Room: what the caps and the budget still allow, and telling the mailboxes when it has run out."""

from __future__ import annotations

import math

from bulk_pec.clock import Clock
from bulk_pec.domain.caps import Limits, Standing
from bulk_pec.domain.exits import Reason
from bulk_pec.ledger.outbox.attempts import Refusal
from bulk_pec.ledger.outbox.usage import Usage
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.sending.boxes import Boxes
from bulk_pec.sending.committer import LedgerThread
from bulk_pec.sending.options import Stopped


class Room:
    """What may still be sent. What it knows is for choosing; what decides is the intent's transaction.

    Args:
        thread: The ledger's.
        usage: The ledger's.
        boxes: Told of what is left to them.
        limits: Caps and budget.
        run: Whose cost counts.
        clock: For the calendar periods.
    """

    def __init__(
        self, thread: LedgerThread, usage: Usage, boxes: Boxes, limits: Limits, *, run: Run, clock: Clock
    ) -> None:
        self._thread = thread
        self._usage = usage
        self._boxes = boxes
        self._limits = limits
        self._run = run
        self._clock = clock

    async def look(self) -> None:
        """Read what is left, before anything is sent; who has nothing left stops at once."""
        if not self._limits.any:
            return
        for box, found in (await self._standings()).items():
            if found is not None and not found.left:
                self._boxes.stop(box, _stopped(found))
        if await self._is_spent():
            self._boxes.spent(self._spent())

    async def _is_spent(self) -> bool:
        """Whether the budget does not pay for another message."""
        cost = self._limits.of_run(self._run.id)
        used = await self._thread.call(self._usage.used, cost)
        price = self._limits.price
        return any(budget is not None and used.get(one, 0) + price > budget for one, budget in cost.items())

    async def _standings(self) -> dict[int, Standing | None]:
        boxes, now = list(self._boxes.by_id), self._clock.now()
        found = await self._thread.call(self._usage.standings, self._limits, boxes, now)
        self._boxes.left = {box: math.inf if one is None else one.left for box, one in found.items()}
        return found

    async def short(self, why: Refusal, box: int, units: int) -> None:
        """The ledger refused an intent for want of room: the mailbox rests, or all do.

        Unless there is room by now: what had it when the intent was refused may not have left after all.

        Args:
            why: Of what there was too little.
            box: The mailbox.
            units: Addresses of the message.
        """
        found = (await self._standings())[box]
        if why is Refusal.BUDGET:
            if await self._is_spent():
                self._boxes.spent(self._spent())
        elif found is not None and found.left < units:
            self._boxes.capped(box, _stopped(found))

    def _spent(self) -> Stopped:
        euros = (self._limits.budget or 0) / 1_000_000
        return Stopped(
            Reason.BUDGET, f"the run's budget of EUR {euros:,.2f} leaves nothing for another message"
        )


def _stopped(found: Standing) -> Stopped:
    said = f"{found.cap - found.left:,} of {found.cap:,} addresses used in {found.period}"
    return Stopped(Reason.CAP, said, until=found.ends)
