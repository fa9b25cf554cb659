"""References: the token that every message's subject carries and every receipt repeats.

A reference is 60 random bits in 12 base32 characters (Crockford's alphabet: no I, L, O, U) and one
check character (Luhn mod 32, which catches every single wrong character and almost every swap of
neighbours). It is drawn at load and never derived, so it says nothing about the recipient.
"""

from __future__ import annotations

import re
import secrets
import struct

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 13

_VALUE = {char: value for value, char in enumerate(ALPHABET)}
_TOKEN = re.compile(rf"(?<![0-9A-Za-z])[{ALPHABET}]{{{LENGTH}}}(?![0-9A-Za-z])")


def _doubled(value: int) -> int:
    """The Luhn mod 32 contribution of a doubled position."""
    twice = value * 2
    return twice // 32 + twice % 32


# Ten bits at a time: the two characters they spell, and what these add to the check sum. The right
# character of each pair stands at an odd distance from the check character, so it is the doubled one.
_PAIRS = [(ALPHABET[n >> 5] + ALPHABET[n & 31], (n >> 5) + _doubled(n & 31)) for n in range(1024)]


def _spell(bits: int) -> str:
    """The reference that 60 bits stand for."""
    parts = [_PAIRS[(bits >> shift) & 1023] for shift in (50, 40, 30, 20, 10, 0)]
    check = -sum(weight for _, weight in parts) % 32
    return "".join([text for text, _ in parts]) + ALPHABET[check]


def draw(count: int) -> list[str]:
    """Draw `count` new references from the operating system's random source."""
    return [_spell(word >> 4) for (word,) in struct.iter_unpack("<Q", secrets.token_bytes(8 * count))]


def is_reference(text: str) -> bool:
    """Whether `text` is a well-formed reference: length, alphabet and check character."""
    if len(text) != LENGTH or any(char not in _VALUE for char in text):
        return False
    values = [_VALUE[char] for char in text]
    total = sum(_doubled(value) if place % 2 else value for place, value in enumerate(values[:-1]))
    return (total + values[-1]) % 32 == 0


def find(subject: str) -> str | None:
    """The last well-formed reference in a subject, or None. Ours is appended, so the last one counts."""
    found = [token for token in _TOKEN.findall(subject) if is_reference(token)]
    return found[-1] if found else None
