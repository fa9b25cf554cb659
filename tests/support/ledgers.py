"""Ledgers as the tests use them: lists to load, a worker's desk, and a recount that trusts no counter."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import orjson
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from support.walks import add_page

from bulk_pec import shipped
from bulk_pec.domain.caps import Limits
from bulk_pec.domain.inbox import InboxItem
from bulk_pec.domain.outcomes import Outcome, Verdict
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.states import Delivery, MessageState, SetAside
from bulk_pec.ledger.inbox.inbox import Mail, WalkEnd
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.attempts import NO_LIMITS, Closing, Intent
from bulk_pec.ledger.outbox.claims import Block, PendingMessage
from bulk_pec.ledger.outbox.workers import Worker
from bulk_pec.ledger.runs.loading import NewRow, NewRun
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.ledger.store.database import Mode

NOW = 1_800_000_000_000
"""A moment in 2027, in milliseconds since the epoch: the tests' "now"."""
HOUR = 3_600_000
LEASE = 600_000
MAILBOX = "ufficio@example.com"
MESSAGE_ID = "2020082610003492"

SENT = Outcome(Verdict.SENT, "Sent", status=201, message_id=MESSAGE_ID)
REJECTED = Outcome(Verdict.REJECTED, "HTTP 400: bad address", status=400)
NOT_SENT = Outcome(Verdict.NOT_SENT, "connection refused")
THROTTLED = Outcome(Verdict.THROTTLED, "HTTP 429", status=429)
REFUSED = Outcome(Verdict.REFUSED, "HTTP 402", status=402)
IN_DOUBT = Outcome(Verdict.IN_DOUBT, "no answer in time")

_numbers = count(1)


def open_ledger(url: str, mode: Mode = "write", *, upgrade: bool = False) -> Ledger:
    """Open a ledger with the project's own migrations."""
    return Ledger(url, mode, scripts=shipped.path("migrations"), upgrade=upgrade)


@contextmanager
def database_on(server: str) -> Iterator[str]:
    """The URL of a new database without any table on a Postgres server, dropped afterwards."""
    name = f"empty_{uuid.uuid4().hex[:12]}"
    url = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        engine.dispose()


def new_run(name: str = "giugno", *, mailboxes: tuple[str, ...] = (MAILBOX,)) -> NewRun:
    """A run to load: one column, one mailbox."""
    return NewRun(name, "elenco.csv", "a" * 64, "b" * 64, ("pec",), mailboxes, "w" * 64)


def a_row(
    number: int, key: str | None = None, recipient: str | None = None, *, expires_at: int | None = None
) -> NewRow:
    """A checked row, as the intake hands it over; its key is its address unless it is given one."""
    address = recipient or f"persona{number}@example.org"
    fields = orjson.dumps([address]).decode()
    return (
        number,
        address if key is None else key,
        address,
        fields,
        hashlib.sha256(address.encode()).digest(),
        expires_at,
        None,
    )


def load(ledger: Ledger, rows: int | Sequence[NewRow], name: str = "giugno", now: int = NOW) -> Run:
    """Load a run of so many rows, or of these."""
    ready = [a_row(number) for number in range(1, rows + 1)] if isinstance(rows, int) else rows
    with ledger.load(new_run(name), now) as loading:
        loading.add(ready)
    return ledger.runs.get(name)


def query(ledger: Ledger, statement: str, **values: Any) -> list[dict[str, Any]]:
    """Read tables as they are, past every view."""
    with ledger.database.transaction() as connection:
        rows = ledger.database.execute(connection, statement, **values).mappings().all()
    return [dict(row) for row in rows]


def message(ledger: Ledger, identity: int) -> dict[str, Any]:
    """One row of `messages`."""
    (row,) = query(ledger, "SELECT * FROM messages WHERE id = :id", id=identity)
    return row


def attempts(ledger: Ledger, identity: int) -> list[dict[str, Any]]:
    """The attempts of one message, in order."""
    return query(ledger, "SELECT * FROM attempts WHERE message = :id ORDER BY number", id=identity)


_RECOUNT = """
SELECT state AS name, COUNT(*) AS n FROM messages WHERE run_id = :run GROUP BY state
UNION ALL SELECT state, COUNT(*) FROM set_aside WHERE run_id = :run GROUP BY state
UNION ALL SELECT 'delivery_' || delivery, COUNT(*) FROM messages
    WHERE run_id = :run AND state = 'sent' GROUP BY delivery
UNION ALL SELECT 'attempts', COUNT(*) FROM attempts WHERE run_id = :run
UNION ALL SELECT 'receipts_matched', COUNT(*) FROM receipts r JOIN messages m ON m.id = r.message
    WHERE m.run_id = :run
UNION ALL SELECT 'twins', COUNT(*) FROM messages WHERE run_id = :run AND twin_at IS NOT NULL
"""


def recount(ledger: Ledger, run: Run) -> None:
    """Count every table again and compare with the run's counters and its input rows (invariant 6)."""
    counted = {row["name"]: row["n"] for row in query(ledger, _RECOUNT, run=run.id)}
    (kept,) = query(ledger, "SELECT * FROM run_counts WHERE run_id = :run", run=run.id)
    del kept["run_id"], kept["updated_at"]
    assert kept == dict.fromkeys(kept, 0) | counted
    assert run.input_rows == sum(kept[name] for name in [*MessageState, *SetAside])
    assert kept["sent"] == sum(kept[f"delivery_{delivery}"] for delivery in Delivery)


