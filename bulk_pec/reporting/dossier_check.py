"""Checking a dossier: every byte of it is held against what it must be. Offline, and in bounded memory.

The file is read once, from its first byte to its last. What stands before each file's bytes is compared with
what `dossier_zip` would have written there, their digests with the manifest's, the manifest with its
canonical form, the directory with the one that these files must have; then the file must end. So no byte is
left that something could be hidden in.

What this shows is that a dossier is as its own manifest says. Who can write a dossier can write another:
that it is the one that was made is shown by its digest, if that was kept elsewhere.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO

from bulk_pec.domain.errors import DossierRefused, LedgerError, UsageError
from bulk_pec.reporting.dossier_zip import (
    CENTRAL,
    LARGEST,
    LOCAL,
    LOCAL_SIZE,
    MANIFEST,
    Filed,
    directory,
    header,
    safe,
)
from bulk_pec.reporting.manifests import NotCanonical, parsed

_PIECE = 1 << 20
_MANIFEST_MOST = 1 << 28


@dataclass(frozen=True, slots=True)
class Checked:
    """A dossier that is as its manifest says.

    Attributes:
        sha256: Of the whole file, hex.
        manifest_sha256: Of its manifest, hex.
        files: In order, the manifest last.
        about: What it is about, as the manifest says.
        made_by: The program that made it, as the manifest says.
    """

    sha256: str
    manifest_sha256: str
    files: tuple[Filed, ...]
    about: dict[str, Any]
    made_by: str


class _Difference(Exception):
    """The first byte that is not what it must be: where, and how."""


def check(path: Path, sha256: str | None = None) -> Checked:
    """Check a dossier.

    Args:
        path: Of the file.
        sha256: The digest that was kept: the file's or its manifest's, hex.

    Raises:
        UsageError: There is no such file.
        LedgerError: It cannot be read.
        DossierRefused: It is no dossier, or not as it was made; the first difference is named.
    """
    try:
        with path.open("rb") as file:
            checked = _walk(_Reader(file))
    except _Difference as difference:
        raise _refused(path, str(difference)) from None
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UsageError(
            f"There is no dossier at {path}: {error.strerror}.", hint="Check the path."
        ) from error
    except OSError as error:
        raise LedgerError(
            f"The dossier {path} cannot be read: {error.strerror}.", hint="Check the file and its disk."
        ) from error
    kept = (sha256 or "").strip().lower()
    if kept and kept not in {checked.sha256, checked.manifest_sha256}:
        raise _refused(path, f"its SHA-256 is {checked.sha256}, not the one that was kept")
    return checked


def _refused(path: Path, what: str) -> DossierRefused:
    return DossierRefused(
        f"The dossier {path} is refused: {what}.",
        hint="It is not as it was made: use another copy, or make it again from the ledger.",
    )


class _Reader:
    """Reads a file once, from the front, and knows its digest."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.at = 0

    def some(self, size: int) -> bytes:
        """So many bytes, or those that are left."""
        piece = self._file.read(size)
        self._digest.update(piece)
        self.at += len(piece)
        return piece

    @property
    def sha256(self) -> str:
        """Hex, of what was read."""
        return self._digest.hexdigest()


def _walk(reader: _Reader) -> Checked:
    files: list[Filed] = []
    manifest = b""
    while (begin := reader.some(LOCAL_SIZE))[:4] == LOCAL:
        if files and files[-1].name == MANIFEST:
            raise _Difference(f"another file follows {MANIFEST}, at byte {reader.at - LOCAL_SIZE:,}")
        filed, manifest = _file(reader, begin, len(files) + 1)
        files.append(filed)
    if not files or files[-1].name != MANIFEST:
        raise _no_more(reader, begin, files)
    _end(reader, begin, files)
    said = _manifest(manifest)
    _compare(said["files"], files[:-1])
    return Checked(reader.sha256, files[-1].sha256, tuple(files), said["about"], said["made_by"])


def _no_more(reader: _Reader, begin: bytes, files: list[Filed]) -> _Difference:
    """What is wrong where neither a file nor, behind the manifest, the directory begins."""
    place = reader.at - len(begin)
    if not files:
        return _Difference("it does not begin as a dossier does")
    if begin[:4] == CENTRAL:
        return _Difference(f"its last file is {files[-1].name!r} and not {MANIFEST}")
    return _Difference(f"at byte {place:,}, behind {files[-1].name!r}, no file begins")


def _file(reader: _Reader, begin: bytes, number: int) -> tuple[Filed, bytes]:
    """One file, its bytes read; and these themselves if it is the manifest."""
    offset = reader.at - len(begin)
    if len(begin) < LOCAL_SIZE:
        raise _Difference(f"it ends within the header of file {number}, at byte {reader.at:,}")
    crc, size, _, length, _ = struct.unpack("<3L2H", begin[14:])
    raw = reader.some(length)
    name = raw.decode("ascii", "backslashreplace")
    if not raw.isascii() or not safe(name):
        raise _Difference(f"file {number} has a name that no dossier has: {name[:80]!a}")
    if begin + raw != header(name, size, crc):
        raise _Difference(f"the header of {name!r}, at byte {offset:,}, is not as it was written")
    if size > LARGEST or (name == MANIFEST and size > _MANIFEST_MOST):
        raise _Difference(f"{name!r} is larger than any file of a dossier")
    return _content(reader, name, (size, crc), offset)


def _content(reader: _Reader, name: str, told: tuple[int, int], offset: int) -> tuple[Filed, bytes]:
    (size, crc), kept = told, []
    digest, found, left = hashlib.sha256(), 0, size
    while left:
        piece = reader.some(min(left, _PIECE))
        if not piece:
            raise _Difference(f"it ends within {name!r}, {left:,} bytes too soon")
        digest.update(piece)
        found, left = zlib.crc32(piece, found), left - len(piece)
        kept += [piece] if name == MANIFEST else []
    if found != crc:
        raise _Difference(f"the content of {name!r} is not as it was written: its checksum differs")
    return Filed(name, size, crc, digest.hexdigest(), offset), b"".join(kept)


def _end(reader: _Reader, begin: bytes, files: list[Filed]) -> None:
    """The directory and the end must be those of these files, and nothing may follow."""
    at = reader.at - len(begin)
    have = begin
    for wanted in directory(files, at):
        if len(have) < len(wanted):
            have += reader.some(len(wanted) - len(have))
        if have[: len(wanted)] != wanted:
            raise _Difference(f"the directory, from byte {at:,} on, is not that of its files")
        have = have[len(wanted) :]
    if have or reader.some(1):
        raise _Difference(f"something follows its end, at byte {reader.at - max(1, len(have)):,}")


def _manifest(content: bytes) -> dict[str, Any]:
    try:
        return parsed(content)
    except NotCanonical as error:
        raise _Difference(f"{MANIFEST} is not as it was written: {error}") from None


def _compare(said: list[dict[str, Any]], found: list[Filed]) -> None:
    """Each file must be the one that the manifest names at its place."""
    for number, (told, have) in enumerate(zip_longest(said, found), 1):
        if told is None:
            raise _Difference(f"it holds {have.name!r}, which {MANIFEST} does not name")
        if have is None:
            raise _Difference(f"{told['name']!r} is missing")
        if told["name"] != have.name:
            raise _Difference(f"file {number} is {have.name!r}, and {MANIFEST} names {told['name']!a} there")
        if (told["size"], told["sha256"]) != (have.size, have.sha256):
            raise _Difference(f"the content of {have.name!r} is not the one that {MANIFEST} names")
    names = [one.name.lower() for one in found]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise _Difference(f"{twice!r} is in it twice")
