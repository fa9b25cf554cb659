"""Subjects: how one is read, what of a receipt's subject is ours, and the token at its end. Pure and total.

A receipt's subject is its own words, a colon, and the subject of the message it speaks of (RFC 6109, 3.1;
technical rules of DM 2 November 2005, 6). The provider appends its `message_id` to ours, so it stands last.
RFC 2047 words are read one by one: what one of them hides does not hide the others.
"""

from __future__ import annotations

import binascii
import codecs
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

from bulk_pec.domain import references

_WORD = re.compile(r"=\?([^?\s]{1,60})\?([BbQq])\?((?:[^?]|\?(?!=)){0,998})\?=")
_WORDS = re.compile(rf"(?:{_WORD.pattern}\s*)+")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_NO_CHARSETS = frozenset({"unicode-escape", "raw-unicode-escape", "idna", "punycode", "undefined"})
"""Python's own codecs, which no mail is written in."""

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
"""Characters that show nothing: soft hyphens, joiners, marks of direction, a stray byte order mark."""

_MESSAGE_ID = re.compile(r"[0-9]{8,40}")
_PLAIN = re.compile(r"[0-9A-Za-z]+")

LONGEST_TOKEN = 255
"""Characters: a longer word is not taken for a `message_id`."""


def decoded(subject: str) -> str:
    """A subject with RFC 2047 words decoded and every run of blanks made one.

    A word that cannot be read stays as it came. Of one in a charset that nobody knows what is ASCII is read,
    and U+FFFD put behind it.
    """
    if "=?" in subject:
        subject = _WORDS.sub(_read, subject)
    return " ".join(subject.split())


def plain(subject: str) -> str:
    """A decoded text as it is compared: without characters that show nothing, every run of blanks one."""
    return subject if subject.isascii() else " ".join(_INVISIBLE.sub("", subject).split())


def _read(found: re.Match[str]) -> str:
    """Words that follow each other; a character may begin in one and end in the next (against the RFC)."""
    run = found.group()
    after = run[len(run.rstrip()) :]
    read = (
        _text(name, b"".join(octets for _, octets in part))
        for name, part in groupby(_octets(run), key=lambda part: part[0])
    )
    return "".join(read) + after


def _octets(run: str) -> Iterator[tuple[str | None, bytes]]:
    """Each word's charset and bytes; of a broken word no charset, and its own text."""
    for word in _WORD.finditer(run):
        charset, how, text = word.groups()
        octets = text.encode("utf-8", "surrogatepass")
        if how in "Qq":
            octets = _HEX.sub(lambda pair: bytes.fromhex(pair[1].decode()), octets.replace(b"_", b" "))
            yield charset.partition("*")[0].lower(), octets
            continue
        try:
            octets = binascii.a2b_base64(octets + b"=" * (-len(octets) % 4))
        except binascii.Error:
            yield None, word.group().encode("utf-8", "surrogatepass")
        else:
            yield charset.partition("*")[0].lower(), octets


def _text(charset: str | None, octets: bytes) -> str:
    """What these say; in a charset that is unknown, what of it is ASCII.

    U+FFFD behind it says that nobody can be sure.
    """
    if charset is None:
        return octets.decode("utf-8", "surrogatepass")
    try:
        codec = codecs.lookup(charset)
        if codec.name not in _NO_CHARSETS:
            return octets.decode(codec.name, "replace")
    except (LookupError, ValueError):  # LookupError too: a codec of Python's between bytes and bytes
        pass
    return octets.decode("ascii", "replace") + "\ufffd"


def message_id_of(subject: str, found: Sequence[str] | None = None) -> str | None:
    """The provider's token of a subject with our reference: its whole last word, if that is digits only.

    An id of thirteen digits may pass for a reference; as the only one it is taken for ours.

    Args:
        subject: Decoded.
        found: Its references, where the caller knows them.
    """
    found = references.find_all(subject) if found is None else found
    if not found:
        return None
    last = subject.rstrip().rpartition(" ")[2]
    return last if _MESSAGE_ID.fullmatch(last) and tuple(found) != (last,) else None


def parted(rest: str) -> tuple[str, str | None]:
    """What a receipt's subject says after its own words: our subject, and the whole last word.

    Returns:
        The last word is None where there is none, or it is too long for a `message_id`.
    """
    ours, _, last = plain(rest).strip().rpartition(" ")
    return ours, last if 0 < len(last) <= LONGEST_TOKEN else None


def subject_digest(subject: str) -> str:
    """What tells a subject of ours in a receipt, however the receipt spells it; hex, 128 bits.

    Over its ASCII letters and digits, in lower case, alone: receipts come with other blanks, with U+FFFD or
    a question mark where we wrote an accented letter, or with it decomposed.
    """
    letters = "".join(_PLAIN.findall(unicodedata.normalize("NFC", subject))).lower()
    return hashlib.sha256(letters.encode()).hexdigest()[:32]
