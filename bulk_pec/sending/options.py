"""What the caller asks of sending, and what it gets back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from bulk_pec.domain.exits import Reason
from bulk_pec.domain.letters import Mailbox
from bulk_pec.domain.outcomes import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How a run is sent. Times are seconds, rates are per second.

    Attributes:
        concurrency: Requests in flight at most.
        rate: POSTs a second; ``math.inf`` for no limit.
        timeout: For each exchange.
        drain_timeout: For what is in flight when a signal, pause or cancel comes.
        lease: A worker's, on Postgres.
        max_failure_share: See `bulk_pec.sending.health.Health`.
        max_messages: Attempts in this start; None for no limit.
    """

    concurrency: int
    rate: float
    timeout: float
    drain_timeout: float
    lease: float
    max_failure_share: float
    max_messages: int | None = None


@dataclass(frozen=True, slots=True)
class SendingMailbox:
    """A mailbox to send from: its credentials, its id in the ledger, how full it was when last read."""

    mailbox: Mailbox
    id: int
    quota_share: float | None


@dataclass(slots=True)
class Sent:
    """What one start of sending did.

    Attributes:
        outcomes: How many attempts ended in each way.
        skipped: Rows whose content is not what was loaded, with why: they stay pending.
        refused: Intents the ledger did not take though nothing asked to stop: another process has the
            message, or it is not what its first attempt said. These messages stay as they are.
        reason: Why it stopped early; None: nothing was left to claim.
        note: A sentence about that.
        commits: Ledger transactions used.
    """

    outcomes: dict[Verdict, int] = field(default_factory=dict)
    skipped: list[tuple[int, str]] = field(default_factory=list)
    refused: int = 0
    reason: Reason | None = None
    note: str = ""
    commits: int = 0

    @property
    def attempts(self) -> int:
        """Attempts closed."""
        return sum(self.outcomes.values())


class Watcher(Protocol):
    """Is told of every outcome."""

    def __call__(self, outcome: Outcome) -> None:
        """Take note; it must not wait."""
        ...
