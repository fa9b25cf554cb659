"""What a plan is told of a list and its letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a finding comes to."""

    PROBLEM = "problem"
    """The row is invalid."""
    WARNING = "warning"
    """It is sent, or the finding concerns the whole list."""
    DUPLICATE = "duplicate"
    """An earlier row has its key."""
    SUPPRESSED = "suppressed"
    """Its address is never to be written to."""
    REPEATED = "repeated"
    """An earlier run has said it, and `on_repeat` does not let it be sent again."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One thing that is wrong, or doubtful, with the list, or that keeps a good row from being sent.

    Attributes:
        row: 1-based number of the data row; None when it concerns the whole list.
        column: The column; None when it concerns the whole row.
        value: The offending text, as short as it is to be shown.
        what: What is wrong.
        todo: What the person can do about it.
        kind: What it comes to.
    """

    row: int | None
    column: str | None
    what: str
    todo: str
    value: str = field(default="", repr=False)
    kind: Kind = Kind.PROBLEM


@dataclass(frozen=True, slots=True)
class ListFacts:
    """What was read.

    Attributes:
        path: The list, as it was named.
        rows: Data rows in it.
        invalid: Rows that can be no message.
        duplicate: Rows whose key came before.
        suppressed: Rows whose address is never to be written to.
        problems: What is wrong with invalid rows, by row; the first ones, if there are very many.
        problems_total: How many there are in all.
        warnings: What is doubtful but sent, by row; the first ones.
        warnings_total: How many there are in all.
        set_aside: Good rows that are not sent all the same, and why, by row; the first ones.
        set_aside_total: How many there are in all.
        guesses: What was guessed, as sentences: the address column, the encoding, the separator.
        sample: The first rows, in lines for people.
        columns: The names of the list's columns.
        address_column: Which of them holds the addresses.
        key_column: Which of them is the key; None: the address is.
        expired: Messages that have expired already: loaded, and never sent.
        to_look_up: Rows that lack an address nobody has asked for yet: neither messages nor invalid so far.
        looked_up: Rows whose address was looked up by tax code.
        loaded_as: The run this list was loaded as, with these templates; None: it is new.
    """

    path: str
    rows: int
    invalid: int = 0
    duplicate: int = 0
    suppressed: int = 0
    problems: Sequence[RowProblem] = ()
    problems_total: int = 0
    warnings: Sequence[RowProblem] = ()
    warnings_total: int = 0
    set_aside: Sequence[RowProblem] = ()
    set_aside_total: int = 0
    guesses: Sequence[str] = ()
    sample: Sequence[str] = ()
    columns: Sequence[str] = ()
    address_column: str | None = None
    key_column: str | None = None
    expired: int = 0
    to_look_up: int = 0
    looked_up: int = 0
    loaded_as: str | None = None

    @property
    def messages(self) -> int:
        """Rows that become messages (invariant 6)."""
        return self.rows - self.invalid - self.duplicate - self.suppressed - self.to_look_up


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """What was rendered. Sizes in bytes; those of messages as they are in a mail, base64 and all.

    Attributes:
        largest: The largest message with its attachments.
        largest_row: Its row; None without messages.
        total: All messages with their attachments.
        attachments: How many files are attached that differ in content.
        attachments_bytes: Their size, each once.
    """

    largest: int = 0
    largest_row: int | None = None
    total: int = 0
    attachments: int = 0
    attachments_bytes: int = 0
