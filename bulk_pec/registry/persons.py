"""What a natural person's codice fiscale says of the person.

Source: D.M. 23 December 1976: characters 7 to 11 are the day of birth, for women 40 more; 12 to 15 the
birthplace, beginning with Z for a state. Digits may be replaced by letters where two persons would have the
same code (*omocodia*, article 6).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from bulk_pec.recipients import taxcodes

_SIXTEEN = re.compile(r"[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9A-Z]{4}", re.ASCII)
_DIGITS = str.maketrans("LMNPQRSTUV", "0123456789")
_MONTHS = "ABCDEHLMPRST"
_WOMEN = 40


@dataclass(frozen=True, slots=True)
class TaxCode:
    """Of a person, as far as the code tells.

    Attributes:
        year: Of birth, its last two digits.
        month: Of birth, 1 to 12.
        day: Of birth.
        sex: "M" or "F".
        abroad: Whether the birthplace is another state.
    """

    year: int
    month: int
    day: int
    sex: str
    abroad: bool

    @classmethod
    def read(cls, text: str) -> TaxCode | None:
        """Read a code that `taxcodes.fault` finds nothing wrong with; None if it is no person's."""
        code = taxcodes.compact(text)
        if not _SIXTEEN.fullmatch(code):
            return None
        day = int(code[9:11].translate(_DIGITS))
        woman = day > _WOMEN
        return cls(
            year=int(code[6:8].translate(_DIGITS)),
            month=_MONTHS.index(code[8]) + 1,
            day=day - _WOMEN if woman else day,
            sex="F" if woman else "M",
            abroad=code[11] == "Z",
        )

    def is_of_day(self, born: date) -> bool:
        """Whether somebody born on this day has such a code; the century cannot be told."""
        return (born.year % 100, born.month, born.day) == (self.year, self.month, self.day)
