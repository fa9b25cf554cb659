"""The migrations: they build what the code expects, in one step or not at all."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, MetaData, column, func, inspect, select, table
from support.ledgers import (
    IN_DOUBT,
    NOW,
    REJECTED,
    Desk,
    a_row,
    harvest,
    load,
    mail,
    open_ledger,
    opened,
    query,
    recount,
)

from bulk_pec import shipped
from bulk_pec.domain.caps import Caps, Limits
from bulk_pec.domain.errors import ConfigError, UsageError
from bulk_pec.domain.exits import ExitCode
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.registrations import Registration
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.registry.registrations import News
from bulk_pec.ledger.store import migrate
from bulk_pec.ledger.store.database import Database
from bulk_pec.ledger.store.schema import SCHEMA_VERSION, metadata


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database in which nothing was ever made."""
    if request.param == "postgres":
        return str(request.getfixturevalue("empty_postgres_url"))
    return f"sqlite:///{tmp_path / 'empty.db'}"


def test_the_migrations_build_the_schema_the_code_names(ledger: Ledger) -> None:
    """Tables, columns, types, defaults, indexes and constraints are those of schema.py, on both databases."""
    options = {"compare_type": True, "compare_server_default": True}
    with ledger.database.transaction() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def _predicates(ledger: Ledger) -> list[str]:
    if ledger.database.is_postgres:
        found = query(ledger, "SELECT indexdef AS definition FROM pg_indexes WHERE indexdef LIKE '%WHERE%'")
    else:
        found = query(ledger, "SELECT sql AS definition FROM sqlite_master WHERE sql LIKE '%WHERE%'")
    return sorted(row["definition"].split("WHERE")[1].strip(" ()").lower() for row in found)


def test_the_partial_indexes_cover_what_the_schema_says(ledger: Ledger) -> None:
    """Alembic does not compare the conditions of indexes, so they are compared here."""
    built = " ".join(_predicates(ledger)).replace("::text", "").replace("(", "").replace(")", "")
    assert built.count("closed_at is null") == 1
    assert built.count("ended_at is null") == 1
    assert built.count("outcome = 'in_doubt' and settlement is null") == 1


def test_there_is_exactly_one_head_and_the_code_works_with_it() -> None:
    """Two heads could not be upgraded to; another head than the code's would refuse every ledger."""
    scripts = ScriptDirectory.from_config(migrate.alembic_config(shipped.path("migrations")))
    assert scripts.get_heads() == [SCHEMA_VERSION]
    assert len(scripts.get_bases()) == 1


def test_every_revision_sorts_after_the_one_before_it() -> None:
    """Older and newer are told apart by comparing the revisions as text, so they must sort."""
    scripts = ScriptDirectory.from_config(migrate.alembic_config(shipped.path("migrations")))
    newest_first = [script.revision for script in scripts.walk_revisions()]
    assert newest_first == sorted(newest_first, reverse=True)


def test_an_upgrade_of_an_empty_database_makes_the_ledger(empty_url: str) -> None:
    """`ledger upgrade` where there is nothing yet does what first use does."""
    with open_ledger(empty_url, upgrade=True) as ledger:
        assert query(ledger, "SELECT version_num FROM alembic_version") == [{"version_num": SCHEMA_VERSION}]


def test_an_upgrade_of_a_ledger_of_this_version_changes_nothing(ledger_url: str) -> None:
    """Asked twice, it has nothing to do."""
    open_ledger(ledger_url).close()
    with open_ledger(ledger_url, upgrade=True) as ledger:
        assert query(ledger, "SELECT version_num FROM alembic_version") == [{"version_num": SCHEMA_VERSION}]


_FAILING = '''"""One that fails half way.

Revision ID: 9999
Revises: HEAD
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "HEAD", None, None


def upgrade() -> None:
    op.create_table("half_way", sa.Column("id", sa.Integer()))
    op.execute("INSERT INTO no_such_table VALUES (1)")
'''


def _tables(url: str) -> set[str]:
    database = Database(url, "write")
    try:
        with database.transaction() as connection:
            return set(inspect(connection).get_table_names())
    finally:
        database.close()


def test_an_upgrade_that_fails_half_way_leaves_nothing_behind(empty_url: str, tmp_path: Path) -> None:
    """All steps of an upgrade are one transaction: when the second fails, the first is not kept either."""
    scripts = tmp_path / "migrations"
    shutil.copytree(shipped.path("migrations"), scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "9999_fails.py").write_text(_FAILING.replace("HEAD", SCHEMA_VERSION))
    with pytest.raises(Exception, match="no_such_table"):
        Ledger(empty_url, "write", scripts=scripts)
    assert _tables(empty_url) == set()
    with pytest.raises(UsageError, match="no ledger"):
        open_ledger(empty_url, "read")
    with opened(empty_url) as ledger:
        assert ledger.runs.names() == []


