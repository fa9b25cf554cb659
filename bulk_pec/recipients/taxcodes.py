"""Codice fiscale and partita IVA: form and check digits, by python-stdnum; and the same in polars.

Source: D.M. 23 December 1976. A natural person's codice fiscale has sixteen characters, the last of them a
check character over the others, modulo 26; everybody else's, and a partita IVA, eleven digits, the last by
Luhn's rule.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from functools import lru_cache

import polars as pl
from stdnum.exceptions import InvalidChecksum, InvalidComponent, ValidationError
from stdnum.it import codicefiscale, iva

_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
"""Values of A to Z, and of 0 to 9, in odd places (counted from 1): D.M. 23 December 1976, table."""

_PERSON = (
    r"^[A-Za-z]{6}[0-9]{2}"
    # The day is one that the month has in every year; women's days are 40 more.
    r"(?:[ABCDEHLMPRSTabcdehlmprst](?:[04][1-9]|[15][0-9]|[26][0-8])"
    r"|[ACDEHLMPRSTacdehlmprst](?:29|30|69|70)|[ACELMRTacelmrt](?:31|71))"
    r"[A-Za-z][0-9]{3}[A-Za-z]$"
)
_VAT = re.compile(r"\s*(?:IT[\s:-]*)?[0-9]", re.ASCII | re.IGNORECASE)
_COMPANY = r"^[0-9]{7}(?:00[1-9]|0[1-9][0-9]|100|120|121|888|999)[0-9]$"


@lru_cache(maxsize=4096)
def fault(code: str) -> str | None:
    """What is wrong with a trimmed tax code, as the end of a sentence; None if nothing is.

    Either a codice fiscale or a partita IVA, the latter with ``IT`` before it or not; blanks, hyphens and
    lower case are no fault.
    """
    if not code.isascii():
        return "this is no codice fiscale nor partita IVA: it holds a letter that none has"
    try:
        (iva if _is_vat(code) else codicefiscale).validate(code)
    except InvalidChecksum:
        return "the check digit of this codice fiscale or partita IVA is wrong: it was mistyped"
    except InvalidComponent:
        return "this codice fiscale or partita IVA names a date or a province that does not exist"
    except ValidationError:
        return "this is no codice fiscale (16 characters, or 11 digits) nor partita IVA (11 digits)"
    return None


def compact(code: str) -> str:
    """A good tax code as registers write it: upper-case, without blanks, hyphens and ``IT``."""
    return str(iva.compact(code) if _is_vat(code) else codicefiscale.compact(code))


def _is_vat(code: str) -> bool:
    """Whether it begins with a digit, ``IT`` before it or not; a person's code may begin with IT too."""
    return _VAT.match(code) is not None


def surely_good(codes: pl.Series) -> pl.Series:
    """Whether each trimmed tax code is surely good: a stricter form of `fault`, at polars' speed."""
    company = _fits(codes, _COMPANY, _company_pairs(), 10) & ~codes.str.starts_with("0000000")
    return company | _fits(codes, _PERSON, _person_pairs(), 26)


def _fits(codes: pl.Series, form: str, pairs: Sequence[pl.Series], modulus: int) -> pl.Series:
    """Whether each text has a form and the values of its pairs of characters sum up to 0.

    Two characters at a time are one number, and its value is looked up in a table of all of them.

    Args:
        codes: The texts.
        form: A regular expression; all that match are of the same length.
        pairs: For each two characters the table of their values; a last character alone is followed by 0.
        modulus: By which the sum is taken.
    """
    fits = codes.str.contains(form).fill_null(value=False)
    places = fits.arg_true()
    numbers = (
        codes.gather(places)
        .str.pad_end(2 * len(pairs), "0")
        .cast(pl.Binary)
        .bin.reinterpret(dtype=pl.Array(pl.UInt16, len(pairs)), endianness="little")
    )
    total = pl.zeros(len(places), dtype=pl.UInt16, eager=True)
    for place, table in enumerate(pairs):
        total += table.gather(numbers.arr.get(place))
    return fits.scatter(places, total % modulus == 0)


def _table(first: dict[str, int], second: dict[str, int]) -> pl.Series:
    """The value of every two characters, by the number they are in UTF-8, little-endian."""
    values = [0] * (1 << 16)
    for one, value in first.items():
        for other, more in second.items():
            values[ord(one) | ord(other) << 8] = value + more
    return pl.Series(values, dtype=pl.UInt16)


@lru_cache(maxsize=1)
def _person_pairs() -> tuple[pl.Series, ...]:
    even = _both_cases(range(26))
    check = _both_cases([26 - value for value in range(26)])  # the sum with it is 0 when it is right
    pair = _table(_both_cases(_ODD), even)
    return (*[pair] * 7, _table(_both_cases(_ODD), check))


@lru_cache(maxsize=1)
def _company_pairs() -> tuple[pl.Series, ...]:
    single = {str(digit): digit for digit in range(10)}
    doubled = {str(digit): sum(divmod(2 * digit, 10)) for digit in range(10)}
    return (_table(single, doubled),) * 6


def _both_cases(values: Sequence[int]) -> dict[str, int]:
    """Values of letters in both cases, and of digits as of the first ten letters."""
    letters = dict(zip(string.ascii_uppercase, values, strict=True))
    digits = dict(zip(string.digits, values, strict=False))
    return letters | {letter.lower(): value for letter, value in letters.items()} | digits
