"""Facts: what the database beneath a ledger says of itself, for whoever judges whether it keeps its word."""

from __future__ import annotations

from dataclasses import dataclass

from bulk_pec.ledger.store.database import Database


@dataclass(frozen=True, slots=True)
class File:
    """What SQLite says of a file and of itself.

    Attributes:
        version: ``3.45.1``.
        journal: ``wal``, or another mode.
    """

    version: str
    journal: str


@dataclass(frozen=True, slots=True)
class Server:
    """What a Postgres server says of itself.

    Attributes:
        version: ``18.4``.
        synchronous_commit: Of this program's own sessions.
        fsync: Whether commits reach the disk at all.
        full_page_writes: Whether a torn page can be mended after a crash.
        read_only: It is a standby, or the session may not write.
        clock: Milliseconds since the epoch.
    """

    version: str
    synchronous_commit: str
    fsync: str
    full_page_writes: str
    read_only: bool
    clock: int


def file(database: Database) -> File:
    """What SQLite says of the file of a ledger."""
    with database.transaction() as connection:
        journal = str(database.execute(connection, "PRAGMA journal_mode").scalar())
        version = str(database.execute(connection, "SELECT sqlite_version()").scalar())
    return File(version, journal)


def server(database: Database) -> Server:
    """What the Postgres server of a ledger says of itself."""
    with database.transaction() as connection:
        row = database.execute(
            connection,
            "SELECT current_setting('server_version') AS version, "
            "current_setting('synchronous_commit') AS synchronous_commit, "
            "current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes, "
            "pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS read_only, "
            "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) AS clock",
        ).one()
    return Server(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row by its columns
