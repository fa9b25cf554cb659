"""What is wrong with one row of a list, as a value: shown to people by row and column, all of it at once."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps a row from becoming a message.

    Attributes:
        column: The column it is in, or the part of the letter; None when it concerns the whole row.
        value: The offending text, cut to what is shown to people.
        what: What is wrong.
        todo: What the person can do about it.
    """

    column: str | None
    value: str = field(repr=False)
    what: str
    todo: str

    def __str__(self) -> str:
        """One line for people, without the value: the same in export and rejects, and as `load` says it."""
        return f"{f'{self.column}: ' if self.column else ''}{self.what} ({self.todo})"
