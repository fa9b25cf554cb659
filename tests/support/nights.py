"""Whole starts of the nightly job under a virtual clock: the real rounds, engine and ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from support import virtual_time
from support.ledgers import recount
from support.pec import MAILBOX, TOKEN
from support.sending import OPTIONS, composer
from support.sending import room as loaded
from support.virtual_provider import LoopClock, VirtualProvider

from bulk_pec.composing import Composer
from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.errors import BulkPecError
from bulk_pec.domain.exits import Exit
from bulk_pec.domain.letters import Mailbox, Secret
from bulk_pec.domain.outcomes import Outcome
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.nightly import Limits, Parts, Provider, Rounds, Rules
from bulk_pec.provider.client import PecClient
from bulk_pec.receipts.listing import PacedListing
from bulk_pec.receipts.settle import Policy, SettleOptions
from bulk_pec.reporting.ending import exit_of
from bulk_pec.reporting.status import Terms, document
from bulk_pec.sending.options import Watcher
from bulk_pec.sending.stops import Stops

ROME = ZoneInfo("Europe/Rome")
SERVICE = "http://127.0.0.1:9"


def rome(text: str) -> int:
    """A time as Rome's clocks show it, in milliseconds since the epoch."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ROME).timestamp() * 1000)


def shown(at: int) -> datetime:
    """What Rome's clocks show at a moment."""
    return datetime.fromtimestamp(at / 1000, ROME)


@dataclass
class Ending:
    """What one start came to."""

    exit: Exit
    document: dict[str, Any]
    rounds: Rounds


Listener = Callable[[Stops], Coroutine[Any, Any, None]]


@dataclass
class Nights:
    """A loaded run, the provider, and the time.

    Attributes:
        ledger: Open for writing.
        run: Loaded.
        clock: The process's.
        provider: Played.
        said: What the job told people.
        rules: See `bulk_pec.nightly.Rules`.
        mailboxes: To send from.
        letters: The templates.
    """

    ledger: Ledger
    run: Run
    clock: LoopClock
    provider: VirtualProvider
    rules: Rules
    mailboxes: list[Mailbox] = field(default_factory=lambda: [MAILBOX])
    said: list[str] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    letters: Composer = field(default_factory=composer)

    async def start(self, *, reconcile: bool = True, **limits: Any) -> Ending:
        """One start of the job, as the command makes it."""
        self.run = self.ledger.runs.get(self.run.name)
        rounds = Rounds(self._parts(Limits(**limits)))
        await rounds.send(reconcile=reconcile)
        recount(self.ledger, self.run)
        run = self.ledger.runs.get(self.run.name)
        found = document(run, self.ledger.views.figures(run), Terms(0.05))
        assert found["balanced"]
        if rounds.done.error is not None:
            return Ending(rounds.done.error.exit, found, rounds)
        return Ending(exit_of(found, rounds.ended()), found, rounds)

    async def reconcile(self) -> BulkPecError | None:
        """The inboxes read and doubts settled, as `reconcile` does; what it ends with, if not the status."""
        rounds = Rounds(self._parts(Limits()))
        await rounds.reconcile()
        recount(self.ledger, self.run)
        return rounds.done.error

    def _parts(self, limits: Limits) -> Parts:
        return Parts(
            ledger=self.ledger,
            run=self.run,
            letters=self.letters,
            mailboxes=self.mailboxes,
            provider=self._open,
            clock=self.clock,
            rules=self.rules,
            limits=limits,
            listeners=self.listeners,
            progress=_unseen,
            say=self.said.append,
        )

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Provider]:
        async with httpx.AsyncClient(transport=self.provider) as http:
            client = PecClient(
                http, base_url=SERVICE, token=Secret(TOKEN), now=lambda: self.clock.now() / 1000
            )
            yield Provider(client, PacedListing(client, 5.0))


def _ignore(outcome: Outcome) -> None:
    del outcome


@contextmanager
def _unseen(total: int) -> Iterator[Watcher]:
    del total
    yield _ignore


def rules(
    calendar: Calendar,
    rate: float = 1.0,
    price: float = 0.05,
    max_cost: float | None = None,
    **changed: Any,
) -> Rules:
    """Ordinary rules, but for what is changed."""
    options = replace(OPTIONS, rate=rate, timeout=60.0, price=price, max_cost=max_cost, mailbox_full_at=0.9)
    given: dict[str, Any] = {
        "service": SERVICE,
        "send": lambda most: replace(options, max_messages=most),
        "settle": SettleOptions(Policy.RECONCILE, 1800.0, 0.9),
        "may_settle": True,
        "overdue_after": 26 * 3600.0,
        "mailbox_full_at": 0.9,
        "calendar": calendar,
    }
    return Rules(**(given | changed))


def play(
    ledger: Ledger,
    rows: int,
    at: str,
    play: Callable[[Nights], Coroutine[Any, Any, None]],
    given: Rules,
    *,
    body: str = "<p>Gentile {{ nome }}</p>",
) -> Nights:
    """Load a run of so many messages at a moment of Rome's clocks, and let `play` go on with it."""
    kept: list[Nights] = []

    async def main() -> None:
        clock = LoopClock(rome(at))
        letters = composer(body)
        ready = loaded(ledger, rows, clock=clock, letters=letters)
        nights = Nights(ledger, ready.run, clock, VirtualProvider(clock), given, letters=letters)
        kept.append(nights)
        await play(nights)

    virtual_time.run(main)
    return kept[0]
