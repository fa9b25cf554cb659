"""Parquet -> polars frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import polars as pl
from polars._typing import PolarsDataType

from bulk_pec.domain.errors import ListRefused

_NO_TEXT = (pl.Object, pl.Binary, pl.Unknown)


def schema_of(path: Path) -> pl.Schema:
    """The columns of a Parquet file.

    Raises:
        ListRefused: It is damaged, or a column holds structures or bytes, which are no text; lists may be.
    """
    with _refusals(path):
        schema = pl.scan_parquet(path, glob=False, hive_partitioning=False).collect_schema()
    for name, kind in schema.items():
        if isinstance(kind, pl.Struct) or _holds_no_text(kind):
            raise ListRefused(
                f"Column {name!r} of the list {path} holds {kind}, not text.",
                hint="Write one text, number or date a row in it, or leave the column out.",
            )
    return schema


def frames(
    path: Path, schema: pl.Schema, rows: int, address: int | None = None
) -> Iterator[Callable[[], pl.DataFrame]]:
    """The file in frames of at most `rows` rows, in the form of `blocks.frame_of`; no row is ever ragged.

    Everything is text: numbers as they are written in decimal, dates and times in ISO 8601, lists as JSON,
    but for those of the address column, at place `address`: they are the addresses in a cell; nothing as "".
    Each frame reads its own slice, when it is called and in any thread, so memory is bounded by slices
    however slow the reader is; polars' own batches run ahead of it, and their interface is not stable. The
    price: a row group is looked through once for every slice of it.

    Raises:
        ListRefused: It is damaged; from here or from a frame.
    """
    texts = [
        _text(pl.col(name), kind, addresses=place == address).fill_null("").alias(str(place))
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


def _text(column: pl.Expr, kind: pl.DataType, *, addresses: bool) -> pl.Expr:
    if isinstance(kind, pl.Datetime):
        return column.dt.to_string("iso:strict")
    if isinstance(kind, pl.Duration):
        return column.dt.to_string("iso")
    if isinstance(kind, pl.Array):
        return _text(column.arr.to_list(), pl.List(kind.inner), addresses=addresses)
    if not isinstance(kind, pl.List):
        return column.cast(pl.String)
    if addresses and not kind.inner.is_nested():
        return column.list.eval(pl.element().cast(pl.String)).list.drop_nulls().list.join("; ")
    # Polars writes JSON for structures only: the list is what stands between its name and the brace.
    written = pl.struct(column.alias("")).struct.json_encode()
    return pl.when(column.is_not_null()).then(written.str.strip_prefix('{"":').str.strip_suffix("}"))


def _holds_no_text(kind: PolarsDataType) -> bool:
    """Whether a column is of bytes or the like, at any depth."""
    if isinstance(kind, pl.List | pl.Array):
        return _holds_no_text(kind.inner)
    if isinstance(kind, pl.Struct):
        return any(_holds_no_text(field.dtype) for field in kind.fields)
    return isinstance(kind, _NO_TEXT)


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