@dataclass
class Desk:
    """A worker at work on a run: it holds blocks, opens attempts and closes them.

    Attributes:
        ledger: Open for writing.
        run: Loaded.
        worker: Registered.
        mailbox: The ledger's id of the mailbox it sends from.
        blocks: Those it holds.
        limits: Prices, caps and budget that its ticks are held to.
    """

    ledger: Ledger
    run: Run
    worker: Worker
    mailbox: int
    blocks: list[Block] = field(default_factory=list)
    limits: Limits = NO_LIMITS

    @classmethod
    def of(cls, ledger: Ledger, run: Run, *, lease: int = LEASE, claim: bool = True) -> Desk:
        """A newly registered worker; unless told otherwise it claims every free block."""
        worker = ledger.workers.register(run, lease, NOW)
        desk = cls(ledger, run, worker, ledger.inbox.mailbox_id(MAILBOX))
        if claim:
            desk.claim()
        return desk

    def claim(self) -> list[Block]:
        """Claim every block that is free, in order."""
        after, taken = 0, []
        while (block := self.ledger.claims.take(self.worker, after)) is not None:
            after = block.first_id
            taken.append(block)
        self.blocks += taken
        return taken

    def pending(self, now: int = NOW) -> list[PendingMessage]:
        """What may be sent now, of all blocks held."""
        claims = self.ledger.claims
        return [one for block in self.blocks for one in claims.pending(self.worker, block, now)]

    def intent(self, pending: PendingMessage, **changed: Any) -> Intent:
        """The intent this worker would write for a message, or one that differs from it."""
        right = Intent(pending.id, pending.attempts + 1, pending.block, self.mailbox, f"d{pending.id}", 0.25)
        return replace(right, **changed)

    def open(self, pending: PendingMessage, now: int = NOW, **changed: Any) -> int | None:
        """Write an intent; the attempt's id, or None if the ledger refused it. The counters must hold."""
        tick = self.ledger.attempts.tick(self.worker, [self.intent(pending, **changed)], [], now, self.limits)
        recount(self.ledger, self.run)
        return tick.opened.get(pending.id)

    def opened(self, pending: PendingMessage, now: int = NOW, **changed: Any) -> int:
        """Write an intent that must be taken; the attempt's id."""
        attempt = self.open(pending, now, **changed)
        assert attempt is not None
        return attempt

    def close(
        self, attempt: int, identity: int, outcome: Outcome, *, at: int = NOW + 1_000, wait: int | None = None
    ) -> None:
        """Write an outcome. The counters must hold."""
        closing = Closing(attempt, identity, outcome, at, wait)
        self.ledger.attempts.tick(self.worker, [], [closing], at, self.limits)
        recount(self.ledger, self.run)

    def sent(self, pending: PendingMessage, outcome: Outcome = SENT, *, at: int = NOW + 1_000) -> int:
        """Make a whole attempt with this outcome; the attempt's id."""
        attempt = self.opened(pending)
        self.close(attempt, pending.id, outcome, at=at)
        return attempt

    def state(self, pending: PendingMessage) -> str:
        """Where a message stands."""
        return str(message(self.ledger, pending.id)["state"])

    def leave(self) -> None:
        """End the worker in good order."""
        self.ledger.claims.give_back(self.worker, self.blocks)
        self.blocks = []
        self.ledger.workers.end(self.worker, NOW)

    def die(self) -> int:
        """The process is gone and another recovers: how many attempts were put in doubt."""
        expire(self.ledger, self.worker)
        self.blocks = []
        found = self.ledger.workers.recover(NOW + 2_000)
        recount(self.ledger, self.run)
        return found


def expire(ledger: Ledger, worker: Worker) -> None:
    """Let a lease run out at once: no heartbeat came for longer than it lasts."""
    with ledger.database.transaction() as connection:
        ledger.database.execute(connection, "UPDATE workers SET expires_at = 1 WHERE id = :id", id=worker.id)


def mail(
    kind: ReceiptKind,
    reference: str | None,
    *,
    at: int | None = NOW + 60_000,
    message_id: str | None = MESSAGE_ID,
    sender: str = "posta-certificata@example.net",
) -> Mail:
    """A mail as the inbox would list it, already read; no two have the same text."""
    number = next(_numbers)
    subject = f"{kind.value}: Avviso [rif. {reference}] {number}"
    item = InboxItem(str(number), sender, subject, f"day {at}", at)
    return Mail(item, kind, reference, message_id)


def end(**changed: Any) -> WalkEnd:
    """How a walk that saw everything ends, or one that differs from it."""
    return replace(WalkEnd(pages=1, total=1, both_ends=True, steady=True, quota_share=0.25), **changed)


def harvest(ledger: Ledger, mailbox: int, mails: Iterable[Mail], now: int = NOW + HOUR) -> int:
    """One whole walk that reads these mails on one page; how many receipts were matched."""
    walk = ledger.inbox.begin(mailbox, now)
    added = add_page(ledger, walk, mailbox, list(mails), now)
    ledger.inbox.complete(walk, mailbox, end(), now + 1)
    return added.matched


@contextmanager
def opened(url: str, mode: Mode = "write") -> Iterator[Ledger]:
    """A second connection to a ledger, as another process would have."""
    with open_ledger(url, mode) as ledger:
        yield ledger


def doubts(ledger: Ledger, run: Run) -> Mapping[int, Any]:
    """The run's unsettled doubts, by message."""
    return {doubt.message: doubt for doubt in ledger.doubts.of(run)}
