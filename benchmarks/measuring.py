"""Child processes, each on its core: how long they took, what they cost, how large they grew."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

LONGEST = 1800.0
"""Seconds after which a child is ended: a benchmark that hangs is a failure, not a wait."""

CORES = sorted(os.sched_getaffinity(0))
CLIENT = frozenset(CORES[:1])
"""The core of what is measured."""
SERVERS = frozenset(CORES[1:2] or CORES)
"""The core of the receiver and of Postgres: another one, if the machine has one."""
ALL = frozenset(CORES)

_LAUNCH = Path(__file__).with_name("launch.py")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ran:
    """What one child was.

    Attributes:
        started: The clock that never steps back (`time.monotonic`), just before it was started.
        elapsed: Seconds from then to its end.
        cpu: Seconds of processor time, user and system.
        peak: Bytes of memory it held at most.
        out: Its standard output.
    """

    started: float
    elapsed: float
    cpu: float
    peak: int
    out: str


@contextmanager
def pinned(cores: Iterable[int]) -> Iterator[None]:
    """What is started inside runs on these cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run(
    command: Sequence[str],
    *,
    folder: Path,
    cores: Iterable[int] = CLIENT,
    environment: Mapping[str, str] | None = None,
    codes: Iterable[int] = (0,),
) -> Ran:
    """Run a child to its end.

    Args:
        command: Its command line.
        folder: Where it runs; what it prints goes to files there, so that it never waits for a reader.
        cores: Where it may run.
        environment: Added to this process's.
        codes: The exit codes that are no failure.

    Raises:
        RuntimeError: It ended otherwise; the text holds the end of what it said.
        subprocess.TimeoutExpired: It hung, and was ended.
    """
    out, err, facts = folder / "child.out", folder / "child.err", folder / "child.json"
    facts.unlink(missing_ok=True)
    with out.open("wb") as said, err.open("wb") as complained, pinned(cores):
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LAUNCH), str(facts), *command],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=complained,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    try:
        process.wait(LONGEST)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    found = json.loads(facts.read_text(encoding="utf-8")) if facts.exists() else {"code": process.returncode}
    if found["code"] not in set(codes):
        end = err.read_text(encoding="utf-8", errors="replace")[-1500:]
        raise RuntimeError(f"{' '.join(command[1:5])} … ended with {found['code']}:\n{end}")
    said_text = out.read_text(encoding="utf-8", errors="replace")
    return Ran(found["began"], found["elapsed"], found["cpu"], found["peak"], said_text)


def median(values: Iterable[float]) -> float:
    """The middle value: one repeat that met a busy machine does not move it."""
    return float(statistics.median(values))


def side_by_side(repeat: int, makers: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Each maker's results, taken in turn, so that a slower minute of the machine meets all of them."""
    results: dict[str, list[T]] = {name: [] for name in makers}
    for _ in range(repeat):
        for name, make in makers.items():
            results[name].append(make())
    return results
