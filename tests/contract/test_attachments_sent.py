"""Attachments through the real command to the simulated provider: byte by byte, or not at all."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crash.harness import Engine
from support.papers import PAPERS, PDF, put

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import Sandbox, background

OWN = "documenti/{{ numero }}.pdf"
SHARED = "informativa è.p7m"

MEASURE = """
import resource, subprocess, sys
ended = subprocess.run(sys.argv[1:])
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(ended.returncode)
"""
"""Runs a command from a small process, and tells its peak of memory in KiB.

The kernel counts what a process had before it became another program, so one started by pytest would seem to
use as much as pytest does."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A simulated provider in a thread."""
    with background(SandboxOptions()) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command works: a file of its own for each of three rows, and one for all."""
    attach(monkeypatch, OWN, SHARED)
    for number in range(1, 4):
        put(tmp_path, f"carte/documenti/avvisi-{number:06d}.pdf", PDF + os.urandom(1000 * number))
    put(tmp_path, f"carte/{SHARED}", PAPERS["a.p7m"])
    return tmp_path


@pytest.fixture
def engine(home: Path, sandbox: Sandbox) -> Engine:
    """The real command, with a list of three rows."""
    made = Engine.settled(home, f"sqlite:///{home / 'ledger.db'}", sandbox.url)
    made.write_list("avvisi", 3)
    return made


def attach(monkeypatch: pytest.MonkeyPatch, *templates: str) -> None:
    """Let the configuration name these attachments, in the folder `carte`."""
    listed = ", ".join(f'"{template}"' for template in templates)
    monkeypatch.setenv("BULK_PEC_MESSAGE__ATTACHMENTS", f"[{listed}]")
    monkeypatch.setenv("BULK_PEC_MESSAGE__ATTACHMENTS_DIR", "carte")


def arrived(sandbox: Sandbox) -> dict[str, list[tuple[str, str, str]]]:
    """What the provider was sent, once each: name, media type and SHA-256 by recipient."""
    posts = {post.recipients[0]: post for post in sandbox.office.posts}
    assert len(posts) == len(sandbox.office.posts)
    return {
        recipient: [(one.name, one.mime, one.sha256) for one in post.attachments]
        for recipient, post in posts.items()
    }


def expected(home: Path, number: int) -> list[tuple[str, str, str]]:
    """What the recipient of a row ought to get, read from the files."""
    own, shared = home / f"carte/documenti/avvisi-{number:06d}.pdf", home / "carte" / SHARED
    return [
        (own.name, "application/pdf", hashlib.sha256(own.read_bytes()).hexdigest()),
        (SHARED, "application/pkcs7-mime", hashlib.sha256(shared.read_bytes()).hexdigest()),
    ]


def address(number: int) -> str:
    """The recipient of a row."""
    return f"info@ditta-avvisi-{number:06d}.pec.example"


def skipped(document: dict[str, Any]) -> list[int]:
    """The rows that were left."""
    return [each["row"] for each in document["skipped"]]


def test_every_recipient_gets_the_files_byte_by_byte(engine: Engine, sandbox: Sandbox) -> None:
    """Its own and the shared one, in their order, with name and type."""
    assert engine.call("load", "avvisi.csv").code == 0
    answer = engine.call("send", "avvisi", "--yes")
    assert answer.code == 0, answer
    assert arrived(sandbox) == {address(number): expected(engine.home, number) for number in (1, 2, 3)}


@pytest.mark.parametrize("change", ["same size", "gone", "a link outside"])
def test_a_changed_file_holds_its_message_back_until_it_is_restored(
    engine: Engine, sandbox: Sandbox, change: str
) -> None:
    """Exit 65 naming the file; the others are sent; once restored, its message goes, and no other again."""
    assert engine.call("load", "avvisi.csv").code == 0
    path = engine.home / "carte/documenti/avvisi-000002.pdf"
    content = path.read_bytes()
    wanted = {address(number): expected(engine.home, number) for number in (1, 2, 3)}
    path.unlink()
    if change == "a link outside":
        path.symlink_to(put(engine.home, "fuori.pdf", content))
    elif change == "same size":
        put(path.parent, path.name, content[:-1] + b"!")
    answer = engine.call("send", "avvisi", "--yes", "--json")
    assert answer.code == 65, answer
    assert answer.document["exit"] == {"code": 65, "reason": "data"}
    assert skipped(answer.document) == [2]
    assert "documenti/avvisi-000002.pdf" in answer.document["skipped"][0]["why"]
    assert answer.document["messages"]["pending"] == 1
    assert set(arrived(sandbox)) == {address(1), address(3)}
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    assert engine.call("send", "avvisi").code == 0
    assert arrived(sandbox) == wanted


def test_a_shared_file_that_changes_on_the_way_stops_every_message_left(
    engine: Engine, sandbox: Sandbox
) -> None:
    """What was sent stays sent; what was not says which of its two files it is."""
    assert engine.call("load", "avvisi.csv").code == 0
    assert engine.call("send", "avvisi", "--yes", "--max-messages", "1").code == 75
    shared = engine.home / "carte" / SHARED
    before = shared.read_bytes()
    shared.write_bytes(before + b"!")
    answer = engine.call("send", "avvisi")
    assert answer.code == 65
    for row in (2, 3):
        told = f"Row {row} was not sent: its attachment {SHARED!r} is not the file it was loaded with."
        assert told in answer.stdout
    assert len(arrived(sandbox)) == 1
    shared.write_bytes(before)
    assert engine.call("send", "avvisi").code == 0
    assert arrived(sandbox) == {address(number): expected(engine.home, number) for number in (1, 2, 3)}


def test_a_changed_template_of_paths_refuses_the_run(
    engine: Engine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The templates must be those that were loaded, those of the attachments too."""
    assert engine.call("load", "avvisi.csv").code == 0
    attach(monkeypatch, OWN)
    answer = engine.call("send", "avvisi", "--yes")
    assert answer.code == 65
    assert "template" in answer.stderr
    assert sandbox.office.posts == []


