"""Opening a ledger: what is made, what is refused, with which words and which exit code."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url
from support.ledgers import a_row, load, open_ledger, opened, query

from bulk_pec.domain.errors import ConfigError, LedgerBusy, LedgerError, UsageError
from bulk_pec.domain.exits import ExitCode
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.store.schema import SCHEMA_VERSION, metadata


def _set_version(url: str, version: str) -> None:
    with opened(url) as ledger, ledger.database.transaction() as connection:
        ledger.database.execute(connection, "UPDATE alembic_version SET version_num = :v", v=version)


def test_a_new_ledger_is_created_at_first_use(ledger: Ledger) -> None:
    """Opening for writing makes every table, at this version's schema."""
    with ledger.database.transaction() as connection:
        tables = set(inspect(connection).get_table_names())
    assert set(metadata.tables) <= tables
    assert query(ledger, "SELECT version_num FROM alembic_version") == [{"version_num": SCHEMA_VERSION}]


def test_opening_an_existing_ledger_keeps_what_it_holds(ledger_url: str) -> None:
    """A second opening finds the run that the first one loaded."""
    with opened(ledger_url) as ledger:
        load(ledger, 2)
    with opened(ledger_url) as ledger:
        assert ledger.runs.names() == ["giugno"]


@pytest.mark.parametrize("mode", ["write", "read"])
def test_an_older_schema_is_an_error_that_names_the_upgrade(ledger_url: str, mode: str) -> None:
    """An older ledger is never changed without being asked: 78, and the command to type."""
    open_ledger(ledger_url).close()
    _set_version(ledger_url, "0000")
    with pytest.raises(ConfigError, match="bulk-pec ledger upgrade") as caught:
        open_ledger(ledger_url, "write" if mode == "write" else "read")
    assert caught.value.exit.code is ExitCode.CONFIG


@pytest.mark.parametrize("upgrade", [False, True])
def test_a_newer_schema_is_refused_even_by_the_upgrade(ledger_url: str, *, upgrade: bool) -> None:
    """A ledger that a newer version wrote is left alone: 78, and no traceback."""
    open_ledger(ledger_url).close()
    _set_version(ledger_url, "9999")
    with pytest.raises(ConfigError, match="newer bulk-pec") as caught:
        open_ledger(ledger_url, upgrade=upgrade)
    assert caught.value.exit.code is ExitCode.CONFIG


def test_a_ledger_that_could_not_be_opened_is_not_left_locked(ledger_url: str) -> None:
    """After a refusal the same process can open the ledger once the cause is mended."""
    open_ledger(ledger_url).close()
    _set_version(ledger_url, "9999")
    with pytest.raises(ConfigError):
        open_ledger(ledger_url)
    url = make_url(ledger_url)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": SCHEMA_VERSION})
    engine.dispose()
    open_ledger(ledger_url).close()


def test_reading_where_there_is_no_file_is_a_usage_error(tmp_path: Path) -> None:
    """Looking at a SQLite ledger that nobody made yet says so (2) and makes nothing."""
    with pytest.raises(UsageError, match="no ledger") as caught:
        open_ledger(f"sqlite:///{tmp_path / 'none.db'}", "read")
    assert caught.value.exit.code is ExitCode.USAGE
    assert list(tmp_path.iterdir()) == []


def test_reading_a_file_whose_creation_was_killed_is_a_usage_error(tmp_path: Path) -> None:
    """An empty file in WAL mode, as a process killed while creating leaves it, is no ledger yet."""
    file = tmp_path / "killed.db"
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    with pytest.raises(UsageError, match="no ledger"):
        open_ledger(f"sqlite:///{file}", "read")
    open_ledger(f"sqlite:///{file}").close()
    open_ledger(f"sqlite:///{file}", "read").close()


@pytest.mark.postgres
def test_reading_an_empty_database_is_a_usage_error(empty_postgres_url: str) -> None:
    """Looking at a Postgres database without tables says that there is no ledger yet (2)."""
    with pytest.raises(UsageError, match="no ledger"):
        open_ledger(empty_postgres_url, "read")


def test_a_file_that_is_no_database_is_an_io_error(tmp_path: Path) -> None:
    """A file of something else is refused with 74, not with a traceback, and stays as it was."""
    file = tmp_path / "notes.db"
    file.write_text("This is no database, and long enough to be looked at as one. " * 20)
    before = file.read_bytes()
    with pytest.raises(LedgerError) as caught:
        open_ledger(f"sqlite:///{file}")
    assert caught.value.exit.code is ExitCode.IO
    assert "Do not delete it" in str(caught.value)  # who deletes a ledger sends everything again
    assert file.read_bytes() == before


def test_a_folder_that_is_not_there_is_an_io_error(tmp_path: Path) -> None:
    """The folder of a SQLite ledger is not made up: 74, naming what cannot be opened."""
    with pytest.raises(LedgerError, match="cannot be opened") as caught:
        open_ledger(f"sqlite:///{tmp_path / 'missing' / 'ledger.db'}")
    assert caught.value.exit.code is ExitCode.IO


