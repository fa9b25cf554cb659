"""One row of a list by its number, and what is said when no letter can be made of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from bulk_pec.composing import Problem
from bulk_pec.domain.errors import ListRefused, UsageError
from bulk_pec.recipients import RecipientList


@dataclass(frozen=True, slots=True)
class Picked:
    """A checked row: its key, its recipient, its values by column."""

    key: str
    recipient: str = field(repr=False)
    values: dict[str, str | None] = field(repr=False)
    values_json: str = field(repr=False)


def pick(rows: RecipientList, number: int) -> Picked:
    """The row of that number.

    Raises:
        UsageError: The list has fewer rows.
        ListRefused: The row is invalid.
    """
    count = 0
    for batch in rows.batches(20_000):
        count += len(batch)
        if count < number:
            continue
        for row, key, recipient, values in batch.rows:
            if row == number:
                by_name = dict(zip(rows.columns, orjson.loads(values), strict=True))
                return Picked(key, recipient, by_name, values)
        words = next(row.reason for row in batch.set_aside if row.row == number)
        raise ListRefused(f"Row {number} of {rows.path} is invalid: {words}", hint="Mend it in the list.")
    raise UsageError(
        f"The list {rows.path} has {count} rows; there is no row {number}.", hint="Count from 1."
    )


def no_letter(number: int, problems: Iterable[Problem]) -> ListRefused:
    """The refusal of a row of which no letter can be made."""
    words = "; ".join(f"{problem.what} ({problem.todo})" for problem in problems)
    return ListRefused(f"No letter can be made of row {number}: {words}.", hint="Mend the row or the file.")
