"""One message on its way: its turn, its intent, its POST, its outcome.

In this order (docs/semantics.md, "Order of evidence"): a slot of the pace, and with it a mailbox · just
before it the intent, committed durably · the connection · the slot's moment · lease, stop, pause, expiry and
calendar day checked · the first byte · the answer · the outcome, committed durably.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import anyio

from bulk_pec.clock import Clock, loop_time
from bulk_pec.composing import digest_of
from bulk_pec.domain.caps import COUNTS_NOT, Limits
from bulk_pec.domain.letters import Letter
from bulk_pec.domain.outcomes import Outcome, Verdict
from bulk_pec.domain.subjects import subject_digest
from bulk_pec.ledger.outbox.attempts import Attempts, Closing, Intent, Refusal
from bulk_pec.ledger.outbox.claims import PendingMessage
from bulk_pec.provider.client import PecClient
from bulk_pec.sending.boxes import Boxes
from bulk_pec.sending.committer import Committer, LedgerThread
from bulk_pec.sending.lease import Lease
from bulk_pec.sending.pace import Pace
from bulk_pec.sending.stops import Stops
from bulk_pec.sending.timetable import Turn


@dataclass(frozen=True, slots=True)
class Posted:
    """An attempt that was recorded.

    Attributes:
        box: The mailbox's id.
        outcome: What came of it.
        not_before: Until when the message waits if it is tried again; milliseconds since the epoch.
        held_back: Whether we held it back ourselves, so that it says nothing of the provider.
    """

    box: int
    outcome: Outcome
    not_before: int
    held_back: bool


class Why(StrEnum):
    """Why no attempt was made, and none will be in this start."""

    STOPPED = "stopped"
    """A stop came first."""
    STRANDED = "stranded"
    """No mailbox is left that could send it."""
    REFUSED = "refused"
    """The ledger refused the intent: another process has it, or it says something else now."""


@dataclass(frozen=True, slots=True)
class Unposted:
    """A message of which no attempt was made.

    Attributes:
        why: A `Refusal` passes; a `Why` does not.
        box: The mailbox it would have left from, if it had a slot.
        units: Its addresses.
    """

    why: Why | Refusal
    box: int | None = None
    units: int = 1


@dataclass(frozen=True, slots=True)
class _Try:
    """A message whose intent is committed.

    Attributes:
        message: As claimed.
        letter: What is posted.
        turn: Its slot.
        day: The local calendar day in which its intent was asked for.
    """

    message: PendingMessage
    letter: Letter
    turn: Turn
    day: str


class Poster:
    """Posts messages.

    Args:
        client: The provider.
        boxes: The mailboxes.
        committer: Commits intents and outcomes.
        attempts: The ledger's, for what came of earlier ones.
        thread: The ledger's.
        pace: Gives slots.
        lease: This process's.
        stops: What may hold a message back.
        clock: For the times written.
        limits: Whose calendar says which day an attempt counts in.
        timeout: Seconds, for each exchange.
    """

    def __init__(
        self,
        client: PecClient,
        boxes: Boxes,
        committer: Committer,
        attempts: Attempts,
        *,
        thread: LedgerThread,
        pace: Pace,
        lease: Lease,
        stops: Stops,
        clock: Clock,
        limits: Limits,
        timeout: float,
    ) -> None:
        self._client = client
        self._boxes = boxes
        self._committer = committer
        self._attempts = attempts
        self._thread = thread
        self._pace = pace
        self._lease = lease
        self._stops = stops
        self._clock = clock
        self._limits = limits
        self._timeout = timeout
        self._in_flight: set[anyio.CancelScope] = set()

    async def post(self, message: PendingMessage, letter: Letter) -> Posted | Unposted:
        """Make one attempt, unless a stop comes first or the ledger refuses the intent."""
        turn = await self._pace.approach(message.mailbox_id)
        if turn is None:
            return Unposted(Why.STOPPED if self._stops.asked else Why.STRANDED)
        try:
            day = self._today()
            attempt = await self._committer.open(self._intent(message, letter, turn.box))
            if attempt is None or isinstance(attempt, Refusal):
                return Unposted(attempt or Why.REFUSED, turn.box, len(letter.recipients))
            return await self._attempt(attempt, _Try(message, letter, turn, day))
        finally:
            self._pace.leave(turn)

    def _today(self) -> str:
        return self._limits.period(self._clock.now()).day

    async def _attempt(self, attempt: int, one: _Try) -> Posted:
        message, letter, turn = one.message, one.letter, one.turn
        self._boxes.begun(turn.box, len(letter.recipients))
        back = False
        try:
            outcome, held_back = await self._send(one)
            outcome = await self._of_the_message_itself(message, turn.box, outcome)
            not_before = await self._not_before(outcome, turn)
            now = self._clock.now()
            self._committer.close(Closing(attempt, message.id, outcome, now, not_before))
            back = outcome.verdict in COUNTS_NOT
        finally:
            self._boxes.ended(turn.box, len(letter.recipients), back=back)
        return Posted(turn.box, outcome, not_before or now, held_back)

    def _intent(self, message: PendingMessage, letter: Letter, box: int) -> Intent:
        return Intent(
            message=message.id,
            number=message.attempts + 1,
            block=message.block,
            mailbox_id=box,
            digest=digest_of(letter),
            quota_share=self._boxes.shares[box],
            units=len(letter.recipients),
            subject_digest=_digest_without(message.reference, letter.subject),
        )

    async def _send(self, one: _Try) -> tuple[Outcome, bool]:
        """The POST's outcome, and whether it was held back here."""
        turn = one.turn
        began = held_back = False

        async def before_first_byte() -> str | None:
            nonlocal began, held_back
            in_its_slot = await self._pace.slot(turn)
            why_not = self._why_not(one, in_its_slot=in_its_slot)
            self._pace.leave(turn)
            turn.ready = loop_time()
            held_back = why_not is not None
            began = not held_back
            return why_not

        scope = anyio.CancelScope()
        self._in_flight.add(scope)
        try:
            with scope:
                outcome = await self._client.send(
                    self._boxes.by_id[turn.box].mailbox,
                    one.letter,
                    before_first_byte=before_first_byte,
                    timeout=self._timeout,
                )
                return outcome, held_back
        finally:
            self._in_flight.discard(scope)
        if not began:
            return Outcome(Verdict.NOT_SENT, "held back: the process was asked to stop"), True
        return Outcome(Verdict.IN_DOUBT, "cut off: asked to stop, and no answer in time"), False

    def _why_not(self, one: _Try, *, in_its_slot: bool) -> str | None:
        """Checked with the connection open and the slot come: the last moment to hold the message back.

        Caps are calendar periods: what leaves in another day than it was counted in would be one too many.
        """
        box, expires_at = one.turn.box, one.message.expires_at
        found = (
            (not self._lease.lives, "this process's lease has ended"),
            (self._stops.held_back, "the process was asked to stop"),
            (self._boxes.refused(box), "the mailbox was refused"),
            (self._pace.paused(box), "the mailbox pauses"),
            (not in_its_slot, "no slot came"),
            (expires_at is not None and expires_at <= self._clock.now(), "it has expired"),
            (self._today() != one.day, "the day it was counted in is over"),
        )
        return next((f"held back: {why}" for holds, why in found if holds), None)

    async def _of_the_message_itself(self, message: PendingMessage, box: int, outcome: Outcome) -> Outcome:
        """A second 403 on the same message, others sent between, is not the account's: it is rejected."""
        if outcome.status != 403 or outcome.verdict is not Verdict.REFUSED or not message.attempts:
            return outcome
        if await self._thread.call(self._attempts.sent_since_refusal, message.id, box):
            said = f"refused twice, though others were sent between: {outcome.detail}"
            return replace(outcome, verdict=Verdict.REJECTED, stop=None, detail=said[:500])
        return outcome

    async def _not_before(self, outcome: Outcome, turn: Turn) -> int | None:
        if not outcome.pauses:
            return None
        pause = await self._pace.throttled(turn.box, outcome.retry_after, turn.ready)
        return self._clock.now() + round(pause * 1000) if outcome.verdict is Verdict.THROTTLED else None

    def cut_off(self) -> None:
        """End what is in flight; each such attempt is recorded as what it is: in doubt, or not sent."""
        for scope in tuple(self._in_flight):
            scope.cancel()


def _digest_without(reference: str, subject: str) -> str | None:
    """What tells a subject of ours in its receipts where they cannot repeat a reference; else None."""
    return None if reference in subject else subject_digest(subject)
