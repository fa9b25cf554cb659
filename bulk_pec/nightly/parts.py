"""What the job works with, and the rules it works by. Nothing here knows the configuration's file."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from datetime import time
from typing import Any

from bulk_pec.clock import Clock
from bulk_pec.composing import Composer
from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.letters import Mailbox
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.provider.client import PecClient
from bulk_pec.receipts.errands import ErrandOptions
from bulk_pec.receipts.listing import PacedListing
from bulk_pec.receipts.settle import SettleOptions
from bulk_pec.sending.options import MailboxLimits, SendOptions, Watcher
from bulk_pec.sending.stops import Stops


@dataclass(frozen=True, slots=True)
class Provider:
    """The provider as this process reaches it: POSTs by the client, all else by the paced listing."""

    client: PecClient
    listing: PacedListing


@dataclass(frozen=True, slots=True)
class Limits:
    """What this start may do at most; None for no limit.

    Attributes:
        max_messages: Attempts.
        max_duration: Seconds.
        until: The local time of day at which claims end, the next time it comes.
        wait: Whether windows, caps and room are waited for, rather than ending.
    """

    max_messages: int | None = None
    max_duration: float | None = None
    until: time | None = None
    wait: bool = False


@dataclass(frozen=True, slots=True)
class CanaryRules:
    """What is asked of a canary.

    Attributes:
        size: Its messages; 0: none is wanted.
        wait: Seconds that its receipts are awaited at most, from when it had been sent whole.
        min_delivered: Share of it that must be delivered.
    """

    size: int = 0
    wait: float = 7200.0
    min_delivered: float = 0.9


@dataclass(frozen=True, slots=True)
class Rules:
    """How the configuration wants the job done.

    Attributes:
        service: The provider's base URL.
        send: The engine's options, given the attempts left to this start.
        settle: How doubts are settled.
        may_settle: Whether reading the inbox may settle doubts without the operator.
        overdue_after: Seconds after which a receipt is overdue.
        mailbox_full_at: Share of the quota from which nothing is sent from a mailbox.
        calendar: When sending is allowed.
        canary: See `CanaryRules`.
        limits: What each mailbox may send, by its address; one that is not here has no limits of its own.
        harvest_every: Seconds from one walk over the inboxes to the next while messages leave.
        errands: What is done in the mailboxes after sending.
    """

    service: str
    send: Callable[[int | None], SendOptions]
    settle: SettleOptions
    may_settle: bool
    overdue_after: float
    mailbox_full_at: float
    calendar: Calendar
    canary: CanaryRules = CanaryRules()
    limits: Mapping[str, MailboxLimits] = field(default_factory=dict)
    harvest_every: float = 900.0
    errands: ErrandOptions = field(default_factory=ErrandOptions)


@dataclass(frozen=True, slots=True)
class Parts:
    """What one start works with.

    Attributes:
        ledger: Open for writing.
        run: Loaded.
        letters: With the templates the run was loaded with; None where nothing is sent.
        mailboxes: To send from, and whose inboxes are read.
        provider: Opens the provider; its connections are closed at the end.
        clock: Where time comes from.
        rules: See `Rules`.
        limits: See `Limits`.
        listeners: Run while the job works: each listens to somebody (signals, orders) who may stop it.
        progress: Given the messages to go, shows how sending goes on.
        say: Talk for people, a line at a time.
    """

    ledger: Ledger
    run: Run
    letters: Composer | None
    mailboxes: Sequence[Mailbox]
    provider: Callable[[], AbstractAsyncContextManager[Provider]]
    clock: Clock
    rules: Rules
    limits: Limits
    listeners: Sequence[Callable[[Stops], Coroutine[Any, Any, None]]]
    progress: Callable[[int], AbstractContextManager[Watcher]]
    say: Callable[[str], None]

    def figure(self, name: str) -> int:
        """One of the run's counters."""
        return self.ledger.views.figures(self.run).values[name]

    @property
    def pending(self) -> int:
        """Messages to be sent."""
        return self.figure("pending")
