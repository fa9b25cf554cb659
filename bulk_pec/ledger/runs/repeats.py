"""Repeats: messages of a new run that an earlier run has said already, word for word.

Same key and same content digest. The digest covers the recipient, however it is spelled, and the templates,
and leaves the reference out; so only earlier runs of the same words are looked at. The key is the list's own:
a number that `on_duplicate = "keep"` added is no part of it. What never left (rejected, cancelled) and what
the operator gave up is no repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from bulk_pec.ledger.store.database import Database

_SAMPLE = 10

# The new run's rows are found by their ids: statistics that have not seen it yet know nothing of its run_id.
_NEW = "m.id >= :first AND m.run_id = :run"
_WORDS = "(r.words_digest = :words OR r.words_digest IS NULL)"
# A run with renamed messages. As a range, so that SQLite, too, takes their small index, not all keys' one.
_RENAMED = "EXISTS (SELECT 1 FROM messages c WHERE c.run_id = r.id AND c.list_key >= '')"
_SAID = "p.state NOT IN ('rejected', 'cancelled', 'abandoned')"


def _by_key(key: str) -> tuple[str, str]:
    """The two ways in which an earlier message has the list's own key `key`, each with its own index."""
    return f"p.key = {key} AND p.list_key IS NULL", f"p.list_key = {key}"


def _matched(db: Database, columns: str, outer: str, where: str, match: str) -> str:
    """A query of earlier messages ``p``: one look-up by index for each pair of an outer row and a run ``r``.

    In that order, whatever statistics say: those of a table that has just grown may be wrong by a million,
    and a plan that walks the earlier run for each new row takes hours. CROSS JOIN fixes the order on SQLite,
    OFFSET 0 on Postgres.
    """
    match = f"p.run_id = r.id AND {match} AND {_SAID}"
    if db.is_postgres:
        found = f'LATERAL (SELECT p."row" FROM messages p WHERE {match} OFFSET 0) p'
        return f"SELECT {columns} FROM {outer} CROSS JOIN {found} WHERE {where}"
    return f"SELECT {columns} FROM {outer} CROSS JOIN messages p WHERE {where} AND {match}"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that is being loaded: its id, the first of its messages' ids, its templates' `words_digest`."""

    run: int
    first_id: int
    words: str

    def values(self) -> dict[str, int | str]:
        """As the statements name them."""
        return {"run": self.run, "first": self.first_id, "words": self.words}


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
    said = _said(db, connection, new)
    if said is None:
        return Repeats(0)
    count = db.execute(connection, f"{said} SELECT COUNT(DISTINCT id) FROM said", **new.values()).scalar_one()
    if not count:
        return Repeats(0)
    rows = db.execute(
        connection,
        f"{said} SELECT place, run, earlier FROM said ORDER BY id, run, earlier LIMIT {_SAMPLE}",
        **new.values(),
    )
    return Repeats(count, tuple((row.place, row.run, row.earlier) for row in rows))


def _said(db: Database, connection: Connection, new: Unfinished) -> str | None:
    """A CTE ``said``: the new messages, each with each earlier one that says the same; None: none can."""
    earlier = f"FROM runs r WHERE r.id <> :run AND {_WORDS}"
    values = {"run": new.run, "words": new.words}
    if db.execute(connection, f"SELECT 1 {earlier} LIMIT 1", **values).first() is None:
        return None
    own, numbered = _by_key("COALESCE(m.list_key, m.key)")
    ways = [(own, _WORDS)]
    if db.execute(connection, f"SELECT 1 {earlier} AND {_RENAMED} LIMIT 1", **values).first() is not None:
        ways.append((numbered, f"{_WORDS} AND {_RENAMED}"))
    queries = (
        _matched(
            db,
            'm.id, m."row" AS place, r.name AS run, p."row" AS earlier',
            "messages m CROSS JOIN runs r",
            f"{_NEW} AND r.id <> :run AND {runs}",
            f"{way} AND p.content_digest = m.content_digest",
        )
        for way, runs in ways
    )
    return f"WITH said AS ({' UNION ALL '.join(queries)})"


def among(
    db: Database, connection: Connection, words: str, asked: Sequence[tuple[str, bytes]]
) -> dict[tuple[str, bytes], tuple[str, int]]:
    """Inside a transaction: which of these keys and content digests a run of these words has said.

    Each with the run's name and its row there; of several, the earliest.
    """
    digest = "encode(p.content_digest, 'hex')" if db.is_postgres else "lower(hex(p.content_digest))"
    batch = db.batch("asked", key="text", digest="text")
    ways = " UNION ALL ".join(
        _matched(
            db,
            'asked.key, asked.digest, r.id AS run, r.name, p."row" AS earlier',
            "asked CROSS JOIN runs r",
            _WORDS,
            f"{way} AND {digest} = asked.digest",
        )
        for way in _by_key("asked.key")
    )
    found = db.execute(
        connection,
        f"WITH {batch} SELECT key, digest, name, earlier FROM ({ways}) AS said ORDER BY run, earlier",
        asked=db.rows([{"key": key, "digest": value.hex()} for key, value in asked]),
        words=words,
    )
    places: dict[tuple[str, bytes], tuple[str, int]] = {}
    for row in found:
        places.setdefault((row.key, bytes.fromhex(row.digest)), (row.name, row.earlier))
    return places


def set_aside(db: Database, connection: Connection, new: Unfinished) -> int:
    """Inside a transaction: the repeats of a run become duplicates instead. Returns how many."""
    said = _said(db, connection, new)
    if said is None:
        return 0
    moved = db.execute(
        connection,
        f'INSERT INTO set_aside (run_id, "row", state, key, recipient, reason, fields) {said} '
        "SELECT m.run_id, m.\"row\", 'duplicate', m.key, m.recipient, "
        "'said already in run ' || s.run, m.fields "
        "FROM (SELECT id, MIN(run) AS run FROM said GROUP BY id) s JOIN messages m ON m.id = s.id",
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
