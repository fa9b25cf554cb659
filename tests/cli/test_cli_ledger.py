"""`ledger check` and `ledger backup` as an operator calls them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.commands import Shell, refused


def test_check_of_a_sound_ledger(loaded: Shell) -> None:
    """0, one sentence; with --json what was asked and that nothing was found. Nothing is written."""
    before = loaded.ledger_content()
    answer = loaded.call("ledger", "check", "--json")
    assert answer.exit == (0, "complete"), answer
    assert answer.document["violations"] == []
    assert answer.document["asked"] > 20
    assert "holds in all" in loaded.call("ledger", "check").stdout
    assert loaded.ledger_content() == before


def test_check_of_a_damaged_ledger(loaded: Shell) -> None:
    """3 `attention`, one line a violation with its invariant and its ids, and no address in any of them."""
    with closing(sqlite3.connect(loaded.home / "ledger.db")) as connection, connection:
        connection.execute("UPDATE messages SET state = 'sending' WHERE id = 1")
    answer = loaded.call("ledger", "check")
    assert answer.code == 3, answer
    *lines, closing_line = answer.stdout.splitlines()
    assert "11: message 1 is sending, and has no open attempt" in lines
    assert "6: run 1 counts 3 pending, and has 2" in lines
    assert closing_line.startswith("Do not send with this ledger")
    assert "@" not in answer.stdout
    document = loaded.call("ledger", "check", "--json").document
    assert document["exit"] == {"code": 3, "reason": "attention"}
    assert {"invariant", "what", "ids"} == document["violations"][0].keys()


def test_check_of_a_file_that_is_broken(loaded: Shell) -> None:
    """A page overwritten: 74 or 3, with words, and never a traceback."""
    path = loaded.home / "ledger.db"
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 4] = b"\xff" * 4096
    path.write_bytes(content)
    answer = loaded.call("ledger", "check", "--json")
    assert answer.exit in {(74, "io"), (3, "attention")}, answer
    assert "Traceback" not in answer.stderr


def test_check_of_no_ledger(shell: Shell) -> None:
    """2, and nothing is made."""
    refused(shell, "ledger", "check", ends=(2, "usage"), words=["There is no ledger"])
    assert not (shell.home / "ledger.db").exists()


def test_backup_is_whole_and_ones_own(loaded: Shell) -> None:
    """The copy holds what the ledger holds, alone in one file that no other user can read."""
    answer = loaded.call("ledger", "backup", "copy.db", "--json")
    assert answer.exit == (0, "complete"), answer
    copy = loaded.home / "copy.db"
    with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as connection:
        assert tuple(connection.iterdump()) == loaded.ledger_content()
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in loaded.home.glob("copy*")) == ["copy.db"]


@pytest.mark.parametrize(
    ("path", "ends"),
    [("config.toml", (2, "usage")), ("nowhere/copy.db", (74, "io"))],
    ids=["there", "no folder"],
)
def test_backup_overwrites_nothing(loaded: Shell, path: str, ends: tuple[int, str]) -> None:
    """A file that is there stays as it is (2); a folder that is not is told (74)."""
    before = Path(loaded.home, "config.toml").read_bytes()
    refused(loaded, "ledger", "backup", path, ends=ends, words=[path])
    assert Path(loaded.home, "config.toml").read_bytes() == before
