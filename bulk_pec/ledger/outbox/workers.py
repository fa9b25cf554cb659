"""Workers, their leases, and what becomes of the attempts of a dead one.

A worker is one sending process. On Postgres its lease lives by the database's clock and must be renewed;
on SQLite the file lock is the lease, so whoever writes knows every other worker to be dead. A worker's
id grows and is its fencing token: every block it claims and every intent it writes carries it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from bulk_pec.domain.states import MessageState
from bulk_pec.ledger.runs import counts
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.ledger.store.database import Database

_DIED = "the sending process ended before an answer was recorded"


@dataclass(frozen=True, slots=True)
class Worker:
    """A registered sending process: its id (the fencing token) and the run it works on."""

    id: int
    run_id: int


class Workers:
    """Leases: taking, renewing, ending; and recovery."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def register(self, run: Run, lease_ms: int, now: int) -> Worker:
        """Enter a worker for the run, with a lease of `lease_ms` milliseconds."""
        with self._db.transaction() as connection:
            worker_id = self._db.execute(
                connection,
                "INSERT INTO workers (run_id, host, pid, started_at, expires_at) "
                f"VALUES (:run, :host, :pid, :now, {self._db.lease_now} + :lease) RETURNING id",
                run=run.id,
                host=socket.gethostname(),
                pid=os.getpid(),
                now=now,
                lease=lease_ms,
            ).scalar_one()
        return Worker(worker_id, run.id)

    def renew(self, worker: Worker, lease_ms: int, now: int) -> bool:
        """Extend the lease; False if it has ended already: then nothing more may be sent under it."""
        with self._db.transaction() as connection:
            row = self._db.execute(
                connection,
                f"UPDATE workers SET expires_at = {self._db.lease_now} + :lease "
                f"WHERE id = :worker AND ended_at IS NULL {self._still_leased} RETURNING id",
                worker=worker.id,
                lease=lease_ms,
                now=now,
            ).first()
        return row is not None

    @property
    def _still_leased(self) -> str:
        return f"AND expires_at > {self._db.lease_now}" if self._db.is_postgres else ""

    def end(self, worker: Worker, now: int) -> None:
        """Give the lease and every block held under it back."""
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                "UPDATE workers SET ended_at = :now WHERE id = :worker AND ended_at IS NULL",
                worker=worker.id,
                now=now,
            )
            _free_blocks(self._db, connection)

    def living(self, run: Run) -> int:
        """How many other processes hold a lease on this run (Postgres; on SQLite there is none)."""
        if not self._db.is_postgres:
            return 0
        with self._db.transaction() as connection:
            return int(
                self._db.execute(
                    connection,
                    "SELECT COUNT(*) FROM workers WHERE run_id = :run AND ended_at IS NULL "
                    f"AND expires_at > {self._db.lease_now}",
                    run=run.id,
                ).scalar_one()
            )

    def recover(self, now: int) -> int:
        """End dead workers, free their blocks, and put their open attempts in doubt (transition e).

        A message of a dead worker is never simply pending again (invariant 11): nothing here can say
        whether it left. Returns how many attempts were put in doubt.
        """
        expired = f"AND expires_at <= {self._db.lease_now}" if self._db.is_postgres else ""
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                f"UPDATE workers SET ended_at = :now WHERE ended_at IS NULL {expired}",
                now=now,
            )
            # Attempts, messages, blocks, counters, each in the messages' order, as a tick takes them: a woken
            # host that records its answers at this moment must not wait for this one while this waits for it.
            closed = self._close_open_attempts(connection, now)
            doubted = {
                run_id: self._doubt_messages(
                    connection, [{"id": row.message} for row in closed if row.run_id == run_id], now
                )
                for run_id in sorted({row.run_id for row in closed})
            }
            _free_blocks(self._db, connection)
            for run_id, changes in doubted.items():
                counts.apply(self._db, connection, run_id, changes, now)
        return len(closed)

    def _close_open_attempts(self, connection: Connection, now: int) -> Sequence[Row[Any]]:
        """Those of ended workers; what is returned is in the messages' order."""
        closed = self._db.execute(
            connection,
            "UPDATE attempts SET closed_at = :now, outcome = 'in_doubt', detail = :why "
            "WHERE closed_at IS NULL AND id IN (SELECT a.id FROM attempts a WHERE a.closed_at IS NULL "
            "AND EXISTS (SELECT 1 FROM workers w WHERE w.id = a.worker_id AND w.ended_at IS NOT NULL) "
            f"ORDER BY a.message {self._db.hold('a')}) RETURNING id, message, run_id",
            now=now,
            why=_DIED,
        ).all()
        return sorted(closed, key=lambda row: int(row.message))

    def _doubt_messages(
        self, connection: Connection, messages: list[dict[str, int]], now: int
    ) -> counts.Changes:
        batch = self._db.batch("dead", id="bigint")
        doubted = self._db.execute(
            connection,
            f"WITH {batch} UPDATE messages SET state = 'in_doubt', reason = :why FROM dead "
            "WHERE messages.id = dead.id AND messages.state = 'sending' RETURNING messages.id",
            dead=self._db.rows(messages),
            why=_DIED,
        ).all()
        # A message whose receipt came first is sent already; its attempt's doubt is settled by that.
        self._db.execute(
            connection,
            f"WITH {batch} UPDATE attempts SET settlement = 'receipt', settled_at = :now FROM dead, messages "
            "WHERE attempts.message = dead.id AND messages.id = dead.id AND messages.state = 'sent' "
            "AND attempts.outcome = 'in_doubt' AND attempts.settlement IS NULL",
            dead=self._db.rows(messages),
            now=now,
        )
        changes = counts.Changes()
        changes.move(MessageState.SENDING, MessageState.IN_DOUBT, len(doubted))
        return changes


def _free_blocks(db: Database, connection: Connection) -> None:
    """Free the blocks of workers that have ended; what is pending in them can be claimed again."""
    db.execute(
        connection,
        "UPDATE blocks SET worker_id = NULL WHERE worker_id IS NOT NULL AND EXISTS ("
        "SELECT 1 FROM workers w WHERE w.id = blocks.worker_id AND w.ended_at IS NOT NULL)",
    )
