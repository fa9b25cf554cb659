"""Row 6: from start to first POST on a large and a small ledger; claims late in a run and early."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.measuring import median, side_by_side
from benchmarks.table import Findings
from benchmarks.workshop import KINDS, NAMES, RUN, SMALL, Home, Kind, Workshop, last_line

TARGET = 1.2
_TIMES = 3
"""These take a second each: measured so many times as often."""


def measure(shop: Workshop) -> Findings:
    """Start `bulk-pec send` again and again; each time it sends one message."""
    findings = Findings("first post: start -> first POST; claims at 95 % / at 0 %")
    for kind in KINDS:
        _first_post(shop, findings, kind)
        _claims(shop, findings, kind)
    return findings


def _first_post(shop: Workshop, findings: Findings, kind: Kind) -> None:
    with shop.copy(kind, shop.rows) as large, shop.copy(kind, SMALL) as small:
        for home in (large, small):
            _seconds(shop, home)  # begins the run
        times = side_by_side(
            shop.repeat * _TIMES,
            {"large": lambda: _seconds(shop, large), "small": lambda: _seconds(shop, small)},
        )
    seconds = {name: median(values) for name, values in times.items()}
    name = NAMES[kind]
    findings.figure(f"{name}: start -> first POST, {shop.rows:,} rows", seconds["large"], "s")
    findings.figure(f"{name}: start -> first POST, {SMALL:,} rows", seconds["small"], "s")
    findings.ratio(f"{name}: first POST, large / small", seconds["large"] / seconds["small"], TARGET)


def _seconds(shop: Workshop, home: Home) -> float:
    """Seconds from the start of the process to its first POST at the receiver."""
    shop.receiver.tally()
    ran = shop.command(home, ["send", RUN, "--yes", "--max-messages", "1"], codes=(75,))
    first = shop.receiver.tally().first
    if first is None:
        raise RuntimeError("no POST came")
    return first - ran.started


def _claims(shop: Workshop, findings: Findings, kind: Kind) -> None:
    with shop.copy(kind, shop.rows) as fresh, shop.copy(kind, shop.rows) as old:
        shop.command(old, ["age", old.url], module="benchmarks.claims")
        times = side_by_side(shop.repeat * _TIMES, {"fresh": _timer(shop, fresh), "old": _timer(shop, old)})
    for what, words in {"one": "a claim", "first": "the first claim of a process"}.items():
        fresh_ms, old_ms = (median(one[what] for one in times[name]) for name in ("fresh", "old"))
        said = f"{NAMES[kind]}: {words}"
        findings.figure(f"{said}, 0 % sent", fresh_ms, "ms")
        findings.figure(f"{said}, 95 % sent", old_ms, "ms")
        findings.ratio(f"{said}, 95 % / 0 %", old_ms / fresh_ms, TARGET if what == "one" else None)


def _timer(shop: Workshop, home: Home) -> Callable[[], dict[str, float]]:
    def timer() -> dict[str, float]:
        return last_line(shop.command(home, ["time", home.url], module="benchmarks.claims"))

    return timer
