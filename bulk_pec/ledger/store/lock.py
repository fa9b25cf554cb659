"""The one writing process of a SQLite ledger: the operating system's file lock is its lease."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from bulk_pec.domain.errors import LedgerBusy, LedgerError


class FileLock:
    """An exclusive lock beside a ledger file, held until `release` or the process's death.

    The kernel drops it when the process ends in whatever way, so it is never stale.

    Args:
        path: The lock file; it is created and stays.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = self._open()

    def _open(self) -> int:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerError(
                f"The ledger's lock file {self._path} cannot be opened: {error.strerror}.",
                hint="Check that the folder exists and that this user may write to it.",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 64, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise LedgerBusy(
                f"Another bulk-pec process ({holder or 'unknown'}) holds the ledger beside {self._path}.",
                hint="Wait for it to end; `bulk-pec status` can look meanwhile.",
                holder=holder,
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"pid {os.getpid()}\n".encode(), 0)
        return descriptor

    def release(self) -> None:
        """Give the lock up."""
        os.close(self._descriptor)
