"""Row 10: two processes on one Postgres ledger / one, without a limit of rate.

Answers take a twentieth of a second, so that what a process sends is bound by its requests in flight and not
by the processor: on two cores the second process stands for a second host. Without that wait is told too.
"""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.measuring import median
from benchmarks.servers import Receiver, receiver
from benchmarks.table import Findings
from benchmarks.workshop import RUN, Home, Workshop, environment

TARGET = 1.6
LATENCY = 0.05
MESSAGES = 4_000
_CONCURRENCY = 16


def measure(shop: Workshop) -> Findings:
    """Start one process, then two at once, each for the same number of messages."""
    findings = Findings("hosts: two processes / one, one Postgres ledger")
    with receiver(LATENCY) as late:
        _compare(shop, findings, late, f"answers after {LATENCY * 1000:.0f} ms", TARGET)
    _compare(shop, findings, shop.receiver, "answers at once (two cores for everything)", None)
    return findings


def _compare(shop: Workshop, findings: Findings, target: Receiver, where: str, aim: float | None) -> None:
    count = min(MESSAGES, shop.rows // (4 * shop.repeat))
    rates: dict[int, list[float]] = {1: [], 2: []}
    with shop.copy("postgres", shop.rows) as home:
        text = home.config.read_text(encoding="utf-8").replace(shop.receiver.url, target.url)
        home.config.write_text(text, encoding="utf-8")
        for _ in range(shop.repeat):
            for processes, found in rates.items():
                found.append(_rate(home, target, processes, count))
    for processes, found in rates.items():
        findings.figure(f"{where}: {processes} at once", median(found), "messages/s")
    findings.ratio(f"{where}: two / one", median(rates[2]) / median(rates[1]), aim, at_least=True)


def _rate(home: Home, target: Receiver, processes: int, count: int) -> float:
    """Messages a second that the receiver saw from the first to the last."""
    target.tally()
    words = [
        sys.executable,
        "-m",
        "benchmarks.unlimited",
        "send",
        RUN,
        "--yes",
        "-q",
        "--max-messages",
        str(count),
    ]
    env = {**os.environ, **environment(home)}
    started = [
        subprocess.Popen(words, env=env, cwd=home.folder, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        for _ in range(processes)
    ]
    codes = [process.wait() for process in started]
    tally = target.tally()
    if set(codes) != {75} or tally.first is None or tally.last is None or tally.posts != processes * count:
        raise RuntimeError(f"{processes} processes ended with {codes}, {tally.posts} POSTs")
    return tally.posts / (tally.last - tally.first)
