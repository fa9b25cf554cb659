"""A run that is ready to be sent: its list loaded, its templates compiled, an engine at hand."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from support.fault_server import Act, Seen, Wire, answer, sent
from support.ledgers import query, recount
from support.pec import MAILBOX, NO_WAITING, TOKEN

from bulk_pec.clock import Clock, SystemClock
from bulk_pec.composing import Composer, Templates
from bulk_pec.domain import references
from bulk_pec.domain.caps import NO_CAPS, Caps
from bulk_pec.domain.letters import Secret
from bulk_pec.domain.outcomes import Outcome
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.loading import NewRow, NewRun
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.provider.client import PecClient
from bulk_pec.provider.transport import open_http
from bulk_pec.sending.engine import Engine
from bulk_pec.sending.health import Health
from bulk_pec.sending.options import MailboxLimits, SendingMailbox, SendOptions, Sent
from bulk_pec.sending.stops import Stops

COLUMNS = ("pec", "nome")
OPTIONS = SendOptions(
    concurrency=4, rate=math.inf, timeout=5.0, drain_timeout=5.0, lease=60.0, max_failure_share=0.2
)
SENT = sent()
REJECTED = answer(400, {"success": False, "message": "Bad recipient"})


def composer(body: str = "<p>Gentile {{ nome }}</p>") -> Composer:
    """The templates of the runs here."""
    return Composer(Templates("Avviso", body, body_is_html=True, body_name="body", reference="[rif. {ref}]"))


@dataclass
class Room:
    """A loaded run, and what came of sending it.

    Attributes:
        ledger: Open for writing.
        run: Loaded.
        clock: The engine's.
        stops: Handed to the engine.
        seen: Every outcome the engine told of.
        boxes: To send from; none: the run's one mailbox, without limits.
    """

    ledger: Ledger
    run: Run
    clock: Clock = field(default_factory=SystemClock)
    stops: Stops = field(default_factory=Stops)
    seen: list[Outcome] = field(default_factory=list)
    boxes: list[SendingMailbox] = field(default_factory=list)

    @asynccontextmanager
    async def engine(
        self, url: str, letters: Composer | None = None, health: Health | None = None, **options: Any
    ) -> AsyncIterator[Engine]:
        """An engine that speaks to `url`; `options` change those of `OPTIONS`."""
        chosen = replace(OPTIONS, **options)
        async with open_http(timeout=chosen.timeout, connections=chosen.concurrency + 1) as http:
            client = PecClient(http, base_url=url, token=Secret(TOKEN), patience=NO_WAITING)
            yield Engine(
                self.ledger,
                self.run,
                client,
                boxes=self.boxes or [self.box()],
                composer=letters or composer(),
                options=chosen,
                clock=self.clock,
                stops=self.stops,
                watch=self._watch,
                health=health,
            )

    def box(
        self,
        address: str = MAILBOX.address,
        *,
        share: float = 0.25,
        rate: float | None = None,
        caps: Caps = NO_CAPS,
    ) -> SendingMailbox:
        """A mailbox to send from."""
        mailbox = replace(MAILBOX, address=address)
        return SendingMailbox(
            mailbox, self.ledger.inbox.mailbox_id(address), share, MailboxLimits(rate, caps)
        )

    def _watch(self, outcome: Outcome) -> None:
        self.seen.append(outcome)

    async def send(self, url: str, letters: Composer | None = None, **options: Any) -> Sent:
        """Send until nothing is left or something stops it; the counters must hold afterwards."""
        async with self.engine(url, letters, **options) as engine:
            done = await engine.run()
        recount(self.ledger, self.run)
        return done

    def states(self) -> dict[str, int]:
        """How many messages are in each state; those in which none is are left out."""
        rows = query(
            self.ledger,
            "SELECT state, COUNT(*) AS n FROM messages WHERE run_id = :run GROUP BY state",
            run=self.run.id,
        )
        return {row["state"]: row["n"] for row in rows}

    def attempts(self) -> list[dict[str, Any]]:
        """Every attempt of the run, with its message's reference."""
        return query(
            self.ledger,
            "SELECT a.*, m.reference FROM attempts a JOIN messages m ON m.id = a.message "
            "WHERE a.run_id = :run ORDER BY a.id",
            run=self.run.id,
        )

    def outcomes(self) -> list[str | None]:
        """What each attempt ended in, in the order they were opened; None for one still open."""
        return [attempt["outcome"] for attempt in self.attempts()]


def room(
    ledger: Ledger,
    rows: int,
    name: str = "avvisi",
    *,
    expires: Mapping[int, int] | None = None,
    clock: Clock | None = None,
    letters: Composer | None = None,
) -> Room:
    """A run of so many messages; `expires` says of some rows when, in milliseconds since the epoch."""
    letters, clock = letters or composer(), clock or SystemClock()
    places = letters.places_of(COLUMNS)
    ready: list[NewRow] = []
    for number in range(1, rows + 1):
        values = [f"persona{number}@example.org", f"Persona {number}"]
        digest = letters.content_digest(values[0], values, places)
        ready.append(
            (
                number,
                values[0],
                values[0],
                orjson.dumps(values).decode(),
                digest,
                (expires or {}).get(number),
                None,
            )
        )
    new = NewRun(
        name, "elenco.csv", "a" * 64, letters.digest, COLUMNS, (MAILBOX.address,), letters.templates.digest
    )
    with ledger.load(new, clock.now()) as loading:
        loading.add(ready)
    return Room(ledger, ledger.runs.get(name), clock)


def reference_of(request: Seen) -> str:
    """The reference a posted subject carries."""
    found = references.find(request.json()["subject"])
    assert found is not None
    return found


def doing(act: Act, also: Any) -> Act:
    """Call `also()` when a request has come, then act."""

    async def both(wire: Wire) -> None:
        also()
        await act(wire)

    return both
