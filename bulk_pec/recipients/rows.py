"""What comes out of a list: batches of checked rows, the rows set aside with their problems, warnings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

CheckedRow: TypeAlias = tuple[int, str, str, str]
"""``(row, key, recipient, values_json)``: a plain tuple, because a list has millions of them.

row: 1-based number of the data row. key: the key column's text, trimmed, or the recipient lower-cased.
recipient: the address, trimmed, otherwise as written; of several, all of them as `letters.joined` joins
them. values_json: a compact JSON array of the row's texts in the order of the file's columns.
"""

BLANKS = " \t\r\n\v\f\u00a0\u200b\u2007\u202f\ufeff"
"""What is trimmed from cells and names: ASCII blanks and those that Excel and web pages leave behind.

Spelled out because Python's and polars' own ideas of a blank differ.
"""

SHOWN = 80
"""A problem shows at most this many characters of the value."""

WARNINGS_KEPT = 100
"""Warnings a batch keeps; beyond them it only counts."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a row.

    Attributes:
        column: The column it is in; None when it concerns the whole row.
        value: The offending text, cut to `SHOWN` characters.
        what: What is wrong.
        todo: What the person can do about it.
    """

    column: str | None
    value: str = field(repr=False)
    what: str
    todo: str

    def __str__(self) -> str:
        """One line for people, without the value."""
        return f"{f'{self.column}: ' if self.column else ''}{self.what} ({self.todo})"


@dataclass(frozen=True, slots=True)
class SetAsideRow:
    """A row that cannot become a message.

    Attributes:
        row: 1-based number of the data row.
        key: Its key, or None when it has none that can be used.
        recipient_text: The address cell, trimmed; empty when it is missing.
        problems: Everything that is wrong with it, at least one.
        values_json: A JSON array of its texts in the order of the file's columns: null for a field that is
            not there, one element more with what follows the last column.
        broken: Its quotes do not pair up: the first element of `values_json` is the line as it stands.
    """

    row: int
    key: str | None = field(repr=False)
    recipient_text: str = field(repr=False)
    problems: tuple[Problem, ...]
    values_json: str = field(repr=False)
    broken: bool = False

    @property
    def reason(self) -> str:
        """All problems in one line: what is wrong and what to do, column by column."""
        return "; ".join(str(each) for each in self.problems)


@dataclass(frozen=True, slots=True)
class RowWarning:
    """Something about a row that stays in the list, but that a person should look at.

    Attributes:
        row: 1-based number of the data row.
        column: The column it is in.
        value: The suspicious text, cut to `SHOWN` characters.
        what: What is suspicious.
        todo: What the person can do about it.
    """

    row: int
    column: str
    value: str = field(repr=False)
    what: str
    todo: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows of a list: each is in exactly one of the first two, both in the order of the file.

    Attributes:
        rows: Those that can become messages.
        set_aside: Those that cannot.
        expires: For each of `rows` when it expires: ms since the epoch, UTC; None: never.
        warnings: What is suspicious about `rows`, the first `WARNINGS_KEPT` of the batch.
        warned: How many warnings there are, with those that were not kept.
    """

    rows: list[CheckedRow] = field(repr=False)
    set_aside: list[SetAsideRow] = field(repr=False)
    expires: list[int | None] = field(repr=False)
    warnings: list[RowWarning] = field(default_factory=list, repr=False)
    warned: int = 0

    def __len__(self) -> int:
        return len(self.rows) + len(self.set_aside)
