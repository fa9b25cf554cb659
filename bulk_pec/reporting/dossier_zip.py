"""The form of a dossier: a ZIP of which every byte follows from the names and contents of its files.

Files stand in it as they are (method 0, "stored"), one after the other without a gap, each dated 1 January
1980; no comment, no extra field but where a size demands it (ZIP64), the manifest last. So the same files
make the same bytes wherever and whenever, and a check can hold a file against what it must be, byte for byte.
Source: PKWARE's APPNOTE.TXT 6.3.3, 4.3 to 4.5.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

MANIFEST = "manifest.json"
"""Names, sizes and digests of all the others; the last file."""
LARGEST = 0xFFFFFFFE
"""Bytes that one file in it may have; the whole may have more."""

LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
LOCAL_SIZE = 30
_ZIP64_END, _ZIP64_PLACE, _END = b"PK\x06\x06", b"PK\x06\x07", b"PK\x05\x06"
_STORED = 0
_TIME, _DATE = 0, 0x0021
_NEEDS, _NEEDS_64 = 20, 45
_MADE_BY = 3 << 8 | _NEEDS_64
_MODE = 0o100600 << 16
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")


@dataclass(frozen=True, slots=True)
class Filed:
    """One file of a dossier.

    Attributes:
        name: Safe on every system: see `safe`.
        size: In bytes.
        crc: CRC-32.
        sha256: Hex digest.
        offset: Where its header begins.
    """

    name: str
    size: int
    crc: int
    sha256: str
    offset: int


def safe(name: str) -> bool:
    """Whether a name may stand in a dossier: plain letters, digits, ``.``, ``_`` and ``-``, in folders."""
    return len(name) <= 200 and _NAME.fullmatch(name) is not None and not name.endswith(".")


def header(name: str, size: int, crc: int) -> bytes:
    """What stands before a file's bytes: header and name."""
    fixed = struct.pack("<4s5H3L2H", LOCAL, _NEEDS, 0, _STORED, _TIME, _DATE, crc, size, size, len(name), 0)
    return fixed + name.encode("ascii")


def directory(files: list[Filed], at: int) -> Iterator[bytes]:
    """What stands behind the last file: the directory, piece by piece, and its end.

    Args:
        files: In their order.
        at: Where it begins.
    """
    size = 0
    for one in files:
        entry = _entry(one)
        size += len(entry)
        yield entry
    count = len(files)
    if count >= _FULL_16 or size >= _FULL_32 or at >= _FULL_32:
        yield struct.pack("<4sQ2H2L4Q", _ZIP64_END, 44, _MADE_BY, _NEEDS_64, 0, 0, count, count, size, at)
        yield struct.pack("<4sLQL", _ZIP64_PLACE, 0, at + size, 1)
    short = min(count, _FULL_16)
    yield struct.pack("<4s4H2LH", _END, 0, 0, short, short, min(size, _FULL_32), min(at, _FULL_32), 0)


def _entry(one: Filed) -> bytes:
    far = one.offset >= _FULL_32
    extra = struct.pack("<2HQ", 1, 8, one.offset) if far else b""
    fixed = struct.pack(
        "<4s6H3L5H2L",
        CENTRAL,
        _MADE_BY,
        _NEEDS_64 if far else _NEEDS,
        0,
        _STORED,
        _TIME,
        _DATE,
        one.crc,
        one.size,
        one.size,
        len(one.name),
        len(extra),
        0,
        0,
        0,
        _MODE,
        min(one.offset, _FULL_32),
    )
    return fixed + one.name.encode("ascii") + extra


class Binder:
    """Writes a dossier's files, one after the other.

    Args:
        file: New, empty and seekable: a file's header is completed once its bytes are there.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._names: set[str] = set()
        self.files: list[Filed] = []

    @contextmanager
    def entry(self, name: str) -> Iterator[Callable[[bytes], None]]:
        """Write one file, piece by piece, by the function that is given.

        Raises:
            ValueError: The name is not safe, or taken, or the file is larger than `LARGEST`.
        """
        if not safe(name) or name.lower() in self._names:
            raise ValueError(f"no name for a file: {name!r}")
        self._names.add(name.lower())
        offset = self._file.tell()
        self._file.write(header(name, 0, 0))
        crc, size, digest = 0, 0, hashlib.sha256()

        def write(piece: bytes) -> None:
            nonlocal crc, size
            crc, size = zlib.crc32(piece, crc), size + len(piece)
            if size > LARGEST:
                raise ValueError(f"too large for one file: {name!r}")
            digest.update(piece)
            self._file.write(piece)

        yield write
        self._file.seek(offset)
        self._file.write(header(name, size, crc))
        self._file.seek(0, 2)
        self.files.append(Filed(name, size, crc, digest.hexdigest(), offset))

    def add(self, name: str, content: bytes) -> None:
        """Write one file at once."""
        with self.entry(name) as write:
            write(content)

    def close(self) -> None:
        """Write the directory; nothing can be added any more."""
        for piece in directory(self.files, self._file.tell()):
            self._file.write(piece)
