"""Papers: the activation form as a PDF, and what is sent back for an activation."""

from __future__ import annotations

import binascii

HEAD = b"%PDF-"
_ALONE = frozenset({"PECMASSIVA", "DOMICILIODIGITALE"})
"""Kinds of mailbox that take form and identity document in one PDF only [the vendor's OpenAPI document]."""


class WrongFormat(Exception):
    """What was sent is no PDF in base64."""


class TooMany(Exception):
    """One PDF was to be sent, and several were."""


def received(wanted: object, kind: str) -> tuple[bytes, ...]:
    """The documents of `documenti`: one text or a list of texts, each a PDF in base64.

    Args:
        wanted: The value of `documenti`.
        kind: `tipo_casella`, in capitals.

    Raises:
        WrongFormat: One is no PDF.
        TooMany: This kind of mailbox takes one.
    """
    texts = wanted if isinstance(wanted, list) else [wanted]
    papers = tuple([_decoded(text) for text in texts])
    if kind in _ALONE and len(papers) > 1:
        raise TooMany
    return papers


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise WrongFormat
    try:
        content = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise WrongFormat from None
    if not content.startswith(HEAD):
        raise WrongFormat
    return content


def form(lines: list[str]) -> bytes:
    """A PDF of one page (A4, in points) with these lines on it; what Latin-1 does not have becomes ``?``."""
    shown = b"\n".join(b"(%b) Tj T*" % _escaped(line) for line in lines)
    stream = b"BT /F1 11 Tf 16 TL 60 780 Td\n" + shown + b"\nET"
    return _document(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
        b" /Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
    )


def _document(*objects: bytes) -> bytes:
    """Objects, the first the catalogue, with the table of where each begins (ISO 32000-1, 7.5)."""
    written, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    written += b"".join(b"%010d 00000 n \n" % place for place in places)
    written += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(written)


def _escaped(line: str) -> bytes:
    raw = line.encode("latin-1", "replace")
    for sign in (b"\\", b"(", b")"):
        raw = raw.replace(sign, b"\\" + sign)
    return raw
