"""What comes out of a list: batches of checked rows, the rows set aside with their problems, warnings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from bulk_pec.domain.problems import Problem

CheckedRow: TypeAlias = tuple[int, str, str, str]
"""``(row, key, recipient, values_json)``: a plain tuple, because a list has millions of them.

row: 1-based number of the data row. key: the key column's text, trimmed, or `addresses.recipient_key`.
recipient: the address, trimmed, otherwise as written; of several, all of them as `letters.joined` joins
them. values_json: a compact JSON array of the row's texts in the order of the file's columns.
"""

BLANKS = " \t\r\n\v\f\u00a0\u200b\u2007\u202f\ufeff"
"""What is trimmed from cells and names: ASCII blanks and those that Excel and web pages leave behind.

Spelled out because Python's and polars' own ideas of a blank differ.
"""

SHOWN = 80
"""A problem shows at most this many characters of the value."""


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
    """Consecutive rows of a list, each in exactly one of three: all of them in the order of the file.

    Its length is that of the first two together: a row without anything in it is no row of the list.

    Attributes:
        rows: Those that can become messages.
        set_aside: Those that cannot.
        expires: For each of `rows` when it expires: ms since the epoch, UTC; None: never.
        warnings: What is suspicious about `rows`, all of it: a batch bounds it.
        empty: The numbers of those in which every cell is blank: they are left out, as blank lines are.
    """

    rows: list[CheckedRow] = field(repr=False)
    set_aside: list[SetAsideRow] = field(repr=False)
    expires: list[int | None] = field(repr=False)
    warnings: list[RowWarning] = field(default_factory=list, repr=False)
    empty: list[int] = field(default_factory=list, repr=False)

    @property
    def warned(self) -> int:
        """How many warnings there are."""
        return len(self.warnings)

    def __len__(self) -> int:
        return len(self.rows) + len(self.set_aside)
