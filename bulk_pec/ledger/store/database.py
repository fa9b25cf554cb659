"""Connections and transactions, the same for SQLite and Postgres.

One process has one connection that writes, used by one thread at a time: SQLite allows no more, and on
Postgres more would only wait for each other. Statements are written once for both; what differs is
here: how a batch of rows is handed to a statement (`Database.batch`) and which clock a lease is read by.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, Engine, TextClause, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from bulk_pec.domain.errors import ConfigError, UsageError
from bulk_pec.ledger.store.failures import failure, is_database_error, unseen
from bulk_pec.ledger.store.lock import FileLock

Mode = Literal["write", "read"]

# Postgres: on for everything, whatever the server's default; an intent must be on disk before its POST.
_POSTGRES_OPTIONS = "-c synchronous_commit=on -c statement_timeout=0 -c timezone=UTC -c jit=off"
LONGEST_IDLE = 10.0
"""Seconds that a transaction may stand between two statements (Postgres): then the server ends the session
and rolls back. A process frozen inside one would hold up every other host for as long as it sleeps."""
_SQLITE_CACHE_KIB = 4_096
_SQLITE_LOADING_CACHE_KIB = 65_536
_SQLITE_WAL_LIMIT = 64 * 1024 * 1024
_BUSY_SECONDS = 30
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")


@lru_cache(maxsize=512)
def _for_psycopg(statement: str) -> str:
    """The same with its parameters as psycopg spells them."""
    return _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%"))


@lru_cache(maxsize=512)
def _clause(statement: str) -> TextClause:
    return text(statement)


class Database:
    """One connection to one ledger.

    Args:
        url: An SQLAlchemy URL; ``sqlite:///path`` or ``postgresql+psycopg://…``.
        mode: ``"write"`` takes the SQLite file lock; ``"read"`` opens SQLite read-only.

    Raises:
        ConfigError: The URL is not one of these two.
        UsageError: Reading a SQLite ledger that does not exist.
        LedgerBusy: Writing while another process does (SQLite).
        LedgerError: It cannot be opened.
    """

    def __init__(self, url: str, mode: Mode) -> None:
        self._url = _parse(url)
        self.mode = mode
        self.is_postgres = self._url.get_backend_name() == "postgresql"
        self._lock = self._take_lock()
        try:
            self.engine = self._postgres() if self.is_postgres else self._sqlite()
        except BaseException:
            self._drop_lock()
            raise

    @property
    def shown(self) -> str:
        """The URL without its password, which may also stand among the driver's parameters."""
        bare = self._url.set(query={}) if self._url.query else self._url
        return bare.render_as_string(hide_password=True)

    def missing(self) -> UsageError:
        """The error for reading a ledger that has not been created."""
        return UsageError(
            f"There is no ledger at {self.shown} yet.",
            hint="`bulk-pec load LIST` creates it; or check [ledger] url in the configuration.",
        )

    @property
    def _path(self) -> Path:
        return Path(self._url.database or "")

    @property
    def file(self) -> Path | None:
        """The ledger's file, links followed; None where it is a server's."""
        return None if self.is_postgres else _resolved(self._path)

    def _take_lock(self) -> FileLock | None:
        if self.is_postgres or self.mode == "read":
            return None
        file = _resolved(self._path)  # by whatever link it is reached, one file has one lock
        return FileLock(file.with_name(file.name + ".lock"))

    def _drop_lock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _postgres(self) -> Engine:
        return create_engine(
            self._url,
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            connect_args={
                "options": f"{_POSTGRES_OPTIONS} "
                f"-c idle_in_transaction_session_timeout={round(LONGEST_IDLE * 1000)}",
                "connect_timeout": 10,
                "application_name": "bulk-pec",
            },
        )

    def _sqlite(self) -> Engine:
        if self.mode == "read" and not self._is_there():
            raise self.missing()
        engine = create_engine(
            "sqlite://", poolclass=QueuePool, pool_size=1, max_overflow=0, creator=self._connect_sqlite
        )
        # IMMEDIATE: a transaction that reads first and writes later must not find itself overtaken.
        begin = "BEGIN IMMEDIATE" if self.mode == "write" else "BEGIN"
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        return engine

    def _is_there(self) -> bool:
        try:
            return _resolved(self._path).is_file()
        except OSError as error:  # a folder that this user may not enter
            raise unseen(self.shown, error) from None

    def _connect_sqlite(self) -> sqlite3.Connection:
        how = "rwc" if self.mode == "write" else _reading(self._path)
        if self.mode == "write":
            # It holds names and addresses: made for this user alone, and by SQLite what lies beside it.
            with suppress(OSError):  # SQLite says it in the next line
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={how}",
            uri=True,
            isolation_level=None,  # transactions are begun by the event above, not guessed by the driver
            check_same_thread=False,  # one thread at a time, but not always the same one
            timeout=_BUSY_SECONDS,
        )
        if self.mode == "write":
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(f"PRAGMA journal_size_limit={_SQLITE_WAL_LIMIT}")
        connection.execute(f"PRAGMA cache_size=-{_SQLITE_CACHE_KIB}")
        return connection

    @contextmanager
    def wide_cache(self, connection: Connection) -> Iterator[None]:
        """A large page cache for a load: its indexes take a million keys in no order (SQLite)."""
        if self.is_postgres:
            yield
            return
        connection.exec_driver_sql(f"PRAGMA cache_size=-{_SQLITE_LOADING_CACHE_KIB}")
        try:
            yield
        finally:
            connection.exec_driver_sql(f"PRAGMA cache_size=-{_SQLITE_CACHE_KIB}")

    def take_time(self, connection: Connection) -> None:
        """Let this transaction stand for longer than `LONGEST_IDLE`: it holds nothing that sending needs."""
        if self.is_postgres:
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that commits durably at its end and rolls back on any exception.

        Raises:
            LedgerError: The database failed; nothing of the transaction is kept.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except Exception as error:
            if not is_database_error(error):
                raise
            reading = self._path if self.mode == "read" and not self.is_postgres else None
            raise failure(error, self.shown, reading) from None  # its text may show a row: personal data

    def execute(self, connection: Connection, statement: str, **values: Any) -> Any:
        """Run one statement, written for both databases, with named parameters."""
        return connection.execute(_clause(statement), values)

    def fetch(self, connection: Connection, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run one statement straight through the driver; its rows, or none if it returns none.

        For what a tick runs: SQLAlchemy's own work costs as much as a statement over five rows.
        """
        driver = connection.connection
        cursor = driver.cursor()
        try:
            cursor.execute(self.driver_text(statement), values)
            return list(cursor.fetchall()) if cursor.description else []
        except Exception as error:
            if getattr(driver.dbapi_connection, "closed", False):  # a lost connection is not used again
                connection.invalidate(error)
            raise
        finally:
            cursor.close()

    def each(self, connection: Connection, statement: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run one statement for each of these rows of values, straight through the driver (SQLite).

        Rows that are handed over as they are need not be read out of JSON, which costs as much as to write
        them. On Postgres each would be a way to the server and back: `batch` there.

        Returns:
            How many of the database's rows were changed.
        """
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(statement, rows)
            return int(cursor.rowcount)
        finally:
            cursor.close()

    def driver_text(self, statement: str) -> str:
        """A statement as the driver takes it, its parameters named."""
        return _for_psycopg(statement) if self.is_postgres else statement

    def batch(self, name: str, **columns: str) -> str:
        """The text of a CTE that reads rows from the JSON parameter ``:name``.

        Both databases parse JSON themselves, so a statement over a thousand rows is sent, planned and
        run once. Column types are Postgres's (``bigint``, ``text``, ``boolean`` …).

        Args:
            name: Of the CTE and of its parameter; bind it with `rows`.
            columns: Name and type of each column.
        """
        if self.is_postgres:
            shape = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            return f"{name} AS (SELECT * FROM json_to_recordset(CAST(:{name} AS json)) AS r({shape}))"
        picks = ", ".join(f"value->>'{column}' AS {column}" for column in columns)
        return f"{name} AS (SELECT {picks} FROM json_each(:{name}))"

    @staticmethod
    def rows(batch: list[dict[str, Any]]) -> str:
        """A batch as the JSON text `batch` reads."""
        return orjson.dumps(batch).decode()

    @property
    def lease_now(self) -> str:
        """SQL for "now", in milliseconds, by the clock all hosts share; on SQLite the parameter ``:now``."""
        return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)" if self.is_postgres else ":now"

    @property
    def pace_now(self) -> str:
        """The same in microseconds, for the pace; on SQLite the parameter ``:pace_now``."""
        clock = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
        return clock if self.is_postgres else ":pace_now"

    @property
    def skip_locked(self) -> str:
        """The clause that lets two hosts claim at once."""
        return "FOR UPDATE SKIP LOCKED" if self.is_postgres else ""

    def hold(self, table: str) -> str:
        """The clause that holds a table's rows between reading and writing them."""
        return f"FOR UPDATE OF {table}" if self.is_postgres else ""

    def close(self) -> None:
        """Close the connection, then give up the lock."""
        self.engine.dispose()
        self._drop_lock()


