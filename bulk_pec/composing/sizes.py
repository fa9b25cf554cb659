"""How large a message is as a mail, and how large one may be: the one reckoning that all others use.

What the provider's servers write is known only once a message was sent, so it is reckoned on the safe side:
the text is taken to be base64 too, as an attachment surely is.
"""

from __future__ import annotations

from collections.abc import Iterable

from bulk_pec.composing.problems import shown
from bulk_pec.domain.problems import Problem

LARGEST = 100_000_000
"""Bytes of a whole message: the vendor's product page says 100 MB; the smaller megabyte is surely allowed."""

ROOM = LARGEST - 100_000
"""Of these, what text and files may take; the rest is for the headers of the message and of its parts."""

LARGEST_TEXT = ROOM // 78 * 57
"""Bytes of a text that, alone, surely fits."""


def encoded_size(size: int) -> int:
    """Bytes of base64 for so many bytes, on one line (RFC 4648 §4)."""
    return (size + 2) // 3 * 4


def mailed_size(size: int) -> int:
    """Bytes that so many take up in a mail: base64 in lines of 76 characters and CRLF (RFC 2045 §6.8)."""
    encoded = encoded_size(size)
    return encoded + (encoded + 75) // 76 * 2


def letter_size(text: int, files: Iterable[int] = ()) -> int:
    """Bytes of a message as a mail, but for its headers.

    Args:
        text: Bytes of its subject and its body.
        files: Bytes of each file attached.
    """
    return mailed_size(text) + sum(map(mailed_size, files))


def too_large(text: int, files: Iterable[int] = ()) -> bool:
    """Whether such a message is more than the provider takes; arguments as for `letter_size`."""
    return letter_size(text, files) > ROOM


def oversized(column: str, named: str, size: int) -> Problem:
    """The problem of what makes a message too large.

    Args:
        column: Where it is: the attachments, or the body.
        named: What makes it so: a path, or words.
        size: Of the message, by `letter_size`.
    """
    told = f"{size / 1e6:,.1f} MB as a mail, and the provider takes {LARGEST / 1e6:,.0f} MB"
    todo = "Shorten the text." if column == "body" else "Attach less, or a smaller file."
    return Problem(column, shown(named), f"{shown(named)} would make a message of {told}", todo)
