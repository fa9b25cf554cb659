"""A letter that cannot be made: why, for people."""

from __future__ import annotations

from bulk_pec.domain.problems import Problem

SHOWN = 120
"""A problem shows at most this many characters of the value."""


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
