"""One block of CSV records -> one polars frame."""

from __future__ import annotations

import polars as pl

from bulk_pec.recipients.records import Block, Grammar
from bulk_pec.recipients.rows import BLANKS


def frame_of(block: Block, grammar: Grammar) -> pl.DataFrame:
    """A frame of texts with a column for each of the list's, named by place from ``"0"`` on, and one more.

    A field that is not there is null; the additional column holds what is beyond the last one, else null.
    In a list of one column the rows with nothing but blanks are left out: they are blank lines.
    """
    if block.parsed:
        frame = pl.DataFrame(block.parsed, schema=_schema(grammar.width + 1), orient="row")
    elif block.quoted:
        frame = _quoted(block.text, grammar)
    else:
        frame = _lines(block.text, grammar)
    return frame if grammar.width > 1 else frame.filter(pl.col("0").str.strip_chars(BLANKS) != "")


def _schema(width: int) -> dict[str, type[pl.DataType]]:
    return {str(place): pl.String for place in range(width)}


def _quoted(text: str, grammar: Grammar) -> pl.DataFrame:
    frame = pl.read_csv(
        text.encode(),
        has_header=False,
        schema=_schema(grammar.width),
        separator=grammar.separator,
        empty_string_is_null=False,
    )
    return frame.with_columns(pl.lit(None, pl.String).alias(str(grammar.width)))


def _lines(text: str, grammar: Grammar) -> pl.DataFrame:
    """Without quotes a record is a line: no CSV parser is needed, and none can misread it."""
    line = pl.col("line")
    fields = line.str.strip_suffix("\r").str.splitn(grammar.separator, grammar.width + 1)
    return (
        pl.DataFrame({"line": [text]})
        .lazy()
        .select(line.str.split("\n").explode())
        .filter(line.str.strip_chars(BLANKS) != "")
        .select(fields.struct.rename_fields([str(place) for place in range(grammar.width + 1)]))
        .unnest("line")
        .collect()
    )
