"""Balances: input rows, attempts and receipts of a run held against each other, after a harvest.

The questions are those of `bulk_pec.ledger.proof.questions`, held to one run's messages, and a few more that
accuse nobody. Everything is read in one snapshot. A run of which nothing has changed since its last good
balance is not counted again: `bulk_pec.ledger.runs` keeps it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection

from bulk_pec.domain.balance import SHOWN, Balance, Case, Finding, Kind
from bulk_pec.domain.receipts import RECEIPTS
from bulk_pec.domain.states import MessageState, SetAside
from bulk_pec.ledger.inbox.ambiguities import Ambiguities
from bulk_pec.ledger.proof.checking import miscounted
from bulk_pec.ledger.proof.questions import COUNTED, QUESTIONS, of_run
from bulk_pec.ledger.runs.runs import Run, Runs
from bulk_pec.ledger.store.database import Database

_SPEAKING = ", ".join(f"'{kind.value}'" for kind in sorted(RECEIPTS))

_TWICE = (
    "SELECT m.id AS message FROM messages m WHERE m.id BETWEEN :first AND :last AND m.twin_at IS NOT NULL"
)
_FEWER = (
    "SELECT a.message, a.sent_to, a.units FROM attempts a JOIN messages m ON m.id = a.message "
    "WHERE a.run_id = :run AND a.sent_to < a.units AND a.outcome = 'sent' AND m.delivery <> 'delivered'"
)
_SHARED = (
    "SELECT MIN(m.id) AS message, MAX(m.id) AS other, m.message_id FROM messages m "
    "WHERE m.id BETWEEN :first AND :last AND m.message_id IS NOT NULL "
    "GROUP BY m.mailbox_id, m.message_id HAVING COUNT(*) > 1"
)
_MORE: tuple[tuple[Kind, str, str], ...] = (
    (Kind.SENT_TWICE, "it has left twice", _TWICE),
    (Kind.FEWER_ADDRESSES, "the provider took it for {sent_to} of its {units} addresses", _FEWER),
    (Kind.SHARED_MESSAGE_ID, "it has the message_id {message_id}, and so has message {other}", _SHARED),
)
_AMBIGUOUS = "it has {found} CONSEGNA and {addresses} addresses, and which is whose is not sure"
_UNKNOWN = (
    "SELECT COUNT(*) FROM receipts r JOIN run_mailboxes b ON b.mailbox_id = r.mailbox_id AND b.run_id = :run "
    "JOIN harvests h ON h.id = r.harvest_id AND h.begun_at >= :loaded "
    f"WHERE r.message IS NULL AND r.reference IS NOT NULL AND r.kind IN ({_SPEAKING})"
)


class Balances:
    """Drawing balances, and keeping each run's last one."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def last(self, run: Run) -> dict[str, Any] | None:
        """The run's last balance as it was kept; see `Balance.document`, with `at`. None: none was drawn."""
        with self._db.transaction() as connection:
            return self._kept(connection, run)

    def _kept(self, connection: Connection, run: Run) -> dict[str, Any] | None:
        text = self._db.execute(connection, "SELECT balance FROM runs WHERE id = :run", run=run.id).scalar()
        kept: dict[str, Any] | None = orjson.loads(text) if text else None
        return kept

    def draw(self, run: Run, now: int) -> None:
        """Draw the run's balance and keep it, unless nothing of it has changed since a good one.

        Raises:
            LedgerError: The ledger failed.
        """
        with self._db.transaction() as connection:
            if self._db.is_postgres:
                self._db.take_time(connection)
            stamp, kept = self._stamp(connection, run), self._kept(connection, run)
        if kept is not None and kept["adds_up"] and kept["stamp"] == stamp:
            return
        found = self._drawn(run, now)
        text = orjson.dumps(found.document() | {"at": found.at, "stamp": stamp}).decode()
        Runs(self._db).keep_balance(run, text)

    def _stamp(self, connection: Connection, run: Run) -> list[int]:
        """What changes with anything that a balance is drawn from."""
        row = self._db.execute(
            connection,
            "SELECT c.updated_at, c.attempts, c.receipts_matched, (SELECT COALESCE(SUM(b.seen), 0) "
            "FROM run_mailboxes r JOIN mailboxes b ON b.id = r.mailbox_id WHERE r.run_id = c.run_id) AS seen "
            "FROM run_counts c WHERE c.run_id = :run",
            run=run.id,
        ).one()
        return [int(figure) for figure in row]

    def _drawn(self, run: Run, now: int) -> Balance:
        """The balance, read in one snapshot."""
        with self._db.transaction() as connection, self._db.wide_cache(connection):
            if self._db.is_postgres:
                snapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
                self._db.execute(connection, snapshot)
                self._db.take_time(connection)
            counted = self._counted(connection, run)
            findings = [*self._rows(connection, run, counted), *self._contradictions(connection, run)]
            for kind, sentence, statement in _MORE:
                if kind is not Kind.SENT_TWICE or counted.get("twins"):
                    found = self._ask(connection, run, statement)
                    findings += self._finding(connection, kind, [(sentence, row) for row in found])
            ambiguous, seen = self._ambiguous(connection, run)
            findings += ambiguous
            unknown = self._db.execute(connection, _UNKNOWN, run=run.id, loaded=run.created_at).scalar_one()
        if unknown:
            findings.append(Finding(Kind.UNKNOWN_REFERENCES, int(unknown)))
        rows = sum(counted.get(name, 0) for name in (*MessageState, *SetAside))
        attempts, receipts = counted.get("attempts", 0), counted.get("receipts_matched", 0)
        return Balance(now, rows, attempts, receipts, tuple(findings), seen)

    def _counted(self, connection: Connection, run: Run) -> dict[str, int]:
        """Every counter of the run, counted again."""
        rows = self._ask(connection, run, COUNTED)
        return {row["name"]: row["n"] for row in rows if row["run_id"] == run.id}

    def _ask(self, connection: Connection, run: Run, statement: str) -> list[Mapping[str, Any]]:
        values = {"run": run.id, "first": run.first_id, "last": run.last_id}
        statement = of_run(statement)
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        return list(self._db.execute(connection, statement, **used).mappings().all())

    def _rows(self, connection: Connection, run: Run, counted: Mapping[str, int]) -> list[Finding]:
        """Whether the counters are what counting gives, and come to the input's rows (invariant 6)."""
        kept = self._db.execute(
            connection, "SELECT * FROM run_counts WHERE run_id = :run", run=run.id
        ).mappings()
        figures = dict(kept.one())
        wrong = [what for what, _ in miscounted(run.id, run.input_rows, figures, {run.id: dict(counted)})]
        cases = tuple(Case(what) for what in wrong[:SHOWN])
        return [Finding(Kind.ROWS, len(wrong), cases)] if wrong else []

    def _contradictions(self, connection: Connection, run: Run) -> list[Finding]:
        """What cannot be so, by kind."""
        by_kind: dict[Kind, list[tuple[str, Mapping[str, Any]]]] = {}
        for question in QUESTIONS:
            if question.balance is not None:
                found = self._ask(connection, run, question.statement)
                by_kind.setdefault(question.balance, []).extend((question.sentence, row) for row in found)
        return [one for kind, found in by_kind.items() for one in self._finding(connection, kind, found)]

    def _ambiguous(self, connection: Connection, run: Run) -> tuple[list[Finding], dict[str, int]]:
        """What a person has not looked at yet; and, of what a person has, how many stand where."""
        found = Ambiguities(self._db).read(connection, run)
        open_ = [
            {"message": one.message, "found": one.found, "addresses": one.addresses}
            for one in found
            if not one.acknowledged
        ]
        seen = Counter(one.delivery for one in found if one.acknowledged)
        return (
            self._finding(connection, Kind.AMBIGUOUS_DELIVERIES, [(_AMBIGUOUS, row) for row in open_]),
            dict(sorted(seen.items())),
        )

    def _finding(
        self, connection: Connection, kind: Kind, found: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> list[Finding]:
        """The finding of these answers, none of none; the first cases with row and key."""
        if not found:
            return []
        shown = found[:SHOWN]
        where = self._where(connection, (row["message"] for _, row in shown))
        cases = (
            Case(sentence.format_map(row), *where.get(row["message"], (None, None)))
            for sentence, row in shown
        )
        return [Finding(kind, len(found), tuple(cases))]

    def _where(self, connection: Connection, messages: Iterable[int]) -> dict[int, tuple[int, str]]:
        batch = self._db.batch("asked", id="bigint")
        rows = self._db.execute(
            connection,
            f'WITH {batch} SELECT m.id, m."row", m.key FROM asked JOIN messages m ON m.id = asked.id',
            asked=self._db.rows([{"id": message} for message in set(messages)]),
        )
        return {row.id: (row.row, row.key) for row in rows}
