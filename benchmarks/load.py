"""Row 4: from a list file to a checked, deduplicated ledger, against the raw driver inserting ready rows.

All checks on: address, the sender's own, key, tax code, needed cells, subject (`workshop`).
"""

from __future__ import annotations

from benchmarks.measuring import ALL, Ran, median, side_by_side
from benchmarks.table import Findings
from benchmarks.workshop import KINDS, NAMES, Home, Kind, Workshop, last_line

TARGETS: dict[Kind, float] = {"sqlite": 2.0, "postgres": 2.5}


def measure(shop: Workshop) -> Findings:
    """Load the full-size list into either database, both ways."""
    findings = Findings("load: list file -> ledger / raw driver inserting the same ready rows")
    path = shop.list_of(shop.rows)
    findings.figure("list", path.stat().st_size / 1e6, "MB")
    for kind in KINDS:
        _measure(shop, findings, kind)
    return findings


def _measure(shop: Workshop, findings: Findings, kind: Kind) -> None:
    shop.built(kind, shop.rows)
    results = side_by_side(
        shop.repeat, {"ours": lambda: _ours(shop, kind), "native": lambda: _native(shop, kind)}
    )
    ours, native = (median(seconds for seconds, _ in results[name]) for name in ("ours", "native"))
    name = NAMES[kind]
    findings.figure(f"{name}: bulk-pec load, whole process", ours, "s")
    findings.figure(f"{name}: the same, processor time", median(ran.cpu for _, ran in results["ours"]), "s")
    findings.figure(f"{name}: raw driver, ready rows in memory", native, "s")
    findings.figure(
        f"{name}: the same, processor time", median(_cpu(ran) for _, ran in results["native"]), "s"
    )
    findings.figure(f"{name}: peak memory of bulk-pec load", _peak(results["ours"]), "MB")
    findings.ratio(f"{name}: load / raw driver", ours / native, TARGETS[kind])


def _peak(ours: list[tuple[float, Ran]]) -> float:
    return median(ran.peak / 1e6 for _, ran in ours)


def _cpu(ran: Ran) -> float:
    return float(last_line(ran)["cpu"])


def _ours(shop: Workshop, kind: Kind) -> tuple[float, Ran]:
    home = shop.home(kind)
    try:
        ran = shop.load(home, shop.list_of(shop.rows))
    finally:
        shop.discard(home)
    return ran.elapsed, ran


def _native(shop: Workshop, kind: Kind) -> tuple[float, Ran]:
    source: Home = shop.built(kind, shop.rows)
    home = shop.home(kind)
    try:
        arguments = [kind, source.url, home.url]
        ran = shop.command(home, arguments, module="benchmarks.native", cores=tuple(ALL))
    finally:
        shop.discard(home)
    return float(last_line(ran)["wall"]), ran
