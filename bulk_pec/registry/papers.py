"""The papers of an activation: one PDF, looked at before it leaves.

Source: the vendor's OpenAPI document, PATCH /pec/{id}/attivazione: for a PECMASSIVA mailbox a single PDF with
the signed form and the identity document; its answer 296 refuses what is no PDF. Of a PDF only the outside is
looked at, as ISO 32000-1 describes it: the header (7.5.2), the end-of-file marker (7.5.5) and whether it is
encrypted (7.6.1).
"""

from __future__ import annotations

import re
from pathlib import Path

from bulk_pec.registry import files

LARGEST = 30 << 20
"""Bytes; the vendor names no limit. A form and an identity card are seldom a tenth of it."""

_HEADER = re.compile(rb"%PDF-[0-9]\.[0-9]")
_END = b"%%EOF"
_TAIL = 1024  # bytes before the end in which readers look for the marker
_ENCRYPTED = re.compile(rb"/Encrypt\s*(?:<<|[0-9]+\s+[0-9]+\s+R\b)")
_ONE = "It is one PDF: the signed form, with the identity document behind it."
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "a photograph (JPEG)"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"PK\x03\x04", "a ZIP file, or a document of an office program"),
    (b"\x30\x82", "a signed envelope (.p7m)"),
    (b"\x30\x80", "a signed envelope (.p7m)"),
)


def checked_pdf(path: Path) -> bytes:
    """A PDF that can be sent, whole.

    Raises:
        RegistryRefused: There is no such file, or it is no PDF that anybody could open.
        LedgerError: It cannot be read (74).
    """
    too_large = f"is larger than {size(LARGEST)}", "Scan it again, in grey and at 150 dpi."
    content = files.content(path, LARGEST, hint=_ONE, too_large=too_large)
    if not content:
        raise files.refused(path, "is empty", _ONE)
    if not _HEADER.match(content):
        known = next((what for start, what in _OTHERS if content.startswith(start)), "")
        raise files.refused(path, f"is no PDF{f': it is {known}' if known else ''}", _ONE)
    if _END not in content[-_TAIL:]:
        raise files.refused(
            path, "is a PDF without its end: a part of it is missing", "Make or copy it again."
        )
    if _ENCRYPTED.search(content):
        hint = "Save it without a password: nobody there could read it."
        raise files.refused(path, "is an encrypted PDF", hint)
    return content


def size(count: int) -> str:
    """Bytes for people: `840 bytes`, `12.3 KiB`, `4.0 MiB`."""
    if count < 1 << 10:
        return f"{count} bytes"
    if count < 1 << 20:
        return f"{count / (1 << 10):.1f} KiB"
    return f"{count / (1 << 20):.1f} MiB"
