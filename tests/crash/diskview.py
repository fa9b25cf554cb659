"""What the disk held at the moment a request left, rebuilt from a trace of the kernel.

The writes to a SQLite ledger and its WAL are replayed; what a sync has covered is durable, the rest would be
gone with the power. At each POST the durable bytes are opened as a ledger and asked for their intents.
"""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

STRACE = ("strace", "-f", "-y", "-s", "70000")
"""Follow threads, name the file behind each descriptor, and show whole pages and whole requests."""
TRACED = "trace=fdatasync,fsync,sendto,write,writev,sendmsg,pwrite64"

_CALL = re.compile(r"^(?P<thread>\d+) +(?:<\.\.\. )?(?P<call>\w+)(?: resumed>|\()(?P<rest>.*)$")
_FILE = re.compile(r"^(?P<number>\d+)<(?P<path>.*?)>[,)\s]")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_OFFSET = re.compile(r", (\d+)(?:\)? +=.*| <unfinished \.\.\.>)$")
_REFERENCE = re.compile(rb"\[rif\. ([0-9A-Z]{13})\]")
_INTENTS = "SELECT DISTINCT m.reference FROM attempts a JOIN messages m ON m.id = a.message"


@dataclass(frozen=True, slots=True)
class Posted:
    """A POST /send: its reference, and the references whose intent was durable at its first byte."""

    reference: str
    durable: frozenset[str]


@dataclass(slots=True)
class Disk:
    """The ledger's file and its WAL: what was written, and how much of it a sync has covered.

    Attributes:
        ledger: The ledger's file, as it was before the traced command began.
        scratch: An existing directory for copies.
    """

    ledger: Path
    scratch: Path
    written: dict[str, bytearray] = field(default_factory=dict)
    durable: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in (self.ledger, self.ledger.with_name(self.ledger.name + "-wal")):
            content = path.read_bytes() if path.exists() else b""
            self.written[str(path)], self.durable[str(path)] = bytearray(content), content

    def write(self, path: str, content: bytes, offset: int) -> None:
        """A pwrite64 to one of the two files; to any other it means nothing."""
        if path in self.written:
            held = self.written[path]
            held.extend(b"\0" * (offset + len(content) - len(held)))
            held[offset : offset + len(content)] = content

    def sync(self, path: str) -> None:
        """An fsync or fdatasync that ended well."""
        if path in self.written:
            self.durable[path] = bytes(self.written[path])

    def intents(self) -> frozenset[str]:
        """The references that have an attempt in the ledger as it would be found after a power cut."""
        copy = self.scratch / "ledger.db"
        for path, content in self.durable.items():
            (self.scratch / ("ledger.db-wal" if path.endswith("-wal") else "ledger.db")).write_bytes(content)
        with closing(sqlite3.connect(copy)) as connection:
            found = frozenset(row[0] for row in connection.execute(_INTENTS))
        for left in self.scratch.glob("ledger.db*"):
            left.unlink()
        return found


def posted(trace: Path, disk: Disk) -> Iterator[Posted]:
    """Every POST /send in a trace, in order."""
    syncing: dict[str, str] = {}
    leaving: dict[str, frozenset[str]] = {}
    for line in trace.read_text(encoding="latin-1").splitlines():
        call = _CALL.match(line)
        if not call:
            continue
        rest, thread = call["rest"], call["thread"]
        if call["call"] in {"fdatasync", "fsync"}:
            _sync(rest, thread, syncing, disk)
        elif call["call"] == "pwrite64":
            _write(rest, disk)
        elif file := _FILE.match(rest):
            content = _content(rest)
            if content.startswith(b"POST /send "):
                leaving[file[0]] = disk.intents()
            if file[0] in leaving and (found := _REFERENCE.search(content)):
                yield Posted(found[1].decode(), leaving.pop(file[0]))


def _sync(rest: str, thread: str, syncing: dict[str, str], disk: Disk) -> None:
    """A sync counts when it has returned 0, in whichever line of the trace that is."""
    if file := _FILE.match(rest):
        syncing[thread] = file["path"]
    if rest.endswith("= 0"):
        disk.sync(syncing.pop(thread, ""))


def _write(rest: str, disk: Disk) -> None:
    file, offset = _FILE.match(rest), _OFFSET.search(rest)
    if file and offset:
        disk.write(file["path"], _content(rest), int(offset[1]))


def _content(rest: str) -> bytes:
    """The bytes of a call's strings, joined; strace writes them as C does, and so does Python."""
    return b"".join(ast.literal_eval("b" + text) for text in _TEXT.findall(rest))
