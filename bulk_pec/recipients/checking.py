"""One frame of texts -> one batch of checked rows.

A vectorised sieve passes the rows that are surely good; every other row is judged on its own, by rules
of which the sieve is a stricter form. So the sieve is only ever about speed: what it does not pass is not
thereby bad, and what it passes `judge` would pass too (a property test holds them together).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import orjson
import polars as pl

from bulk_pec.recipients import excel, expiry, taxcodes
from bulk_pec.recipients.addresses import PLAIN, PLAIN_LONGEST
from bulk_pec.recipients.judging import (
    BROKEN_QUOTES,
    CONTROL,
    KEY_LONGEST,
    Rules,
    judge,
    key_of,
    recipient_of,
    trimmed,
)
from bulk_pec.recipients.rows import BLANKS, Batch, CheckedRow, RowWarning, SetAsideRow
from bulk_pec.recipients.warning import suspect, warn

Item = TypeVar("Item")

_FILLED = rf"^[{BLANKS}]*[^{BLANKS}{excel.ERROR_START}]"
"""Trimmed, it is neither empty nor an error of Excel's."""

_ERROR = rf"^[{BLANKS}]*{excel.ERROR_START}"
"""Trimmed, it may be an error of Excel's."""


@dataclass(frozen=True, slots=True)
class Sifted:
    """A frame of texts, and facts about each row.

    Facts are its recipient, key and values as JSON, when it expires, whether it is surely good (`sure`), and
    whether it must be asked for warnings (`suspect`).
    """

    frame: pl.DataFrame = field(repr=False)
    facts: pl.DataFrame = field(repr=False)


