"""The raw driver inserts ready rows into the ledger's table of messages: what loading is measured against.

Usage: ``python -m benchmarks.native sqlite|postgres SOURCE TARGET``; both are ledgers, SOURCE loaded. The
rows are read into memory before the clock starts. The last line on stdout is a JSON document: seconds and
processor seconds until they are committed and the connection is closed.
"""

from __future__ import annotations

import gc
import json
import sqlite3
import sys
import time
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from bulk_pec import shipped
from bulk_pec.ledger.ledger import Ledger

_COLUMNS = 'id, run_id, "row", key, recipient, reference, fields, content_digest'
_TYPES = ["int8", "int8", "int4", "text", "text", "text", "text", "bytea"]

Rows = list[tuple[Any, ...]]


def _sqlite_rows(url: str) -> Rows:
    with sqlite3.connect(str(make_url(url).database)) as connection:
        return connection.execute(f"SELECT {_COLUMNS} FROM messages ORDER BY id").fetchall()


def _into_sqlite(url: str, rows: Rows) -> None:
    """One transaction with the ledger's own settings; measured faster than a commit every 10,000 rows."""
    connection = sqlite3.connect(str(make_url(url).database), isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN")
    connection.executemany(f"INSERT INTO messages ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.execute("COMMIT")
    connection.close()


def _conninfo(url: str) -> str:
    parts = make_url(url).set(drivername="postgresql")
    return parts.render_as_string(hide_password=False)


def _postgres_rows(url: str) -> Rows:
    with psycopg.connect(_conninfo(url)) as connection:
        return connection.execute(f"SELECT {_COLUMNS} FROM messages ORDER BY id").fetchall()


def _into_postgres(url: str, rows: Rows) -> None:
    """Binary COPY, a row at a time as psycopg takes them."""
    with psycopg.connect(_conninfo(url)) as connection:
        with connection.cursor().copy(f"COPY messages ({_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(_TYPES)
            for row in rows:
                copy.write_row(row)
        connection.commit()


def main() -> None:
    """Read the command line, insert, tell."""
    kind, source, target = sys.argv[1:4]
    read, insert = (_sqlite_rows, _into_sqlite) if kind == "sqlite" else (_postgres_rows, _into_postgres)
    rows = read(source)
    Ledger(target, "write", scripts=shipped.path("migrations")).close()
    # Otherwise the collector would walk over millions of rows that a loader would not have kept.
    gc.freeze()
    begun, used = time.perf_counter(), time.process_time()
    insert(target, rows)
    took, cpu = time.perf_counter() - begun, time.process_time() - used
    print(json.dumps({"wall": took, "cpu": cpu, "rows": len(rows)}))


if __name__ == "__main__":
    main()
