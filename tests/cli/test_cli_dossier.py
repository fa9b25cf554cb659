"""The real `explain` and `dossier`: what became of a message, its evidence in a file, that file's check."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest
from support.commands import PASSWORD, TOKEN, Shell, refused

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

LIST = """numero,pec,denominazione
001,info@uno.example,Uno
001,info@doppio.example,Doppia
003,nessun indirizzo,Tre
004,info@quattro.example,Quattro
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A run of two messages, delivered; a duplicate; an invalid row."""
    with background(SandboxOptions(accepted_after=0, delivered_after=0)) as provider:
        shell = Shell.settled(tmp_path_factory.mktemp("dossier") / "home", provider.url)
        (shell.home / "lista.csv").write_text(LIST, encoding="utf-8")
        shell.edit("[recipients]", "[recipients]\nmax_invalid_share = 0.5")
        assert shell.call("run", "lista.csv", "--yes").code == 3
    return shell


def test_explain_tells_the_whole_story(shell: Shell) -> None:
    """What it is, where it stands, what that proves, every attempt and receipt, what comes next."""
    answer = shell.call("explain", "info@uno.example")
    assert answer.code == 0, answer
    for words in (
        "Row 1 of run lista (list lista.csv)",
        "State         sent; delivered",
        "The ACCETTAZIONE proves that it was sent (DPR 68/2005 art. 6).",
        "HTTP 201; message_id ",
        "CONSEGNA: Avviso n. 001 [rif. ",
        "(Europe/Rome), 20",
        "Next          Nothing more: it is done.",
    ):
        assert words in answer.stdout, words
    asked = shell.call("explain", "001", "--json")
    assert asked.exit == (0, "complete")
    assert (asked.document["story"], [one["state"] for one in asked.document["matches"]]) == (
        None,
        ["sent", "duplicate"],
    )
    told = shell.call("explain", "row:3", "--run", "lista", "--json").document
    assert (told["story"]["state"], told["next"].split(".")[0]) == ("invalid", "Nothing by itself")


def test_an_unknown_word_is_a_usage_error(shell: Shell) -> None:
    """With how many nearly fit, and no personal data of theirs."""
    answer = refused(
        shell, "explain", "quattro", ends=(2, "usage"), words=["'quattro'", "0 keys and 1 address holds"]
    )
    assert "info@" not in answer.stderr
    refused(shell, "explain", "001", "--run", "nessuno", ends=(2, "usage"), words=["'nessuno'"])


def test_a_dossier_is_made_and_checked(shell: Shell, tmp_path: Path) -> None:
    """Its digest is printed when it is made and when it is checked; without a configuration too."""
    made = shell.call("dossier", "004", "-o", "x.zip", "--json")
    assert made.exit == (0, "complete"), made
    content = (shell.home / "x.zip").read_bytes()
    assert made.document["sha256"] == hashlib.sha256(content).hexdigest()
    assert (shell.home / "x.zip").stat().st_mode & 0o777 == 0o600
    elsewhere = tmp_path / "x.zip"
    elsewhere.write_bytes(content)
    offline = Shell(tmp_path, {})
    checked = offline.call("dossier", "verify", "x.zip", "--sha256", made.document["sha256"])
    assert (checked.code, checked.stderr) == (0, ""), checked
    assert made.document["sha256"] in checked.stdout
    assert "printed when it was made" in checked.stdout
    elsewhere.write_bytes(content.replace(b"info@quattro.example", b"info@quattrO.example", 1))
    answer = offline.call("dossier", "verify", "x.zip", "--json")
    assert answer.exit == (65, "data"), answer
    assert "checksum differs" in answer.document["error"]["what"]
    assert "Traceback" not in answer.stderr


def test_a_run_s_dossier_holds_all_rows_and_no_secret(shell: Shell) -> None:
    """Every message and every row set aside; neither the token nor the password, nor the configuration."""
    made = shell.call("dossier", "--run", "last", "-o", "run.zip")
    assert made.code == 0, made
    assert "The dossier of run lista, 2 messages," in made.stdout
    with zipfile.ZipFile(shell.home / "run.zip") as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
        assert len(archive.read("messages/from-row-00000001.jsonl").splitlines()) == 2
        assert len(archive.read("set-aside/from-row-00000002.jsonl").splitlines()) == 2
    assert b"CONSEGNA: Avviso n. 004" in everything
    for secret in (TOKEN, PASSWORD, "password_env"):
        assert secret.encode() not in everything
    assert shell.call("dossier", "verify", "run.zip").code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["dossier"], "no way to call"),
        (["dossier", "004"], "dossier KEY -o x.zip"),
        (["dossier", "verify", "none.zip"], "none.zip"),
        (["dossier", "--run", "lista", "--attachments", "-o", "y.zip"], "--attachments"),
        (["dossier", "001", "-o", "y.zip"], "2 messages or rows"),
        (["dossier", "row:3", "-o", "y.zip"], "it is invalid"),
        (["dossier", "row:2", "-o", "y.zip"], "it is a duplicate"),
        (["dossier", "004", "-o", "-"], "not to stdout"),
        (["dossier", "", "-o", "y.zip"], "KEY is empty"),
        (["explain", " "], "KEY is empty"),
        (["dossier", "\udcff", "-o", "y.zip"], "not UTF-8"),
        (["dossier", "004", "-o", "lista.csv"], "a file at lista.csv already"),
        (["dossier", "004", "-o", "lista.csv", "--force"], "the list the run was loaded from"),
        (["dossier", "004", "-o", "ledger.db", "--force"], "belongs to the ledger"),
    ],
)
def test_what_makes_no_dossier_is_told_and_writes_nothing(shell: Shell, words: list[str], says: str) -> None:
    """Wrong words, several matches, a row that is no message, a file that must stay: 2, nothing changes."""
    refused(shell, *words, ends=(2, "usage"), words=[says])
    assert not any((shell.home / name).exists() for name in ("y.zip", "-"))
    assert (shell.home / "lista.csv").read_text(encoding="utf-8") == LIST


def test_a_place_that_cannot_be_written_is_an_io_error(shell: Shell) -> None:
    """A folder that is not there ends with 74, and the ledger is untouched."""
    refused(shell, "dossier", "004", "-o", "none/y.zip", ends=(74, "io"), words=["none/y.zip"])
