"""SIGKILL with every worker's request on its way: the moment at which nothing local can know."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from crash.harness import COMMAND_TIMEOUT, Engine, Witness, running_witness
from support.verdicts import Verdicts, read_log, verdicts

ROWS = 200
CONCURRENCY = 8
RUN = ("run", "avvisi.csv", "--yes", "--json")
STARTS = 30
"""More than enough to outwait a dead worker's lease."""


def kill_in_flight(engine: Engine, witness: Witness) -> None:
    """Start the command, and kill it once the witness holds a request of every worker."""
    process = engine.start(*RUN)
    try:
        _wait_for(witness, CONCURRENCY, process)
    finally:
        process.kill()
        process.wait()


def _wait_for(witness: Witness, posts: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(int(COMMAND_TIMEOUT / 0.01)):
        if witness.posts() == posts:
            return
        try:
            process.wait(timeout=0.01)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail(f"{witness.posts()} POSTs seen, not {posts}; {_stands(process)}")


def _stands(process: subprocess.Popen[bytes]) -> str:
    return "it still runs" if process.poll() is None else f"it ended with {process.returncode}"


def finish(engine: Engine) -> int:
    """Start it again until there is nothing left to wait for; its exit code."""
    for _ in range(STARTS):
        code = engine.call(*RUN).code
        if code != 75:
            return code
    pytest.fail(f"still 75 after {STARTS} starts: {engine.status('avvisi')}")


@pytest.mark.parametrize("fault", ["--hold-first", "--swallow-first"])
def test_requests_in_flight_are_settled_by_evidence(tmp_path: Path, ledger_url: str, fault: str) -> None:
    """Killed with a request of each worker unanswered, the command knows exactly those to be in doubt.

    Where the provider had taken them, the receipts say so and nothing is posted again. Where it had not,
    their absence is accepted and each is posted once more. In both cases each row is taken once.
    """
    with running_witness(tmp_path / "log", fault, str(CONCURRENCY)) as witness:
        engine = Engine.settled(tmp_path, ledger_url, witness.url, concurrency=CONCURRENCY)
        keys = engine.write_list("avvisi", ROWS)
        kill_in_flight(engine, witness)
        engine.check()
        left = engine.status("avvisi")["messages"]
        assert left["sending"] + left["in_doubt"] == CONCURRENCY
        assert left["pending"] == ROWS - CONCURRENCY
        assert finish(engine) == 0
        engine.check()
        found = verdicts(witness.log, engine.exported(["avvisi"]), keys)
        assert found == Verdicts()
        assert sum(post["taken"] for post in read_log(witness.log)) == ROWS
        assert witness.posts() == ROWS + (CONCURRENCY if fault == "--swallow-first" else 0)
