"""The migrations: they build what the code expects, in one step or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from support.ledgers import open_ledger, opened, query

from bulk_pec import shipped
from bulk_pec.domain.errors import UsageError
from bulk_pec.ledger import migrate
from bulk_pec.ledger.database import Database
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.schema import SCHEMA_VERSION, metadata


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

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


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
    (scripts / "versions" / "0002_fails.py").write_text(_FAILING)
    with pytest.raises(Exception, match="no_such_table"):
        Ledger(empty_url, "write", scripts=scripts)
    assert _tables(empty_url) == set()
    with pytest.raises(UsageError, match="no ledger"):
        open_ledger(empty_url, "read")
    with opened(empty_url) as ledger:
        assert ledger.runs.names() == []
