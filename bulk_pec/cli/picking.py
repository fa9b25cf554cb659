"""One row of a list by its number, and what is said when no letter can be made of it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

import orjson

from bulk_pec.cli.enquiring import Enriched, enriched, waits
from bulk_pec.cli.session import Session
from bulk_pec.domain.errors import ListRefused, UsageError
from bulk_pec.domain.problems import Problem
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.recipients import Batch, RecipientList


@dataclass(frozen=True, slots=True)
class Picked:
    """A checked row: its key, its recipient, its values by column."""

    key: str
    recipient: str = field(repr=False)
    values: dict[str, str | None] = field(repr=False)
    values_json: str = field(repr=False)


def as_known(session: Session, rows: RecipientList) -> Enriched:
    """The list with the addresses that were looked up so far, as loading takes it; nobody is asked."""
    wanted = session.config().settings.recipients
    if not (wanted.lookup or wanted.check_domains):
        return Enriched(rows)
    with ExitStack() as stack:
        ledger: Ledger | None = None
        with suppress(UsageError):  # there is none yet, so nothing is known
            ledger = stack.enter_context(session.ledger("read"))
        return enriched(session, ledger, rows, ask=False)


def pick(known: RecipientList | Enriched, number: int) -> Picked:
    """The row of that number.

    Raises:
        UsageError: The list has fewer rows.
        ListRefused: The row is invalid, or has no address yet.
    """
    known = known if isinstance(known, Enriched) else Enriched(known)
    rows, count = known.rows, 0
    for batch in known.batches(20_000):
        count += len(batch) + len(batch.empty)
        if count >= number:
            return _picked(batch, rows, number)
    raise UsageError(
        f"The list {rows.path} has {count} rows; there is no row {number}.", hint="Count from 1."
    )


def _picked(batch: Batch, rows: RecipientList, number: int) -> Picked:
    for row, key, recipient, values in batch.rows:
        if row == number:
            by_name = dict(zip(rows.columns, orjson.loads(values), strict=True))
            return Picked(key, recipient, by_name, values)
    if number in batch.empty:
        raise ListRefused(f"Row {number} of {rows.path} is empty.", hint="Choose another row.")
    refused = next(row for row in batch.set_aside if row.row == number)
    if waits(refused):
        raise ListRefused(
            f"Row {number} of {rows.path} has no address yet: it is looked up when the list is loaded.",
            hint=f"`bulk-pec plan {rows.path} --lookups` does it now; each look-up may cost.",
        )
    raise ListRefused(
        f"Row {number} of {rows.path} is invalid: {refused.reason}", hint="Mend it in the list."
    )


def no_letter(number: int, problems: Iterable[Problem]) -> ListRefused:
    """The refusal of a row of which no letter can be made."""
    words = "; ".join(map(str, problems))
    return ListRefused(f"No letter can be made of row {number}: {words}.", hint="Mend the row or the file.")
