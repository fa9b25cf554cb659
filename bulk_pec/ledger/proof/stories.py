"""Stories: everything the ledger holds of a message, for people to read and for proof. Nothing is changed.

A message is found by whatever a person has in hand (`bulk_pec.ledger.proof.tracing`). Here all of it is
read, one message at a time or a run a page at a time, so that memory does not grow with the run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection

from bulk_pec.domain.addresses import canonicals
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.ledger.runs.suppressions import suppressed
from bulk_pec.ledger.store.database import Database

PAGE = 1_000
"""Messages, or rows set aside, that are in memory at once."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the ledger has it. Times are milliseconds since the epoch, UTC; see `schema.messages`."""

    id: int
    row: int
    key: str = field(repr=False)
    recipient: str = field(repr=False)
    reference: str
    fields: str = field(repr=False)
    content_digest: bytes = field(repr=False)
    state: str
    mailbox: str | None
    not_before: int | None
    harvest_after: int | None
    message_id: str | None
    sent_at: int | None
    reason: str | None
    delivery: str
    accepted_at: int | None
    not_accepted_at: int | None
    delivered_at: int | None
    undelivered_at: int | None
    late_at: int | None
    expires_at: int | None
    looked_up: bool | None
    twin_at: int | None
    cause: str | None
    asked_at: int | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt; see `schema.attempts`. `settled_facts` is what its settlement rests on."""

    id: int
    message: int
    number: int
    mailbox: str
    digest: str
    units: int
    opened_at: int
    closed_at: int | None
    outcome: str | None
    status: int | None
    message_id: str | None
    sent_to: int | None
    detail: str | None
    settlement: str | None
    settled_at: int | None
    settled_facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt as the inbox listed it; see `schema.receipts`."""

    id: int
    message: int
    mailbox: str
    mailbox_id: int
    fingerprint: str
    item_id: str
    kind: str
    sender: str = field(repr=False)
    subject: str = field(repr=False)
    date: str
    at: int | None
    reference: str | None
    token: str | None
    cause: str | None
    text_digest: str | None
    archived_at: int | None
    archive_number: int | None
    deleted_at: int | None
    gone: bool


@dataclass(frozen=True, slots=True)
class Kin:
    """The same row in another run: the one whose failure this one takes up, or one that takes it up."""

    run: str
    row: int
    state: str
    delivery: str
    reference: str


@dataclass(frozen=True, slots=True)
class RunOrder:
    """What an operator ordered of a run, without the other messages that it named."""

    kind: str
    given_at: int
    given_by: str
    facts: dict[str, Any]
    named: int = 0
    """How many messages it named; 0: it was about the whole run."""


@dataclass(frozen=True, slots=True)
class Story:
    """All there is of one message.

    Attributes:
        run: Its run.
        message: As it stands.
        attempts: In order.
        receipts: By date, those without one last.
        earlier: The message of the run that this one retries, if it does.
        later: The messages of runs that retry this one.
    """

    run: Run
    message: Message
    attempts: tuple[Attempt, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    earlier: Kin | None = None
    later: tuple[Kin, ...] = ()


@dataclass(frozen=True, slots=True)
class Aside:
    """A row that never became a message. `fields` is a JSON array."""

    row: int
    key: str | None = field(repr=False)
    recipient: str = field(repr=False)
    state: str
    reason: str
    fields: str = field(repr=False)


class Stories:
    """Reading all there is of messages."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, run: Run, message: int) -> Story:
        """One message's story; it is known to be in this run."""
        with self._db.transaction() as connection:
            (story,) = self._page(connection, run, message, message)
        return story

    def pages(self, run: Run) -> Iterator[list[Story]]:
        """Every message's story in input order, `PAGE` at a time."""
        after = run.first_id - 1
        while True:
            with self._db.transaction() as connection:
                page = self._page(connection, run, after + 1, run.last_id)
            if not page:
                return
            after = page[-1].message.id
            yield page

    def aside(self, run: Run, row: int) -> Aside | None:
        """The row of this number, if it never became a message."""
        with self._db.transaction() as connection:
            found = self._aside(connection, run, row - 1, row)
        return found[0] if found else None

    def aside_pages(self, run: Run) -> Iterator[list[Aside]]:
        """Every row that never became a message, in input order, `PAGE` at a time."""
        after = 0
        while True:
            with self._db.transaction() as connection:
                page = self._aside(connection, run, after, run.input_rows)
            if not page:
                return
            after = page[-1].row
            yield page

    def row_of_key(self, run: Run, key: str) -> int | None:
        """The row whose message has this key: of a duplicate, the one that is sent."""
        with self._db.transaction() as connection:
            row = self._db.execute(
                connection,
                'SELECT "row" FROM messages WHERE run_id = :run AND key = :key',
                run=run.id,
                key=key,
            ).scalar()
        return None if row is None else int(row)

    def orders(self, run: Run, reference: str | None = None) -> list[RunOrder]:
        """The operators' orders, oldest first.

        Args:
            run: Of which.
            reference: Leave out the settlements that name other messages only; None: all of them.
        """
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                "SELECT kind, given_at, given_by, facts FROM orders WHERE run_id = :run ORDER BY id",
                run=run.id,
            )
            found = []
            for row in rows:
                facts: dict[str, Any] = orjson.loads(row.facts or "{}")
                named = facts.pop("references", [])
                facts.pop("receipts", None)  # how many each of them had
                if reference is None or not named or reference in named:
                    found.append(RunOrder(row.kind, row.given_at, row.given_by, facts, len(named)))
            return found

    def referenced(self, message: int) -> bool:
        """Whether a receipt can name this message: no attempt of it left out the reference in its subject."""
        with self._db.transaction() as connection:
            without = self._db.execute(
                connection,
                "SELECT 1 FROM attempts WHERE message = :message AND subject_digest IS NOT NULL LIMIT 1",
                message=message,
            ).first()
        return without is None

    def suppressed(self, recipient: str) -> str | None:
        """Why one of these addresses is never to be written to by now; None: none is suppressed."""
        with self._db.transaction() as connection:
            reasons = suppressed(self._db, connection, canonicals(recipient))
        return next(iter(reasons.values()), None)

    def _page(self, connection: Connection, run: Run, first: int, last: int) -> list[Story]:
        messages = [
            Message(*row)
            for row in self._db.execute(connection, _MESSAGES, first=first, last=last, page=PAGE).all()
        ]
        if not messages:
            return []
        span = {"first": messages[0].id, "last": messages[-1].id}
        attempts = _by_message(
            [
                Attempt(**{**row, "settled_facts": orjson.loads(row["settled_facts"] or "{}")})
                for row in self._db.execute(connection, _ATTEMPTS, **span).mappings()
            ]
        )
        receipts = _by_message([Receipt(*row) for row in self._db.execute(connection, _RECEIPTS, **span)])
        later: dict[int, list[Kin]] = defaultdict(list)
        for row in self._db.execute(connection, _LATER, run=run.id, **span):
            later[row.id].append(Kin(*row[1:]))
        earlier = {
            row.id: Kin(*row[1:])
            for row in (self._db.execute(connection, _EARLIER, run=run.id, **span) if run.retry_of else ())
        }
        return [
            Story(
                run,
                message,
                attempts.get(message.id, ()),
                receipts.get(message.id, ()),
                earlier.get(message.id),
                tuple(later.get(message.id, ())),
            )
            for message in messages
        ]

    def _aside(self, connection: Connection, run: Run, after: int, last: int) -> list[Aside]:
        rows = self._db.execute(
            connection,
            'SELECT "row", key, recipient, state, reason, fields FROM set_aside WHERE run_id = :run '
            'AND "row" > :after AND "row" <= :last ORDER BY "row" LIMIT :page',
            run=run.id,
            after=after,
            last=last,
            page=PAGE,
        )
        return [Aside(*row) for row in rows]


