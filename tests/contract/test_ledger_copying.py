"""Copies of a ledger: whole at one moment, on SQLite alone, and nothing is left of one that failed."""

from __future__ import annotations

import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.ledgers import load, open_ledger, opened

from bulk_pec.domain.errors import LedgerError, UsageError
from bulk_pec.ledger.proof.checking import Checking
from bulk_pec.ledger.store.copying import copy


def test_a_copy_holds_what_was_committed_and_no_more(tmp_path: Path) -> None:
    """While another process writes: its last commit is in the copy, what it has not committed is not."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with opened(url) as ledger:
        load(ledger, 3)
        with ledger.database.transaction() as connection, opened(url, "read") as other:
            ledger.database.execute(connection, "DELETE FROM messages")
            copy(other.database, tmp_path / "copy.db")
    with opened(f"sqlite:///{tmp_path / 'copy.db'}") as found:
        assert found.runs.get("giugno").input_rows == 3
        assert Checking(found.database).report().clean


@pytest.mark.postgres
def test_postgres_has_a_tool_of_its_own(postgres_url: str, tmp_path: Path) -> None:
    """The operator is told which; nothing is made, and no password is shown."""
    with open_ledger(postgres_url) as ledger, pytest.raises(UsageError, match="pg_dump"):
        copy(ledger.database, tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Files may not grow: an error that ends 74, and no half copy that somebody could restore."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with opened(url) as ledger:
        load(ledger, 50)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with opened(url, "read") as ledger:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, before[1]))
        try:
            with pytest.raises(LedgerError, match="cannot be copied"):
                copy(ledger.database, tmp_path / "copy.db")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "copy.db").exists()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        assert connection.execute("SELECT COUNT(*) FROM messages").fetchone() == (50,)
