"""What one text of a registration must look like, each by itself; nobody is asked.

Every check takes a trimmed, non-empty, printable text and answers None, or what is wrong and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime

from bulk_pec.recipients import addresses, taxcodes
from bulk_pec.registry import nations, provinces

Flaw = tuple[str, str]
"""What is wrong, as a clause that follows the field and its value; and what to do, as a sentence."""

Check = Callable[[str], Flaw | None]

OLDEST = 120
"""Years; an earlier birth was mistyped."""

_DATE = re.compile(r"[0-9]{2}/[0-9]{2}/[0-9]{4}", re.ASCII)
_CAP = re.compile(r"[0-9]{5}", re.ASCII)
_PHONE = re.compile(r"\+?[0-9 ()./-]+", re.ASCII)
_RESERVED = re.compile(r"(?:\A|\.)(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)\Z")


def one_of(allowed: Sequence[str]) -> Check:
    """One of these codes, in any case."""

    def check(text: str) -> Flaw | None:
        if text.upper() in allowed:
            return None
        return "is not one of the vendor's codes", f"Write one of: {', '.join(allowed)}."

    return check


def day_of(text: str) -> date | None:
    """The day that a text names as dd/mm/yyyy; None if it names none."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return datetime.strptime(text, "%d/%m/%Y").date()  # noqa: DTZ007 - a day has no time zone
    except ValueError:
        return None


def day(text: str) -> Flaw | None:
    """A day that exists, as dd/mm/yyyy: the vendor's answer 242 asks for this form."""
    if day_of(text) is not None:
        return None
    if _DATE.fullmatch(text):
        return "is a day that does not exist", "Write it as dd/mm/yyyy: day, month, year."
    return "is no date as the vendor reads it", "Write it as dd/mm/yyyy, such as 09/04/1982."


def birthday(today: date) -> Check:
    """A day of birth: past, and of somebody who may be alive. Nothing asks for an adult."""

    def check(text: str) -> Flaw | None:
        born = day_of(text)
        if born is None:
            return day(text)
        if born >= today:
            return "lies not in the past", "Write the day of birth, as dd/mm/yyyy."
        if today.year - born.year > OLDEST:
            return f"lies more than {OLDEST} years back", "Write the day of birth, as dd/mm/yyyy."
        return None

    return check


def issued(today: date) -> Check:
    """The day an identity document was issued: not in the future."""

    def check(text: str) -> Flaw | None:
        if (when := day_of(text)) is not None and when > today:
            return "lies in the future", "Write the day the document was issued, as dd/mm/yyyy."
        return day(text)

    return check


def valid_until(today: date) -> Check:
    """The day an identity document expires: the vendor wants a valid one."""

    def check(text: str) -> Flaw | None:
        if (when := day_of(text)) is not None and when < today:
            return (
                "is past: the document has expired",
                "Use a valid identity document; the vendor asks for one.",
            )
        return day(text)

    return check


def tax_code(text: str) -> Flaw | None:
    """A codice fiscale or partita IVA; see `taxcodes`."""
    what = taxcodes.fault(text)
    if what is None:
        return None
    return f"is refused: {what}", "Copy it again from the card or the certificate."


def persons_code(text: str) -> Flaw | None:
    """A natural person's codice fiscale; eleven digits are let through, since provisional ones have them."""
    if text[:2].upper() == "IT" and text[2:].strip(" -:").isdigit():
        return (
            "is a partita IVA, not a person's codice fiscale",
            "Write the applicant's codice fiscale here; a company's goes into cf_piva_titolare.",
        )
    return tax_code(text)


def province(text: str) -> Flaw | None:
    """A province of today, or EE for abroad."""
    code = text.upper()
    if code in provinces.FORMER:
        return "is the code of a province that is no more", _instead(provinces.FORMER[code])
    return birth_province(text)


def birth_province(text: str) -> Flaw | None:
    """A province of today or of the past, or EE for abroad."""
    code = text.upper()
    known = (provinces.PROVINCES, provinces.RETURNED, provinces.FORMER)
    if code == provinces.ABROAD or any(code in some for some in known):
        return None
    meant = provinces.by_name(text)
    if meant is not None:
        return "is a name, not a code", f"Write {meant}."
    return "is no Italian province", "Write its two letters, such as RM; EE for a place abroad."


def _instead(code: str) -> str:
    return f"Write {code}." if code else "Write EE if the place lies abroad now, else its province of today."


def nation(text: str) -> Flaw | None:
    """A nation as ISO 3166-1 alpha-2."""
    code = text.upper()
    if code in nations.NATIONS:
        return None
    if code in nations.MEANT:
        return "is no nation's code of two letters", f"Write {nations.MEANT[code]}."
    return (
        "is no nation's code of two letters (ISO 3166-1)",
        "Write it, such as IT; of a state that is no more, the one its place belongs to today.",
    )


def italian_cap(text: str) -> Flaw | None:
    """An Italian postcode."""
    if _CAP.fullmatch(text):
        return None
    return "is no Italian postcode (CAP)", 'Write its five digits in quotes, such as "00042".'


def phone(text: str) -> Flaw | None:
    """A telephone number: 6 to 15 digits (ITU-T E.164 allows no more), ``+`` before them or not."""
    digits = sum(char.isdigit() for char in text)
    if _PHONE.fullmatch(text) and 6 <= digits <= 15:
        return None
    return "is no telephone number", 'Write it in digits, such as "0548798569" or "+39 0548 798569".'


def email(text: str) -> Flaw | None:
    """An address that mail can be sent to, as far as its form tells."""
    what = addresses.fault(text)
    return None if what is None else (f"is refused: {what.rstrip('.')}", "Write one e-mail address.")


def is_reserved(address: str) -> bool:
    """Whether an address is on a domain that belongs to nobody (RFC 2606, RFC 6761)."""
    return _RESERVED.search(address.rpartition("@")[2].lower()) is not None