_HOLD = (
    "import sys; from pathlib import Path; from bulk_pec.ledger.ledger import Ledger\n"
    "with Ledger(sys.argv[1], 'write', scripts=Path(sys.argv[2])):\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


def _holder(url: str) -> subprocess.Popen[str]:
    """Another process that holds the ledger until its standard input is closed."""
    from bulk_pec import shipped

    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, url, str(shipped.path("migrations"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_writing_process_is_told_that_the_ledger_is_busy(tmp_path: Path) -> None:
    """While one process writes to a SQLite ledger another is refused with 75; readers can look."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with _holder(url) as process:
        with pytest.raises(LedgerBusy, match=f"pid {process.pid}") as caught:
            open_ledger(url)
        with opened(url, "read") as reader:
            assert reader.runs.names() == []
        process.communicate()
    assert caught.value.exit.code is ExitCode.RETRY
    open_ledger(url).close()


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    """A lock is never stale: the kernel drops it with the process, so the next one can write."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with _holder(url) as process:
        process.kill()
        process.wait()
        open_ledger(url).close()


def test_another_name_for_the_same_file_is_the_same_lock(tmp_path: Path) -> None:
    """A symbolic link does not let a second process write to the same SQLite file."""
    (tmp_path / "there").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "there" / "ledger.db")
    with (
        opened(f"sqlite:///{tmp_path / 'there' / 'ledger.db'}"),
        pytest.raises(LedgerBusy),
    ):
        open_ledger(f"sqlite:///{tmp_path / 'link.db'}")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ledger.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:////",
        "sqlite:///:memory:",
        "mysql://user:s3cret@db.example.com/pec",
        "postgresql+asyncpg://user:s3cret@db.example.com/pec",
        "postgresql+psycopg://user:s3cret@db.example.com:port/pec",
    ],
)
def test_an_address_that_is_no_ledgers_is_a_configuration_error(url: str) -> None:
    """A URL of another kind, or one that cannot be read, is 78 and is not shown: it may hold a password."""
    with pytest.raises(ConfigError, match=r"\[ledger\] url") as caught:
        open_ledger(url)
    assert caught.value.exit.code is ExitCode.CONFIG
    assert "s3cret" not in str(caught.value)


@pytest.mark.postgres
def test_no_error_shows_the_password(postgres_server: str) -> None:
    """Neither the shown URL nor an error of the server holds the password."""
    secret = uuid.uuid4().hex
    url = make_url(postgres_server).set(
        drivername="postgresql+psycopg", username="nobody-here", password=secret, database="not_there"
    )
    with pytest.raises(LedgerError) as caught:
        open_ledger(url.render_as_string(hide_password=False))
    assert secret not in str(caught.value)
    assert "***" in str(caught.value)


@pytest.mark.postgres
def test_a_password_among_the_drivers_parameters_is_not_shown() -> None:
    """A URL may name the password as a parameter: neither the shown URL nor an error holds it."""
    secret = uuid.uuid4().hex
    with pytest.raises(LedgerError) as caught:
        open_ledger(f"postgresql+psycopg://nobody@127.0.0.1:9/none?password={secret}&connect_timeout=2")
    assert secret not in str(caught.value)


def test_no_error_shows_a_row(ledger: Ledger) -> None:
    """When the database refuses a row its words are told, but not the row: it is personal data."""
    twice = "mario.rossi@example.org"
    load(ledger, [a_row(1, recipient=twice)])
    with pytest.raises(LedgerError) as refused, ledger.database.transaction() as connection:
        ledger.database.execute(
            connection,
            "INSERT INTO messages (id, run_id, row, key, recipient, reference, fields, content_digest) "
            "SELECT id + 1, run_id, row, key, recipient, reference || 'X', fields, content_digest "
            "FROM messages",
        )
    assert twice not in str(refused.value)
    assert refused.value.__cause__ is None
    assert "unique constraint" in str(refused.value).lower()


def test_sqlite_writes_are_synced_at_every_commit(tmp_path: Path) -> None:
    """WAL with synchronous=FULL: an intent that is committed is on the disk."""
    with opened(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        assert query(ledger, "PRAGMA journal_mode") == [{"journal_mode": "wal"}]
        assert query(ledger, "PRAGMA synchronous") == [{"synchronous": 2}]


def test_a_sqlite_reader_cannot_write(tmp_path: Path) -> None:
    """Looking opens the file read-only, whatever is asked of it."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    open_ledger(url).close()
    with opened(url, "read") as reader, pytest.raises(LedgerError, match="readonly"):
        reader.inbox.mailbox_id("altro@example.com")


@pytest.mark.postgres
def test_postgres_writes_are_synced_whatever_the_databases_default(postgres_url: str) -> None:
    """synchronous_commit is on for us though the database says off: an intent must outlive the server."""
    name = make_url(postgres_url).database
    with opened(postgres_url) as ledger, ledger.database.transaction() as connection:
        ledger.database.execute(connection, f'ALTER DATABASE "{name}" SET synchronous_commit TO off')
    with opened(postgres_url) as ledger:
        assert query(ledger, "SHOW synchronous_commit") == [{"synchronous_commit": "on"}]


@pytest.mark.postgres
def test_two_who_create_a_postgres_ledger_at_once_both_succeed(empty_postgres_url: str) -> None:
    """Two hosts starting on an empty database: one makes the tables, the other finds them made."""
    together, failures = threading.Barrier(2), list[BaseException]()

    def create() -> None:
        together.wait()
        try:
            open_ledger(empty_postgres_url).close()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test shows it
            failures.append(error)

    threads = [threading.Thread(target=create) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with opened(empty_postgres_url, "read") as ledger:
        assert query(ledger, "SELECT version_num FROM alembic_version") == [{"version_num": SCHEMA_VERSION}]


def test_a_ledger_may_lie_at_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """sqlite:///name is beside the process, with odd characters in its name taken as they are."""
    monkeypatch.chdir(tmp_path)
    open_ledger("sqlite:///giugno 100% #1.db").close()
    assert (tmp_path / "giugno 100% #1.db").is_file()
    assert os.access(tmp_path / "giugno 100% #1.db.lock", os.R_OK)
