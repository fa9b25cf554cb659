"""Names: of runs, and of files that are not what they should be."""

from __future__ import annotations

import os
import shutil

import pytest
from support.commands import Shell, good, refused

NOT_UTF8 = os.fsdecode(b"lista-\xff.csv")


@pytest.mark.parametrize("command", ["run", "load"])
@pytest.mark.parametrize("name", ["last", "", " ", "a\nb", "a\x1b[2J"])
def test_names_no_run_can_have(loaded: Shell, command: str, name: str) -> None:
    """`last` means the run loaded last, and a name can be read: 2, nothing loaded, with what to do."""
    loaded.write_list("altro.csv", good(2))
    refused(loaded, command, "altro.csv", "--name", name, ends=(2, "usage"), words=["--name"])


def test_last_is_no_runs_name_but_names_one(loaded: Shell) -> None:
    """A list `last.csv` needs a --name; as RUN the word is the run loaded last."""
    loaded.write_list("last.csv", good(2, first=9))
    for command in ("run", "load"):
        refused(loaded, command, "last.csv", ends=(2, "usage"), words=["'last'", "--name"])
    assert loaded.call("load", "last.csv", "--name", "seconda").code == 0
    assert loaded.call("status", "last", "--json").document["run"] == "seconda"


def test_names_that_are_not_utf8(loaded: Shell) -> None:
    """Wherever one is given: 2, said in a way that can be shown, and no bug."""
    shutil.copyfile(loaded.home / "prima.csv", os.fsencode(loaded.home / "x")[:-1] + os.fsencode(NOT_UTF8))
    for arguments in (
        ("load", NOT_UTF8),
        ("run", NOT_UTF8, "--name", "x", "--yes"),
        ("load", "prima.csv", "--name", NOT_UTF8),
        ("status", NOT_UTF8),
        ("export", "last", "-o", NOT_UTF8),
        ("status", "--config", NOT_UTF8),
    ):
        refused(loaded, *arguments, ends=(2, "usage"), words=["is not UTF-8", "lista-\\udcff.csv"])


def test_names_the_terminal_cannot_show(loaded: Shell) -> None:
    """Where stdout and stderr take ASCII only, everything is still told; the document loses nothing."""
    loaded.environ["PYTHONIOENCODING"] = "ascii"
    loaded.write_list("società.csv", good(2, first=9))
    told = loaded.call("load", "società.csv")
    assert told.code == 0, told
    assert told.stdout.startswith("Run societ\\xe0: loaded\n")
    assert loaded.call("status", "--json").document["run"] == "società"
    unknown = loaded.call("status", "perché", "--json")
    assert unknown.exit == (2, "usage"), unknown
    assert "perch\\xe9" in unknown.stderr
