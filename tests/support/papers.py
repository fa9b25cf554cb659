"""Small files of every kind that letters enclose, made here from the formats' own definitions."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from bulk_pec.composing import Composer, Files, Folder, Templates

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
SIGNED = bytes.fromhex("3082010406092a864886f70d010702a081f6") + bytes(range(200))
STAMPED = bytes.fromhex("3080060b2a864886f70d010910011f") + bytes(40)
PAPERS: dict[str, bytes] = {
    "a.pdf": PDF,
    "a.p7m": SIGNED,
    "b.p7m": base64.encodebytes(SIGNED),
    "c.p7m": b"-----BEGIN PKCS7-----\nMII=\n-----END PKCS7-----\n",
    "a.tsd": STAMPED,
    "a.png": b"\x89PNG\r\n\x1a\n" + bytes(30),
    "a.jpg": b"\xff\xd8\xff\xe0" + bytes(30),
    "a.tif": b"II*\x00" + bytes(30),
    "b.tiff": b"MM\x00*" + bytes(30),
    "a.zip": b"PK\x03\x04" + bytes(30),
    "a.docx": b"PK\x03\x04" + bytes(30),
    "a.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(30),
    "a.xml": '<?xml version="1.0"?><a>è</a>'.encode(),
    "b.xml": "\ufeff<ns:Fattura/>".encode(),
    "c.xml": '<?xml version="1.0" encoding="utf-16"?><a/>'.encode("utf-16"),
    "a.html": b"<!-- x -->\n<!DOCTYPE html><p>a",
    "a.txt": "perché no".encode("cp1252"),
    "a.csv": b"a;b\r\n1;2\r\n",
}
"""Names with contents that agree with them."""


def put(folder: Path, name: str, content: bytes = PDF, *, age: float = 60.0) -> Path:
    """Write a file, as if its content were of a minute ago."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    at = path.stat().st_mtime - age
    os.utime(path, (at, at))
    return path


def composer(
    body: str = "<p>x</p>",
    *,
    subject: str = "Avviso",
    attachments: tuple[str, ...] = (),
    folder: Path | None = None,
    html: bool = True,
) -> Composer:
    """A composer with these templates."""
    templates = Templates(subject, body, html, "the body", "[rif. {ref}]", attachments)
    return Composer(templates, Files(Folder(folder), young=0.0, glance=0.0) if folder is not None else None)
