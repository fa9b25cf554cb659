"""What the kernel saw: the intent is on the disk before the first byte of its request leaves.

SQLite only, where the disk is ours to watch. These tests fail, and are not skipped, without strace: they
have a target of their own, `make strace`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from crash.diskview import STRACE, TRACED, Disk, posted
from crash.harness import Engine, Witness
from support.verdicts import read_log

pytestmark = pytest.mark.strace

MESSAGES = 12
SEND = ("send", "avvisi", "--yes", "--json")

SENDER = """
import socket, sqlite3, sys
ledger = sqlite3.connect(sys.argv[1], isolation_level=None)
ledger.execute("PRAGMA synchronous=" + sys.argv[2])
provider, _ = socket.socketpair()
for number, reference in enumerate(["A" * 13, "B" * 13]):
    if sys.argv[3] == "intent-first":
        ledger.execute("INSERT INTO attempts VALUES (?)", [number])
    provider.sendall(b"POST /send HTTP/1.1\\r\\n\\r\\n")
    provider.sendmsg([b'{"subject": "Avviso ', b"[rif. " + reference.encode() + b"]"])
    if sys.argv[3] == "intent-last":
        ledger.execute("INSERT INTO attempts VALUES (?)", [number])
"""
"""A sender small enough to be right or wrong on purpose."""


def strace(trace: Path, *options: str) -> tuple[str, ...]:
    """What to put before a command to trace it."""
    assert shutil.which("strace"), "strace is missing; install it, for example with: apt-get install strace"
    return (*STRACE, *options, "-o", str(trace))


@pytest.fixture
def loaded(tmp_path: Path, witness: Witness) -> Engine:
    """The real command on SQLite, a handful of messages loaded, four at a time."""
    engine = Engine.settled(tmp_path, f"sqlite:///{tmp_path / 'real.db'}", witness.url, concurrency=4)
    engine.write_list("avvisi", MESSAGES)
    assert engine.call("load", "avvisi.csv", "--json").code == 0
    return engine


def test_every_intent_is_on_the_disk_before_its_request(
    loaded: Engine, witness: Witness, tmp_path: Path
) -> None:
    """At the first byte of each POST, a ledger rebuilt from what was synced until then holds its attempt."""
    scratch, trace = tmp_path / "scratch", tmp_path / "trace"
    scratch.mkdir()
    disk = Disk(tmp_path / "real.db", scratch)
    answer = replace(loaded, prefix=strace(trace, "-e", TRACED)).call(*SEND)
    assert answer.code == 0, answer
    seen = list(posted(trace, disk))
    assert sorted(post.reference for post in seen) == sorted(
        line["reference"] for line in read_log(witness.log)
    )
    assert len(seen) == MESSAGES
    assert [post.reference for post in seen if post.reference not in post.durable] == []


def test_nothing_is_posted_when_the_disk_refuses_to_sync(
    loaded: Engine, witness: Witness, tmp_path: Path
) -> None:
    """If no sync succeeds no intent is durable, so no request leaves: exit 74, 0 POSTs, sums that balance."""
    trace = tmp_path / "trace"
    broken = ("-e", TRACED, "-e", "inject=fdatasync,fsync:error=EIO")
    answer = replace(loaded, prefix=strace(trace, *broken)).call(*SEND)
    assert "(INJECTED)" in trace.read_text(encoding="latin-1")
    assert read_log(witness.log) == []
    assert (answer.code, answer.document["exit"]["reason"]) == (74, "io"), answer
    assert loaded.status("avvisi")["balanced"] is True


@pytest.mark.parametrize(
    ("synchronous", "order", "kept"),
    [("FULL", "intent-first", True), ("NORMAL", "intent-first", False), ("FULL", "intent-last", False)],
)
def test_this_test_can_condemn(tmp_path: Path, synchronous: str, order: str, *, kept: bool) -> None:
    """A sender that syncs its intents first is believed; one that does not, or does later, is found out."""
    ledger, trace, scratch = tmp_path / "toy.db", tmp_path / "trace", tmp_path / "scratch"
    scratch.mkdir()
    make = "PRAGMA journal_mode=WAL; CREATE TABLE messages (id, reference); CREATE TABLE attempts (message);"
    fill = "INSERT INTO messages VALUES (0, 'AAAAAAAAAAAAA'), (1, 'BBBBBBBBBBBBB');"
    program = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])"
    subprocess.run([sys.executable, "-c", program, str(ledger), make + fill], check=True)
    disk = Disk(ledger, scratch)
    command = [*strace(trace, "-e", TRACED), sys.executable, "-c", SENDER, str(ledger), synchronous, order]
    subprocess.run(command, check=True)
    seen = list(posted(trace, disk))
    assert [post.reference for post in seen] == ["A" * 13, "B" * 13]
    assert all(post.reference in post.durable for post in seen) is kept
