"""What an address must look like, without asking anybody (no DNS)."""

from __future__ import annotations

import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

LONGEST = 254
"""Octets in an address: RFC 5321 4.5.3.1.3 (a path of 256, less its angle brackets)."""

LONGEST_LOCAL = 64
"""Octets before the @: RFC 5321 4.5.3.1.1."""

PLAIN_LONGEST = 64
"""`PLAIN` is asked only up to this length: below it none of the RFC's limits can be passed."""

PLAIN = (
    r"^[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*"
    r"@(?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+(?:[A-Za-z]{2}|com|net|org|info|biz|example)$"
)
"""Addresses that are surely good, in the common syntax of Python's and Rust's regular expressions.

It is much stricter than the RFC: a match is good, no match says nothing. Top-level names are limited so
that none of the reserved ones (RFC 6761: .test, .invalid, .localhost; also .local, .onion, .arpa) can match.
"""

SEVERAL = "there are several addresses in one cell"
"""What `fault` says of them; they may be allowed, but one by one they must be right."""

_PLAIN = re.compile(PLAIN.removesuffix("$") + r"\Z")
_SEPARATORS = re.compile(r"[;,\s]")


def fault(address: str) -> str | None:
    """What is wrong with a trimmed address, as the end of a sentence; None if nothing is.

    Args:
        address: Text without blanks at its ends.
    """
    if len(address) <= PLAIN_LONGEST and _PLAIN.match(address):
        return None
    if not address:
        return "there is no address"
    if address.count("@") > 1 and _SEPARATORS.search(address):
        return SEVERAL
    return _too_long(address) or _syntax(address)


def _too_long(address: str) -> str | None:
    octets = len(address.encode())
    if octets > LONGEST:
        return f"the address is {octets} bytes long, more than the {LONGEST} that RFC 5321 allows"
    local = len(address.rpartition("@")[0].encode())
    if local > LONGEST_LOCAL:
        return (
            f"the part before the @ is {local} bytes long, more than the {LONGEST_LOCAL} that RFC 5321 allows"
        )
    return None


@lru_cache(maxsize=4096)
def _syntax(address: str) -> str | None:
    """PEC knows no addresses beyond ASCII before the @, so those of RFC 6531 are refused."""
    try:
        validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        return f"this is not an address: {str(error).strip()}"
    return None
