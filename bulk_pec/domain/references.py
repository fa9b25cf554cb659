"""References: the token that every message's subject carries and every receipt repeats.

A reference is 60 random bits in 12 base32 characters (Crockford's alphabet: no I, L, O, U) and one
check character (Luhn mod 32, which catches every single wrong character and almost every swap of
neighbours). It is drawn at load and never derived, so it says nothing about the recipient.
"""

from __future__ import annotations

import re
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 13

_VALUE = {char: value for value, char in enumerate(ALPHABET)}
_TOKEN = re.compile(rf"(?<![0-9A-Za-z])[{ALPHABET}]{{{LENGTH}}}(?![0-9A-Za-z])")


def _doubled(value: int) -> int:
    """The Luhn mod 32 contribution of a doubled position."""
    twice = value * 2
    return twice // 32 + twice % 32


_CHARS = ALPHABET.encode()
_CHAR_TO_VALUE = bytes(_VALUE.get(chr(char), 0) for char in range(256))
_CHAR_TO_DOUBLED = bytes(_doubled(_VALUE.get(chr(char), 0)) for char in range(256))
_BYTE_TO_CHAR = bytes(ord(ALPHABET[byte & 31]) for byte in range(256))
_BYTE_TO_VALUE = bytes(byte & 31 for byte in range(256))
_BYTE_TO_DOUBLED = bytes(_doubled(byte & 31) for byte in range(256))
_SUM_TO_CHECK = bytes(ord(ALPHABET[-total % 32]) for total in range(256))


def draw(count: int) -> list[str]:
    """Draw `count` new references from the operating system's random source."""
    return _spell(secrets.token_bytes((LENGTH - 1) * count))


def _spell(drawn: bytes) -> list[str]:
    """The references that random bytes stand for, twelve bytes each; a byte gives its low five bits.

    They are made a column at a time, not one by one: a list has a million of them.
    """
    width = LENGTH - 1
    spelt = bytearray(len(drawn) // width * LENGTH)
    for place in range(width):
        spelt[place::LENGTH] = drawn[place::width].translate(_BYTE_TO_CHAR)
    spelt[width::LENGTH] = _column_sums(drawn, width).translate(_SUM_TO_CHECK)
    text = spelt.decode("ascii")
    return [text[start : start + LENGTH] for start in range(0, len(text), LENGTH)]


def _column_sums(drawn: bytes, width: int) -> bytes:
    """For each reference, one byte: what its characters add to the check sum, modulo 32.

    A column of bytes is added to another as one large number. Modulo 32 between two additions, no byte
    ever exceeds 62, so none carries into its neighbour.
    """
    count = len(drawn) // width
    low_five_bits = int.from_bytes(b"\x1f" * count, "big")
    total = 0
    for place in range(width):
        # The right character of each pair stands at an odd distance from the check character.
        table = _BYTE_TO_DOUBLED if place % 2 else _BYTE_TO_VALUE
        total = (total + int.from_bytes(drawn[place::width].translate(table), "big")) & low_five_bits
    return total.to_bytes(count, "big")


def is_reference(text: str) -> bool:
    """Whether `text` is a well-formed reference: length, alphabet and check character."""
    if len(text) != LENGTH or not text.isascii():
        return False
    octets = text.encode("ascii")
    if octets.translate(None, _CHARS):
        return False
    return _is_checked(octets)


def _is_checked(octets: bytes) -> bool:
    """Whether the check character is right."""
    alone, doubled = octets[::2].translate(_CHAR_TO_VALUE), octets[1::2].translate(_CHAR_TO_DOUBLED)
    return (sum(alone) + sum(doubled)) % 32 == 0


def find_all(subject: str) -> tuple[str, ...]:
    """Every well-formed reference in a subject, in its order.

    Not each of them need be ours: an id of thirteen digits, which the provider appends after ours, passes
    the check once in 32 times. Which one is ours, only the ledger knows.
    """
    return tuple([token for token in _TOKEN.findall(subject) if _is_checked(token.encode())])


def find(subject: str) -> str | None:
    """The last well-formed reference in a subject, or None; for subjects that end in ours."""
    return next(reversed(find_all(subject)), None)
