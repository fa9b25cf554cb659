"""Runs: what was loaded, and where each stands."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, Row

from bulk_pec.domain.errors import UsageError
from bulk_pec.domain.states import RunState
from bulk_pec.ledger.database import Database

_COLUMNS = (
    "id, name, state, created_at, started_at, finished_at, list_name, list_digest, template_digest, columns, "
    "first_id, last_id, input_rows"
)


@dataclass(frozen=True, slots=True)
class Run:
    """One loaded list. Times are milliseconds since the epoch, UTC; digests are hex SHA-256."""

    id: int
    name: str
    state: RunState
    created_at: int
    started_at: int | None
    finished_at: int | None
    list_name: str
    list_digest: str
    template_digest: str
    columns: tuple[str, ...]
    first_id: int
    last_id: int
    input_rows: int


def _run(row: Row[tuple[object, ...]]) -> Run:
    values = dict(row._mapping)  # noqa: SLF001 - the documented way to a row's mapping
    values["state"] = RunState(values["state"])
    values["columns"] = tuple(orjson.loads(values["columns"]))
    return Run(**values)


class Runs:
    """Finding runs and moving them between states."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def find(self, name: str) -> Run | None:
        """The run of this name, or None; ``last`` is the one loaded last (unless one is named so)."""
        with self._db.transaction() as connection:
            row = self._db.execute(
                connection, f"SELECT {_COLUMNS} FROM runs WHERE name = :name", name=name
            ).first()
            if row is None and name == "last":
                statement = f"SELECT {_COLUMNS} FROM runs ORDER BY id DESC LIMIT 1"
                row = self._db.execute(connection, statement).first()
        return _run(row) if row is not None else None

    def get(self, name: str) -> Run:
        """The run of this name.

        Raises:
            UsageError: There is none.
        """
        run = self.find(name)
        if run is None:
            known = ", ".join(self.names()[:5]) or "none yet"
            raise UsageError(
                f"There is no run named {name!r} in the ledger {self._db.shown}.",
                hint=f"Known runs, latest first: {known}.",
            )
        return run

    def names(self) -> list[str]:
        """All runs' names, the latest first."""
        with self._db.transaction() as connection:
            return [
                name for (name,) in self._db.execute(connection, "SELECT name FROM runs ORDER BY id DESC")
            ]

    def begin(self, run: Run, now: int) -> None:
        """Record that the run may send: from now on starting it again asks nobody."""
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                "UPDATE runs SET started_at = COALESCE(started_at, :now), state = 'sending' "
                "WHERE id = :run AND state IN ('loaded', 'sending')",
                run=run.id,
                now=now,
            )

    def close_if_done(self, run: Run, now: int) -> bool:
        """Mark the run finished if nothing of it is pending, sending or in doubt (invariant 10)."""
        with self._db.transaction() as connection:
            return finish_if_done(self._db, connection, run.id, now)


def finish_if_done(db: Database, connection: Connection, run_id: int, now: int) -> bool:
    """Inside a transaction: finished if, and only if, not cancelled and nothing is left unsettled."""
    row = db.execute(
        connection,
        "UPDATE runs SET state = 'finished', finished_at = COALESCE(finished_at, :now) "
        "WHERE id = :run AND state IN ('loaded', 'sending', 'paused', 'finished') AND EXISTS ("
        "SELECT 1 FROM run_counts WHERE run_id = :run AND pending = 0 AND sending = 0 AND in_doubt = 0) "
        "RETURNING id",
        run=run_id,
        now=now,
    ).first()
    return row is not None
