"""Child processes, each on its core: how long they took, what they cost, how large they grew."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
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

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ran:
    """What one child was.

    Attributes:
        started: `time.monotonic` just before it was started.
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
    """
    out, err = folder / "child.out", folder / "child.err"
    with out.open("wb") as said, err.open("wb") as complained, pinned(cores):
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=complained,
            env={**os.environ, **(environment or {})},
        )
    # The one way to a child's own peak memory: `resource` knows only the largest of all children.
    watchdog = threading.Timer(LONGEST, process.kill)
    watchdog.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        watchdog.cancel()
    elapsed = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in set(codes):
        end = err.read_text(encoding="utf-8", errors="replace")[-1500:]
        raise RuntimeError(f"{' '.join(command[1:5])} … ended with {process.returncode}:\n{end}")
    said_text = out.read_text(encoding="utf-8", errors="replace")
    return Ran(started, elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, said_text)


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
