"""Parquet -> polars frames. The only place that uses polars' streaming API, which is unstable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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


def frames(path: Path, schema: pl.Schema, rows: int) -> Iterator[pl.DataFrame]:
    """The file in frames of about `rows` rows, in the form of `blocks.frame_of`; no row is ever ragged.

    Everything is text: numbers as they are written in decimal, dates and times in ISO 8601, nothing as "".

    Raises:
        ListRefused: It is damaged.
    """
    texts = [
        _text(pl.col(name), kind).fill_null("").alias(str(place))
        for place, (name, kind) in enumerate(schema.items())
    ]
    beyond = pl.lit(None, pl.String).alias(str(len(schema)))
    with _refusals(path):
        scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        yield from scan.select(*texts, beyond).collect_batches(chunk_size=rows, maintain_order=True)


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
