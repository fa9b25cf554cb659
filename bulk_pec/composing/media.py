"""What a file is, told by its first bytes, and whether its name says the same.

A short table of our own: the formats that offices attach to certified mail. What it does not know is sent as
``application/octet-stream``, and only a name that claims a format the content does not have is a problem.
Sources: PDF ISO 32000-1 §7.5.2, with the 1,024 bytes of leeway that readers give · CMS RFC 5652 §5.1 and
RFC 8551 §3.2.1 (``.p7m``, ``.p7s``), RFC 5955 (``.tsd``) · PNG RFC 2083 §3.1 · JPEG ISO 10918-1 Annex B ·
TIFF 6.0 §2 · ZIP APPNOTE 4.3 · XML 1.0 §2.8 · RTF 1.9.1 · OLE2 [MS-CFB] §2.2.
"""

from __future__ import annotations

import binascii
import re
from enum import StrEnum
from pathlib import PurePosixPath

HEAD = 4096
"""Bytes at a file's start that tell what it is."""

UNKNOWN = "application/octet-stream"


class Content(StrEnum):
    """What a file's bytes are; the values are words for people."""

    PDF = "a PDF document"
    CMS = "a signed envelope (P7M)"
    TIMESTAMPED = "a time-stamped envelope (TSD)"
    PNG = "a PNG image"
    JPEG = "a JPEG image"
    GIF = "a GIF image"
    TIFF = "a TIFF image"
    ZIP = "a ZIP container"
    OLE = "an old Office document"
    RTF = "an RTF document"
    XML = "XML"
    HTML = "HTML"
    TEXT = "plain text"
    OTHER = "of no format known here"


_SIGNED = bytes.fromhex("06092a864886f70d010702")  # the object identifier id-signedData
_STAMPED = bytes.fromhex("060b2a864886f70d010910011f")  # id-ct-timestampedData
_STARTS: tuple[tuple[bytes, Content], ...] = (
    (b"\x89PNG\r\n\x1a\n", Content.PNG),
    (b"\xff\xd8\xff", Content.JPEG),
    (b"GIF87a", Content.GIF),
    (b"GIF89a", Content.GIF),
    (b"II*\x00", Content.TIFF),
    (b"MM\x00*", Content.TIFF),
    (b"PK\x03\x04", Content.ZIP),
    (b"PK\x05\x06", Content.ZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Content.OLE),
    (b"{\\rtf", Content.RTF),
    (b"-----BEGIN PKCS7-----", Content.CMS),
    (b"-----BEGIN CMS-----", Content.CMS),
)
_TEXTUAL = frozenset({Content.TEXT, Content.XML, Content.HTML, Content.RTF})
_MARKUP = frozenset({Content.XML, Content.HTML})
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."

