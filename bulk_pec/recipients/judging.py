"""The rules for one row, in plain Python: asked about every row that the sieve does not pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bulk_pec.recipients.addresses import fault
from bulk_pec.recipients.rows import BLANKS, SHOWN, Problem

CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"
"""C0 and C1 control characters and Unicode's line and paragraph separators: never in a subject or a key."""

KEY_LONGEST = 255
"""Characters in a key: it stands in an index of the ledger and in reports."""

BROKEN_QUOTES = "\0quotes"
"""Stands beyond the last column of a row whose quotes do not pair up; see `bulk_pec.recipients.records`."""

_CONTROL = re.compile(CONTROL)


@dataclass(frozen=True, slots=True)
class Rules:
    """What rows must satisfy. Columns are places, counted from 0.

    Attributes:
        columns: All names, in the order of the file.
        address: Place of the address.
        key: Place of the key; None: the address is the key.
        required: Places that must not be empty.
        subject: Places that go into the subject.
        own: The senders' addresses, lower-cased.
    """

    columns: tuple[str, ...]
    address: int
    key: int | None
    required: tuple[int, ...] = ()
    subject: tuple[int, ...] = ()
    own: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def width(self) -> int:
        """How many fields a row has."""
        return len(self.columns)


def trimmed(text: str | None) -> str:
    """A cell without blanks at its ends; empty when there is none."""
    return (text or "").strip(BLANKS)


def key_of(values: tuple[str | None, ...], rules: Rules) -> str:
    """A row's key; empty when it has none."""
    if rules.key is None:
        return trimmed(values[rules.address]).lower()
    return trimmed(values[rules.key])


def judge(values: tuple[str | None, ...], beyond: str | None, rules: Rules) -> tuple[Problem, ...]:
    """Everything that is wrong with a row; empty when it is good.

    Args:
        values: One text for each column; None where the row ends early.
        beyond: What follows the last column, or None.
        rules: What the row must satisfy.
    """
    ragged = _ragged(values, beyond, rules)
    if ragged is not None:
        # Its fields may stand under the wrong columns, so nothing else is said of them.
        return (ragged,)
    texts = tuple(value or "" for value in values)
    return (
        *_address(texts, rules),
        *_key(texts, rules),
        *_empty(texts, rules),
        *_control(texts, rules),
    )


def _problem(column: str | None, value: str, what: str, todo: str) -> Problem:
    return Problem(column, value[:SHOWN], what, todo)


def _ragged(values: tuple[str | None, ...], beyond: str | None, rules: Rules) -> Problem | None:
    shown = " | ".join(value for value in values if value is not None)
    if beyond == BROKEN_QUOTES:
        what = "the quotes of this line do not pair up, so its fields cannot be told apart"
        return _problem(None, shown, what, 'Close the quote, or write "" for a quote inside quoted text.')
    if beyond is not None:
        what = f"the row has more fields than the header, which has {rules.width}"
        return _problem(None, beyond, what, "Quote text that holds the separator, or remove the extra field.")
    if values[-1] is None:
        found = sum(value is not None for value in values)
        what = f"the row has {found} fields, the header has {rules.width}"
        return _problem(None, shown, what, "Add the missing fields; an empty one still needs its separator.")
    return None


def _address(texts: tuple[str, ...], rules: Rules) -> Iterator[Problem]:
    address, column = trimmed(texts[rules.address]), rules.columns[rules.address]
    what = fault(address)
    if what is not None:
        todo = "Write one certified address in this cell: one row is one message."
        yield _problem(column, address, what, todo)
    elif address.lower() in rules.own:
        yield _problem(
            column, address, "this is a sending address", "Remove the row, or write the recipient's."
        )


def _key(texts: tuple[str, ...], rules: Rules) -> Iterator[Problem]:
    if rules.key is None:
        return
    key, column = trimmed(texts[rules.key]), rules.columns[rules.key]
    if not key:
        yield _problem(column, key, "the key is empty", "Every row needs a key of its own in this column.")
    elif len(key) > KEY_LONGEST:
        what = f"the key has {len(key)} characters, at most {KEY_LONGEST} are allowed"
        yield _problem(column, key, what, "Choose a shorter column as key.")
    elif _CONTROL.search(key):
        what = "the key holds a control character"
        yield _problem(column, key, what, "Remove line breaks, tabs and the like from this cell.")


def _empty(texts: tuple[str, ...], rules: Rules) -> Iterator[Problem]:
    for place in rules.required:
        # An empty address or key has been named above.
        if place not in (rules.address, rules.key) and not trimmed(texts[place]):
            yield _problem(
                rules.columns[place],
                texts[place],
                "the cell is empty and the letter needs it",
                "Fill it, or give the template a default for it.",
            )


def _control(texts: tuple[str, ...], rules: Rules) -> Iterator[Problem]:
    for place in rules.subject:
        # As written, not trimmed: the letter is given the cell as it stands.
        if _CONTROL.search(texts[place]):
            yield _problem(
                rules.columns[place],
                texts[place],
                "the cell goes into the subject and holds a control character",
                "Remove line breaks, tabs and the like from this cell.",
            )
