"""What people look at: a run's figures, and its rows one by one."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from bulk_pec.domain.calendar import Period
from bulk_pec.domain.causes import Cause
from bulk_pec.domain.states import Delivery
from bulk_pec.ledger.runs import repeats
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.ledger.store.database import Database

_PAGE = 2_000
_LOOKED_UP = "address looked up by tax code"
_TWICE = "sent twice"
_FAILED = frozenset({Delivery.NOT_ACCEPTED.value, Delivery.UNDELIVERED.value})


@dataclass(frozen=True, slots=True)
class Figures:
    """The counters of a run.

    Attributes:
        values: By column of `run_counts`.
        seen: Mails seen in the run's mailboxes since it was loaded.
        unknown: Those of a form this version does not know.
        updated_at: Milliseconds since the epoch.
        fewer: Messages that the provider says it sent to fewer addresses than they have.
    """

    values: dict[str, int]
    seen: int
    unknown: int
    updated_at: int
    fewer: int = 0


@dataclass(frozen=True, slots=True)
class RowView:
    """One input row as it stands. Times are milliseconds since the epoch; `fields` is a JSON array."""

    row: int
    key: str | None
    recipient: str = field(repr=False)
    reference: str | None
    state: str
    attempts: int
    message_id: str | None
    mailbox: str | None
    sent_at: int | None
    delivery: str | None
    accepted_at: int | None
    delivered_at: int | None
    reason: str | None
    fields: str = field(repr=False)


class Views:
    """Reading without changing anything."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def figures(self, run: Run) -> Figures:
        """The run's counters: one row, whatever the run's size."""
        with self._db.transaction() as connection:
            counts: dict[str, Any] = dict(
                self._db.execute(connection, "SELECT * FROM run_counts WHERE run_id = :run", run=run.id)
                .mappings()
                .one()
            )
            mail = self._db.execute(
                connection,
                "SELECT COALESCE(SUM(b.seen - r.seen_before), 0) AS seen, "
                "COALESCE(SUM(b.unknown - r.unknown_before), 0) AS unknown "
                "FROM run_mailboxes r JOIN mailboxes b ON b.id = r.mailbox_id WHERE r.run_id = :run",
                run=run.id,
            ).one()
            fewer = self._db.execute(
                connection,
                "SELECT COUNT(DISTINCT message) FROM attempts WHERE run_id = :run AND sent_to < units",
                run=run.id,
            ).scalar_one()
        updated_at = counts.pop("updated_at")
        counts.pop("run_id")
        return Figures(counts, int(mail.seen), int(mail.unknown), updated_at, int(fewer))

    def used(self, addresses: Sequence[str], period: Period) -> list[tuple[int, int, int]]:
        """What each of these mailboxes has used of its caps in this day, month and year."""
        keys = (period.day, period.month, period.year)
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                "SELECT b.address, u.period, u.used FROM mailboxes b JOIN usage u "
                "ON u.scope = 'mailbox:' || CAST(b.id AS text) WHERE u.period IN (:day, :month, :year)",
                day=period.day,
                month=period.month,
                year=period.year,
            ).all()
        found = {(row.address, row.period): int(row.used) for row in rows}
        used = [tuple(found.get((address.lower(), key), 0) for key in keys) for address in addresses]
        return [(day, month, year) for day, month, year in used]

    def spent(self, run: Run) -> float:
        """What the run's messages have cost so far, in EUR, as its budget counts it."""
        with self._db.transaction() as connection:
            used = self._db.execute(
                connection,
                "SELECT used FROM usage WHERE scope = :scope AND period = 'cost'",
                scope=f"run:{run.id}",
            ).scalar()
        return int(used or 0) / 1_000_000

    def said_where(
        self, words: str, asked: Sequence[tuple[str, bytes]]
    ) -> dict[tuple[str, bytes], tuple[str, int]]:
        """Which of these messages a run with the same templates, the reference aside, has said already.

        Args:
            words: The templates' `words_digest`.
            asked: The list's own key and the content digest of each.

        Returns:
            Of each that was said, the name of the run that said it first, and its row there.
        """
        with self._db.transaction() as connection:
            return repeats.among(self._db, connection, words, asked)

    def rows(self, run: Run) -> Iterator[RowView]:
        """Every input row, in input order, those set aside included; read a page at a time."""
        return heapq.merge(self._messages(run), self._set_aside(run), key=lambda view: view.row)

    def _messages(self, run: Run) -> Iterator[RowView]:
        statement = (
            'SELECT m.id, m."row", m.key, m.recipient, m.reference, m.state, m.attempts, m.message_id, '
            "b.address AS mailbox, m.sent_at, m.delivery, m.accepted_at, m.delivered_at, "
            "m.reason, m.fields, m.cause, m.looked_up, m.twin_at "
            "FROM messages m LEFT JOIN mailboxes b ON b.id = m.mailbox_id "
            "WHERE m.id > :after AND m.id <= :last ORDER BY m.id LIMIT :page"
        )
        after = run.first_id - 1
        while True:
            with self._db.transaction() as connection:
                page = self._db.execute(
                    connection, statement, after=after, last=run.last_id, page=_PAGE
                ).all()
            if not page:
                return
            after = page[-1].id
            for row in page:
                view = _with_cause(RowView(*row[1:-3]), row.cause)
                view = _as_listed(view) if row.looked_up else view
                view = _as_twin(view) if row.twin_at is not None else view
                yield view if view.state == "sent" else _without_delivery(view)

    def _set_aside(self, run: Run) -> Iterator[RowView]:
        statement = (
            'SELECT "row", key, recipient, state, reason, fields FROM set_aside '
            'WHERE run_id = :run AND "row" > :after ORDER BY "row" LIMIT :page'
        )
        after = 0
        while True:
            with self._db.transaction() as connection:
                page = self._db.execute(connection, statement, run=run.id, after=after, page=_PAGE).all()
            if not page:
                return
            after = page[-1].row
            for row in page:
                view = RowView(
                    row=row.row,
                    key=row.key,
                    recipient=row.recipient,
                    reference=None,
                    state=row.state,
                    attempts=0,
                    message_id=None,
                    mailbox=None,
                    sent_at=None,
                    delivery=None,
                    accepted_at=None,
                    delivered_at=None,
                    reason=row.reason,
                    fields=row.fields,
                )
                yield _as_listed(view)


