"""Runs: what was loaded, and where each stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

import orjson
from sqlalchemy import Connection, Row

from bulk_pec.domain.errors import ConfigError, UsageError
from bulk_pec.domain.states import RunState
from bulk_pec.ledger.store.database import Database

# `finished` follows from the counters, so that it holds at every commit (invariant 10).
_SELECT = (
    "SELECT r.id, r.name, CASE WHEN r.state <> 'cancelled' AND c.pending + c.sending + c.in_doubt = 0 "
    "THEN 'finished' ELSE r.state END AS state, r.created_at, r.started_at, r.finished_at, r.list_name, "
    "r.list_digest, r.template_digest, r.columns, r.first_id, r.last_id, r.input_rows, r.service, "
    "r.restored_at, o.name AS retry_of "
    "FROM runs r JOIN run_counts c ON c.run_id = r.id LEFT JOIN runs o ON o.id = r.retry_of"
)

_SHOWN = 10
NEVER_LEFT = (
    "(m.attempts = 0 OR NOT EXISTS (SELECT 1 FROM attempts t WHERE t.message = m.id "
    "AND (t.outcome IS NULL OR t.outcome NOT IN ('not_sent', 'throttled', 'refused'))))"
)
"""Of a message `m`: nothing of it can have left this ledger."""
_ELSEWHERE = f"FROM messages m WHERE m.id BETWEEN :first AND :last AND m.state = 'sent' AND {NEVER_LEFT}"


@dataclass(frozen=True, slots=True)
class Run:
    """One loaded list. Times are milliseconds since the epoch, UTC; digests are hex SHA-256.

    `service` is the base URL it is sent through, once it has been sent for the first time. `restored_at` is
    when a receipt named a message of it that never left this ledger: that is an older copy, and nothing of
    any run is sent until `settle`. `retry_of` is the name of the run whose failures this one takes up again.
    """

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
    service: str | None
    restored_at: int | None = None
    retry_of: str | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """What showed that the ledger is an older copy: messages that have receipts and never left it.

    Attributes:
        count: How many there are.
        rows: The first of them, by row of the input.
    """

    count: int
    rows: tuple[int, ...]


def trial_name(list_name: str, number: int) -> str:
    """The name of the run that `test-send` makes of a row of this list."""
    return f"{PurePath(list_name).stem}.test-{number}"


def _is_trial(run: Run) -> bool:
    """Whether a run is one message to oneself."""
    number = run.name.rpartition("-")[2]
    return run.input_rows == 1 and number.isdecimal() and run.name == trial_name(run.list_name, int(number))


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
        """The run of this name, or None; ``last`` is the one loaded last (unless one is named so).

        A message to oneself (`trial_name`) is ``last`` only where there is nothing else.
        """
        with self._db.transaction() as connection:
            row = self._db.execute(connection, f"{_SELECT} WHERE r.name = :name", name=name).first()
            if row is not None or name != "last":
                return _run(row) if row is not None else None
            rows = self._db.execute(connection, f"{_SELECT} ORDER BY r.id DESC").all()
        runs = [_run(row) for row in rows]
        return next((run for run in runs if not _is_trial(run)), runs[0] if runs else None)

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

    def of_list(self, list_digest: str, template_digest: str) -> list[Run]:
        """The runs that were loaded from a list of these bytes, with these templates; the latest first.

        Messages of it that somebody sent to oneself are runs of their own, and left out.
        """
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                f"{_SELECT} WHERE r.list_digest = :listed AND r.template_digest = :template "
                "ORDER BY r.id DESC",
                listed=list_digest,
                template=template_digest,
            ).all()
        return [run for run in map(_run, rows) if not _is_trial(run)]

    def names(self) -> list[str]:
        """All runs' names, the latest first."""
        with self._db.transaction() as connection:
            return [
                name for (name,) in self._db.execute(connection, "SELECT name FROM runs ORDER BY id DESC")
            ]

    def check_service(self, run: Run, service: str) -> None:
        """A run goes on through the service it was begun with: what a rehearsal sent was never sent.

        Raises:
            ConfigError: `service`, a base URL, is another.
        """
        if run.service is not None and run.service != service.rstrip("/"):
            raise ConfigError(
                f"The run {run.name!r} was begun through {run.service}, and [api] base_url is now {service}.",
                hint="Give the list another --name (or another ledger) to send it through the new address; "
                "or restore base_url to go on with this run.",
            )

    def begin(self, run: Run, now: int, service: str) -> None:
        """Record that the run may send, and through which base URL: starting it again asks nobody."""
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                "UPDATE runs SET started_at = COALESCE(started_at, :now), "
                "service = COALESCE(service, :service), state = 'sending' "
                "WHERE id = :run AND state IN ('loaded', 'sending')",
                run=run.id,
                now=now,
                service=service.rstrip("/"),
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

    def keep_balance(self, run: Run, balance: str) -> None:
        """Keep a run's last balance in the place of the one before.

        Args:
            run: Of which it is.
            balance: A JSON object; see `bulk_pec.ledger.proof.balances.Balances.last`.
        """
        with self._db.transaction() as connection:
            self._db.execute(
                connection, "UPDATE runs SET balance = :text WHERE id = :run", text=balance, run=run.id
            )

    def restored(self, run: Run) -> Restored | None:
        """What this run shows of the ledger's being an older copy, until it is acknowledged; else None."""
        return self.copies().get(run.name)

    def copies(self) -> dict[str, Restored]:
        """What shows that this ledger is an older copy, by the run to `settle`; none: nothing, or no more."""
        with self._db.transaction() as connection:
            waiting = "SELECT name, first_id, last_id FROM runs WHERE restored_at IS NOT NULL ORDER BY id"
            return {
                row.name: self._restored(connection, row.first_id, row.last_id)
                for row in self._db.execute(connection, waiting).all()
            }

    def _restored(self, connection: Connection, first: int, last: int) -> Restored:
        values = {"first": first, "last": last}
        count = self._db.execute(connection, f"SELECT COUNT(*) {_ELSEWHERE}", **values).scalar_one()
        rows = self._db.execute(
            connection, f'SELECT m."row" {_ELSEWHERE} ORDER BY m.id LIMIT {_SHOWN}', **values
        ).all()
        return Restored(count, tuple(row.row for row in rows))


def mark_restored(db: Database, connection: Connection, run_id: int, now: int) -> None:
    """Inside a transaction: a receipt named a message that never left here; all runs wait for `settle`."""
    db.execute(
        connection,
        "UPDATE runs SET restored_at = :now WHERE id = :run AND restored_at IS NULL",
        run=run_id,
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