_MESSAGES = (
    'SELECT m.id, m."row", m.key, m.recipient, m.reference, m.fields, m.content_digest, m.state, '
    "b.address AS mailbox, m.not_before, m.harvest_after, m.message_id, m.sent_at, m.reason, m.delivery, "
    "m.accepted_at, m.not_accepted_at, m.delivered_at, m.undelivered_at, m.late_at, m.expires_at, "
    "m.looked_up, m.twin_at, m.cause, m.asked_at "
    "FROM messages m LEFT JOIN mailboxes b ON b.id = m.mailbox_id "
    "WHERE m.id BETWEEN :first AND :last ORDER BY m.id LIMIT :page"
)
_ATTEMPTS = (
    "SELECT a.id, a.message, a.number, b.address AS mailbox, a.digest, a.units, a.opened_at, a.closed_at, "
    "a.outcome, a.status, a.message_id, a.sent_to, a.detail, a.settlement, a.settled_at, a.settled_facts "
    "FROM attempts a JOIN mailboxes b ON b.id = a.mailbox_id "
    "WHERE a.message BETWEEN :first AND :last ORDER BY a.message, a.number"
)
_RECEIPTS = (
    "SELECT r.id, r.message, b.address AS mailbox, r.mailbox_id, r.fingerprint, r.item_id, r.kind, r.sender, "
    "r.subject, r.date, r.at, r.reference, r.token, r.cause, r.text_digest, r.archived_at, "
    "r.archive_number, r.deleted_at, r.gone "
    "FROM receipts r JOIN mailboxes b ON b.id = r.mailbox_id WHERE r.message BETWEEN :first AND :last "
    "ORDER BY r.message, CASE WHEN r.at IS NULL THEN 1 ELSE 0 END, r.at, "
    "CASE WHEN r.kind = 'accepted' THEN 0 ELSE 1 END, r.id"
)
# Joined in this order: a run that has no kin costs nothing, and only this page's messages are looked at.
_KIN = (
    'SELECT m.id, o.name, p."row", p.state, p.delivery, p.reference '
    "FROM runs o CROSS JOIN messages m CROSS JOIN messages p "
    "WHERE m.id BETWEEN :first AND :last AND p.run_id = o.id AND p.key = m.key AND"
)
_LATER = f"{_KIN} o.retry_of = :run ORDER BY m.id, o.id"
_EARLIER = f"{_KIN} o.id = (SELECT retry_of FROM runs WHERE id = :run)"

_Part = TypeVar("_Part", Attempt, Receipt)


def _by_message(parts: Sequence[_Part]) -> dict[int, tuple[_Part, ...]]:
    found: dict[int, list[_Part]] = defaultdict(list)
    for part in parts:
        found[part.message].append(part)
    return {message: tuple(those) for message, those in found.items()}
