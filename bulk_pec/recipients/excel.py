"""What Excel does to a list: codes turned into numbers, and formulas' errors saved as texts.

Excel reads a code of digits as a number: it drops zeros at the beginning (a CAP ``00184`` becomes ``184``)
and shows what has more than eleven digits in scientific notation (``1,23E+11``), of which only the digits
shown are saved in a CSV file. A formula that fails is saved as its error's name (``#N/D``).
"""

from __future__ import annotations

import re

TAX_CODE_DIGITS = 11
"""Digits of a partita IVA, and of the codice fiscale of whoever is not a natural person."""

POSTAL_CODE_DIGITS = 5
"""Digits of a CAP."""

ERROR_START = "#"
"""What every error of Excel's begins with."""

_ERRORS = frozenset(
    {
        *("#n/d", "#rif!", "#valore!", "#nome?", "#div/0!", "#num!", "#nullo!", "#espansione!", "#calc!"),
        *(
            "#campo!",
            "#sconosciuto!",
            "#bloccato!",
            "#n/a",
            "#ref!",
            "#value!",
            "#name?",
            "#null!",
            "#spill!",
        ),
        *("#field!", "#unknown!", "#blocked!", "#getting_data"),
    }
)
_SCIENTIFIC = re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?[eE][+-]?[0-9]{1,3}\Z")
_SHORTENED = re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?[eE]\+[0-9]{2,3}\Z")
_DECIMALS = re.compile(r"[0-9]+[.,]0+\Z")

LOST_DIGITS = "Excel shortened this number, and its last digits are lost"
_FROM_SOURCE = "Export it again from its source with this column as text: this file no longer holds the code."


def is_error(text: str) -> bool:
    """Whether a trimmed text is an error of Excel's, in Italian or English, or a narrow cell's hashes."""
    return text.startswith(ERROR_START) and (text.lower() in _ERRORS or not text.strip(ERROR_START))


def is_shortened(text: str) -> bool:
    """Whether a trimmed text is a number as Excel shortens it, ``1,23E+11``, and nothing a person writes."""
    return _SHORTENED.match(text) is not None


def damage(text: str, digits: int) -> tuple[str, str] | None:
    """What Excel did to a trimmed code, and what to do about it; None if nothing.

    Args:
        text: The cell.
        digits: How many digits the code has when it has only digits.
    """
    if _SCIENTIFIC.match(text):
        return LOST_DIGITS, _FROM_SOURCE
    if _DECIMALS.match(text):
        whole = re.split("[.,]", text)[0]
        return "the code was saved as a number with decimals", f"Write {whole.zfill(digits)}, as text."
    if text.isascii() and text.isdigit() and len(text) < digits:
        what = f"it has {len(text)} of {digits} digits: Excel drops zeros at the beginning"
        return what, f"Write {text.zfill(digits)} if that is the code, and keep the column as text."
    return None