def _scripts_of(tmp_path: Path, revision: str) -> Path:
    """The migrations as they were when this revision was the newest."""
    scripts = tmp_path / f"migrations-{revision}"
    shutil.copytree(shipped.path("migrations"), scripts, ignore=shutil.ignore_patterns("__pycache__"))
    for script in (scripts / "versions").glob("*.py"):
        if script.name[:4] > revision:
            script.unlink()
    return scripts


def _worked(url: str) -> Ledger:
    """A ledger in which a run was sent in part: delivered, refused, in doubt, on its way, pending."""
    ledger = open_ledger(url)
    desk = Desk.of(ledger, load(ledger, [*(a_row(number) for number in range(1, 601)), a_row(601, "k")]))
    sent, refused, doubted, underway, *_ = desk.pending()
    desk.sent(sent)
    desk.sent(refused, REJECTED)
    desk.sent(doubted, IN_DOUBT)
    desk.opened(underway)
    harvest(ledger, desk.mailbox, [mail(ReceiptKind.DELIVERED, sent.reference)])
    desk.leave()
    return ledger


_Rows = dict[str, list[dict[str, Any]]]


def _content(ledger: Ledger, tables: Mapping[str, Sequence[str]]) -> _Rows:
    """Every row of these tables, in these columns."""
    found: _Rows = {}
    for name, columns in tables.items():
        wanted = table(name, *(column(each) for each in columns)).select()
        with ledger.database.transaction() as connection:
            rows = connection.execute(wanted.order_by(*wanted.selected_columns)).mappings().all()
        found[name] = [{each: _plain(value) for each, value in row.items()} for row in rows]
    return found


def _plain(value: object) -> object:
    """What one database calls true, the other calls 1."""
    return int(value) if isinstance(value, bool) else value


def _shape(url: str) -> dict[str, list[str]]:
    """The tables of a ledger with their columns, alembic's own aside."""
    database = Database(url, "write")
    try:
        with database.transaction() as connection:
            found = MetaData()
            found.reflect(connection)
    finally:
        database.close()
    return {each.name: each.columns.keys() for each in found.sorted_tables if each.name != "alembic_version"}


def _fill(url: str, rows: _Rows) -> None:
    """Write rows into a ledger as they stand, and let its sequences go on behind them."""
    database = Database(url, "write")
    try:
        with database.transaction() as connection:
            found = MetaData()
            found.reflect(connection)
            for name in filter(rows.get, rows):
                filled = found.tables[name]
                truths = [each.name for each in filled.columns if isinstance(each.type, Boolean)]
                ready = [
                    row | {truth: bool(row[truth]) for truth in truths if row[truth] is not None}
                    for row in rows[name]
                ]
                connection.execute(filled.insert(), ready)
                if database.is_postgres and "id" in filled.columns:
                    sequence = select(func.pg_get_serial_sequence(name, "id")).scalar_subquery()
                    connection.execute(select(func.setval(sequence, max(row["id"] for row in ready))))
    finally:
        database.close()


@pytest.fixture
def older(empty_url: str, tmp_path: Path) -> tuple[str, _Rows]:
    """A ledger at 0001 in which work was done, and all that is in it."""
    Ledger(empty_url, "write", scripts=_scripts_of(tmp_path, "0001")).close()
    shape = _shape(empty_url)
    with _worked(f"sqlite:///{tmp_path / 'worked.db'}") as ledger:
        rows = _content(ledger, shape)
    assert len(rows["messages"]) == 601
    assert all(rows[name] for name in ("runs", "attempts", "receipts", "blocks", "workers", "harvests"))
    _end_at(rows["harvests"], rows["receipts"][0]["fingerprint"])
    _fill(empty_url, _as_before(rows))
    return empty_url, rows


def _end_at(harvests: list[dict[str, Any]], fingerprint: str) -> None:
    """A harvest keeps which mails stood at the box's ends."""
    harvests[0]["ends"] = f"{fingerprint} {fingerprint}"


def _as_before(rows: _Rows) -> _Rows:
    """The same with fingerprints as they were up to 0003: of sender, subject and date, the hour not first."""
    old: dict[str, str] = {}
    for one in rows["receipts"]:
        words = "\x1f".join((one["sender"], one["subject"], one["date"]))
        old[one["fingerprint"]] = hashlib.sha256(words.encode()).hexdigest()[:32]
    receipts = [row | {"fingerprint": old[row["fingerprint"]]} for row in rows["receipts"]]
    walks = [row | {"ends": " ".join(old[one] for one in row["ends"].split())} for row in rows["harvests"]]
    return rows | {"receipts": receipts, "harvests": walks}


