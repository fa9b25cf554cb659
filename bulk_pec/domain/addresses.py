"""When two addresses are the same, however they are written.

One mailbox has many spellings: upper and lower case, and a domain beyond ASCII as it is read (composed or
decomposed letters) or as it goes over the wire (its A-label, RFC 5890 2.3.2.1). Whatever compares addresses
compares their canonical form; what is sent stays as the list wrote it.

RFC 5321 2.4 leaves the case before the @ to the receiver; no certified mailbox tells addresses apart by it,
and one too few is the safer mistake: it is a duplicate that is named, not an act served twice.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_BETWEEN = re.compile(r"[;, \t\r\n\v\f\u00a0\u200b\u2007\u202f\ufeff]+")
_ENDS = ";, \t\r\n\v\f"


def canonical(address: str) -> str:
    """The one form by which an address is compared: trimmed, lower-case, its domain in A-labels.

    Of what is no address it is the text trimmed, composed (NFC) and lower-cased.
    """
    text = address.strip()
    return text.lower() if text.isascii() else _beyond_ascii(text)


def spelled(text: str) -> dict[str, str]:
    """The addresses in one text, in order, each once: as it first stands there, by its canonical form.

    Between two of them stand ``;``, ``,`` or blanks, line breaks included, in any number. An address of
    ours never holds one of these: quoted local parts (RFC 5321 4.1.2) are refused at intake.
    """
    once: dict[str, str] = {}
    for address in _BETWEEN.split(text):
        if address:
            once.setdefault(canonical(address), address)
    return once


def canonicals(text: str) -> tuple[str, ...]:
    """The canonical forms of the addresses in one text, in order, each once."""
    return tuple(spelled(text))


def recipient_key(text: str) -> str:
    """The addresses in one text as one text that is the same whatever their order and spelling."""
    if text.isascii() and text.count("@") < 2:  # one address at most: a million rows are all like this
        return text.strip(_ENDS).lower()
    return ", ".join(sorted(canonicals(text)))


def domains(text: str) -> tuple[str, ...]:
    """The domains of the addresses in one text, each once, as `canonical` writes them."""
    return tuple(dict.fromkeys(address.rpartition("@")[2] for address in canonicals(text)))


@lru_cache(maxsize=4096)
def _beyond_ascii(text: str) -> str:
    local, at, domain = unicodedata.normalize("NFC", text.lower()).rpartition("@")
    if at and not domain.isascii():
        domain = _wired(domain)
    return unicodedata.normalize("NFC", local.lower() + at + domain)


def _wired(domain: str) -> str:
    """A domain in A-labels, lower-case, by the rules of IDNA 2008 (RFC 5891); as it is if it has none."""
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - seldom needed, and slow

    try:
        found = validate_email(f"a@{domain}", check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        return domain
    return (found.ascii_domain or domain).lower()