def test_a_row_whose_file_cannot_be_attached_is_invalid(
    engine: Engine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, or reached by a link that leads outside: told at load by row, and never sent."""
    monkeypatch.setenv("BULK_PEC_RECIPIENTS__MAX_INVALID_SHARE", "1")
    (engine.home / "carte/documenti/avvisi-000001.pdf").unlink()
    secret = put(engine.home, "segreto.pdf")
    (engine.home / "carte/documenti/avvisi-000003.pdf").unlink()
    (engine.home / "carte/documenti/avvisi-000003.pdf").symlink_to(secret)
    answer = engine.call("load", "avvisi.csv")
    assert answer.code == 3, answer
    assert "row 1: attachments: there is no file 'documenti/avvisi-000001.pdf'" in answer.stderr
    assert "row 3: attachments: " in answer.stderr
    rows = {row["row"]: row for row in engine.exported(["avvisi"])}
    assert [rows[number]["state"] for number in (1, 2, 3)] == ["invalid", "pending", "invalid"]
    assert "leads outside attachments_dir" in rows[3]["reason"]
    assert engine.call("send", "avvisi", "--yes").code == 3
    assert arrived(sandbox) == {address(2): expected(engine.home, 2)}


def test_a_missing_folder_refuses_the_list(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one mistake, not one a row."""
    monkeypatch.setenv("BULK_PEC_MESSAGE__ATTACHMENTS_DIR", "manca")
    answer = engine.call("load", "avvisi.csv")
    assert answer.code == 65
    assert "folder of attachments" in answer.stderr


def test_large_attachments_are_sent_in_bounded_memory(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty megabytes to sixteen at once would take half a gigabyte; bytes in flight are bounded instead."""
    content = PDF + os.urandom(20_000_000)
    put(tmp_path, "carte/grande.pdf", content)
    attach(monkeypatch, "grande.pdf")
    engine = Engine.settled(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", sandbox.url)
    engine.write_list("grandi", 16)
    assert engine.call("load", "grandi.csv").code == 0
    measured = Engine(engine.home, (sys.executable, "-c", MEASURE))
    sent = measured.call("send", "grandi", "--yes")
    assert sent.code == 0
    digest = hashlib.sha256(content).hexdigest()
    assert list(arrived(sandbox).values()) == [[("grande.pdf", "application/pdf", digest)]] * 16
    peak = int(sent.stderr.rpartition("peak ")[2])
    assert peak < 400_000, "KiB"
