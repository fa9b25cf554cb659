"""One frame of texts -> one batch of checked rows.

A vectorised sieve passes the rows that are surely good; every other row is judged on its own, by rules
of which the sieve is a stricter form. So the sieve is only ever about speed: what it does not pass is not
thereby bad, and what it passes `judge` would pass too (a property test holds them together).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import orjson
import polars as pl

from bulk_pec.recipients.addresses import PLAIN, PLAIN_LONGEST
from bulk_pec.recipients.judging import BROKEN_QUOTES, CONTROL, KEY_LONGEST, Rules, judge, key_of, trimmed
from bulk_pec.recipients.rows import BLANKS, Batch, CheckedRow, SetAsideRow


@dataclass(frozen=True, slots=True)
class Sifted:
    """A frame of texts and, row by row, its recipient, key, values as JSON, and whether it is surely good."""

    frame: pl.DataFrame = field(repr=False)
    facts: pl.DataFrame = field(repr=False)


@dataclass(frozen=True)
class Sieve:
    """Checks frames of the form that `blocks.frame_of` makes against one list's rules."""

    rules: Rules

    def sift(self, frame: pl.DataFrame) -> Sifted:
        """The vectorised part: polars works without Python's lock, so threads can do it side by side."""
        return Sifted(frame, frame.select(**self._facts).with_columns(**self._verdicts))

    def batch(self, sifted: Sifted, first_row: int) -> Batch:
        """Every row of a frame, checked; the first of them is the list's row number `first_row`."""
        frame, facts = sifted.frame, sifted.facts
        values = facts["values"].to_list()
        odd = facts["sure"] & ~facts["plain"]
        for place, texts in zip(odd.arg_true(), frame.filter(odd).rows(), strict=True):
            values[place] = json_of(texts[:-1])
        numbers = range(first_row, first_row + frame.height)
        rows = list(zip(numbers, facts["key"].to_list(), facts["recipient"].to_list(), values, strict=True))
        doubtful = ~facts["sure"]
        if not doubtful.any():
            return Batch(rows, [])
        return self._judged(rows, doubtful.arg_true(), frame.filter(doubtful))

    def _judged(self, rows: list[CheckedRow], places: Iterable[int], doubtful: pl.DataFrame) -> Batch:
        """The batch, once each doubtful row, at its place in `rows`, has been judged."""
        set_aside: dict[int, SetAsideRow] = {}
        for place, (*values, beyond) in zip(places, doubtful.rows(), strict=True):
            verdict = judged(rows[place][0], tuple(values), beyond, self.rules)
            if isinstance(verdict, SetAsideRow):
                set_aside[place] = verdict
            else:
                rows[place] = verdict
        good = [row for place, row in enumerate(rows) if place not in set_aside]
        return Batch(good, list(set_aside.values()))

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
                *(texts[place].str.strip_chars(BLANKS) != "" for place in rules.required),
                *(~texts[place].str.contains(CONTROL) for place in rules.subject),
            ),
        }

    @cached_property
    def _verdicts(self) -> dict[str, pl.Expr]:
        recipient, key, values = pl.col("recipient"), pl.col("key"), pl.col("values")
        sure = [
            pl.col("whole"),
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


def judged(
    row: int, values: tuple[str | None, ...], beyond: str | None, rules: Rules
) -> CheckedRow | SetAsideRow:
    """What becomes of one row, by the rules alone.

    Args:
        row: Its number.
        values: One text for each column; None where the row ends early.
        beyond: What follows the last column, or None.
        rules: What it must satisfy.
    """
    problems = judge(values, beyond, rules)
    recipient, key = trimmed(values[rules.address]), key_of(values, rules)
    if not problems:
        return row, key, recipient, json_of(values)
    extra = () if beyond is None or beyond == BROKEN_QUOTES else (beyond,)
    ragged = beyond is not None or values[-1] is None
    return SetAsideRow(row, None if ragged else key or None, recipient, problems, json_of((*values, *extra)))


def json_of(values: Sequence[str | None]) -> str:
    """A compact JSON array of texts."""
    return orjson.dumps(values).decode()
