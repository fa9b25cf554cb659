"""Row 7: `bulk-pec status --json`, whole process, on a large ledger and on a small one."""

from __future__ import annotations

from benchmarks.measuring import median, side_by_side
from benchmarks.table import Findings
from benchmarks.workshop import KINDS, NAMES, RUN, SMALL, Home, Kind, Workshop

TARGET = 1.2
_TIMES = 3


def measure(shop: Workshop) -> Findings:
    """Ask for the status again and again."""
    findings = Findings("status: large / small ledger")
    for kind in KINDS:
        _measure(shop, findings, kind)
    return findings


def _measure(shop: Workshop, findings: Findings, kind: Kind) -> None:
    large, small = shop.built(kind, shop.rows), shop.built(kind, SMALL)
    times = side_by_side(
        shop.repeat * _TIMES,
        {"large": lambda: _seconds(shop, large), "small": lambda: _seconds(shop, small)},
    )
    seconds = {name: median(values) for name, values in times.items()}
    findings.figure(f"{NAMES[kind]}: status, {shop.rows:,} rows", seconds["large"], "s")
    findings.figure(f"{NAMES[kind]}: status, {SMALL:,} rows", seconds["small"], "s")
    findings.ratio(f"{NAMES[kind]}: status, large / small", seconds["large"] / seconds["small"], TARGET)


def _seconds(shop: Workshop, home: Home) -> float:
    return shop.command(home, ["status", RUN, "--json"]).elapsed
