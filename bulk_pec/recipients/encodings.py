"""One pass over a list's bytes: the digest, and the encoding in which every one of them can be read."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bulk_pec.domain.errors import ConfigError, ListRefused
from bulk_pec.recipients.options import AUTO
from bulk_pec.recipients.sources import Source

_UTF8 = "utf-8-sig"  # reads UTF-8 with and without a byte order mark
_MARKS = (
    (codecs.BOM_UTF8, _UTF8),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins alike
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The sequences of RFC 3629, section 4, near enough to tell UTF-8 from anything else.
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_ASCII = bytes(range(128))


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over a list's bytes found.

    Attributes:
        digest: SHA-256 of the bytes, hex.
        codec: The name Python decodes it by; "" for a Parquet file.
        guess: What was guessed of the encoding, as a sentence; None if nothing was.
    """

    digest: str
    codec: str
    guess: str | None = None

    @property
    def encoding(self) -> str:
        """The encoding's name for people."""
        return "utf-8" if self.codec == _UTF8 else self.codec


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
    codec = "cp1252" if undecodable_at(source.pieces(), "cp1252") is None else "latin-1"
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
    return next(((codec, True) for mark, codec in _MARKS if source.start.startswith(mark)), (_UTF8, False))


def _known(encoding: str) -> str:
    try:
        b"".decode(encoding)  # refuses what is no text encoding
        name = codecs.lookup(encoding).name
        codecs.getincrementaldecoder(name)
    except (LookupError, ValueError):
        raise ConfigError(
            f"[recipients] encoding = {encoding!r} is no text encoding that Python knows.",
            hint='Write "auto", "utf-8", "cp1252", "latin-1" or "utf-16".',
        ) from None
    return _UTF8 if name == "utf-8" else name


def _said(codec: str, marked: bool) -> str | None:
    if marked:
        return f"The encoding is {codec.removesuffix('-sig')}: the file begins with its byte order mark."
    return None


def _mostly_utf8(source: Source) -> bool:
    """Whether more characters are UTF-8 sequences than there are stray bytes beyond ASCII."""
    whole = stray = 0
    for piece in source.pieces():
        sequences = _MULTIBYTE.findall(piece)
        whole += len(sequences)
        stray += len(piece.translate(None, _ASCII)) - sum(map(len, sequences))
    return whole > stray


def _undecodable(source: Source, codec: str, place: int) -> ListRefused:
    name = codec.removesuffix("-sig")
    return ListRefused(
        f"The list {source.path} is not {name} throughout: byte {place}{_line_of(source, place)} "
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
