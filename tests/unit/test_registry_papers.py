"""The papers of an activation: one PDF, looked at from outside before it leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bulk_pec.domain.errors import LedgerError, RegistryRefused
from bulk_pec.registry import papers
from bulk_pec.registry.papers import checked_pdf, size

BODY = b"\n1 0 obj << /Type /Catalog >> endobj\n"
PLAIN = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3" + BODY + b"trailer << /Root 1 0 R >>\nstartxref\n0\n%%EOF\n"


def refusal(path: Path, content: bytes | None = None) -> str:
    """What is said of a file that is refused."""
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RegistryRefused) as caught:
        checked_pdf(path)
    assert str(path) in caught.value.what
    return str(caught.value)


def test_a_pdf_is_taken_whole(tmp_path: Path) -> None:
    """To the last byte, also one that was changed and so has two ends, or blanks after its end."""
    for content in (PLAIN, PLAIN + BODY + b"%%EOF", PLAIN + b"\r\n" * 100):
        (tmp_path / "form.pdf").write_bytes(content)
        assert checked_pdf(tmp_path / "form.pdf") == content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"form", "is no PDF."),
        (b"\xff\xd8\xff\xe0 scan", "is no PDF: it is a photograph (JPEG)"),
        (b"\x89PNG\r\n", "is no PDF: it is a picture (PNG)"),
        (b"PK\x03\x04", "is no PDF: it is a ZIP file"),
        (b"\x30\x82\x10\x00" + PLAIN, "(.p7m)"),
        (b"\n" + PLAIN, "is no PDF"),
        (PLAIN[:-8], "without its end"),
        (PLAIN + b"\0" * 2000, "without its end"),
        (PLAIN.replace(b"/Root", b"/Encrypt 5 0 R /Root"), "is an encrypted PDF"),
        (PLAIN.replace(b"/Root", b"/Encrypt<< /Filter /Standard >> /Root"), "is an encrypted PDF"),
    ],
)
def test_what_nobody_could_open_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """No PDF (and what it is instead), one cut short, one that is encrypted."""
    assert words in refusal(tmp_path / "form.pdf", content)


def test_a_key_that_only_begins_like_encryption_is_none(tmp_path: Path) -> None:
    """`/EncryptMetadata`, or the word in a sentence."""
    (tmp_path / "form.pdf").write_bytes(PLAIN.replace(b"/Root", b"(/Encrypt) /EncryptMetadata true /Root"))
    assert checked_pdf(tmp_path / "form.pdf")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """Nothing there, a folder, a pipe: none is waited for."""
    os.mkfifo(tmp_path / "pipe")
    assert "There is no file" in refusal(tmp_path / "none.pdf")
    assert "is no plain file" in refusal(tmp_path)
    assert "is no plain file" in refusal(tmp_path / "pipe")


def test_a_name_that_no_file_system_takes_cannot_be_read() -> None:
    """74, as what else cannot be read."""
    with pytest.raises(LedgerError, match="cannot be read: File name too long"):
        checked_pdf(Path("x" * 300))


def test_a_file_too_large_is_refused_unread(tmp_path: Path) -> None:
    """A sparse file of any size takes no memory."""
    with (tmp_path / "huge.pdf").open("wb") as file:
        file.write(PLAIN)
        file.truncate(1 << 40)
    assert "is larger than 30.0 MiB" in refusal(tmp_path / "huge.pdf")
    assert papers.LARGEST == 30 << 20


def test_sizes_for_people() -> None:
    """In the unit that gives the fewest figures."""
    assert [size(count) for count in (0, 1023, 1024, 1_500_000)] == [
        "0 bytes",
        "1023 bytes",
        "1.0 KiB",
        "1.4 MiB",
    ]
