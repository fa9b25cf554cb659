"""Parquet -> polars frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import polars as pl

from bulk_pec.domain.errors import ListRefused

_NESTED = (pl.List, pl.Array, pl.Struct, pl.Object, pl.Binary, pl.Unknown)


def schema_of(path: Path) -> pl.Schema:
    """The columns of a Parquet file.

    Raises:
        ListRefused: It is damaged, or a column holds lists, structures or bytes, which are no text.
    """
    with _refusals(path):
        schema = pl.scan_parquet(path, glob=False, hive_partitioning=False).collect_schema()
    for name, kind in schema.items():
        if isinstance(kind, _NESTED):
            raise ListRefused(
                f"Column {name!r} of the list {path} holds {kind}, not text.",
                hint="Write one text, number or date a row in it, or leave the column out.",
            )
    return schema


def frames(path: Path, schema: pl.Schema, rows: int) -> Iterator[Callable[[], pl.DataFrame]]:
    """The file in frames of at most `rows` rows, in the form of `blocks.frame_of`; no row is ever ragged.

    Everything is text: numbers as they are written in decimal, dates and times in ISO 8601, nothing as "".
    Each frame reads its own slice, when it is called and in any thread, so memory is bounded by slices
    however slow the reader is; polars' own batches run ahead of it, and their interface is not stable. The
    price: a row group is looked through once for every slice of it.

    Raises:
        ListRefused: It is damaged; from here or from a frame.
    """
    texts = [
        _text(pl.col(name), kind).fill_null("").alias(str(place))
        for place, (name, kind) in enumerate(schema.items())
    ]
    scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    with _refusals(path):
        height = scan.select(pl.len()).collect().item()
    whole = scan.select(*texts, pl.lit(None, pl.String).alias(str(len(schema))))
    for start in range(0, height, rows):
        yield partial(_collected, path, whole.slice(start, rows))


def _collected(path: Path, slice_: pl.LazyFrame) -> pl.DataFrame:
    with _refusals(path):
        return slice_.collect()


def _text(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if isinstance(kind, pl.Datetime):
        return column.dt.to_string("iso:strict")
    if isinstance(kind, pl.Duration):
        return column.dt.to_string("iso")
    return column.cast(pl.String)


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise ListRefused(
            f"The list {path} is no Parquet file that can be read: {first}.",
            hint="It may be cut off: export or copy it again.",
        ) from None
