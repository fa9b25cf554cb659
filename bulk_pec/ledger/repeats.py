"""Repeats: messages of a new run that an earlier run has said already, word for word.

Same key, recipient and content digest, which leaves the reference out and covers the templates: so only
earlier runs of the same templates are looked at. What never left (rejected, cancelled) and what the
operator gave up is no repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from bulk_pec.ledger.database import Database

_SAMPLE = 10

# CROSS JOIN fixes SQLite's order: the new run's rows, the few runs of its templates, then one look-up each.
# The new run's rows are found by their ids: statistics that have not seen it yet know nothing of its run_id.
_NEW = "m.id >= :first AND m.run_id = :run"
_FROM = (
    f"FROM messages m CROSS JOIN runs r CROSS JOIN messages p WHERE {_NEW} AND r.id <> :run "
    "AND r.template_digest = :template AND p.run_id = r.id AND p.key = m.key "
    "AND p.content_digest = m.content_digest AND p.recipient = m.recipient "
    "AND p.state NOT IN ('rejected', 'cancelled', 'abandoned')"
)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that is being loaded: its id, the first of its messages' ids, its templates' digest."""

    run: int
    first_id: int
    template: str

    def values(self) -> dict[str, int | str]:
        """As the statements name them."""
        return {"run": self.run, "first": self.first_id, "template": self.template}


@dataclass(frozen=True, slots=True)
class Repeats:
    """What was found.

    Attributes:
        count: Messages of the new run that are repeats.
        first: The first of them: row, the earlier run's name, its row there.
    """

    count: int
    first: tuple[tuple[int, str, int], ...] = ()


def find(db: Database, connection: Connection, new: Unfinished) -> Repeats:
    """Inside a transaction: the repeats of a run that is being loaded."""
    values = new.values()
    earlier = "SELECT 1 FROM runs WHERE id <> :run AND template_digest = :template LIMIT 1"
    if db.execute(connection, earlier, run=new.run, template=new.template).first() is None:
        return Repeats(0)
    count = db.execute(connection, f"SELECT COUNT(DISTINCT m.id) {_FROM}", **values).scalar_one()
    if not count:
        return Repeats(0)
    rows = db.execute(
        connection,
        f'SELECT m."row" AS place, r.name AS run, p."row" AS earlier {_FROM} ORDER BY m.id LIMIT {_SAMPLE}',
        **values,
    )
    return Repeats(count, tuple((row.place, row.run, row.earlier) for row in rows))


def among(
    db: Database, connection: Connection, template: str, asked: Sequence[tuple[str, bytes]]
) -> set[tuple[str, bytes]]:
    """Inside a transaction: which of these keys and content digests a run of these templates has said."""
    digest = "encode(p.content_digest, 'hex')" if db.is_postgres else "lower(hex(p.content_digest))"
    batch = db.batch("asked", key="text", digest="text")
    found = db.execute(
        connection,
        f"WITH {batch} SELECT asked.key, asked.digest FROM asked WHERE EXISTS (SELECT 1 FROM runs r "
        "JOIN messages p ON p.run_id = r.id WHERE r.template_digest = :template AND p.key = asked.key "
        f"AND {digest} = asked.digest AND p.state NOT IN ('rejected', 'cancelled', 'abandoned'))",
        asked=db.rows([{"key": key, "digest": value.hex()} for key, value in asked]),
        template=template,
    )
    return {(row.key, bytes.fromhex(row.digest)) for row in found}


def set_aside(db: Database, connection: Connection, new: Unfinished) -> int:
    """Inside a transaction: the repeats of a run become duplicates instead. Returns how many."""
    moved = db.execute(
        connection,
        'INSERT INTO set_aside (run_id, "row", state, key, recipient, reason, fields) '
        "SELECT m.run_id, m.\"row\", 'duplicate', m.key, m.recipient, "
        "'said already in run ' || MIN(r.name), m.fields "
        f'{_FROM} GROUP BY m.id, m.run_id, m."row", m.key, m.recipient, m.fields',
        **new.values(),
    )
    db.execute(
        connection,
        f"DELETE FROM messages AS m WHERE {_NEW} AND EXISTS ("
        'SELECT 1 FROM set_aside s WHERE s.run_id = :run AND s."row" = m."row")',
        run=new.run,
        first=new.first_id,
    )
    return int(moved.rowcount)
