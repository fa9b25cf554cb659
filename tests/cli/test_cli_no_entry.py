"""Files and folders that this user may not enter, read or write, and names that no file can have."""

from __future__ import annotations

import dataclasses
import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from support.commands import Shell, refused
from support.strangers import bound, mode
from typer.models import ParameterInfo

from bulk_pec.cli.main import app
from bulk_pec.cli.ordering import still_left
from bulk_pec.domain.errors import LedgerError

LONG = "n" * 300
"""Longer than a name may be on any usual file system (255 bytes): every question about it fails."""


def without_privileges(shell: Shell) -> Shell:
    """The same folder, the command bound by permissions."""
    return dataclasses.replace(shell, command=bound())


def test_names_that_are_too_long(loaded: Shell) -> None:
    """A refusal in words, with the code of what was named: an output 74, a list 65; never a bug."""
    io, data = (74, "io"), (65, "data")
    refused(loaded, "export", "prima", "-o", f"{LONG}.csv", ends=io, words=["cannot be"])
    refused(loaded, "init", LONG, ends=io, words=["too long"])
    for command in ("load", "run"):
        listed = (command, f"{LONG}.csv", "--name", "prima")
        refused(loaded, *listed, ends=data, words=["cannot be read", "too long"])
    refused(loaded, "plan", "prima.csv", "--rejects", f"{LONG}.csv", ends=io, words=["too long"])


def test_links_in_a_circle(loaded: Shell) -> None:
    """An output that is a link to itself is refused or replaced; never a bug."""
    circle = loaded.home / "giro.csv"
    circle.symlink_to(circle.name)
    assert loaded.call("export", "prima", "-o", "giro.csv", "--json").exit == (0, "complete")
    assert circle.is_file()
    circle.unlink()
    circle.symlink_to(circle.name)
    form = ("mailbox", "form", "abc", "-o", "giro.csv")
    refused(loaded, *form, ends=(2, "usage"), words=["a file at giro.csv already"])


def test_a_folder_that_may_not_be_entered(loaded: Shell) -> None:
    """What cannot be looked at there is told with the code of what was named, and nothing is a bug."""
    shell = without_privileges(loaded)
    closed = loaded.home / "chiusa"
    closed.mkdir()
    shutil.copyfile(loaded.home / "prima.csv", closed / "prima.csv")
    denied = ["Permission denied"]
    with mode(closed, 0o000):
        refused(shell, "export", "prima", "-o", "chiusa/x.csv", ends=(74, "io"), words=denied)
        refused(shell, "init", "chiusa", ends=(74, "io"), words=denied)
        refused(shell, "load", "chiusa/prima.csv", ends=(65, "data"), words=denied)
    shell.environ["BULK_PEC_LEDGER__URL"] = "sqlite:///chiusa/ledger.db"
    with mode(closed, 0o000):
        refused(shell, "status", ends=(74, "io"), words=[*denied, "user"])
        refused(shell, "load", "prima.csv", ends=(74, "io"), words=denied)


def test_files_that_may_not_be_read(loaded: Shell) -> None:
    """Each has the program's own code and, with --json, its own words: list 65, papers 74, config 78."""
    shell = without_privileges(loaded)
    shut = loaded.home / "chiuso.csv"
    shut.write_bytes((loaded.home / "prima.csv").read_bytes())
    denied = ["cannot be read", "Permission denied"]
    with mode(shut, 0o000):
        refused(shell, "load", "chiuso.csv", ends=(65, "data"), words=denied)
        refused(shell, "load", "chiuso.csv", "--name", "prima", ends=(65, "data"), words=denied)
        refused(shell, "mailbox", "register", "chiuso.csv", ends=(74, "io"), words=denied)
        refused(shell, "mailbox", "activate", "abc", "chiuso.csv", ends=(74, "io"), words=denied)
        refused(shell, "status", "--config", "chiuso.csv", ends=(78, "config"), words=denied)
        refused(shell, "export", "prima", "-o", "chiuso.csv", ends=(74, "io"), words=["Permission denied"])
    refused(shell, "mailbox", "register", "nessuno.toml", ends=(65, "data"), words=["There is no file"])


def test_a_ledger_in_a_folder_that_may_only_be_read(loaded: Shell) -> None:
    """SQLite makes files beside a ledger even to read: that is said, and not that a disk is full."""
    shell = without_privileges(loaded)
    with mode(loaded.home, 0o555):
        answer = shell.call("status", "--json")
    assert answer.exit == (74, "io"), answer
    for words in ("may not write", "-wal", "-shm", "copy"):
        assert words in answer.stderr
    for words in ("disk full", "start the same command again", "a bug"):
        assert words not in answer.stderr


def test_a_ledger_that_may_not_be_read(loaded: Shell) -> None:
    """Whose permissions keep this user out is told so."""
    shell = without_privileges(loaded)
    with mode(loaded.home / "ledger.db", 0o000):
        answer = shell.call("status", "--json")
    assert answer.exit == (74, "io"), answer
    assert "may not read" in answer.stderr
    assert "disk full" not in answer.stderr


def _paths(group: typer.Typer, above: str = "") -> Iterator[tuple[str, ParameterInfo]]:
    """What typer is told of every parameter that is a path, by command and name."""
    for one in group.registered_commands:
        assert one.callback is not None
        for name, parameter in inspect.signature(one.callback).parameters.items():
            for told in getattr(parameter.annotation, "__metadata__", ()):
                if isinstance(told, ParameterInfo) and "Path" in str(parameter.annotation.__origin__):
                    yield f"{above}{one.name} {name}", told
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from _paths(inner.typer_instance, f"{above}{inner.name} ")


def test_the_program_itself_says_what_cannot_be_read() -> None:
    """Typer looks at no path: its sentence would have another code and leave --json without words."""
    paths = dict(_paths(app))
    assert {"run file", "export output", "mailbox register file", "status config"} < paths.keys()
    assert [name for name, kind in paths.items() if kind.readable or kind.writable or kind.exists] == []


def test_a_folder_named_by_a_dot(loaded: Shell) -> None:
    """`.` in a sentence is not taken for its end, and a folder is told as one."""
    refused(loaded, "archive", "verify", ".", ends=(2, "usage"), words=["The folder . holds no archive"])
    said = refused(loaded, "export", "prima", "-o", ".", ends=(2, "usage"), words=["is a folder", ".csv"])
    assert "''" not in said.stderr


def test_an_order_that_cannot_be_looked_at_any_more() -> None:
    """Whether it was obeyed is not made up: 74, and the command that shows it."""
    with pytest.raises(LedgerError, match="bulk-pec status"):
        still_left(Path(LONG))


def test_a_users_home_that_is_not_there(loaded: Shell) -> None:
    """`~name` of a user whom the system does not know is refused as configuration."""
    there = ("status", "--config", "~no-such-user-at-all/config.toml")
    refused(loaded, *there, ends=(78, "config"), words=["~no-such-user-at-all"])
