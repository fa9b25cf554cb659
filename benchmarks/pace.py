"""Row 1: how much of the permitted rate is used, and whether any request was one too many, at a receiver.

Answers take five seconds. Every setting is sent in two starts, so that a restart lies in the middle; one
has two mailboxes with limits of their own, one two processes on one Postgres ledger.
"""

from __future__ import annotations

import os
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.servers import Receiver, receiver
from benchmarks.table import Findings
from benchmarks.workshop import RUN, SMALL, Home, Kind, Workshop, environment

ANSWER = 5.0
WINDOW = 0.95
"""Seconds: no window of this length may hold more requests than a second is allowed."""
USED = 0.97
_MAILBOX = '[[mailboxes]]\naddress = "ufficio@pec.example"\n'


@dataclass(frozen=True, slots=True)
class Setting:
    """One way of sending.

    Attributes:
        what: In words.
        kind: Of the ledger.
        rate: Requests a second, all mailboxes and processes together.
        messages: In one start of one process.
        mailboxes: How many; with more than one each may send its even share of the rate.
        processes: How many at once.
    """

    what: str
    kind: Kind
    rate: int
    messages: int
    mailboxes: int = 1
    processes: int = 1


SETTINGS = (
    Setting("1/s", "sqlite", 1, 20),
    Setting("20/s", "sqlite", 20, 200),
    Setting("20/s, two mailboxes of 10/s", "sqlite", 20, 200, mailboxes=2),
    Setting("20/s, two processes on Postgres", "postgres", 20, 150, processes=2),
)


def measure(shop: Workshop) -> Findings:
    """Send by the real command, at the configured rates."""
    findings = Findings("pace: the permitted rate used / requests too many, answers after 5 s")
    with receiver(ANSWER) as late:
        for setting in SETTINGS:
            shop.say(f"sending at {setting.what}")
            _measure(shop, findings, setting, late)
    return findings


def _measure(shop: Workshop, findings: Findings, setting: Setting, late: Receiver) -> None:
    starts: list[list[tuple[float, str]]] = []
    with shop.copy(setting.kind, SMALL) as home:
        configure(home, setting, late)
        for _ in range(2):
            late.tally()
            _start(home, setting)
            starts.append(sorted(late.tally().moments))
    used = min(share_used([at for at, _ in start], setting.rate) for start in starts)
    moments = [moment for start in starts for moment in start]
    many = too_many([at for at, _ in moments], setting.rate)
    for sender in {sender for _, sender in moments} if setting.mailboxes > 1 else ():
        own = [at for at, who in moments if who == sender]
        many += too_many(own, setting.rate // setting.mailboxes)
    findings.figure(f"{setting.what}: requests seen", len(moments), "")
    findings.ratio(f"{setting.what}: permitted rate used, the worse of two starts", used, USED, at_least=True)
    findings.ratio(f"{setting.what}: requests too many in any window of {WINDOW} s", many, 0)


def share_used(moments: Sequence[float], rate: float) -> float:
    """The share of the permitted requests that came between the first and the last of one stretch."""
    return (len(moments) - 1) / ((moments[-1] - moments[0]) * rate) if len(moments) > 1 else 0.0


def too_many(moments: Sequence[float], rate: int) -> int:
    """How many more than `rate` came in the fullest window, however it is laid. `moments` are in order."""
    fullest = max((bisect_left(moments, at + WINDOW) - place for place, at in enumerate(moments)), default=0)
    return max(0, fullest - rate)


def configure(home: Home, setting: Setting, late: Receiver) -> None:
    """Write the configuration anew for a setting."""
    text = home.config.read_text(encoding="utf-8")
    lines = [
        line
        for line in text.splitlines()
        if not line.startswith(("max_per_second", "base_url", "concurrency"))
    ]
    text = "\n".join(lines) + "\n"
    share = setting.rate / setting.mailboxes
    boxes = "".join(
        f'[[mailboxes]]\naddress = "ufficio{number or ""}@pec.example"\nmax_per_second = {share}\n'
        for number in range(setting.mailboxes)
    )
    text = text.replace(_MAILBOX, boxes)
    text = text.replace(
        "[api]\n", f'[api]\nbase_url = "{late.url}"\nmax_per_second = {float(setting.rate)}\n'
    )
    # In flight: those of five seconds and a few more.
    text = text.replace("[sending]\n", f"[sending]\nconcurrency = {round(setting.rate * (ANSWER + 1)) + 4}\n")
    home.config.write_text(text, encoding="utf-8")


def _start(home: Home, setting: Setting) -> None:
    """One start of each process; all end by themselves."""
    words = [sys.executable, "-m", "bulk_pec", "send", RUN, "--yes", "-q"]
    command = [*words, "--max-messages", str(setting.messages)]
    env = {**os.environ, **environment(home)}
    processes = [
        subprocess.Popen(
            command, env=env, cwd=home.folder, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        for _ in range(setting.processes)
    ]
    codes = [process.wait() for process in processes]
    if set(codes) != {75}:  # stopped with work left, as asked
        raise RuntimeError(f"sending at {setting.what} ended with {codes}")
