"""One message on its way: its turn, its intent, its POST, its outcome.

In this order (docs/semantics.md, "Order of evidence"): a place in the queue for the next slot · the intent,
committed durably · the connection · the slot · lease, pause and stop checked · the first byte · the
answer · the outcome, committed durably.
"""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from bulk_pec.clock import Clock
from bulk_pec.composing import digest_of
from bulk_pec.domain.letters import Letter
from bulk_pec.domain.outcomes import Outcome, Verdict
from bulk_pec.ledger.attempts import Closing, Intent
from bulk_pec.ledger.claims import PendingMessage
from bulk_pec.provider.client import PecClient
from bulk_pec.sending.committer import Committer
from bulk_pec.sending.lease import Lease
from bulk_pec.sending.options import SendingMailbox
from bulk_pec.sending.pace import Pace
from bulk_pec.sending.stops import Stops


@dataclass(frozen=True, slots=True)
class Posted:
    """An attempt that was recorded.

    Attributes:
        outcome: What came of it.
        not_before: Until when the message waits if it is tried again; milliseconds since the epoch.
        held_back: Whether we held it back ourselves, so that it says nothing of the provider.
    """

    outcome: Outcome
    not_before: int
    held_back: bool


class _Turn:
    """A place in the queue for the next slot, given back exactly once."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._held = True

    def over(self) -> None:
        if self._held:
            self._held = False
            self._pace.leave()


class Poster:
    """Posts messages from one mailbox.

    Args:
        client: The provider.
        box: The mailbox.
        committer: Commits intents and outcomes.
        pace: The mailbox's.
        lease: This process's.
        stops: What may hold a message back.
        clock: For the times written.
        timeout: Seconds, for each exchange.
    """

    def __init__(
        self,
        client: PecClient,
        box: SendingMailbox,
        committer: Committer,
        *,
        pace: Pace,
        lease: Lease,
        stops: Stops,
        clock: Clock,
        timeout: float,
    ) -> None:
        self._client = client
        self._box = box
        self._committer = committer
        self._pace = pace
        self._lease = lease
        self._stops = stops
        self._clock = clock
        self._timeout = timeout
        self._in_flight: set[anyio.CancelScope] = set()

    async def post(self, message: PendingMessage, letter: Letter) -> Posted | None:
        """Make one attempt; None if none was made: a stop came first, or the ledger refused the intent."""
        await self._pace.approach()
        turn = _Turn(self._pace)
        try:
            if self._stops.asked:
                return None
            attempt = await self._committer.open(self._intent(message, letter))
            if attempt is None:
                return None
            outcome, held_back = await self._send(letter, turn)
        finally:
            turn.over()
        not_before = self._not_before(outcome)
        now = self._clock.now()
        self._committer.close(Closing(attempt, message.id, outcome, now, not_before))
        return Posted(outcome, not_before or now, held_back)

    def _intent(self, message: PendingMessage, letter: Letter) -> Intent:
        return Intent(
            message=message.id,
            number=message.attempts + 1,
            block=message.block,
            mailbox_id=self._box.id,
            digest=digest_of(letter),
            quota_share=self._box.quota_share,
        )

    async def _send(self, letter: Letter, turn: _Turn) -> tuple[Outcome, bool]:
        """The POST's outcome, and whether it was held back here."""
        began = held_back = False

        async def before_first_byte() -> str | None:
            nonlocal began, held_back
            await self._pace.slot()
            why_not = self._why_not()
            turn.over()
            held_back = why_not is not None
            began = not held_back
            return why_not

        scope = anyio.CancelScope()
        self._in_flight.add(scope)
        try:
            with scope:
                outcome = await self._client.send(
                    self._box.mailbox, letter, before_first_byte=before_first_byte, timeout=self._timeout
                )
                return outcome, held_back
        finally:
            self._in_flight.discard(scope)
        if not began:
            return Outcome(Verdict.NOT_SENT, "held back: the process was asked to stop"), True
        return Outcome(Verdict.IN_DOUBT, "cut off: asked to stop, and no answer in time"), False

    def _why_not(self) -> str | None:
        """Checked with the connection open and the slot taken: the last moment to hold the message back."""
        if not self._lease.lives:
            return "held back: this process's lease has ended"
        if self._stops.held_back:
            return "held back: the process was asked to stop"
        if self._pace.paused:
            return "held back: the mailbox pauses"
        return None

    def _not_before(self, outcome: Outcome) -> int | None:
        if outcome.pauses:
            pause = self._pace.throttled(outcome.retry_after)
            return self._clock.now() + round(pause * 1000) if outcome.verdict is Verdict.THROTTLED else None
        return None

    def cut_off(self) -> None:
        """End what is in flight; each such attempt is recorded as what it is: in doubt, or not sent."""
        for scope in tuple(self._in_flight):
            scope.cancel()