_NAMED: dict[str, tuple[frozenset[Content], str]] = {
    ".pdf": (frozenset({Content.PDF}), "application/pdf"),
    ".p7m": (frozenset({Content.CMS}), "application/pkcs7-mime"),
    ".p7s": (frozenset({Content.CMS}), "application/pkcs7-signature"),
    ".tsd": (frozenset({Content.TIMESTAMPED}), "application/timestamped-data"),
    ".png": (frozenset({Content.PNG}), "image/png"),
    ".jpg": (frozenset({Content.JPEG}), "image/jpeg"),
    ".jpeg": (frozenset({Content.JPEG}), "image/jpeg"),
    ".gif": (frozenset({Content.GIF}), "image/gif"),
    ".tif": (frozenset({Content.TIFF}), "image/tiff"),
    ".tiff": (frozenset({Content.TIFF}), "image/tiff"),
    ".zip": (frozenset({Content.ZIP}), "application/zip"),
    ".docx": (frozenset({Content.ZIP}), f"{_OFFICE}wordprocessingml.document"),
    ".xlsx": (frozenset({Content.ZIP}), f"{_OFFICE}spreadsheetml.sheet"),
    ".pptx": (frozenset({Content.ZIP}), f"{_OFFICE}presentationml.presentation"),
    ".odt": (frozenset({Content.ZIP}), f"{_OPEN}text"),
    ".ods": (frozenset({Content.ZIP}), f"{_OPEN}spreadsheet"),
    ".odp": (frozenset({Content.ZIP}), f"{_OPEN}presentation"),
    ".doc": (frozenset({Content.OLE, Content.RTF}), "application/msword"),
    ".xls": (frozenset({Content.OLE}) | _TEXTUAL, "application/vnd.ms-excel"),
    ".ppt": (frozenset({Content.OLE}), "application/vnd.ms-powerpoint"),
    ".rtf": (frozenset({Content.RTF}), "application/rtf"),
    ".xml": (frozenset({Content.XML}), "application/xml"),
    ".svg": (frozenset({Content.XML}), "image/svg+xml"),
    ".html": (_MARKUP | {Content.TEXT}, "text/html"),
    ".htm": (_MARKUP | {Content.TEXT}, "text/html"),
    ".txt": (_TEXTUAL, "text/plain"),
    ".csv": (_TEXTUAL, "text/csv"),
    ".json": (frozenset({Content.TEXT}), "application/json"),
    ".eml": (_TEXTUAL, "message/rfc822"),
}
_BY_CONTENT: dict[Content, str] = {
    Content.PDF: "application/pdf",
    Content.CMS: "application/pkcs7-mime",
    Content.TIMESTAMPED: "application/timestamped-data",
    Content.PNG: "image/png",
    Content.JPEG: "image/jpeg",
    Content.GIF: "image/gif",
    Content.TIFF: "image/tiff",
    Content.ZIP: "application/zip",
    Content.RTF: "application/rtf",
    Content.XML: "application/xml",
    Content.HTML: "text/html",
    Content.TEXT: "text/plain",
}
_SPACES = b" \t\r\n\f"
_PAGE = re.compile(rb"(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_ELEMENT = re.compile(rb"<[?!A-Za-z_]")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")


def content_of(head: bytes) -> Content:
    """What a file is.

    Args:
        head: Its first `HEAD` bytes, or all of it.
    """
    for start, content in _STARTS:
        if head.startswith(start):
            return content
    if b"%PDF-" in head[:1024]:
        return Content.PDF
    return _envelope(head) or _text(head)


def mime_of(name: str, content: Content) -> str:
    """The media type that a name and a content that agree have; the name tells ZIP's many uses apart."""
    named = _NAMED.get(_suffix(name))
    return named[1] if named is not None else _BY_CONTENT.get(content, UNKNOWN)


def agrees(name: str, content: Content) -> bool:
    """Whether a name claims no format but the one the content has."""
    named = _NAMED.get(_suffix(name))
    return named is None or content in named[0]


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _envelope(head: bytes) -> Content | None:
    """CMS in DER or BER, or as bare base64: a sequence that begins with one of two object identifiers."""
    if head[:1] == b"M":
        start = "".join(head[:64].decode("ascii", "replace").split())
        head = _decoded(start[: len(start) // 4 * 4])
    if head[:1] != b"\x30":
        return None
    # One octet of length, and as many more as its low bits say if its high bit is set (X.690 §8.1.3).
    after = 2 + (head[1] & 0x7F if len(head) > 1 and head[1] & 0x80 else 0)
    if head.startswith(_SIGNED, after):
        return Content.CMS
    return Content.TIMESTAMPED if head.startswith(_STAMPED, after) else None


def _decoded(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return b""


def _text(head: bytes) -> Content:
    """XML, HTML, plain text in any encoding Italian offices use, or none of these."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head[: len(head) // 2 * 2].decode("utf-16", "replace").encode()
    elif head.startswith(b"\xef\xbb\xbf"):
        head = head[3:]
    if _BINARY.search(head):
        return Content.OTHER
    start = head.lstrip(_SPACES)
    if _PAGE.match(start):
        return Content.HTML
    return Content.XML if _ELEMENT.match(start) else Content.TEXT
