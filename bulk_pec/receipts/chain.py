"""The chain: one line for every archived receipt of a mailbox, each naming the one before it by its hash.

Lines are only ever added at the end. A line is on the disk before the ledger says that its receipt is
archived; so after a crash the chain may be ahead of the ledger by whole lines, which the ledger then takes
over, or end in part of a line, which is cut off.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from bulk_pec.domain.errors import LedgerError


class ArchiveFailed(LedgerError):
    """The archive cannot be written, or is not the one that the ledger knows."""


class ArchiveBusy(ArchiveFailed):
    """Another process adds to the archive."""


FILE = "chain.jsonl"
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Link:
    """One line of a chain.

    Attributes:
        number: From 1, without a gap.
        file: Of the receipt, from the mailbox's folder on.
        sha256: Of that file.
        receipt: The fingerprint by which the ledger knows the receipt.
        text: SHA-256 of the receipt's text alone.
        previous: The hash of the line before it; "" in the first.
    """

    number: int
    file: str
    sha256: str
    receipt: str
    text: str
    previous: str

    @property
    def hash(self) -> str:
        """SHA-256 of the line's other members as compact JSON, keys in alphabetical order."""
        return hashlib.sha256(orjson.dumps(asdict(self), option=orjson.OPT_SORT_KEYS)).hexdigest()

    def line(self) -> bytes:
        """As it stands in the file."""
        return orjson.dumps(asdict(self) | {"link": self.hash}, option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def read(cls, line: bytes) -> Link:
        """A line of a chain.

        Raises:
            ValueError: It is none, or its hash is not that of what it says.
        """
        try:
            values = orjson.loads(line)
            claimed = values.pop("link")
            link = cls(**values)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ValueError("is no entry") from None
        kinds = [isinstance(link.number, int)]
        kinds += [isinstance(getattr(link, name), str) for name in cls.__slots__ if name != "number"]
        if not all(kinds):
            raise ValueError("is no entry")
        if claimed != link.hash:
            raise ValueError("does not have the hash of what it says")
        return link


class Chain:
    """A mailbox's chain, open for adding to; nobody else adds to it meanwhile.

    Args:
        folder: The mailbox's, which exists.

    Raises:
        ArchiveBusy: Another process has it open.
        OSError: The file cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            sync_folder(folder)
        except BaseException as error:
            os.close(self._file)
            if isinstance(error, BlockingIOError):
                raise ArchiveBusy(
                    f"Another process adds to the archive {folder}.", hint="Let it end, then start again."
                ) from None
            raise

    def beyond(self, number: int, head: str) -> list[Link]:
        """The lines after the one that the ledger knows as its last; part of a line at the end is cut off.

        Args:
            number: Of the ledger's last; 0: it knows none.
            head: Its hash.

        Raises:
            ArchiveFailed: The file is not the one that the ledger knows: shorter, or another.
        """
        links: list[Link] = []
        for line in self._backwards():
            try:
                link = Link.read(line)
            except ValueError as wrong:
                raise self._other(f"a line near its end {wrong}") from None
            if link.number <= number:
                if (link.number, link.hash) != (number, head):
                    raise self._other(f"its line {link.number} is not what the ledger has")
                break
            links.insert(0, link)
        else:
            if number:
                raise self._other(f"the ledger knows {number} entries, and it has {len(links)}")
        before = (number, head)
        for link in links:
            if (link.number, link.previous) != (before[0] + 1, before[1]):
                raise self._other(f"its line {link.number} does not follow the one before it")
            before = (link.number, link.hash)
        return links

    def add(self, link: Link) -> None:
        """Add a line, durably. Where there is no room for the whole of it, nothing of it stays.

        Raises:
            OSError: It could not be written.
        """
        size = os.lseek(self._file, 0, os.SEEK_END)
        try:
            write_whole(self._file, link.line())
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, size)
            raise

    def _backwards(self) -> Iterator[bytes]:
        """The lines from the last to the first; what follows the last line feed is cut off first."""
        size = position = os.lseek(self._file, 0, os.SEEK_END)
        tail, cut = b"", False
        while position:
            begin = max(0, position - _BLOCK)
            tail = os.pread(self._file, position - begin, begin) + tail
            position = begin
            if not cut and b"\n" in tail:
                whole = size - (len(tail) - tail.rindex(b"\n") - 1)
                self._cut(size, whole)
                tail, cut = tail[: tail.rindex(b"\n")], True
            if cut:
                first, *lines = tail.split(b"\n")
                yield from reversed(lines)
                tail = first
        if cut:
            yield tail
        else:
            self._cut(size, 0)

    def _cut(self, size: int, whole: int) -> None:
        if whole < size:
            os.ftruncate(self._file, whole)
            os.fsync(self._file)

    def _other(self, how: str) -> ArchiveFailed:
        return ArchiveFailed(
            f"The archive's {self._path} is not the one that the ledger knows: {how}.",
            hint="Nothing was added. Put the right archive back (receipts.archive in the configuration), "
            "or see `bulk-pec archive verify`.",
        )

    def close(self) -> None:
        """Let others add to it."""
        os.close(self._file)


def write_whole(file: int, data: bytes) -> None:
    """Write all of it.

    Raises:
        OSError: There is no room.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def sync_folder(folder: Path) -> None:
    """What was made, named or removed in a folder is durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
