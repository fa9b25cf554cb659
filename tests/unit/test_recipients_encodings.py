"""Encodings of CSV lists: recognised, guessed, asked for, refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bulk_pec.domain.errors import ConfigError, ListRefused
from bulk_pec.recipients import ListOptions, RecipientList, open_list
from bulk_pec.recipients.sources import Source

TEXT = 'pec;Città\r\na@x.example;Forlì\r\nb@x.example;"Cantù; è perché\r\nù"\r\n'


def _open(tmp_path: Path, content: bytes, encoding: str = "auto") -> RecipientList:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    return open_list(path, ListOptions(encoding=encoding))


def _values(found: RecipientList) -> list[list[str]]:
    return [json.loads(row[3]) for batch in found.batches() for row in batch.rows]


@pytest.mark.parametrize(
    ("written", "asked", "named"),
    [
        ("utf-8", "auto", "utf-8"),
        ("utf-8-sig", "auto", "utf-8"),
        ("utf-8-sig", "utf-8", "utf-8"),
        ("utf-16", "auto", "utf-16"),
        ("utf-32", "auto", "utf-32"),
        ("cp1252", "auto", "cp1252"),
        ("latin-1", "latin-1", "iso8859-1"),
        ("cp850", "cp850", "cp850"),
        ("utf-16-le", "utf-16-le", "utf-16-le"),
        ("mac_roman", "mac_roman", "mac-roman"),
    ],
)
def test_an_encoding_is_read(tmp_path: Path, written: str, asked: str, named: str) -> None:
    """The texts are the same whatever the encoding, in the header and in quoted line breaks too."""
    found = _open(tmp_path, TEXT.encode(written), asked)
    assert found.encoding == named
    assert found.columns == ("pec", "Città")
    assert _values(found) == [["a@x.example", "Forlì"], ["b@x.example", "Cantù; è perché\r\nù"]]


def test_excels_unicode_text_is_read(tmp_path: Path) -> None:
    """UTF-16 with a byte order mark, tabs and CRLF: what Excel writes as "Unicode text"."""
    text = 'PEC\tCittà\tNota\r\na@x.example\tForlì\t"due\nrighe; e ""virgolette"""\r\n'
    found = _open(tmp_path, text.encode("utf-16"))
    assert (found.encoding, found.separator, found.columns) == ("utf-16", "\t", ("PEC", "Città", "Nota"))
    assert _values(found) == [["a@x.example", "Forlì", 'due\nrighe; e "virgolette"']]


def test_big_endian_utf16_is_recognised(tmp_path: Path) -> None:
    """By its byte order mark."""
    assert len(_values(_open(tmp_path, b"\xfe\xff" + TEXT.encode("utf-16-be")))) == 2


def test_a_guess_of_the_encoding_is_told(tmp_path: Path) -> None:
    """With the place of the byte that is not UTF-8."""
    found = _open(tmp_path, TEXT.encode("cp1252"))
    assert found.guesses[0] == "The encoding is taken for cp1252: byte 8 (line 1) is not UTF-8."


def test_what_cp1252_does_not_have_is_latin1(tmp_path: Path) -> None:
    """Five bytes have no character in cp1252; latin-1 has one for each."""
    found = _open(tmp_path, b"pec;n\na@x.example;\xe8\x81\n")
    assert found.encoding == "latin-1"
    assert _values(found) == [["a@x.example", "è\x81"]]


def test_a_character_across_two_pieces_is_whole(tmp_path: Path) -> None:
    """Multi-byte characters are decoded right wherever the file is cut."""
    path = tmp_path / "list.csv"
    path.write_bytes(TEXT.encode())
    assert "".join(Source.of(path).text("utf-8", 1)) == TEXT


@pytest.mark.parametrize(
    ("content", "encoding", "place"),
    [
        ("pec;n\na@x.example;è\n".encode("cp1252"), "utf-8", "byte 18 (line 2)"),
        ("pec;n\nà@x.example;à\nx;".encode() + b"\xe8\n", "auto", "byte 24 (line 3)"),
        (b"\xef\xbb\xbfpec;n\n\xe8;1\n", "auto", "byte 9 (line 2)"),
        (b"pec;n\na@x.example;\x81\n", "cp1252", "byte 18 (line 2)"),
        ("pec;n\n".encode("utf-16") + b"\x00", "auto", "byte 14 cannot"),
        (b"pec;n\na@x.example;\xc3", "utf-8", "byte 18 (line 2)"),
    ],
    ids=["asked for", "mixed", "after a mark", "no such character", "cut off UTF-16", "cut off UTF-8"],
)
def test_undecodable_bytes_are_refused_with_their_place(
    tmp_path: Path, content: bytes, encoding: str, place: str
) -> None:
    """The first byte that cannot be read is named, and what to do; nothing is replaced in silence."""
    with pytest.raises(ListRefused) as caught:
        _open(tmp_path, content, encoding)
    assert place in caught.value.what
    assert "[recipients] encoding" in caught.value.hint


def test_cp1252_that_looks_like_utf8_in_one_place_is_still_cp1252(tmp_path: Path) -> None:
    """A capital É before a closing quotation mark is also a UTF-8 sequence; the other bytes outvote it."""
    text = "pec;n\na@x.example;“CAFFÉ”\n"
    found = _open(tmp_path, text.encode("cp1252"))
    assert _values(found) == [["a@x.example", "“CAFFÉ”"]]


@pytest.mark.parametrize(
    "encoding", ["utf-9", "", "hex", "rot13", "a\0b", "undefined", "utf-7", "unicode_escape", "idna"]
)
def test_an_encoding_that_is_none_is_a_configuration_error(tmp_path: Path, encoding: str) -> None:
    """Unknown names and codecs that are no text encoding are refused before the list is read."""
    with pytest.raises(ConfigError, match="encoding"):
        _open(tmp_path, TEXT.encode(), encoding)
