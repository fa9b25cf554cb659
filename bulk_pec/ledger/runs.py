"""Runs: what was loaded, and where each stands."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, Row

from bulk_pec.domain.errors import UsageError
from bulk_pec.domain.states import RunState
from bulk_pec.ledger.database import Database

# `finished` follows from the counters, so that it holds at every commit (invariant 10).
_SELECT = (
    "SELECT r.id, r.name, CASE WHEN r.state <> 'cancelled' AND c.pending + c.sending + c.in_doubt = 0 "
    "THEN 'finished' ELSE r.state END AS state, r.created_at, r.started_at, r.finished_at, r.list_name, "
    "r.list_digest, r.template_digest, r.columns, r.first_id, r.last_id, r.input_rows "
    "FROM runs r JOIN run_counts c ON c.run_id = r.id"
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
            row = self._db.execute(connection, f"{_SELECT} WHERE r.name = :name", name=name).first()
            if row is None and name == "last":
                row = self._db.execute(connection, f"{_SELECT} ORDER BY r.id DESC LIMIT 1").first()
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

    def close_if_done(self, run: Run, now: int) -> None:
        """Record when the run was found finished, once it is."""
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                "UPDATE runs SET finished_at = COALESCE(finished_at, :now) WHERE id = :run "
                "AND state <> 'cancelled' AND EXISTS (SELECT 1 FROM run_counts c "
                "WHERE c.run_id = :run AND c.pending + c.sending + c.in_doubt = 0)",
                run=run.id,
                now=now,
            )


def count_mailbox(db: Database, connection: Connection, run_id: int, mailbox_id: int) -> None:
    """Inside a transaction: from now on what is seen in this mailbox counts for the run; once is enough."""
    db.execute(
        connection,
        "INSERT INTO run_mailboxes (run_id, mailbox_id, seen_before, unknown_before) "
        "SELECT :run, id, seen, unknown FROM mailboxes WHERE id = :mailbox "
        "ON CONFLICT (run_id, mailbox_id) DO NOTHING",
        run=run_id,
        mailbox=mailbox_id,
    )
