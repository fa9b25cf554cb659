"""Late twins: messages of which the ledger's own evidence shows that they left twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection

from bulk_pec.domain.outcomes import Verdict
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.subjects import message_id_of
from bulk_pec.domain.twins import Said, left_twice
from bulk_pec.ledger.store.database import Database


def mark(
    db: Database, connection: Connection, messages: Iterable[int], now: int, attempts: int = 0
) -> Counter[int]:
    """Inside a transaction that holds these messages: mark those that left twice.

    Args:
        db: The database.
        connection: Of the transaction.
        messages: Of which something new is known.
        now: Milliseconds since the epoch.
        attempts: Look only at messages with at least so many.

    Returns:
        How many were marked now, by run: for the caller to count, last of all, as every transaction does.
    """
    asked = db.rows([{"id": message} for message in sorted(set(messages))])
    batch = db.batch("asked", id="bigint")
    unmarked = {
        row.id: row.run_id
        for row in db.execute(
            connection,
            f"WITH {batch} SELECT m.id, m.run_id FROM asked JOIN messages m ON m.id = asked.id "
            "WHERE m.twin_at IS NULL AND m.attempts >= :least",
            asked=asked,
            least=attempts,
        )
    }
    found = _judged(db, connection, list(unmarked)) if unmarked else []
    marked = _write(db, connection, found, now) if found else []
    return Counter(unmarked[message] for message in marked)


def _judged(db: Database, connection: Connection, messages: list[int]) -> list[int]:
    """Those of the messages that left twice."""
    asked = db.rows([{"id": message} for message in messages])
    batch = db.batch("asked", id="bigint")
    said: dict[int, list[Said]] = defaultdict(list)
    for row in db.execute(
        connection,
        f"WITH {batch} SELECT r.message, r.kind, r.subject, r.at, r.reference, r.token FROM asked "
        "JOIN receipts r ON r.message = asked.id",
        asked=asked,
    ):
        accepted, refused = row.kind == ReceiptKind.ACCEPTED, row.kind == ReceiptKind.NOT_ACCEPTED
        token = row.token or (None if row.reference is None else message_id_of(row.subject))
        said[row.message].append(Said(accepted, token, row.at, refused))
    answers: dict[int, list[str | None]] = defaultdict(list)
    last_in_doubt: dict[int, bool] = {}
    given_up: set[int] = set()
    for row in db.execute(
        connection,
        f"WITH {batch} SELECT a.message, a.outcome, a.message_id FROM asked "
        "JOIN attempts a ON a.message = asked.id ORDER BY a.message, a.number",
        asked=asked,
    ):
        if last_in_doubt.get(row.message):
            given_up.add(row.message)
        last_in_doubt[row.message] = row.outcome == Verdict.IN_DOUBT
        if row.outcome == Verdict.SENT:
            answers[row.message].append(row.message_id)
    return [one for one in messages if left_twice(said[one], answers[one], given_up=one in given_up)]


def _write(db: Database, connection: Connection, messages: list[int], now: int) -> list[int]:
    batch = db.batch("twins", id="bigint")
    rows = db.execute(
        connection,
        f"WITH {batch} UPDATE messages SET twin_at = :now FROM twins "
        "WHERE messages.id = twins.id AND messages.twin_at IS NULL RETURNING messages.id",
        twins=db.rows([{"id": message} for message in messages]),
        now=now,
    ).all()
    return [row.id for row in rows]
