"""A list file on disk: what kind it is, its bytes and its text in pieces of bounded size."""

from __future__ import annotations

import codecs
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bulk_pec.domain.errors import ListRefused

PIECE = 2 << 20
"""Bytes read at a time."""

_FOREIGN = (
    (b"PK\x03\x04", "an Excel workbook or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
)


@dataclass(frozen=True, slots=True)
class Source:
    """A list file as it was when it was opened.

    Attributes:
        path: As given.
        start: Its first bytes, at most 16.
        stamp: Device, inode, size and modification time: what tells that it was changed.
    """

    path: Path
    start: bytes = field(repr=False)
    stamp: tuple[int, int, int, int]

    @classmethod
    def of(cls, path: Path) -> Source:
        """Look at a file.

        Raises:
            ListRefused: It is missing, no file, empty, unreadable or of a kind that is no list.
        """
        with refusals(path):
            stamp = _stamp(path)
            with path.open("rb") as file:
                start = file.read(16)
        if not start:
            raise ListRefused(f"The list {path} is empty.", hint="Export it again; nothing was read.")
        for magic, kind in _FOREIGN:
            if start.startswith(magic):
                raise ListRefused(
                    f"The list {path} is {kind}, not CSV nor Parquet.",
                    hint="Save it as CSV (UTF-8) or Parquet.",
                )
        return cls(path, start, stamp)

    @property
    def is_parquet(self) -> bool:
        """Whether it starts as every Parquet file does."""
        return self.start.startswith(b"PAR1")

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self.stamp[2]

    def check_unchanged(self) -> None:
        """Raise ListRefused if the file is no longer what it was when it was opened."""
        with refusals(self.path):
            if _stamp(self.path) != self.stamp:
                raise changed(self.path)

    def pieces(self, size: int = PIECE) -> Iterator[bytes]:
        """The file's bytes, `size` at a time.

        Raises:
            ListRefused: It cannot be read, or was changed since it was opened.
        """
        self.check_unchanged()
        with refusals(self.path), self.path.open("rb", buffering=0) as file:
            while piece := file.read(size):
                yield piece
        self.check_unchanged()

    def text(self, encoding: str, size: int = PIECE) -> Iterator[str]:
        """The file's text without a byte order mark, decoded from `size` bytes at a time.

        Raises:
            ListRefused: As `pieces`. Bytes that `encoding` does not have mean a change: `survey` saw none.
        """
        decoder = codecs.getincrementaldecoder(encoding)()
        first = True
        try:
            for piece in self.pieces(size):
                text = decoder.decode(piece)
                yield text.removeprefix("\ufeff") if first else text
                first = first and not text
            yield decoder.decode(b"", True)
        except UnicodeError:
            raise changed(self.path) from None


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what the operating system says of a file into an error that says what to do."""
    try:
        yield
    except FileNotFoundError:
        raise ListRefused(f"There is no list {path}.", hint="Check the path.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or str(error)
        raise ListRefused(f"The list {path} cannot be read: {why}.", hint="Check the file.") from None


def changed(path: Path) -> ListRefused:
    """The error for a file that is not what it was when it was opened."""
    return ListRefused(
        f"The list {path} was changed while it was being read.",
        hint="Wait until it is written whole, then start again.",
    )


def _stamp(path: Path) -> tuple[int, int, int, int]:
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise ListRefused(f"The list {path} is a directory.", hint="Name the file.")
    if not stat.S_ISREG(found.st_mode):
        raise ListRefused(
            f"The list {path} is no regular file.", hint="A list is read more than once: save it as a file."
        )
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
