"""A process frozen past its lease (Postgres) that wakes while another has taken over."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from crash.harness import COMMAND_TIMEOUT, Engine, Witness, running_witness
from support.ledgers import open_ledger, query
from support.verdicts import read_log

pytestmark = pytest.mark.postgres

ROWS = 120
CONCURRENCY = 8
BUSY = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'bulk-pec' "
    "AND pid <> pg_backend_pid() AND state <> 'idle'"
)
STARTS = 30
"""More than enough to outlast a lease of two seconds."""


@contextmanager
def sending(engine: Engine, witness: Witness, posts: int) -> Iterator[subprocess.Popen[bytes]]:
    """`send` in the midst of its work: the witness has seen so many POSTs, the last not answered yet."""
    process = engine.start("send", "avvisi", "--yes", "--json")
    try:
        for _ in range(int(COMMAND_TIMEOUT / 0.005)):
            if witness.posts() >= posts:
                break
            try:
                process.wait(timeout=0.005)
            except subprocess.TimeoutExpired:
                continue
            pytest.fail(f"it ended first, with {process.returncode}")
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_frozen_sender_wakes_and_sends_nothing_twice(tmp_path: Path, postgres_url: str) -> None:
    """Another process takes over what was pending, and leaves alone what was in flight.

    No receipt comes, so only the sleeper knows what became of those. Woken, it drops what waited for its
    slot, and its late answers close its own attempts. Then nothing is left, and each message was posted once.
    """
    options = ("--answer-delay-ms", "150:150", "--receipt-delay-ms", "3600000")
    with running_witness(tmp_path / "log", *options) as witness:
        engine = Engine.settled(tmp_path, postgres_url, witness.url, concurrency=CONCURRENCY)
        engine.write_list("avvisi", ROWS)
        assert engine.call("load", "avvisi.csv", "--json").code == 0
        other = Engine(_beside(tmp_path))
        with sending(engine, witness, ROWS // 4) as frozen:
            freeze(frozen, postgres_url)
            code = take_over(other)
            left = other.status("avvisi")["messages"]
            assert (left["pending"], left["sending"]) == (0, 0)
            assert 0 < left["in_doubt"] <= CONCURRENCY
            assert code == 75, "doubts that reading the inbox may settle"
            frozen.send_signal(signal.SIGCONT)
            woken = engine.ended(frozen)
        assert woken.code not in {1, 2}, woken
        assert "Traceback" not in woken.stderr
        engine.check()
        assert "late_answer" in settlements(postgres_url)
        assert engine.call("run", "avvisi.csv", "--json").code == 0
        posted = Counter(post["reference"] for post in read_log(witness.log))
        assert (len(posted), set(posted.values())) == (ROWS, {1})
        assert engine.status("avvisi")["messages"]["sent"] == ROWS
        engine.check()


def freeze(process: subprocess.Popen[bytes], url: str) -> None:
    """Freeze it between two transactions: inside one, the server would take its session and its late answers.

    That other case is `tests/contract/test_ledger_frozen.py`.
    """
    with open_ledger(url, "read") as ledger:
        for _ in range(200):
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)  # it has stopped; nothing more comes from it
            if not query(ledger, BUSY):
                return
            process.send_signal(signal.SIGCONT)
    pytest.fail("it was in the midst of a transaction each time")


def _beside(home: Path) -> Path:
    """Another host's folder with the same configuration."""
    folder = home / "other"
    folder.mkdir()
    (folder / "config.toml").write_bytes((home / "config.toml").read_bytes())
    return folder


def take_over(engine: Engine) -> int:
    """Start `send` until nothing is pending any more; its last exit code."""
    for _ in range(STARTS):
        answer = engine.call("send", "avvisi", "--json")
        messages = answer.document["messages"]
        if not messages["pending"] and not messages["sending"]:
            return answer.code
    pytest.fail(f"still something to take over: {answer}")


def settlements(url: str) -> set[str | None]:
    """How the doubts were settled."""
    with open_ledger(url, "read") as ledger:
        rows = query(ledger, "SELECT DISTINCT settlement FROM attempts WHERE settlement IS NOT NULL")
    return {row["settlement"] for row in rows}