def _as_listed(view: RowView) -> RowView:
    """A row whose address was looked up as the list has it, and with a word on that; any other as it is.

    Behind its values stand a number, the address's place, and the list's own cell: the letter is made of
    the values. Nothing else in a row is a number.
    """
    fields = orjson.loads(view.fields)
    if len(fields) < 2 or not isinstance(fields[-2], int):
        return view
    *fields, place, cell = fields
    fields[place] = cell
    reason = f"{view.reason}; {_LOOKED_UP}" if view.reason else _LOOKED_UP
    return replace(view, fields=orjson.dumps(fields).decode(), reason=reason)


def _with_cause(view: RowView, cause: str | None) -> RowView:
    """A row that was not delivered with why, as far as a notice's text has told."""
    if cause is None or view.reason is None or view.delivery not in _FAILED:
        return view
    said, more, note = view.reason.partition("; ")
    return replace(view, reason=f"{said}: {Cause(cause).words}{more}{note}")


def _as_twin(view: RowView) -> RowView:
    """A row with a word on what matters most of it: receipts show that it left twice."""
    return replace(view, reason=f"{_TWICE}; {view.reason}" if view.reason else _TWICE)


def _without_delivery(view: RowView) -> RowView:
    """Delivery is an axis of messages that were sent; of the others there is nothing to say."""
    return replace(view, delivery=None)
