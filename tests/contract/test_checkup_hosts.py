"""A check-up against real hosts and ledgers: what they answer, and what is made of it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import anyio
import pytest
from support.calls import Desk
from support.commands import SECRETS
from support.fault_server import FaultServer, answer, drip
from support.ledgers import database_on

from bulk_pec.checkup import database
from bulk_pec.checkup.checkup import check_up, services, told
from bulk_pec.checkup.findings import Finding, Verdict
from bulk_pec.checkup.hosts import Glimpse
from bulk_pec.cli import wiring
from bulk_pec.config import Config, load
from bulk_pec.domain.errors import ProviderUnavailable
from bulk_pec.domain.exits import Reason
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.store.facts import Server
from bulk_pec.ledger.store.schema import SCHEMA_VERSION
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import Sandbox

pytestmark = pytest.mark.anyio

ADDRESS = "ufficio@pec.example"
SOUND = Server("18.4", "on", "on", "on", read_only=False, clock=1_000_000)


def configured(folder: Path, url: str, ledger: str = "sqlite:///ledger.db") -> Config:
    """A configuration for this provider."""
    desk = Desk.settled(folder, url, ADDRESS, ledger=ledger)
    return load(desk.folder / "config.toml", environ=SECRETS)


def of(found: list[Finding], name: str) -> list[Finding]:
    """The findings of a name."""
    return [one for one in found if one.name == name]


@pytest.mark.parametrize(("off", "verdict"), [(0.0, "ok"), (60.0, "warning"), (-3600.0, "failure")])
async def test_this_machines_clock_is_held_against_the_hosts(
    tmp_path: Path, off: float, verdict: str
) -> None:
    """The sandbox tells the real time: a clock that is an hour behind is a failure of 78."""
    async with Sandbox(SandboxOptions()) as running:
        config = configured(tmp_path, running.url)
        letters = partial(wiring.composer, config)
        found = await check_up(config, letters, now=lambda: time.time() + off)
    (clock,) = of(found, "clock")
    assert clock.verdict == verdict
    assert clock.reason is (Reason.CONFIG if verdict == "failure" else None)
    if off < 0:
        assert "behind" in clock.what


async def test_a_host_without_a_date_and_with_errors_is_there(tmp_path: Path) -> None:
    """A server that answers 500 to everything: it is there, its time is unknown, its work is a failure."""
    async with FaultServer(answer(500, "no")) as server:
        config = configured(tmp_path, server.url)
        asked = await services(config, time.time)
    assert isinstance(asked.sending, Glimpse)
    assert (asked.sending.status, asked.sending.ahead) == (500, None)
    found = told(config, asked, 0)
    assert [one.verdict for one in of(found, "clock")] == [Verdict.UNKNOWN]
    assert [one.reason for one in of(found, "registry")] == [None]
    assert [one.reason for one in of(found, "credentials")] == [Reason.UNAVAILABLE]


async def test_a_host_that_never_comes_to_its_end_is_not_waited_for(tmp_path: Path) -> None:
    """One header after the other, each in time: [api] timeout is for all of it."""
    async with FaultServer(drip(b"HTTP/1.1 200 OK\r\n" + b"X-More: yes\r\n" * 1_000)) as server:
        path = configured(tmp_path, server.url).path
        config = load(path, environ={**SECRETS, "BULK_PEC_API__TIMEOUT": "0.2"})
        with anyio.fail_after(60):
            asked = await services(config, time.time)
    for found in (asked.sending, asked.registry):
        assert isinstance(found, ProviderUnavailable)
        assert "no answer within 0.2 s" in found.what


async def test_no_credentials_go_to_a_host_that_is_only_looked_for(tmp_path: Path) -> None:
    """The first request to each host carries neither token nor password."""
    async with FaultServer(answer(404, {"success": False})) as server:
        await services(configured(tmp_path, server.url), time.time)
        first, second = server.seen[:2]
    for seen in (first, second):
        assert {name.lower() for name in seen.headers} & {
            "authorization",
            "x-username",
            "x-password",
        } == set()


def test_a_sound_ledger_is_told_on_either_database(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    """Schema and the facts the promise rests on; another process writing is no hindrance."""
    found = database.ledger(configured(tmp_path, "http://127.0.0.1:9", ledger_url), _now())
    assert ledger.database.mode == "write"
    schema, fact = of(found, "ledger")
    assert SCHEMA_VERSION in schema.what
    assert schema.verdict is Verdict.OK
    if ledger.database.is_postgres:
        # The tests' own server spares the disk, and is told so; one that is handed in may not.
        with ledger.database.transaction() as connection:
            safe = ledger.database.execute(connection, "SHOW fsync").scalar() == "on"
        assert fact.verdict is (Verdict.OK if safe else Verdict.FAILURE)
        assert "fsync" in fact.what
        assert of(found, "disk") == [], "the server's disk is the server's affair"
    else:
        assert fact.verdict is Verdict.OK
        assert "journal WAL" in fact.what
        assert of(found, "disk")


@pytest.mark.postgres
def test_a_database_without_a_ledger_is_no_fault(tmp_path: Path, postgres_server: str) -> None:
    """The first run makes it; an address that nobody answers at is 74."""
    with database_on(postgres_server) as url:
        (found,) = database.ledger(configured(tmp_path, "http://127.0.0.1:9", url), _now())
    assert found.verdict is Verdict.OK
    assert "no ledger" in found.what
    gone = database.ledger(configured(tmp_path, "http://127.0.0.1:9", "postgresql://u@127.0.0.1:9/x"), _now())
    assert [one.reason for one in gone] == [Reason.IO]


@pytest.mark.parametrize(
    ("server", "verdict", "word"),
    [
        (SOUND, "ok", "Postgres 18.4"),
        (Server("18.4", "on", "off", "on", read_only=False, clock=1_000_000), "failure", "fsync"),
        (
            Server("18.4", "off", "on", "on", read_only=False, clock=1_000_000),
            "warning",
            "synchronous_commit",
        ),
        (Server("18.4", "on", "on", "off", read_only=False, clock=1_000_000), "warning", "full_page_writes"),
        (Server("18.4", "on", "on", "on", read_only=True, clock=1_000_000), "failure", "standby"),
        (Server("18.4", "on", "on", "on", read_only=False, clock=1_006_000), "warning", "6 s"),
    ],
)
def test_what_a_servers_settings_mean(server: Server, verdict: str, word: str) -> None:
    """Each setting that breaks or weakens "an intent outlives a crash" is told by its name."""
    (found,) = database.postgres(server, 1_000_000)
    assert found.verdict == verdict
    assert word in found.what


def test_of_several_settings_none_hides_another() -> None:
    """All of them are told."""
    found = database.postgres(Server("18.4", "off", "off", "off", read_only=True, clock=0), 1_000_000)
    assert len(found) == 5


def _now() -> int:
    return round(time.time() * 1000)
