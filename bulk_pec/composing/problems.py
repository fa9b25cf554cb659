"""What is wrong with a letter, as values: shown to people by the row, all of a row's at once."""

from __future__ import annotations

from dataclasses import dataclass, field

SHOWN = 120
"""A problem shows at most this many characters of the value."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps a row from becoming a letter.

    Attributes:
        column: The column, or the part of the letter, it is in; None when it concerns the whole letter.
        value: The offending text, cut to `SHOWN` characters.
        what: What is wrong.
        todo: What the person can do about it.
    """

    column: str | None
    value: str = field(repr=False)
    what: str
    todo: str


class Uncomposable(Exception):
    """This row's letter cannot be made. The text says why, without the row's values but for a file's path.

    Args:
        why: What is wrong, as half a sentence.
        problems: The same as values; one is made of `why` when none is given.
    """

    def __init__(self, why: str, *problems: Problem) -> None:
        super().__init__(why)
        self.problems = problems or (Problem(None, "", why, "Mend the template, or this row."),)

    @classmethod
    def of(cls, *problems: Problem) -> Uncomposable:
        """One that says these problems."""
        return cls("; ".join(problem.what for problem in problems), *problems)


def shown(value: str) -> str:
    """A value for people: its control characters escaped, its length bounded."""
    plain = value if value.isprintable() else value.encode("unicode_escape").decode("ascii")
    return plain if len(plain) <= SHOWN else f"{plain[: SHOWN - 1]}…"
