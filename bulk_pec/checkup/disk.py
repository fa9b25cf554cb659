"""The disk under a SQLite ledger: may it be written, how much is free, is it this machine's."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from bulk_pec.checkup.findings import Finding, failed, failure, ok, warning
from bulk_pec.domain.errors import LedgerError
from bulk_pec.domain.exits import Reason

LEAST_FREE = 64 << 20
"""Bytes below which a run would soon stop: SQLite's log alone may take as much (`_SQLITE_WAL_LIMIT`)."""
LITTLE_FREE = 1 << 30
"""Bytes below which somebody should look: a million messages take about as much."""

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "fuse.glusterfs"}
)
"""File systems of other machines. SQLite's WAL needs memory that all its processes share, which these do
not give; and their file locks are not always locks (https://www.sqlite.org/wal.html, Overview)."""


def beneath(file: Path) -> list[Finding]:
    """What there is to say of the place where a SQLite ledger lies, or will lie."""
    folder = file.parent
    if not folder.is_dir():
        what = f"The ledger's folder {folder} does not exist."
        return [failure("disk", what, "Make it, or set another ledger.url.", Reason.IO)]
    denied = [path for path in (folder, file) if path.exists() and not os.access(path, os.W_OK)]
    if denied:
        what = f"This user may not write to {denied[0]}."
        return [failure("disk", what, "Change its owner or mode, or set another ledger.url.", Reason.IO)]
    try:
        free, mounts = shutil.disk_usage(folder).free, _mounts()
    except OSError as error:
        told = LedgerError(f"The disk of {folder} cannot be asked: {error.strerror}.", hint="Look at it.")
        return [failed("disk", told)]
    return [room(free, folder), *foreign(file_system(folder.resolve(), mounts), folder)]


def room(free: int, folder: Path) -> Finding:
    """What so many free bytes mean.

    Args:
        free: Of the file system.
        folder: In it.
    """
    told = f"{free / (1 << 30):,.1f} GiB are free in {folder}."
    if free < LEAST_FREE:
        return failure("disk", told, "Make room before a run: a full disk stops it.", Reason.IO)
    if free < LITTLE_FREE:
        return warning("disk", told, "Make room: a million messages take about 1 GiB in the ledger.")
    return ok("disk", told)


def foreign(kind: str, folder: Path) -> list[Finding]:
    """A warning where the ledger lies on another machine's file system."""
    if kind not in NETWORK:
        return []
    what = f"{folder} lies on a network file system ({kind}), where SQLite cannot promise that commits last."
    return [warning("disk", what, "Put the ledger on a disk of this machine, or use Postgres.")]


def file_system(folder: Path, mounts: str) -> str:
    """The kind of file system a folder is on; "" if it is not told.

    Args:
        folder: Absolute, links followed.
        mounts: The text of /proc/mounts: proc_mounts(5), blanks in names are octal there.
    """
    found, longest = "", -1
    for entry in mounts.splitlines():
        cells = entry.split(" ")
        if len(cells) < 3:
            continue
        place = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), cells[1]))
        # Of two on one place, the later one covers the other.
        if folder.is_relative_to(place) and len(place.parts) >= longest:
            found, longest = cells[2], len(place.parts)
    return found


def _mounts() -> str:
    path = Path("/proc/mounts")
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