def test_an_older_ledger_is_refused_until_it_is_upgraded(older: tuple[str, _Rows]) -> None:
    """78, naming the command, for reading and writing alike; the ledger is left as it was."""
    url, _ = older
    shape = _shape(url)
    for mode in ("read", "write"):
        with pytest.raises(ConfigError, match=r"schema 0001.*bulk-pec ledger upgrade") as caught:
            open_ledger(url, "write" if mode == "write" else "read")
        assert caught.value.exit.code is ExitCode.CONFIG
    assert _shape(url) == shape
    assert "suppressions" not in shape


def test_an_upgrade_keeps_runs_and_messages(older: tuple[str, _Rows]) -> None:
    """Every row of every table stands; what is new is empty, and the run goes on where it was."""
    url, rows = older
    shape = _shape(url)
    with open_ledger(url, upgrade=True) as ledger:
        assert _content(ledger, shape) == rows
        assert query(ledger, "SELECT version_num FROM alembic_version") == [{"version_num": SCHEMA_VERSION}]
        new = query(ledger, "SELECT DISTINCT expires_at, looked_up FROM messages")
        assert new == [{"expires_at": None, "looked_up": None}]
        options = {"compare_type": True, "compare_server_default": True}
        with ledger.database.transaction() as connection:
            assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
    with open_ledger(url) as ledger:
        run = ledger.runs.get("giugno")
        recount(ledger, run)
        desk = Desk.of(ledger, run)
        ledger.suppressions.add(["persona5@example.org"], "opted out", NOW)
        assert [one.row for one in desk.pending()] == list(range(6, 602))
        desk.sent(desk.pending()[0])
        load(ledger, [a_row(1, expires_at=NOW)], name="luglio")
        recount(ledger, ledger.runs.get("luglio"))


def test_an_upgrade_keeps_what_waits_for_a_harvest_waiting(older: tuple[str, _Rows]) -> None:
    """A message whose absence was accepted goes out again after one more whole harvest, not before."""
    url, _ = older
    database = Database(url, "write")
    with database.transaction() as connection:
        accepted = 'UPDATE messages SET harvest_after = :now, attempts = 1, mailbox_id = 1 WHERE "row" = 7'
        database.execute(connection, accepted, now=NOW)
    database.close()
    with open_ledger(url, upgrade=True) as ledger:
        desk = Desk.of(ledger, ledger.runs.get("giugno"))
        assert 7 not in [one.row for one in desk.pending()]
        harvest(ledger, desk.mailbox, [], NOW)
        assert 7 in [one.row for one in desk.pending()]


def test_an_upgrade_from_before_registrations_keeps_what_there_is(empty_url: str, tmp_path: Path) -> None:
    """A ledger of 0004 with work in it: every row stands, and the memory of mailboxes begins empty."""
    Ledger(empty_url, "write", scripts=_scripts_of(tmp_path, "0004")).close()
    shape = _shape(empty_url)
    assert "registrations" not in shape
    with _worked(f"sqlite:///{tmp_path / 'worked.db'}") as ledger:
        rows = _content(ledger, shape)
    _fill(empty_url, rows)
    with pytest.raises(ConfigError, match=r"schema 0004.*bulk-pec ledger upgrade"):
        open_ledger(empty_url)
    with open_ledger(empty_url, upgrade=True) as ledger:
        assert _content(ledger, shape) == rows
        assert ledger.registrations("https://pec.openapi.it").all() == []
        seen = Registration("6040e4613a716838dc4eee0e", "ufficio@example.com", "PECMASSIVA", "evasa")
        assert ledger.registrations("https://pec.openapi.it").remember(seen, NOW, "list") is News.NEW
        recount(ledger, ledger.runs.get("giugno"))


def test_an_upgrade_counts_the_addresses_of_earlier_attempts(empty_url: str, tmp_path: Path) -> None:
    """What was sent before there were caps counts against them as it would now: each address once."""
    Ledger(empty_url, "write", scripts=_scripts_of(tmp_path, "0002")).close()
    several = "uno@example.org; due@example.org, tre@example.org UNO@example.org"
    with open_ledger(f"sqlite:///{tmp_path / 'worked.db'}") as ledger:
        desk = Desk.of(ledger, load(ledger, [a_row(1), a_row(2, recipient=several), a_row(3), a_row(4)]))
        first, second, *_ = desk.pending()
        desk.sent(first)
        desk.sent(second, IN_DOUBT)
        desk.leave()
        rows = _content(ledger, _shape(empty_url))
    _fill(empty_url, rows)
    with open_ledger(empty_url, upgrade=True) as ledger:
        counted = query(ledger, "SELECT units FROM attempts ORDER BY message")
        assert [row["units"] for row in counted] == [1, 3]
        limits = Limits({desk.mailbox: Caps(per_day=5)})
        found = ledger.usage.standings(limits, [desk.mailbox], NOW)[desk.mailbox]
        assert found is not None
        assert found.left == 1
