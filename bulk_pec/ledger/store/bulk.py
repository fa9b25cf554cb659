"""Bulk: many rows into a table by the driver's own fastest way, executemany or COPY.

Both take tuples as they are. What the driver raises is turned into a ledger error where the transaction is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from bulk_pec.ledger.store.database import Database

Values = Sequence[tuple[Any, ...]]
"""Rows in the order of a table's columns."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where bulk goes.

    Attributes:
        table: Its name.
        names: Its columns, in the order of the rows' values.
        types: Their types, as Postgres names them.
        once: What is unique among them; rows that repeat it are left out. Empty: they are an error.
    """

    table: str
    names: tuple[str, ...]
    types: tuple[str, ...]
    once: str = ""

    @property
    def listed(self) -> str:
        """The columns as statements name them."""
        return ", ".join(f'"{name}"' for name in self.names)

    @property
    def skipping(self) -> str:
        """The clause that leaves repeats out."""
        return f"ON CONFLICT ({self.once}) DO NOTHING" if self.once else ""


def insert(db: Database, connection: Connection, into: Columns, rows: Values) -> int:
    """Inside a transaction: insert rows; returns how many were new."""
    if not rows:
        return 0
    if not db.is_postgres:
        return _executemany(connection, into, rows)
    if into.once:
        return _copy_new(connection, into, rows)
    _copy(connection, into, into.table, rows)
    return len(rows)


def _executemany(connection: Connection, into: Columns, rows: Values) -> int:
    cursor = connection.connection.cursor()
    marks = ", ".join("?" * len(into.names))
    try:
        cursor.executemany(f"INSERT INTO {into.table} ({into.listed}) VALUES ({marks}) {into.skipping}", rows)
        return int(cursor.rowcount)
    finally:
        cursor.close()


def _copy_new(connection: Connection, into: Columns, rows: Values) -> int:
    """Straight into the table; through a temporary one only where a row repeats another."""
    from psycopg.errors import UniqueViolation  # noqa: PLC0415 - only Postgres needs the driver

    savepoint = connection.begin_nested()
    try:
        _copy(connection, into, into.table, rows)
    except UniqueViolation:
        savepoint.rollback()
    else:
        savepoint.commit()
        return len(rows)
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS "
        f"SELECT {into.listed} FROM {into.table} WHERE false"
    )
    _copy(connection, into, "incoming", rows)
    result = connection.exec_driver_sql(
        f"INSERT INTO {into.table} ({into.listed}) SELECT {into.listed} FROM incoming ORDER BY id "
        f"{into.skipping}"
    )
    taken = int(result.rowcount)
    connection.exec_driver_sql("DROP TABLE incoming")
    return taken


def _copy(connection: Connection, into: Columns, table: str, rows: Values) -> None:
    cursor = connection.connection.cursor()
    try:
        with cursor.copy(f"COPY {table} ({into.listed}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(into.types)
            for values in rows:
                copy.write_row(values)
    finally:
        cursor.close()
