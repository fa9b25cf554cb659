"""Intake: checking a list with all checks on, against polars reading it and against a plain Python loop.

``python -m benchmarks.intake --rows 1200000`` writes a list, then takes every measurement in a process of
its own (so that peak memory is its own) and prints the figures. A measurement is a function of the list's
path that returns how many rows it went through.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from email_validator import EmailNotValidError, validate_email
from stdnum.it.codicefiscale import calc_check_digit

from bulk_pec.recipients import Keys, ListOptions, open_list, rejects

BATCH = 50_000
LOOP_ROWS = 50_000
"""Rows a plain loop is given: its pace does not depend on how many they are."""


HEADER = ("pec", "numero", "codice_fiscale", "denominazione", "indirizzo", "cap", "scadenza", "nota")
ALL = ListOptions(
    key_column="numero",
    own_addresses=frozenset({"mittente@example.it"}),
    required_columns=frozenset({"denominazione", "indirizzo", "nota"}),
    subject_columns=frozenset({"numero", "denominazione"}),
    tax_code_column="codice_fiscale",
    expires_at_column="scadenza",
)
"""Every check on."""


def write_lists(folder: Path, rows: int) -> dict[str, Path]:
    """The same list as CSV, as Excel's Unicode text (UTF-16 with tabs) and as Parquet, by their endings."""
    paths = {ending: folder / f"list.{ending}" for ending in ("csv", "txt", "parquet")}
    with (
        paths["csv"].open("w", encoding="utf-8", newline="") as file,
        paths["txt"].open("w", encoding="utf-16", newline="") as unicode_text,
    ):
        one, other = csv.writer(file, delimiter=";"), csv.writer(unicode_text, delimiter="\t")
        one.writerow(HEADER)
        other.writerow(HEADER)
        for row in _rows(rows):
            one.writerow(row)
            other.writerow(row)
    pl.scan_csv(paths["csv"], separator=";", infer_schema=False).sink_parquet(paths["parquet"])
    return paths


def _rows(rows: int) -> Iterator[tuple[str, ...]]:
    """About 200 bytes a row, one in fifty bad, tax codes with true check characters."""
    chance = random.Random(7)
    note = "Gentile cliente, la preghiamo di provvedere al versamento entro la data indicata."
    for n in range(rows):
        name = "".join(chance.choices("ABCDEFGHILMNOPRSTUVZ", k=6))
        code = f"{name}{n % 90 + 10}{'ABCDEHLMPRST'[n % 12]}{n % 28 + 1:02}H{n % 900 + 100}"
        pec = "rotto" if n % 50 == 0 else f"ufficio.{n}@comune-{n % 8000}.example.it"
        firm, street = f"Società Alfa {n} S.r.l.", f"Via Roma {n % 300}, Città"
        day = f"{n % 28 + 1:02}/12/2027"
        yield pec, f"{n:08}", code + calc_check_digit(code), firm, street, f"{n % 98 + 10:05}", day, note


def scan(path: Path) -> int:
    """Polars reading the same file as texts, in batches."""
    batches = pl.scan_csv(path, separator=";", infer_schema=False).collect_batches(chunk_size=BATCH)
    return sum(batch.height for batch in batches)


def check(path: Path) -> int:
    """Every check on: address, key, tax code, expiry, needed cells, subject, warnings."""
    return sum(len(batch) for batch in open_list(path, ALL).batches(BATCH))


def check_the_address(path: Path) -> int:
    """The address alone."""
    return sum(len(batch) for batch in open_list(path, ListOptions()).batches(BATCH))


def check_and_repeats(path: Path) -> int:
    """As `check`, and which keys repeat."""
    keys, rows = Keys(), 0
    for batch in open_list(path, ALL).batches(BATCH):
        keys.add(batch.rows)
        rows += len(batch)
    assert not keys.repeats()
    return rows


def check_and_rejects(path: Path) -> int:
    """As `check`, and the bad rows written."""
    found, rows = open_list(path, ALL), 0
    with rejects(found, path.with_name(f"rejects-of-{path.name}")) as into:
        for batch in found.batches(BATCH):
            for row in batch.set_aside:
                into.add(row)
            rows += len(batch)
    return rows


def loop(path: Path) -> int:
    """Python's csv module and email-validator for each row: the address alone, of the first rows."""
    rows = 0
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            _validated(row["pec"])
            rows += 1
            if rows == LOOP_ROWS:
                break
    return rows


def _validated(address: str) -> bool:
    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


MEASUREMENTS: dict[str, tuple[Callable[[Path], int], str]] = {
    "scan": (scan, "csv"),
    "check": (check, "csv"),
    "check-utf16": (check, "txt"),
    "check-parquet": (check, "parquet"),
    "check-the-address": (check_the_address, "csv"),
    "check-and-repeats": (check_and_repeats, "csv"),
    "check-and-rejects": (check_and_rejects, "csv"),
    "check-and-rejects-parquet": (check_and_rejects, "parquet"),
    "loop": (loop, "csv"),
}
"""Each measurement, and the ending of the list it reads."""


def measured(name: str, path: Path) -> dict[str, Any]:
    """One measurement in a process of its own: rows, seconds, CPU seconds, peak resident memory in MiB."""
    command = [sys.executable, "-m", "benchmarks.intake", "--only", name, "--list", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def take(name: str, path: Path) -> dict[str, Any]:
    """The same, in this process."""
    start, used = time.perf_counter(), time.process_time()
    rows = MEASUREMENTS[name][0](path)
    seconds, cpu = time.perf_counter() - start, time.process_time() - used
    return {"rows": rows, "seconds": seconds, "cpu": cpu, "peak": _peak()}


def _peak() -> int:
    """Peak of resident memory in MiB. Linux: getrusage would count the parent's too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


def report(figures: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The figures, in lines."""
    pace = {name: each["rows"] / each["seconds"] for name, each in figures.items()}
    for name, each in figures.items():
        cpu = f"{each['cpu'] / each['rows'] * 1e6:6.2f} µs of CPU a row"
        yield f"{name:26}{each['seconds']:7.2f} s{pace[name]:12,.0f} rows/s {cpu} {each['peak']:5} MiB"
    yield f"check / scan: {pace['scan'] / pace['check']:.1f} times its time"
    yield f"check / loop: {pace['check'] / pace['loop']:.0f} times its pace"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.intake")
    parser.add_argument("--rows", type=int, default=1_200_000)
    parser.add_argument("--only", choices=sorted(MEASUREMENTS))
    parser.add_argument("--list", type=Path)
    asked = parser.parse_args()
    if asked.only is not None:
        sys.stdout.write(json.dumps(take(asked.only, asked.list)))
        return
    with TemporaryDirectory() as folder:
        paths = write_lists(Path(folder), asked.rows)
        size = paths["csv"].stat().st_size / 1e6
        sys.stdout.write(f"{asked.rows:,} rows, {size:,.0f} MB as CSV\n")
        figures = {name: measured(name, paths[ending]) for name, (_, ending) in MEASUREMENTS.items()}
    sys.stdout.write("\n".join(report(figures)) + "\n")


if __name__ == "__main__":
    main()