@dataclass(frozen=True)
class Sieve:
    """Checks frames of the form that `blocks.frame_of` makes against one list's rules."""

    rules: Rules

    def sift(self, frame: pl.DataFrame) -> Sifted:
        """The vectorised part: polars works without Python's lock, so threads can do it side by side."""
        facts = frame.select(**self._facts).with_columns(
            expires=self._expires(frame), coded=self._coded(frame)
        )
        return Sifted(frame, facts.with_columns(**self._verdicts))

    def batch(self, sifted: Sifted, first_row: int) -> Batch:
        """Every row of a frame, checked; the first of them is the list's row number `first_row`."""
        frame, facts = sifted.frame, sifted.facts
        values = facts["values"].to_list()
        odd = facts["sure"] & ~facts["plain"]
        for place, texts in zip(odd.arg_true(), frame.filter(odd).rows(), strict=True):
            values[place] = json_of(texts[:-1])
        numbers = range(first_row, first_row + frame.height)
        rows = list(zip(numbers, facts["key"].to_list(), facts["recipient"].to_list(), values, strict=True))
        expires, doubtful = facts["expires"].to_list(), ~facts["sure"]
        gone: dict[int, SetAsideRow | None] = {}
        if doubtful.any():
            gone = self._judge(rows, doubtful.arg_true(), frame.filter(doubtful))
            rows, expires = _kept(rows, gone), _kept(expires, gone)
        set_aside = [row for row in gone.values() if row is not None]
        empty = [first_row + place for place, row in gone.items() if row is None]
        return Batch(rows, set_aside, expires, self._warnings(sifted, first_row, gone), empty)

    def _judge(
        self, rows: list[CheckedRow], places: Iterable[int], doubtful: pl.DataFrame
    ) -> dict[int, SetAsideRow | None]:
        """Judge each doubtful row: it is mended at its place in `rows`, or returned by it; None: empty."""
        gone: dict[int, SetAsideRow | None] = {}
        for place, (*values, beyond) in zip(places, doubtful.rows(), strict=True):
            verdict = judged(rows[place][0], tuple(values), beyond, self.rules)
            if isinstance(verdict, tuple):
                rows[place] = verdict
            else:
                gone[place] = verdict
        return gone

    def _warnings(self, sifted: Sifted, first_row: int, gone: Container[int]) -> list[RowWarning]:
        """Every warning about the rows that stay."""
        suspects, found = sifted.facts["suspect"], list[RowWarning]()
        for place, values in zip(suspects.arg_true(), sifted.frame.filter(suspects).rows(), strict=True):
            if place not in gone:
                found += warn(first_row + place, values[:-1], self.rules)
        return found

    def _expires(self, frame: pl.DataFrame) -> pl.Series | pl.Expr:
        """When each row expires; nothing where its cell is empty or cannot be read."""
        if self.rules.expires is None:
            return pl.lit(None, pl.Int64)
        cells = frame[str(self.rules.expires)].str.strip_chars(BLANKS)
        texts = cells.unique().drop_nulls()  # few, as a rule: a date is shared by many rows
        moments = [expiry.moment(text, self.rules.zone) for text in texts]
        return cells.replace_strict(
            texts, pl.Series(moments, dtype=pl.Int64), default=None, return_dtype=pl.Int64
        )

    def _coded(self, frame: pl.DataFrame) -> pl.Series | pl.Expr:
        """Whether each row's tax code is surely good, or none."""
        if self.rules.tax_code is None:
            return pl.lit(value=True)
        codes = frame[str(self.rules.tax_code)].str.strip_chars(BLANKS)
        return (codes == "") | taxcodes.surely_good(codes)

    @cached_property
    def _facts(self) -> dict[str, pl.Expr]:
        rules, texts = self.rules, [pl.col(str(place)) for place in range(self.rules.width)]
        recipient = texts[rules.address].str.strip_chars(BLANKS)
        key = recipient.str.to_lowercase() if rules.key is None else texts[rules.key].str.strip_chars(BLANKS)
        inner = pl.concat_str(texts, separator='","')
        return {
            "recipient": recipient,
            "key": key,
            "values": pl.concat_str(pl.lit('["'), inner, pl.lit('"]')),
            "encoded": pl.struct(texts).struct.json_encode().str.len_bytes(),
            "whole": pl.all_horizontal(
                texts[-1].is_not_null(),
                pl.col(str(rules.width)).is_null(),
                *(texts[place].str.contains(_FILLED) for place in rules.required),
                *(~texts[place].str.contains(_ERROR) for place in set(rules.no_errors) - set(rules.required)),
                *(~texts[place].str.contains(CONTROL) for place in rules.subject),
            ),
            "suspect": suspect(rules),
            "undated": pl.lit(value=True)
            if rules.expires is None
            else texts[rules.expires].str.strip_chars(BLANKS) == "",
        }

    @cached_property
    def _verdicts(self) -> dict[str, pl.Expr]:
        recipient, key, values = pl.col("recipient"), pl.col("key"), pl.col("values")
        sure = [
            pl.col("whole"),
            pl.col("coded"),
            pl.col("undated") | pl.col("expires").is_not_null(),
            recipient.str.len_bytes() <= PLAIN_LONGEST,
            recipient.str.contains(PLAIN),
        ]
        if self.rules.key is not None:
            sure += [key != "", key.str.len_chars() <= KEY_LONGEST, ~key.str.contains(CONTROL)]
        if self.rules.own:
            sure.append(~recipient.str.to_lowercase().is_in(sorted(self.rules.own)))
        # An escape always lengthens a text, so equal lengths mean that there was none to write.
        names = sum(len(f'"{place}":') for place in range(self.rules.width))
        return {
            "sure": pl.all_horizontal(sure).fill_null(value=False),
            "plain": values.str.len_bytes() + names == pl.col("encoded"),
        }


def _kept(items: list[Item], gone: Container[int]) -> list[Item]:
    """What is left of a batch's items, one a row."""
    return [item for place, item in enumerate(items) if place not in gone]


def judged(
    row: int, values: tuple[str | None, ...], beyond: str | None, rules: Rules
) -> CheckedRow | SetAsideRow | None:
    """What becomes of one row, by the rules alone; None: there is nothing in it, and it is no row.

    Args:
        row: Its number.
        values: One text for each column; None where the row ends early.
        beyond: What follows the last column, or None.
        rules: What it must satisfy.
    """
    if beyond is None and not any(map(trimmed, values)):
        return None
    problems = judge(values, beyond, rules)
    key = key_of(values, rules)
    if not problems:
        return row, key, recipient_of(values, rules), json_of(values)
    broken = beyond == BROKEN_QUOTES
    extra = () if beyond is None or broken else (beyond,)
    ragged = beyond is not None or values[-1] is None
    return SetAsideRow(
        row=row,
        key=None if ragged else key or None,
        recipient_text=trimmed(values[rules.address]),
        problems=problems,
        values_json=json_of((*values, *extra)),
        broken=broken,
    )


def json_of(values: Sequence[str | int | None]) -> str:
    """A compact JSON array of texts (and of a number, where one is kept behind them)."""
    return orjson.dumps(values).decode()
