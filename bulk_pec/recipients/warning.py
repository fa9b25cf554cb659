"""What is suspicious about a row that stays: free mail, and codes that Excel has damaged.

A column is a code's by its usual names. They are a guess, so its damage is only warned about; that of the
configured tax-code column makes the row invalid (`judging`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import polars as pl

from bulk_pec.domain.letters import recipients_of
from bulk_pec.recipients import excel, freemail
from bulk_pec.recipients.headers import spelled
from bulk_pec.recipients.judging import Rules, key_of, trimmed
from bulk_pec.recipients.rows import BLANKS, SHOWN, RowWarning

_TAX_CODE = re.compile(
    r"\b(?:c ?f|cod(?:ice)? ?fisc(?:ale)?|p ?iva|part(?:ita)? ?iva|vat (?:number|no|id|code)|cfpiva)\b"
)
_POSTAL_CODE = re.compile(r"\b(?:c ?a ?p|codice (?:di )?avviamento postale|codice postale)\b")
_FREE_MAIL = "(?i)@(?:" + "|".join(sorted(re.escape(domain) for domain in freemail.DOMAINS)) + ")"


def codes(columns: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Places of columns that hold a tax code or a CAP by their usual names, with how many digits it has."""
    for place, column in enumerate(columns):
        name = spelled(column)
        if _TAX_CODE.search(name):
            yield place, excel.TAX_CODE_DIGITS
        elif _POSTAL_CODE.search(name):
            yield place, excel.POSTAL_CODE_DIGITS


def warn(row: int, values: tuple[str | None, ...], rules: Rules) -> Iterator[RowWarning]:
    """What is suspicious about a good row.

    Args:
        row: Its number.
        values: One text for each column.
        rules: By which it is good.
    """
    cell = trimmed(values[rules.address])
    for address in recipients_of(cell):
        if freemail.is_free_mail(address):
            domain = address.rpartition("@")[2].lower()
            what = f"{domain} is ordinary mail and holds no certified mailbox"
            todo = "Look for the recipient's certified address: ordinary mail gives no delivery receipt."
            yield RowWarning(row, rules.columns[rules.address], address[:SHOWN], what, todo)
    for place, digits in rules.codes:
        code = trimmed(values[place])
        damage = excel.damage(code, digits)
        if damage is not None:
            yield RowWarning(row, rules.columns[place], code[:SHOWN], *damage)
    if rules.key is not None and rules.key not in dict(rules.codes):
        key = key_of(values, rules)
        if excel.is_shortened(key):
            todo = "Export it again with this column as text: rows with different keys may look the same."
            yield RowWarning(row, rules.columns[rules.key], key[:SHOWN], excel.LOST_DIGITS, todo)


def suspect(rules: Rules) -> pl.Expr:
    """Whether a row must be asked about: `warn` says nothing of the others."""
    asked = [pl.col(str(rules.address)).str.contains(_FREE_MAIL)]
    if rules.key is not None:
        asked.append(pl.col(str(rules.key)).str.contains(r"[eE]\+"))
    asked += [~pl.col(str(place)).str.strip_chars(BLANKS).str.contains(_sound(d)) for place, d in rules.codes]
    return pl.any_horizontal(asked).fill_null(value=False)


def _sound(digits: int) -> str:
    """What has surely no damage: nothing, all the digits, or what begins with a letter."""
    return rf"^(?:[0-9]{{{digits}}}$|[A-Za-z]|$)"
