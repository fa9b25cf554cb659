"""One pass over a list's bytes: the digest, and the encoding in which every one of them can be read."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bulk_pec.domain.errors import ConfigError, ListRefused
from bulk_pec.recipients.options import AUTO
from bulk_pec.recipients.sources import Source

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins alike
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ASCII = bytes(range(128))
_NOT_CP1252 = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over a list's bytes found.

    Attributes:
        digest: SHA-256 of the bytes, hex.
        encoding: The name Python decodes it by; "" for a Parquet file.
        guess: What was guessed of the encoding, as a sentence; None if nothing was.
    """

    digest: str
    encoding: str
    guess: str | None = None


def survey(source: Source, encoding: str) -> Survey:
    """Digest a file and settle its encoding; every byte of a text file is decoded once here.

    UTF-8, with or without a byte order mark, and UTF-16 and UTF-32 with one are recognised. Anything else
    is taken for cp1252, the encoding of Italian Windows, or latin-1 where cp1252 has no such character;
    unless more of it is UTF-8 than is not: a file of mixed encodings would put garbled names into letters.

    Raises:
        ListRefused: Unreadable, or with bytes that its encoding does not have.
        ConfigError: `encoding` is not the name of a text encoding.
    """
    digest = hashlib.sha256()
    pieces = _tapped(source, digest.update)
    if source.is_parquet:
        for _ in pieces:
            pass
        return Survey(digest.hexdigest(), "")
    codec, marked = _first_guess(source, encoding)
    place = undecodable_at(pieces, codec)
    if place is None:
        return Survey(digest.hexdigest(), codec, _said(codec, marked) if encoding == AUTO else None)
    if encoding != AUTO or marked or _mostly_utf8(source):
        raise _undecodable(source, codec, place)
    codec = "latin-1" if any(byte in piece for piece in source.pieces() for byte in _NOT_CP1252) else "cp1252"
    guess = f"The encoding is taken for {codec}: byte {place}{_line_of(source, place)} is not UTF-8."
    return Survey(digest.hexdigest(), codec, guess)


def undecodable_at(pieces: Iterable[bytes], codec: str) -> int | None:
    """The offset of the first byte that `codec` does not have, or None. Consumes `pieces` to the end."""
    decoder = codecs.getincrementaldecoder(codec)()
    done, place = 0, None
    for piece in pieces:
        if place is None:
            place = _fault(decoder, piece, done, final=False)
        done += len(piece)
    return _fault(decoder, b"", done, final=True) if place is None else place


def _fault(decoder: codecs.IncrementalDecoder, piece: bytes, done: int, *, final: bool) -> int | None:
    pending = len(decoder.getstate()[0])
    try:
        decoder.decode(piece, final)
    except UnicodeError as error:
        # A UTF-16 file without a mark is a plain UnicodeError, which knows no place.
        return max(done - pending + getattr(error, "start", 0), 0)
    return None


def _tapped(source: Source, tap: Callable[[bytes], None]) -> Iterator[bytes]:
    for piece in source.pieces():
        tap(piece)
        yield piece


def _first_guess(source: Source, encoding: str) -> tuple[str, bool]:
    """The codec to try first, and whether a byte order mark says so."""
    if encoding != AUTO:
        return _known(encoding), False
    return next(((codec, True) for mark, codec in _MARKS if source.start.startswith(mark)), ("utf-8", False))


_NO_FILES = frozenset({"utf-7", "unicode-escape", "raw-unicode-escape", "punycode", "idna"})
"""Encodings of Python's in which nobody writes lists; some of them decode to what is no text."""


def _known(encoding: str) -> str:
    try:
        "a".encode(encoding)  # refuses what is no text encoding
        name = codecs.lookup(encoding).name
        codecs.getincrementaldecoder(name)
    except (LookupError, ValueError):
        name = ""
    if not name or name in _NO_FILES:
        raise ConfigError(
            f"[recipients] encoding = {encoding!r} is no text encoding that Python knows.",
            hint='Write "auto", "utf-8", "cp1252", "latin-1" or "utf-16".',
        )
    return name


def _said(codec: str, marked: bool) -> str | None:
    if marked:
        return f"The encoding is {codec}: the file begins with its byte order mark."
    return None


def _mostly_utf8(source: Source) -> bool:
    """Whether more characters are UTF-8 sequences than there are stray bytes beyond ASCII."""
    whole = stray = 0
    for piece in source.pieces():
        # What is cut off at a piece's ends counts as stray: a handful of bytes in a million.
        kept = piece.decode("utf-8", "ignore")
        beyond = len(piece.translate(None, _ASCII))
        ascii_bytes = len(piece) - beyond
        whole += len(kept) - ascii_bytes
        stray += beyond - (len(kept.encode()) - ascii_bytes)
    return whole > stray


def _undecodable(source: Source, codec: str, place: int) -> ListRefused:
    return ListRefused(
        f"The list {source.path} is not {codec} throughout: byte {place}{_line_of(source, place)} "
        "cannot be read.",
        hint='Save it as CSV (UTF-8), or name its encoding: [recipients] encoding = "cp1252".',
    )


def _line_of(source: Source, place: int) -> str:
    """The line a byte is on, for a sentence; nothing where a line end is not the byte 0x0A."""
    if source.start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ""
    line, done = 1, 0
    for piece in source.pieces():
        line += piece.count(b"\n", 0, max(place - done, 0))
        done += len(piece)
    return f" (line {line})"
