"""A ledger that cannot be written: 74, nothing leaves without its intent, and afterwards all goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from crash.harness import Answer, Engine, Witness
from support.ledgers import open_ledger, query
from support.verdicts import Verdicts, read_log, verdicts

ROWS = 200
SEND = ("send", "avvisi", "--yes", "--json")

NO_GROWTH = 'ulimit -f {blocks}; exec "$@"'
"""Files may not grow beyond so many half KiB: a write behind that fails, as on a disk with errors."""

FULL = """
mount -t tmpfs -o size={kib}k none "{disk}" && cp "{home}"/ledger.db "{disk}" || exit 99
"$@"; code=$?
cp "{disk}"/ledger.db* "{home}" && exit $code
"""
"""A disk of so many KiB with the ledger on it; what is left of it is copied back."""

READ_ONLY = """
mount --bind "{disk}" "{disk}" && mount -o remount,bind,ro "{disk}" || exit 99
exec "$@"
"""


def namespace(script: str) -> tuple[str, ...]:
    """What runs a script, then a command's words, with mounts of its own; skips where that is forbidden."""
    prefix = ("unshare", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")), "--mount", "sh", "-c")
    able = shutil.which("unshare") and _runs(*prefix, "mount -t tmpfs none /mnt")
    if not able:
        pytest.skip("this machine gives tests no mounts of their own")
    return (*prefix, script, "sh")


def _runs(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """The folder that the ledger is in."""
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


@pytest.fixture
def loaded(tmp_path: Path, disk: Path, witness: Witness) -> Engine:
    """The real command, its list loaded into a ledger on the disk, nothing sent."""
    engine = Engine.settled(tmp_path, f"sqlite:///{disk / 'ledger.db'}", witness.url, concurrency=4)
    engine.write_list("avvisi", ROWS)
    assert engine.call("load", "avvisi.csv", "--json").code == 0
    return engine


def failed(answer: Answer) -> None:
    """It ended with 74 `io`, in words."""
    assert (answer.code, answer.document["exit"]["reason"]) == (74, "io"), answer
    assert "Traceback" not in answer.stderr


def nothing_left_unrecorded(ledger: Path, witness: Witness) -> None:
    """Each POST the witness saw has its attempt in the ledger, which is sound."""
    with open_ledger(f"sqlite:///{ledger}", "read") as opened:
        rows = query(opened, "SELECT m.reference FROM attempts a JOIN messages m ON m.id = a.message")
    assert {post["reference"] for post in read_log(witness.log)} <= {row["reference"] for row in rows}


def goes_on(engine: Engine, witness: Witness) -> None:
    """With the disk mended the same command ends complete, and each message was taken once."""
    answer = engine.call("run", "avvisi.csv", "--yes", "--json")
    assert answer.code == 0, answer
    keys = [f"avvisi-{number:06d}" for number in range(1, ROWS + 1)]
    assert verdicts(witness.log, engine.exported(["avvisi"]), keys) == Verdicts()


def test_a_write_that_fails_while_sending(loaded: Engine, disk: Path, witness: Witness) -> None:
    """The log of the ledger cannot grow: what has left is recorded, nothing more leaves, 74."""
    answer = replace(loaded, prefix=("sh", "-c", NO_GROWTH.format(blocks=400), "sh")).call(*SEND)
    failed(answer)
    assert 0 < witness.posts() < ROWS
    loaded.check()
    nothing_left_unrecorded(disk / "ledger.db", witness)
    goes_on(loaded, witness)


def test_a_write_that_fails_while_loading(tmp_path: Path, witness: Witness) -> None:
    """All of the list or nothing: 74, the run is not there, nothing was posted."""
    engine = Engine.settled(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", witness.url)
    engine.write_list("poche", 1)
    assert engine.call("load", "poche.csv", "--json").code == 0
    engine.write_list("avvisi", 20_000)
    limited = replace(engine, prefix=("sh", "-c", NO_GROWTH.format(blocks=2_000), "sh"))
    failed(limited.call("run", "avvisi.csv", "--yes", "--json"))
    engine.check()
    assert engine.call("status", "avvisi").code == 2
    assert witness.posts() == 0


def test_a_full_disk(loaded: Engine, tmp_path: Path, disk: Path, witness: Witness) -> None:
    """A file system without room: 74, and the ledger that is left on it knows whatever has left."""
    kept = tmp_path / "kept"
    kept.mkdir()
    shutil.copy(disk / "ledger.db", kept)
    room = (disk / "ledger.db").stat().st_size // 1024 + 160
    script = FULL.format(kib=room, disk=disk, home=kept)
    failed(replace(loaded, prefix=namespace(script)).call(*SEND))
    assert witness.posts() < ROWS
    for file in kept.glob("ledger.db*"):
        shutil.copy(file, disk)
    loaded.check()
    nothing_left_unrecorded(disk / "ledger.db", witness)
    goes_on(loaded, witness)


def test_a_read_only_ledger(loaded: Engine, disk: Path, witness: Witness) -> None:
    """A file system that takes no writes: 74 at once, 0 POSTs; `status` and `ledger check` still answer."""
    locked = replace(loaded, prefix=namespace(READ_ONLY.format(disk=disk)))
    failed(locked.call(*SEND))
    assert witness.posts() == 0
    for words in (("status", "avvisi", "--json"), ("ledger", "check", "--json")):
        answer = locked.call(*words)
        assert answer.code == 0, answer
    goes_on(loaded, witness)
