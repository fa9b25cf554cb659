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
    frame = _clean(block.text, grammar) if block.clean else _sifted(block, grammar)
    return frame if grammar.width > 1 else frame.filter(pl.col("0").str.strip_chars(BLANKS) != "")


def _schema(width: int) -> dict[str, type[pl.DataType]]:
    return {str(place): pl.String for place in range(width)}


def _clean(text: str, grammar: Grammar) -> pl.DataFrame:
    frame = pl.read_csv(
        text.encode(),
        has_header=False,
        schema=_schema(grammar.width),
        separator=grammar.separator,
        empty_string_is_null=False,
    )
    return frame.with_columns(pl.lit(None, pl.String).alias(str(grammar.width)))


def _sifted(block: Block, grammar: Grammar) -> pl.DataFrame:
    """Without quotes a record is a line: no CSV parser is needed, and none can misread it."""
    lines = pl.Series([block.text]).str.split("\n").explode()
    filled = lines.str.strip_chars(BLANKS) != ""
    fields = lines.filter(filled).str.strip_suffix("\r").str.splitn(grammar.separator, grammar.width + 1)
    frame = fields.struct.unnest()
    frame.columns = list(_schema(grammar.width + 1))
    if not block.parsed:
        return frame
    parsed = pl.DataFrame(block.parsed, schema=_schema(grammar.width + 1), orient="row")
    # What was parsed goes before the line of the same number, and otherwise keeps its order.
    order = pl.concat([pl.Series(block.before, dtype=pl.UInt32), filled.arg_true()])
    return pl.concat([parsed, frame])[order.rank("ordinal").arg_sort()]
