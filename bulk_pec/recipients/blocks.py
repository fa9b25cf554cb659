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
    frame = _quick(block, grammar)
    if frame is None:
        sifted = grammar.sift(block.text, last=True)[0] if block.clean else block
        frame = _sifted(sifted or block, grammar)
    return frame if grammar.width > 1 else frame.filter(pl.col("0").str.strip_chars(BLANKS) != "")


def _quick(block: Block, grammar: Grammar) -> pl.DataFrame | None:
    """The block as polars reads it; None if it is not sure that it reads it right."""
    if block.clean:
        frame = _read(block.text, grammar, quote='"')
    elif block.parsed or (even := _even(block.text, grammar)) is None:
        return None
    else:
        frame = even
    return None if grammar.width > 1 and _has_blank_lines(frame, grammar) else frame


def _has_blank_lines(frame: pl.DataFrame, grammar: Grammar) -> bool:
    """Whether there may be lines of tabs between fields, which are blank lines and no rows."""
    if grammar.separator not in BLANKS:
        return False
    texts = frame.drop(str(grammar.width))
    for name in texts.columns:
        texts = texts.filter(pl.col(name).str.strip_chars(BLANKS) == "")
        if not texts.height:
            return False
    return True


def _schema(width: int) -> dict[str, type[pl.DataType]]:
    return {str(place): pl.String for place in range(width)}


def _read(text: str, grammar: Grammar, *, quote: str | None) -> pl.DataFrame:
    """Well-formed records of the right width, as polars reads them."""
    frame = pl.read_csv(
        text.encode(),
        has_header=False,
        schema=_schema(grammar.width),
        separator=grammar.separator,
        quote_char=quote,
        empty_string_is_null=False,
    )
    return frame.with_columns(pl.lit(None, pl.String).alias(str(grammar.width)))


def _even(text: str, grammar: Grammar) -> pl.DataFrame | None:
    """Lines without quotes, all of the right width; None if it is not sure that they are.

    Where separators and lines are in the right proportion a short line is outweighed by a long one, of which
    polars complains. What polars may drop, a byte order mark and a bare carriage return, must not be there.
    """
    lines, returns = text.count("\n"), text.count("\r")
    if text.count(grammar.separator) != (grammar.width - 1) * lines or grammar.width == 1:
        return None
    if text.startswith("\ufeff") or (returns and not returns == lines == text.count("\r\n")):
        return None
    try:
        frame = _read(text, grammar, quote=None)
    except pl.exceptions.PolarsError:
        return None
    sure = frame.height == lines and not frame[str(grammar.width - 1)].null_count()
    return frame if sure else None


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
