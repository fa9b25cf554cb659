"""What a start did."""

from __future__ import annotations

from dataclasses import dataclass, field

from bulk_pec.domain.errors import BulkPecError
from bulk_pec.domain.exits import Reason
from bulk_pec.domain.outcomes import Verdict
from bulk_pec.domain.words import counted
from bulk_pec.receipts.settle import Settled
from bulk_pec.sending.options import Sent

_FOR_A_PERSON = frozenset({Reason.CREDENTIALS, Reason.UNAVAILABLE, Reason.MAILBOX_FULL})


@dataclass(slots=True)
class Done:
    """What the steps did, for the report.

    Attributes:
        recovered: Attempts of dead processes put in doubt.
        unread: Whether the inbox was left to a later command, which may settle the doubts.
        accepted: Absences accepted.
        settled: What became of the doubts when they were last looked at.
        sent: What sending came to, in all rounds.
        error: What ended this start after it had made attempts.
        sends: Whether it was to send at all.
        bad_canary: Whether too much of the canary was lost for the run to go on.
        room_made: Whether a mailbox that stopped as full has room since archived receipts were deleted.
        to_read_again: Mailboxes whose inbox is to be read again whole while receipts are outstanding: some
            may be there and not have been seen.
    """

    recovered: int = 0
    unread: bool = False
    accepted: int = 0
    settled: Settled = field(default_factory=Settled)
    sent: Sent = field(default_factory=Sent)
    error: BulkPecError | None = None
    sends: bool = False
    bad_canary: bool = False
    room_made: bool = False
    to_read_again: list[str] = field(default_factory=list)

    @property
    def posted(self) -> int:
        """Attempts of which something may have left."""
        return self.sent.attempts - self.sent.outcomes.get(Verdict.NOT_SENT, 0)

    def stopped_mailboxes(self) -> list[str]:
        """What a person is told of the mailboxes that sent no more: a sentence for each there is one for.

        How many messages wait for it, since it had tried them, and why it stopped; that it was refused, full
        or not to be read, also if none do. What says it already, as the reason of the whole stop, is not
        repeated.
        """
        lines = []
        for address, why in self.sent.stopped.items():
            waiting = self.sent.stranded.get(address, 0)
            note = "" if why.note in self.sent.note else f": {why.note}"
            if waiting:
                lines.append(
                    f"{counted(waiting, 'message')} can only leave from {address}, which stopped{note}."
                )
            elif note and why.reason in _FOR_A_PERSON:
                lines.append(f"{address} stopped{note}.")
        return lines

    def unsure_inboxes(self) -> list[str]:
        """What a person is told of inboxes that are to be read again: a sentence for each."""
        return [
            f"{address}: mail was deleted or moved while its inbox was read, so receipts may be there that "
            "were not seen. A later start reads all of it again."
            for address in self.to_read_again
        ]

    def add(self, sent: Sent) -> None:
        """What one round of sending came to."""
        total = self.sent
        for verdict, count in sent.outcomes.items():
            total.outcomes[verdict] = total.outcomes.get(verdict, 0) + count
        total.skipped = sent.skipped
        total.refused += sent.refused
        total.reason, total.note = sent.reason, sent.note
        total.stranded, total.stopped, total.awaited = sent.stranded, sent.stopped, sent.awaited
        total.again_at = sent.again_at
        total.commits += sent.commits
