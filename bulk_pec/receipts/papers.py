"""A receipt as a file that a person can open: some lines of what is known of it, a blank line, its text.

One file a receipt, UTF-8, named by its reference and its kind, in folders by mailbox, day and hour (UTC) of
the receipt, so that none grows large: ``ufficio@pec.example/2026-11-23/20/REFERENCE-delivered-1a2b3c4d.txt``.
A file appears whole or not at all and is never written over.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from bulk_pec.domain.inbox import InboxItem
from bulk_pec.ledger.inbox.kept import Kept
from bulk_pec.provider.parsing import MailText, milliseconds
from bulk_pec.receipts.chain import sync_folder, write_whole

_SAFE = re.compile(r"[^0-9A-Za-z_-]+")
_LONGEST_NAME = 200
_LINE_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_OF_THE_READING = (b"provider_id: ", b"fetched_at: ")
"""Lines that say how it was read, not what: two readings of one receipt may differ in them."""


@dataclass(frozen=True, slots=True)
class Paper:
    """One receipt, ready to be written.

    Attributes:
        place: Its folder, from the mailbox's folder on.
        stem: Of its name.
        data: The file's bytes.
        text_digest: SHA-256 of the text alone.
    """

    place: str
    stem: str
    data: bytes
    text_digest: str


def folder_of(address: str) -> str:
    """The name of a mailbox's folder: its address, and nothing in it that a file system minds."""
    name = quote(address.lower(), safe="@+-_")
    if set(name) <= {"."}:
        name = name.replace(".", "%2E")
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}-{hashlib.sha256(address.lower().encode()).hexdigest()[:16]}"


def digest(text: str) -> str:
    """SHA-256 of a receipt's text, hex."""
    return hashlib.sha256(_bytes(text)).hexdigest()


def paper(receipt: Kept, text: MailText, address: str, fetched_at: int) -> Paper:
    """A receipt and its text as a file.

    Args:
        receipt: As the ledger has it.
        text: As the provider showed it.
        address: Of the mailbox.
        fetched_at: When; milliseconds since the epoch.
    """
    lines = {
        "kind": receipt.kind.value,
        "date": receipt.date,
        "sender": receipt.sender,
        "subject": receipt.subject,
        "reference": receipt.reference or "",
        "message_id": receipt.token or "",
        "mailbox": address,
        "fingerprint": receipt.fingerprint,
        "provider_id": receipt.item_id,
        "fetched_at": _moment(fetched_at).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    head = "".join(f"{name}: {_LINE_BREAKS.sub(' ', value)}\n" for name, value in lines.items())
    body = _bytes(text.body)
    data = _bytes(head) + b"\n" + body + (b"" if body.endswith(b"\n") else b"\n")
    return Paper(_place(receipt.at), _stem(receipt), data, digest(text.body))


def read_back(path: Path) -> InboxItem | None:
    """The mail that a file is of, as the inbox listed it, but for its id; None if the file does not say.

    Raises:
        OSError: It cannot be read.
    """
    head = path.read_bytes().partition(b"\n\n")[0].decode("utf-8", "replace")
    said = dict(line.partition(": ")[::2] for line in head.split("\n"))
    if not {"sender", "subject", "date"} <= said.keys():
        return None
    return InboxItem("", said["sender"], said["subject"], said["date"], milliseconds(said["date"]))


def holds(folder: Path, receipt: Kept) -> bool:
    """Whether the mailbox's folder has the receipt's file, with the text that was archived.

    Raises:
        OSError: It cannot be read.
    """
    for name in _names(_stem(receipt)):
        try:
            body = (folder / _place(receipt.at) / name).read_bytes().partition(b"\n\n")[2]
        except FileNotFoundError:
            return False
        if receipt.text_digest in {hashlib.sha256(one).hexdigest() for one in (body, body[:-1])}:
            return True
    raise AssertionError("names never end")


def keep(folder: Path, paper: Paper) -> tuple[str, str]:
    """Have the paper in the mailbox's folder, durably: its file's path from there on, and its SHA-256.

    A file with the same text, which a start that was killed may have left, is taken as it is; beside another
    one the paper gets a number.

    Raises:
        OSError: It cannot be written; nothing half-written stays.
    """
    place = make_folder(folder, paper.place)
    for name in _names(paper.stem):
        path = place / name
        try:
            there = path.read_bytes()
        except FileNotFoundError:
            _write(path, paper.data)
            there = paper.data
        if _essence(there) == _essence(paper.data):
            return f"{paper.place}/{name}", hashlib.sha256(there).hexdigest()
    raise AssertionError("names never end")


def make_folder(parent: Path, place: str = "") -> Path:
    """A folder for this user alone, with those above it as far as `parent`, durably.

    Raises:
        OSError: It cannot be made.
    """
    for name in filter(None, place.split("/")):
        child = parent / name
        with suppress(FileExistsError):
            child.mkdir(mode=0o700)
            sync_folder(parent)
        parent = child
    return parent


def _write(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.open(beside, flags, 0o600)
    try:
        try:
            write_whole(file, data)
            os.fsync(file)
        finally:
            os.close(file)
        beside.rename(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _essence(data: bytes) -> bytes:
    head, blank, body = data.partition(b"\n\n")
    lines = [line for line in head.split(b"\n") if not line.startswith(_OF_THE_READING)]
    return b"\n".join(lines) + blank + body


def _names(stem: str) -> Iterator[str]:
    yield f"{stem}.txt"
    number = 2
    while True:
        yield f"{stem}-{number}.txt"
        number += 1


def _stem(receipt: Kept) -> str:
    named = _SAFE.sub("_", receipt.reference or receipt.token or "receipt")[:60]
    return f"{named}-{receipt.kind.value}-{receipt.fingerprint[:8]}"


def _place(at: int | None) -> str:
    try:
        return _moment(at).strftime("%Y-%m-%d/%H") if at is not None and at >= 0 else "undated"
    except OverflowError:
        return "undated"


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
