"""Copying a ledger into a file: whole, at one moment, and never over anything that is there."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from bulk_pec.domain.errors import LedgerError, UsageError
from bulk_pec.ledger.store.database import Database


def copy(database: Database, path: Path) -> None:
    """Copy a SQLite ledger into a new file by SQLite's own backup; a process may send meanwhile.

    The file is this user's alone, as a ledger is. What could not be copied whole is removed.

    Raises:
        UsageError: The ledger is on Postgres, whose own tool makes better copies; or the file exists.
        LedgerError: It cannot be read, or the file cannot be written.
    """
    source = database.file
    if source is None:
        raise UsageError(
            f"The ledger {database.shown} is on Postgres: bulk-pec makes no copy of it.",
            hint="Use pg_dump, and see docs/operating.md before restoring one.",
        )
    _make(path)
    try:
        _fill(source, path)
    except (sqlite3.Error, OSError) as error:
        with suppress(OSError):
            path.unlink()
        raise LedgerError(
            f"The ledger {database.shown} cannot be copied to {path}: {error}.",
            hint="Nothing of it is left there. Mend the cause (disk full?) and do it again.",
        ) from None


def _make(path: Path) -> None:
    """The file, new and empty."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        raise UsageError(
            f"There is a file at {path} already.", hint="A backup never overwrites: give another path."
        ) from None
    except OSError as error:
        raise LedgerError(
            f"The file {path} cannot be made: {error.strerror}.", hint="Give a path that can be written."
        ) from None


def _fill(source: Path, path: Path) -> None:
    reading = f"{source.as_uri()}?mode=ro"
    with closing(sqlite3.connect(reading, uri=True)) as there, closing(sqlite3.connect(path)) as here:
        there.backup(here)  # in one step: one moment, however much others write meanwhile
        here.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
    with path.open("rb") as file:
        os.fsync(file.fileno())
