"""What the caller asks of sending, and what it gets back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.caps import NO_CAPS, Caps, Limits, millionths
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
        timezone: Of the calendar days, months and years that caps count in.
        price: EUR a message.
        max_cost: EUR for the run, over all its starts; None for no limit.
        mailbox_full_at: Share of its quota that a mailbox must not come to, receipts still to come included.
        receipts_within: Seconds after which a receipt is not waited for any more.
        receipts_lag: Seconds in which most receipts come: what a mailbox grew by is held against those.
    """

    concurrency: int
    rate: float
    timeout: float
    drain_timeout: float
    lease: float
    max_failure_share: float
    max_messages: int | None = None
    timezone: str = "Europe/Rome"
    price: float = 0.0
    max_cost: float | None = None
    mailbox_full_at: float = math.inf
    receipts_within: float = 26 * 3600.0
    receipts_lag: float = 20.0

    def limits(self, boxes: Iterable[SendingMailbox]) -> Limits:
        """The caps and the budget, as the ledger keeps them."""
        return Limits(
            {box.id: box.limits.caps for box in boxes},
            Calendar(self.timezone).period,
            millionths(self.price),
            None if self.max_cost is None else millionths(self.max_cost),
        )


@dataclass(frozen=True, slots=True)
class MailboxLimits:
    """What a mailbox may send: POSTs a second, None for no limit of its own; and its caps."""

    rate: float | None = None
    caps: Caps = NO_CAPS


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why a mailbox sends no more.

    Attributes:
        reason: As the run's would be.
        note: A sentence about it.
        until: When it may send again, milliseconds since the epoch; None: not in this start.
    """

    reason: Reason
    note: str
    until: int | None = None


@dataclass(frozen=True, slots=True)
class SendingMailbox:
    """A mailbox to send from.

    Attributes:
        mailbox: Its address and credentials.
        id: In the ledger.
        quota_share: How full it was when it was last read.
        limits: What it may send.
        stopped: Why nothing may be sent from it now, as was found before; None: it may send.
    """

    mailbox: Mailbox
    id: int
    quota_share: float | None
    limits: MailboxLimits = MailboxLimits()
    stopped: Stopped | None = None


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
        stopped: Why each mailbox that stopped sent no more, by its address.
        stranded: How many messages were left since their mailbox sends no more, by its address.
        awaited: The stopped mailboxes that what is left waits for.
        again_at: When a cap that stopped this start makes room again, milliseconds since the epoch.
        commits: Ledger transactions used.
    """

    outcomes: dict[Verdict, int] = field(default_factory=dict)
    skipped: list[tuple[int, str]] = field(default_factory=list)
    refused: int = 0
    reason: Reason | None = None
    note: str = ""
    stopped: dict[str, Stopped] = field(default_factory=dict)
    stranded: dict[str, int] = field(default_factory=dict)
    awaited: tuple[str, ...] = ()
    again_at: int | None = None
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