def file_of(url: str) -> Path | None:
    """The file of a SQLite ledger's URL, links followed; None where it is a server's.

    Raises:
        ConfigError: The URL is no ledger's.
    """
    parsed = _parse(url)
    return _resolved(Path(parsed.database or "")) if parsed.get_backend_name() == "sqlite" else None


def _resolved(path: Path) -> Path:
    """A path, links followed.

    Raises:
        ConfigError: No file can ever be there: links in a circle, or a name that is too long.
    """
    try:
        found = path.resolve()
        with suppress(PermissionError):  # whoever opens it says so
            found.exists()
    except (OSError, RuntimeError) as error:  # RuntimeError: pathlib's word for links in a circle
        reason = (isinstance(error, OSError) and error.strerror) or "its links lead in a circle"
        raise ConfigError(
            f"[ledger] url names a file that cannot be: {reason} ({path}).",
            hint='Mend the link, or name another file: "sqlite:///file.db".',
        ) from None
    return found


def _reading(path: Path) -> str:
    """How to open a file for reading only.

    SQLite makes files beside it even then. On a read-only file system it cannot, and nobody writes: a ledger
    that was closed in good order (no log lies beside it) is opened as one that does not change.
    """
    log = path.with_name(path.name + "-wal")
    unchanging = os.statvfs(path).f_flag & os.ST_RDONLY and not (log.exists() and log.stat().st_size)
    return "ro&immutable=1" if unchanging else "ro"


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise _bad_url() from None  # the cause's text may show a password
    if parsed.drivername in {"sqlite", "sqlite+pysqlite"} and _names_a_file(parsed.database):
        return parsed
    if parsed.drivername == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "postgresql+psycopg":
        return parsed
    raise _bad_url()


def _names_a_file(database: str | None) -> bool:
    return bool(database) and database != ":memory:" and bool(Path(database or "").name)


def _bad_url() -> ConfigError:
    return ConfigError(
        "[ledger] url is not a ledger's address.",
        hint='Use "sqlite:///file.db" or "postgresql+psycopg://user@host/db".',
    )
