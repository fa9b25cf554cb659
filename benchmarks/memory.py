"""Row 5: peak memory while sending and while loading, at one size and at a larger one."""

from __future__ import annotations

from benchmarks.measuring import median
from benchmarks.table import Findings
from benchmarks.workshop import RUN, Workshop

TARGET = 1.05
ENOUGH = 240_000
"""Messages after which memory was found flat; more are sent with ``--whole`` only, for they take long."""
_CONCURRENCY = 128


def measure(shop: Workshop) -> Findings:
    """Send ledgers of three sizes, load lists of two; on SQLite, where the database is in our process."""
    findings = Findings("memory: peak of a process, SQLite")
    sizes = [max(shop.rows // part, 1000) for part in (100, 10, 1)]
    peaks = [_sending(shop, findings, rows) for rows in sizes]
    findings.ratio(f"sending, ledger of {sizes[2]:,} / {sizes[1]:,} rows", peaks[2] / peaks[1], TARGET)
    findings.ratio(f"sending, ledger of {sizes[2]:,} / {sizes[0]:,} rows", peaks[2] / peaks[0])
    once = median(_loading(shop, fourfold=False) for _ in range(shop.repeat))
    four = float(_loading(shop, fourfold=True))
    findings.figure(f"loading {shop.rows:,} rows", once / 1e6, "MB")
    findings.figure(f"loading {shop.rows * 4:,} rows", four / 1e6, "MB")
    findings.ratio("loading a list four times as long", four / once, TARGET)
    return findings


def _sending(shop: Workshop, findings: Findings, rows: int) -> int:
    count = rows if shop.whole else min(rows, ENOUGH)
    with shop.copy("sqlite", rows) as home:
        shop.set_concurrency(home, _CONCURRENCY)
        shop.say(f"sending {count:,} messages of {rows:,}")
        arguments = ["send", RUN, "--yes", "--max-messages", str(count)]
        ran = shop.command(home, arguments, module="benchmarks.unlimited", codes=(0, 3, 75))
    findings.figure(f"sending {count:,} messages of {rows:,} rows", ran.peak / 1e6, "MB")
    return ran.peak


def _loading(shop: Workshop, *, fourfold: bool) -> int:
    path = shop.fourfold(shop.rows) if fourfold else shop.list_of(shop.rows)
    home = shop.home("sqlite")
    try:
        return shop.load(home, path).peak
    finally:
        shop.discard(home)
        if fourfold:
            path.unlink()
