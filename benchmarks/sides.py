"""One side of the intake benchmark, in a process of its own.

Usage: ``python -m benchmarks.sides check|scan|loop|render LIST``; LIST is in the samples' shape. The last
line on stdout is a JSON document: how many rows it went through, seconds and processor seconds. The clock
starts after the imports and, for ``render``, runs only while letters are rendered.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import polars as pl
from email_validator import EmailNotValidError, validate_email
from jinja2 import Environment, StrictUndefined

from bulk_pec.recipients import ListOptions, open_list

_BATCH = 50_000
_LOOP_ROWS = 100_000
"""Rows the plain loop is given: its pace does not depend on how many they are."""
_TEMPLATE = Path(__file__).parents[1] / "samples" / "avviso.html.j2"
_SUBJECT = "Avviso n. {{ numero }}"
_NEEDED = ("numero", "denominazione", "codice_fiscale", "comune", "cap", "importo", "scadenza_pagamento")

ALL_CHECKS = ListOptions(
    key_column="numero",
    own_addresses=frozenset({"ufficio@pec.example"}),
    required_columns=frozenset(_NEEDED),
    subject_columns=frozenset({"numero"}),
    tax_code_column="codice_fiscale",
    expires_at_column="scadenza_pagamento",
)
"""Address, sender's own address, key, tax code, expiry, needed cells, subject, Excel's errors, warnings."""


class Clock:
    """Adds up what passes while it is on."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    @contextmanager
    def on(self) -> Iterator[None]:
        """Let it run."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu


def scan(path: Path, clock: Clock) -> int:
    """Polars reading the file as texts, in batches."""
    with clock.on():
        batches = pl.scan_csv(path, infer_schema=False).collect_batches(chunk_size=_BATCH)
        return sum(batch.height for batch in batches)


def check(path: Path, clock: Clock) -> int:
    """Our intake, every check on, from opening the file: digest, encoding, header, rows."""
    with clock.on():
        return sum(len(batch) for batch in open_list(path, ALL_CHECKS).batches(_BATCH))


def loop(path: Path, clock: Clock) -> int:
    """What is written first: the csv module, email-validator for each row, and no other check."""
    with clock.on(), path.open(encoding="utf-8", newline="") as file:
        return sum(_looked_at(row["pec"]) for row in islice(csv.DictReader(file), _LOOP_ROWS))


def _looked_at(address: str) -> int:
    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return 1
    return 1


def render(path: Path, clock: Clock) -> int:
    """Jinja2 rendering subject and body of every row."""
    subject = Environment(undefined=StrictUndefined).from_string(_SUBJECT)  # noqa: S701 - a header, no HTML
    body = Environment(undefined=StrictUndefined, autoescape=True).from_string(
        _TEMPLATE.read_text(encoding="utf-8")
    )
    done = 0
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        while ready := list(islice(rows, _BATCH)):
            with clock.on():
                for row in ready:
                    subject.render(row)
                    body.render(row)
            done += len(ready)
    return done


SIDES: dict[str, Callable[[Path, Clock], int]] = {
    "scan": scan,
    "check": check,
    "loop": loop,
    "render": render,
}


def main() -> None:
    """Read the command line, do it, tell."""
    name, path = sys.argv[1:3]
    clock = Clock()
    rows = SIDES[name](Path(path), clock)
    print(json.dumps({"rows": rows, "wall": clock.wall, "cpu": clock.cpu}))


if __name__ == "__main__":
    main()
