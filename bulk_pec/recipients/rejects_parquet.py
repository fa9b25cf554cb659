"""Bad rows of a Parquet file, with the types it gives its columns."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from bulk_pec.recipients.readers import ParquetReader

_ROWS = 20_000
_SPAN = 100_000
"""Rows of the list, at most, that are read again at a time."""


class ParquetRejects:
    """Reads bad rows again from the list, as they are there, and writes them in parts, which it then joins.

    Args:
        path: The file to write; the parts stand beside it.
        reader: Of the list.
        name: Of the column with the reason.
        replaced: The list's first column is such a column, and this one takes its place.
    """

    def __init__(self, path: Path, reader: ParquetReader, name: str, *, replaced: bool) -> None:
        self._path, self._source, self._name = path, reader.source, name
        scan = pl.scan_parquet(reader.source.path, glob=False, hive_partitioning=False)
        self._scan = scan.select(list(reader.schema)[replaced:])
        self._waiting: list[tuple[int, str]] = []
        self._parts: list[Path] = []

    def add(self, row: int, fields: list[str | None], reason: str, *, broken: bool) -> None:
        """Write a row: its number and the reason; its texts are read again, and none is ever broken."""
        del fields, broken
        if self._waiting and (len(self._waiting) >= _ROWS or row - self._waiting[0][0] >= _SPAN):
            self._write()
        self._waiting.append((row, reason))

    def finish(self) -> None:
        """Write what is left, and join the parts."""
        if self._waiting or not self._parts:
            self._write()
        pl.scan_parquet(self._parts, glob=False).sink_parquet(self._path)

    def close(self) -> None:
        """Nothing is open."""

    def _write(self) -> None:
        """The rows that wait, as one part, in the order of the list."""
        self._source.check_unchanged()
        waiting = sorted(self._waiting)
        first, last = (waiting[0][0], waiting[-1][0]) if waiting else (1, 0)
        places = pl.Series([row - first for row, _ in waiting], dtype=pl.UInt32)
        part = self._scan.slice(first - 1, last - first + 1).collect()[places]
        part.insert_column(0, pl.Series(self._name, [reason for _, reason in waiting], dtype=pl.String))
        self._parts.append(self._path.with_name(f"part-{len(self._parts):06}"))
        part.write_parquet(self._parts[-1])
        self._waiting = []
