"""Intake: checking a list, and planning it, against reading, checking and rendering it the plain way."""

from __future__ import annotations

import csv
import sys
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.measuring import ALL, median, run, side_by_side
from benchmarks.table import Findings
from benchmarks.workshop import LOADED, Workshop, environment, last_line

PACE = 10.0
"""Checking is to be so many times as fast as the plain loop."""
PLAN = 3.0
"""A whole plan may take so many times as long as rendering the same letters."""

Side = dict[str, Any]


def measure(shop: Workshop) -> Findings:
    """Check the full-size list in three forms, plan it, and plan a fifth of it."""
    findings = Findings("intake: list file -> checked rows; list file and templates -> plan")
    _checking(shop, findings)
    _planning(shop, findings)
    return findings


def _checking(shop: Workshop, findings: Findings) -> None:
    csv_list = shop.list_of(shop.rows)
    lists = {"scan": csv_list, "loop": csv_list, "check CSV": csv_list, **_other_forms(shop)}
    makers = {name: partial(_side, shop, name.split()[0], path) for name, path in lists.items()}
    found = side_by_side(shop.repeat, makers)
    for name, results in found.items():
        _tell(findings, _SAID[name], results)
    scan, loop, ours = (found[name] for name in ("scan", "loop", "check CSV"))
    findings.ratio("check / polars reading the same file", _a_row(ours) / _a_row(scan))
    findings.ratio("plain loop / check, seconds a row", _a_row(loop) / _a_row(ours), PACE, at_least=True)
    # Check uses all cores, the loop one.
    findings.ratio("the same in processor time", _a_row(loop, "cpu") / _a_row(ours, "cpu"))


_SAID = {
    "scan": "polars reading it",
    "loop": "plain loop: csv module, email-validator; the first rows",
    "check CSV": "check, all checks on",
    "check UTF-16": "check, the same as UTF-16 with tabs",
    "check Parquet": "check, the same as Parquet",
}


def _side(shop: Workshop, name: str, path: Path) -> Side:
    ran = run(
        [sys.executable, "-m", "benchmarks.sides", name, str(path)],
        folder=shop.folder,
        cores=tuple(ALL),
        environment=environment(),
    )
    return {**last_line(ran), "peak": ran.peak}


def _a_row(results: list[Side], what: str = "wall") -> float:
    return median(one[what] / one["rows"] for one in results)


def _tell(findings: Findings, what: str, results: list[Side]) -> None:
    findings.figure(what, _a_row(results) * 1e6, "us a row")
    findings.figure("  processor time", _a_row(results, "cpu") * 1e6, "us a row")
    findings.figure("  peak memory", _peak(results) / 1e6, "MB")


def _peak(results: list[Side]) -> float:
    return median(one["peak"] for one in results)


def _other_forms(shop: Workshop) -> dict[str, Path]:
    """The full-size list as Excel's "Unicode text" and as Parquet."""
    source = shop.list_of(shop.rows)
    text, parquet = source.with_suffix(".txt"), source.with_suffix(".parquet")
    if not parquet.exists():
        with (
            source.open(encoding="utf-8", newline="") as rows,
            text.open("w", encoding="utf-16", newline="") as file,
        ):
            csv.writer(file, delimiter="\t").writerows(csv.reader(rows))
        pl.scan_csv(source, infer_schema=False).sink_parquet(parquet)
    return {"check UTF-16": text, "check Parquet": parquet}


def _planning(shop: Workshop, findings: Findings) -> None:
    small = max(shop.rows // 5, 1000)
    makers = {
        "plan": partial(_plan, shop, shop.rows),
        "render": partial(_side, shop, "render", shop.list_of(shop.rows)),
        "small": partial(_plan, shop, small),
    }
    found = side_by_side(shop.repeat, makers)
    plan, render = found["plan"], found["render"]
    peak, less = _peak(plan), _peak(found["small"])
    _tell(findings, "bulk-pec plan, whole process", plan)
    _tell(findings, "bare jinja2 render of the same rows, ready in memory", render)
    findings.figure(f"peak memory of plan, {small:,} rows", less / 1e6, "MB")
    findings.ratio("plan / bare render", _a_row(plan) / _a_row(render), PLAN)
    findings.ratio("the same in processor time", _a_row(plan, "cpu") / _a_row(render, "cpu"))
    findings.ratio(f"peak memory of plan, {shop.rows:,} / {small:,} rows", peak / less)


def _plan(shop: Workshop, rows: int) -> Side:
    home = shop.home("sqlite")
    try:
        path = shop.list_of(rows)
        ran = shop.command(home, ["plan", str(path), "--json"], cores=tuple(ALL), codes=LOADED)
    finally:
        shop.discard(home)
    return {"rows": rows, "wall": ran.elapsed, "cpu": ran.cpu, "peak": ran.peak}
