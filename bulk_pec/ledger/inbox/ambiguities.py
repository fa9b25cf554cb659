"""Ambiguous deliveries: messages to several addresses whose CONSEGNA nobody can tell apart.

A person looks at them and says so; that is an order like any other, with author, time and reason, and holds
for the receipts that were there. One more receipt, and the person is asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
from sqlalchemy import Connection

from bulk_pec.domain.balance import Kind
from bulk_pec.domain.letters import recipients_of
from bulk_pec.ledger.outbox.doubts import Operator
from bulk_pec.ledger.runs.orders import Note, note
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.ledger.store.database import Database

_MANY = (
    'SELECT m.id, m."row", m.key, m.reference, m.recipient, m.delivery, COUNT(*) AS receipts, '
    "SUM(CASE WHEN r.kind = 'delivered' THEN 1 ELSE 0 END) AS found "
    # CROSS: SQLite would read all receipts.
    "FROM messages m CROSS JOIN receipts r WHERE r.message = m.id "
    "AND m.id BETWEEN :first AND :last AND m.state = 'sent' AND m.delivery <> 'delivered' "
    "AND m.recipient LIKE '%@%@%' GROUP BY m.id ORDER BY m.id"
)


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A message with as many CONSEGNA as addresses that does not count as delivered.

    Some may be repetitions, or of two sendings, or a final notice stands beside them: see
    `bulk_pec.domain.receipts.Evidence.of_several`.

    Attributes:
        message: Its id.
        row: Of the input.
        key: The message's.
        reference: That its subject carried.
        delivery: Where it stands.
        receipts: How many it has, of any kind.
        found: How many CONSEGNA.
        addresses: How many it went to.
        acknowledged: Whether a person has looked at it as it is.
    """

    message: int
    row: int
    key: str = field(repr=False)
    reference: str
    delivery: str
    receipts: int
    found: int
    addresses: int
    acknowledged: bool


class Ambiguities:
    """Finding ambiguous deliveries, and recording that a person has looked."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, run: Run) -> list[Ambiguous]:
        """The run's, in input order, acknowledged or not."""
        with self._db.transaction() as connection:
            return self.read(connection, run)

    def read(self, connection: Connection, run: Run) -> list[Ambiguous]:
        """The same, inside a transaction."""
        seen = self._acknowledged(connection, run)
        rows = self._db.execute(connection, _MANY, first=run.first_id, last=run.last_id)
        return [
            Ambiguous(
                row.id,
                row.row,
                row.key,
                row.reference,
                row.delivery,
                int(row.receipts),
                int(row.found),
                addresses,
                seen.get(row.reference, -1) >= row.receipts,
            )
            for row in rows
            if 1 < (addresses := len(recipients_of(row.recipient))) <= row.found
        ]

    def _acknowledged(self, connection: Connection, run: Run) -> dict[str, int]:
        """How many receipts each message had when a person last looked, by reference."""
        rows = self._db.execute(
            connection,
            "SELECT facts FROM orders WHERE run_id = :run AND kind = 'settle' "
            "AND facts LIKE :like ORDER BY id",
            run=run.id,
            like=f"%{Kind.AMBIGUOUS_DELIVERIES.value}%",
        )
        seen: dict[str, int] = {}
        for row in rows:
            facts = orjson.loads(row.facts)
            if facts.get("acknowledged") == Kind.AMBIGUOUS_DELIVERIES.value:
                seen |= dict(zip(facts["references"], facts["receipts"], strict=True))
        return seen

    def acknowledge(self, run: Run, chosen: Sequence[Ambiguous], by: Operator, now: int) -> int:
        """A person has looked at these, as they are now. Recorded; how many."""
        if chosen:
            facts = {
                "acknowledged": Kind.AMBIGUOUS_DELIVERIES.value,
                "references": [one.reference for one in chosen],
                "receipts": [one.receipts for one in chosen],
                "at": now,
                **by.facts,
            }
            with self._db.transaction() as connection:
                note(self._db, connection, Note(run.id, "settle", by.name, facts), now)
        return len(chosen)
