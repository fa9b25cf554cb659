"""Whether an archive is whole, offline: every line follows the one before, every file is what it says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bulk_pec.domain.errors import LedgerError, UsageError
from bulk_pec.receipts.chain import FILE, Link


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in one mailbox's folder.

    Attributes:
        folder: Its name.
        entries: Lines that hold, from the first on.
        head: The hash of the last of them; "": there is none.
        broken: What is wrong with the first thing that is wrong; "": nothing is.
    """

    folder: str
    entries: int
    head: str
    broken: str = ""


def verify(archive: Path, heads: Mapping[str, tuple[int, str]] | None = None) -> list[Checked]:
    """Check an archive's folders, one for each mailbox, in the order of their names.

    Args:
        archive: The folder.
        heads: By a mailbox's folder, how many entries the ledger knows and the hash of the last. Without
            them an archive whose last lines were taken away looks whole.

    Raises:
        UsageError: There is no such folder, or it is no archive.
        LedgerError: It cannot be read.
    """
    heads = dict(heads or {})
    try:
        if not archive.is_dir():
            raise UsageError(f"There is no folder {archive}.", hint="Name the folder of receipts.archive.")
        names = sorted(one.name for one in archive.iterdir() if (one / FILE).is_file())
        known = {name for name, (number, _) in heads.items() if number}
        if not names and not known:
            raise UsageError(
                f"The folder {archive} holds no archive.", hint="Name the folder of receipts.archive."
            )
        return [_checked(archive, name, heads.get(name)) for name in sorted({*names, *known})]
    except OSError as error:
        raise LedgerError(
            f"The archive {archive} cannot be read: {error.strerror or type(error).__name__}.",
            hint="Check the folder and its permissions.",
        ) from None


def _checked(archive: Path, name: str, known: tuple[int, str] | None) -> Checked:
    folder, before, broken = archive / name, (0, ""), ""
    at_ledger = known is None or known[0] == 0
    if not (folder / FILE).is_file():
        return Checked(
            name, 0, "", f"the ledger knows {known[0] if known else 0} entries, and it has no chain"
        )
    with (folder / FILE).open("rb") as lines:
        for line in lines:
            link, broken = _read(folder, line, before)
            if link is None:
                break
            before = (link.number, link.hash)
            at_ledger = at_ledger or known == before
            if known is not None and known[0] == link.number and known != before:
                broken = f"entry {link.number} is not the one that the ledger knows"
                break
    if not broken and not at_ledger and known is not None:
        broken = f"the ledger knows {known[0]} entries, and the chain ends with {before[0]}"
    return Checked(name, before[0], before[1], broken)


def _read(folder: Path, line: bytes, before: tuple[int, str]) -> tuple[Link | None, str]:
    """One line held against the one before it, and its file against it; what is wrong, or ""."""
    what = f"entry {before[0] + 1}"
    if not line.endswith(b"\n"):
        return None, f"{what} is cut short"
    try:
        link = Link.read(line)
    except ValueError as wrong:
        return None, f"{what} {wrong}"
    if (link.number, link.previous) != (before[0] + 1, before[1]):
        return None, f"{what} does not follow the one before it"
    place = PurePosixPath(link.file)
    if place.is_absolute() or ".." in place.parts:
        return None, f"{what} names a file outside the folder"
    try:
        with (folder / place).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None, f"{what}: its file {link.file} is not there"
    return (link, "") if found == link.sha256 else (None, f"{what}: its file {link.file} was changed")
