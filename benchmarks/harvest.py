"""Row 8: receipts matched and folded, against reading the same pages alone; the second harvest; memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import SERVERS, Ran, median, pinned
from benchmarks.table import Findings
from benchmarks.workshop import KINDS, NAMES, Home, Kind, Workshop, last_line

TARGET = 0.7
MOST_PAGES = 3
FLAT = 1.1
RECEIPTS = 2
"""A message's."""
_MIDDLE = 20
"""The ratio is taken at this part of the rows, again and again; the whole mailbox is read once."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a mailbox, measured."""

    ran: Ran
    pages: int
    new: int
    wall: float
    cpu: float


def measure(shop: Workshop) -> Findings:
    """Read mailboxes of three sizes."""
    findings = Findings("harvest: receipts matched and folded / pages read alone")
    small, middle = max(shop.rows // 100, 1000), max(shop.rows // _MIDDLE, 1000)
    for kind in KINDS:
        _ratio(shop, findings, kind, middle)
    peaks = {rows: _once(shop, findings, rows) for rows in (small, shop.rows)}
    findings.ratio(f"memory, {shop.rows:,} / {small:,} messages", peaks[shop.rows] / peaks[small], FLAT)
    return findings


def _ratio(shop: Workshop, findings: Findings, kind: Kind, rows: int) -> None:
    pairs = [_pair(shop, kind, rows) for _ in range(shop.repeat)]
    readings = {"fetch": [fetched for fetched, _ in pairs], "harvest": [first for _, first in pairs]}
    name = NAMES[kind]
    for what, done in readings.items():
        findings.figure(
            f"{name}: {what}, receipts a second", RECEIPTS * rows / median(one.wall for one in done), "/s"
        )
        cpu = median(one.cpu for one in done) * 1e6 / (RECEIPTS * rows)
        findings.figure(f"{name}: {what}, processor time a receipt", cpu, "µs")
    wall = {what: median(one.wall for one in done) for what, done in readings.items()}
    findings.ratio(
        f"{name}: harvest / fetch, {RECEIPTS * rows:,} receipts",
        wall["fetch"] / wall["harvest"],
        TARGET,
        at_least=True,
    )


def _once(shop: Workshop, findings: Findings, rows: int) -> int:
    """Read a mailbox whole, and again when there is nothing new; the first one's peak memory."""
    receipts = f"{RECEIPTS * rows:,} receipts"
    shop.say(f"harvesting {receipts}")
    with _ready(shop, "sqlite", rows) as (home, url):
        first = _harvested(shop, home, url, rows)
        again = _read(shop, home, ["harvest", url, home.url])
    findings.figure(f"SQLite: harvest, {receipts}", first.wall, "s")
    findings.figure(
        f"SQLite: harvest, {receipts}, processor time a receipt", first.cpu * 1e6 / (RECEIPTS * rows), "µs"
    )
    findings.figure(f"SQLite: peak memory, {receipts}", first.ran.peak / 1e6, "MB")
    findings.figure(f"SQLite: second harvest, {receipts}", again.wall, "s")
    findings.ratio(f"SQLite: pages of a second harvest, {receipts}", again.pages, MOST_PAGES)
    return first.ran.peak


def _pair(shop: Workshop, kind: Kind, rows: int) -> tuple[Reading, Reading]:
    """One mailbox fetched, then harvested: both of what was measured in the same minute."""
    with _ready(shop, kind, rows) as (home, url):
        fetched = _read(shop, home, ["fetch", url])
        return fetched, _harvested(shop, home, url, rows)


def _harvested(shop: Workshop, home: Home, url: str, rows: int) -> Reading:
    done = _read(shop, home, ["harvest", url, home.url])
    if done.new < RECEIPTS * rows:
        raise RuntimeError(f"{done.new} mails were read, and there are more than {RECEIPTS * rows}")
    return done


def _read(shop: Workshop, home: Home, arguments: list[str]) -> Reading:
    ran = shop.command(home, arguments, module="benchmarks.reading")
    said = last_line(ran)
    return Reading(ran, said["pages"], said["new"], said["wall"], said["cpu"])


@contextmanager
def _ready(shop: Workshop, kind: Kind, rows: int) -> Iterator[tuple[Home, str]]:
    """A ledger whose messages are all sent, and the mailbox that holds their receipts."""
    with shop.copy(kind, rows) as home:
        file = home.folder / "references"
        shop.command(home, ["sent", home.url, str(file)], module="benchmarks.reading")
        with _mailbox(file) as url:
            yield home, url


@contextmanager
def _mailbox(file: Path) -> Iterator[str]:
    line = [sys.executable, "-m", "benchmarks.mailbox", str(file)]
    with pinned(SERVERS):
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    with process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()
