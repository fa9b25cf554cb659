"""Which keys of a list repeat, without a ledger: for a forecast, in bounded memory.

A key is kept as a 64-bit hash, so two different keys may be taken for one: among 1.2 million, with a chance
of 1 in 25 million. Loading decides exactly, by the ledger's own unique index.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

import polars as pl

from bulk_pec.recipients.rows import CheckedRow

_KEY = itemgetter(1)
_ROW = itemgetter(0)


class Repeat(NamedTuple):
    """A row whose key an earlier one has: the row's number, and the first's."""

    row: int
    first: int


@dataclass(frozen=True, slots=True)
class Repeats:
    """All rows that repeat a key, in the order of the file: 16 bytes each."""

    _rows: array[int] = field(repr=False)
    _firsts: array[int] = field(repr=False)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Repeat]:
        return map(Repeat, self._rows, self._firsts)


class Keys:
    """Collects the keys of a list: 16 bytes a row."""

    def __init__(self) -> None:
        self._parts: list[pl.DataFrame] = []

    def add(self, rows: Sequence[CheckedRow]) -> None:
        """Take the keys of checked rows; rows must come in the order of the file."""
        keys = pl.Series("key", list(map(_KEY, rows)), dtype=pl.String)
        numbers = pl.Series("row", list(map(_ROW, rows)), dtype=pl.Int64)
        self._parts.append(pl.DataFrame([keys.hash(), numbers]))

    def repeats(self) -> Repeats:
        """The rows whose key an earlier row has."""
        if not self._parts:
            return Repeats(array("q"), array("q"))
        known = pl.concat(self._parts, rechunk=False)
        several = known.filter(pl.col("key").is_duplicated())
        found = several.with_columns(first=pl.col("row").min().over("key")).filter(
            pl.col("row") != pl.col("first")
        )
        return Repeats(_packed(found["row"]), _packed(found["first"]))


def _packed(numbers: pl.Series) -> array[int]:
    return array("q", numbers)
