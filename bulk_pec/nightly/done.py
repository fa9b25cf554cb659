"""What a start did."""

from __future__ import annotations

from dataclasses import dataclass, field

from bulk_pec.domain.errors import BulkPecError
from bulk_pec.domain.outcomes import Verdict
from bulk_pec.receipts.settle import Settled
from bulk_pec.sending.options import Sent


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
    """

    recovered: int = 0
    unread: bool = False
    accepted: int = 0
    settled: Settled = field(default_factory=Settled)
    sent: Sent = field(default_factory=Sent)
    error: BulkPecError | None = None
    sends: bool = False
    bad_canary: bool = False

    @property
    def posted(self) -> int:
        """Attempts of which something may have left."""
        return self.sent.attempts - self.sent.outcomes.get(Verdict.NOT_SENT, 0)

    def add(self, sent: Sent) -> None:
        """What one round of sending came to."""
        total = self.sent
        for verdict, count in sent.outcomes.items():
            total.outcomes[verdict] = total.outcomes.get(verdict, 0) + count
        total.skipped = sent.skipped
        total.refused += sent.refused
        total.reason, total.note = sent.reason, sent.note
        total.stranded, total.again_at = sent.stranded, sent.again_at
        total.commits += sent.commits
