"""Claims, timed in a process of their own; and a ledger made old.

Usage: ``python -m benchmarks.claims time|age URL``. ``time`` registers a worker, takes a block and reads its
messages, twenty times over; the last line on stdout is a JSON document: milliseconds of the first, and of
one on average. ``age`` makes a run 95 % sent, as if it had been, by the ledger's own tables.
"""

from __future__ import annotations

import json
import sys
import time

from benchmarks.workshop import RUN
from bulk_pec import shipped
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.ledger.store.database import Database

CLAIMS = 20
SHARE = 0.95
_NOW = 1_000_000

_AGE = (
    "INSERT INTO attempts (message, number, run_id, mailbox_id, worker_id, digest, opened_at, closed_at, "
    "outcome, status, message_id) SELECT id, 1, run_id, 1, 1, '" + "0" * 64 + "', 1, 2, 'sent', 201, "
    "'opec-' || id || '@pec.example' FROM messages WHERE run_id = :run AND id <= :last",
    "UPDATE messages SET state = 'sent', attempts = 1, mailbox_id = 1, sent_at = 2, "
    "message_id = 'opec-' || id || '@pec.example' WHERE run_id = :run AND id <= :last",
    "UPDATE blocks SET done = true WHERE run_id = :run AND last_id <= :last",
    "UPDATE run_counts SET pending = pending - :sent, sent = :sent, delivery_none = :sent, "
    "attempts = :sent WHERE run_id = :run",
)


def age(database: Database, run: Run, share: float = SHARE) -> None:
    """Make a share of the run's messages sent."""
    last = run.first_id + int((run.last_id - run.first_id + 1) * share) - 1
    with database.transaction() as connection:
        counted = "SELECT COUNT(*) FROM messages WHERE run_id = :run AND id <= :last"
        sent = database.execute(connection, counted, run=run.id, last=last).scalar_one()
        for statement in _AGE:
            names = {"run": run.id, "last": last, "sent": sent}
            used = {name: value for name, value in names.items() if f":{name}" in statement}
            database.execute(connection, statement, **used)
    if database.is_postgres:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")  # as autovacuum would have, long before


def timed(ledger: Ledger, run: Run) -> dict[str, float]:
    """Milliseconds of claims, as a starting process makes them."""
    worker = ledger.workers.register(run, 600_000, _NOW)
    after, taken, claimed = 0, [], []
    for _ in range(CLAIMS):
        begun = time.perf_counter()
        block = ledger.claims.take(worker, after)
        if block is None:
            break
        ledger.claims.pending(worker, block, _NOW)
        taken.append((time.perf_counter() - begun) * 1000)
        after = block.first_id
        claimed.append(block)
    ledger.claims.give_back(worker, claimed)
    ledger.workers.end(worker, _NOW)
    return {"first": taken[0], "one": sum(taken) / len(taken)}


def main() -> None:
    """Read the command line; age or time."""
    what, url = sys.argv[1:3]
    with Ledger(url, "write", scripts=shipped.path("migrations")) as ledger:
        run = ledger.runs.get(RUN)
        if what == "age":
            age(ledger.database, run)
        else:
            print(json.dumps(timed(ledger, run)))


if __name__ == "__main__":
    main()
