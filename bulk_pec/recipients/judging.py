"""The rules for one row, in plain Python: asked about every row that the sieve does not pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from zoneinfo import ZoneInfo

from bulk_pec.domain.addresses import canonical, recipient_key
from bulk_pec.domain.letters import joined, recipients_of
from bulk_pec.domain.problems import Problem
from bulk_pec.recipients import excel, expiry, taxcodes
from bulk_pec.recipients.addresses import SEVERAL, fault
from bulk_pec.recipients.rows import BLANKS, SHOWN

CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"
"""C0 and C1 control characters and Unicode's line and paragraph separators: never in a subject or a key."""

KEY_LONGEST = 255
"""Characters in a key: it stands in an index of the ledger and in reports."""

BROKEN_QUOTES = "\0quotes"
"""Stands beyond the last column of a row whose quotes do not pair up; see `bulk_pec.recipients.records`."""

_CONTROL = re.compile(CONTROL)


@dataclass(frozen=True)
class Rules:
    """What rows must satisfy. Columns are places, counted from 0.

    Attributes:
        columns: All names, in the order of the file.
        address: Place of the address.
        key: Place of the key; None: the address is the key.
        required: Places that must not be empty.
        subject: Places that go into the subject.
        own: The senders' addresses, in canonical form.
        needed: Places the templates need, empty or not: an error of Excel's must not stand there.
        tax_code: Place of the tax code whose check digits are checked; None: there is none.
        expires: Place of the expiry; None: there is none.
        zone: In which dates are meant.
        multiple: Whether several addresses in a cell are one message.
        codes: Places of codes known by their usual names, each with its number of digits: only warned about.
    """

    columns: tuple[str, ...]
    address: int
    key: int | None
    required: tuple[int, ...] = ()
    subject: tuple[int, ...] = ()
    own: frozenset[str] = field(default=frozenset(), repr=False)
    needed: tuple[int, ...] = ()
    tax_code: int | None = None
    expires: int | None = None
    zone: ZoneInfo = field(default=ZoneInfo("Europe/Rome"))
    multiple: bool = False
    codes: tuple[tuple[int, int], ...] = ()

    @cached_property
    def no_errors(self) -> tuple[int, ...]:
        """Places where an error of Excel's makes the row invalid."""
        special = (self.address, self.key, self.tax_code, self.expires)
        return tuple(sorted({*self.needed, *(place for place in special if place is not None)}))

    @property
    def width(self) -> int:
        """How many fields a row has."""
        return len(self.columns)


def trimmed(text: str | None) -> str:
    """A cell without blanks at its ends; empty when there is none."""
    return (text or "").strip(BLANKS)


def recipient_of(values: tuple[str | None, ...], rules: Rules) -> str:
    """A row's recipient: its address, or all of them as one text; empty when it has none."""
    cell = trimmed(values[rules.address])
    return joined(recipients_of(cell)) if rules.multiple else cell


def key_of(values: tuple[str | None, ...], rules: Rules) -> str:
    """A row's key; empty when it has none."""
    if rules.key is not None:
        return trimmed(values[rules.key])
    cell = trimmed(values[rules.address])
    return recipient_key(cell) if rules.multiple else canonical(cell)


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
        *_tax_code(texts, rules),
        *_expires(texts, rules),
        *_empty(texts, rules),
        *_control(texts, rules),
        *_errors(texts, rules),
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
    cell = trimmed(texts[rules.address])
    if not excel.is_error(cell):
        for address in (recipients_of(cell) or ("",)) if rules.multiple else (cell,):
            yield from _one_address(address, rules)


def _one_address(address: str, rules: Rules) -> Iterator[Problem]:
    column, what = rules.columns[rules.address], fault(address)
    if what == SEVERAL:
        todo = "Write one address, or set [recipients] allow_multiple = true for one message to all of them."
        yield _problem(column, address, what, todo)
    elif what is not None:
        todo = "Write one certified address in this cell: one row is one message."
        yield _problem(column, address, what, todo)
    elif canonical(address) in rules.own:
        todo = "Remove the row, or write the recipient's."
        yield _problem(column, address, "this is a sending address", todo)


def _key(texts: tuple[str, ...], rules: Rules) -> Iterator[Problem]:
    column, key = rules.columns[rules.address if rules.key is None else rules.key], key_of(texts, rules)
    if not key and rules.key is not None:
        yield _problem(column, key, "the key is empty", "Every row needs a key of its own in this column.")
    elif len(key) > KEY_LONGEST and (rules.key is not None or rules.multiple):
        what = f"the key has {len(key)} characters, at most {KEY_LONGEST} are allowed"
        yield _problem(column, key, what, "Choose a shorter column as key: [recipients] key_column.")
    elif rules.key is not None and _CONTROL.search(key):
        what = "the key holds a control character"
        yield _problem(column, key, what, "Remove line breaks, tabs and the like from this cell.")


def _tax_code(texts: tuple[str, ...], rules: Rules) -> Iterator[Problem]:
    """An empty one is no fault: who needs it names it in a template."""
    code = "" if rules.tax_code is None else trimmed(texts[rules.tax_code])
    if rules.tax_code is None or not code or excel.is_error(code):
        return
    column, what = rules.columns[rules.tax_code], taxcodes.fault(code)
    if what is None:
        return
    damage = excel.damage(code, excel.TAX_CODE_DIGITS)
    if damage is not None:
        yield _problem(column, code, *damage)
    else:
        yield _problem(column, code, what, "Correct it by the company register, or empty the cell.")


def _expires(texts: tuple[str, ...], rules: Rules) -> Iterator[Problem]:
    cell = "" if rules.expires is None else trimmed(texts[rules.expires])
    if rules.expires is None or not cell or excel.is_error(cell):
        return
    if expiry.moment(cell, rules.zone) is None:
        what = "this is no date that can be read"
        yield _problem(rules.columns[rules.expires], cell, what, f"Write it like {expiry.FORMS}.")


def _errors(texts: tuple[str, ...], rules: Rules) -> Iterator[Problem]:
    for place in rules.no_errors:
        cell = trimmed(texts[place])
        if excel.is_error(cell):
            what = "this is an error of Excel's, not a value"
            yield _problem(rules.columns[place], cell, what, "Mend the formula, or write the value itself.")


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
