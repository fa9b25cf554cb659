"""Export: one line for every input row, in input order, whatever became of it."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import orjson

from bulk_pec.domain.errors import LedgerError, UsageError
from bulk_pec.ledger.proof.views import RowView
from bulk_pec.reporting.status import iso

COLUMNS = (
    "row",
    "key",
    "recipient",
    "reference",
    "state",
    "attempts",
    "message_id",
    "mailbox",
    "sent_at",
    "delivery",
    "accepted_at",
    "delivered_at",
    "reason",
)
ENDINGS = frozenset({".csv", ".jsonl", ".parquet"})
_TIMES = frozenset({"sent_at", "accepted_at", "delivered_at"})
_BESIDE = 40
"""Characters of its name that the unfinished file has: of four bytes each it is still a name."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def header(inputs: Sequence[str]) -> list[str]:
    """The export's columns: ours, then the input's own; one whose name is taken gets ``_input``."""
    names = list(COLUMNS)
    for name in inputs:
        while name in names:
            name += "_input"  # noqa: PLW2901 - until it is free
        names.append(name)
    return names


def record(view: RowView, inputs: int) -> list[Any]:
    """One row's values in `header` order. Times become UTC ISO 8601."""
    ours = [_shown(name, getattr(view, name)) for name in COLUMNS]
    fields: list[Any] = orjson.loads(view.fields)[:inputs]
    return ours + fields + [None] * (inputs - len(fields))


def _shown(name: str, value: Any) -> Any:
    return iso(value) if name in _TIMES and value is not None else value


def write(path: Path, inputs: Sequence[str], views: Iterator[RowView], *, excel: bool) -> int:
    """Write an export; its form is told by the file's ending. Returns the number of rows.

    The file appears whole or not at all: it is written beside its place and moved there.

    Args:
        path: ``.csv``, ``.jsonl`` or ``.parquet``.
        inputs: The input's own columns.
        views: The rows.
        excel: For Italian Excel: ``;``, a byte order mark, and cells that would be formulas defused.

    Raises:
        UsageError: Another ending.
        LedgerError: The file cannot be written.
    """
    check_form(path)
    writers: dict[str, Callable[[Path], int]] = {
        ".csv": lambda target: _csv(target, inputs, views, excel=excel),
        ".jsonl": lambda target: _jsonl(target, inputs, views),
        ".parquet": lambda target: _parquet(target, inputs, views),
    }
    beside = path.with_name(f".{path.name[:_BESIDE]}.{os.getpid()}.part")
    try:
        count = writers[path.suffix.lower()](beside)
        beside.replace(path)
    except OSError as error:
        raise LedgerError(
            f"The export {path} cannot be written: {error.strerror}.",
            hint="Check the folder, its permissions and the disk's room; the ledger is untouched.",
        ) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    return count


def check_form(path: Path) -> None:
    """Raise `UsageError` where the name tells no form."""
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(
            f"The export's form cannot be told from {path.name!r}.",
            hint="End its name with .csv, .jsonl or .parquet.",
        )


def _csv(target: Path, inputs: Sequence[str], views: Iterator[RowView], *, excel: bool) -> int:
    with target.open("w", encoding="utf-8-sig" if excel else "utf-8", newline="") as file:
        return _csv_into(file, inputs, views, excel=excel)


def _csv_into(file: TextIO, inputs: Sequence[str], views: Iterator[RowView], *, excel: bool) -> int:
    writer = csv.writer(file, delimiter=";" if excel else ",", lineterminator="\r\n" if excel else "\n")
    names = header(inputs)
    writer.writerow(map(_defused, names) if excel else names)
    count = 0
    for view in views:
        values = record(view, len(inputs))
        writer.writerow(map(_defused, values) if excel else values)
        count += 1
    return count


def _defused(value: Any) -> Any:
    """A text that Excel would take for a formula, with an apostrophe before it."""
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA) else value


def _jsonl(target: Path, inputs: Sequence[str], views: Iterator[RowView]) -> int:
    names = header(inputs)
    count = 0
    with target.open("wb") as file:
        for view in views:
            values = record(view, len(inputs))
            file.write(orjson.dumps(dict(zip(names, values, strict=True)), option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count


def _parquet(target: Path, inputs: Sequence[str], views: Iterator[RowView]) -> int:
    """By way of JSON lines, which polars turns into Parquet without holding all of it in memory."""
    import polars as pl  # noqa: PLC0415 - only this form needs it, and it takes a while to import

    lines = target.with_suffix(".jsonl.part")
    try:
        count = _jsonl(lines, inputs, views)
        numbers = {"row": pl.Int64(), "attempts": pl.Int64()}
        schema = {name: numbers.get(name, pl.String()) for name in header(inputs)}
        pl.scan_ndjson(lines, schema=schema).sink_parquet(target)
    finally:
        lines.unlink(missing_ok=True)
    return count
