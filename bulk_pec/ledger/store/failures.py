"""What a database's or a file's failure means, in words, with the right thing to do."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bulk_pec.domain.errors import LedgerError

_AS_WHOM = "Ask as the user who runs it"


def is_database_error(error: Exception) -> bool:
    """Whether SQLAlchemy or a driver raised it."""
    # psycopg by name: importing it takes a tenth of a second that a SQLite ledger need not pay
    return isinstance(error, SQLAlchemyError | sqlite3.Error) or type(error).__module__.startswith("psycopg")


def failure(error: Exception, shown: str, reading: Path | None) -> LedgerError:
    """The error to raise for what a database raised.

    Args:
        error: See `is_database_error`.
        shown: The ledger's URL, without secrets.
        reading: The file of a SQLite ledger that is opened for reading only; else None.
    """
    name = getattr(_cause(error), "sqlite_errorname", "")
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return LedgerError(
            f"The ledger {shown} is no database, or a damaged one: {_said(error)}.",
            hint="Do not delete it and do not send with a new one: it knows what has left. Copy the file "
            "away and restore a backup (docs/operating.md, Restoring a backup).",
        )
    # https://sqlite.org/wal.html#readonly: a reader needs the -shm, and makes it where it is not
    if reading is not None and name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
        return _kept_out(shown, reading, _said(error))
    return LedgerError(
        f"The ledger {shown} failed: {_said(error)}.",
        hint="What was committed stands. Mend the cause (disk full? permissions? "
        "server down?) and start the same command again.",
    )


def unseen(shown: str, error: OSError) -> LedgerError:
    """The error to raise where it cannot even be told whether there is a ledger."""
    return LedgerError(
        f"The ledger {shown} cannot be looked at: {error.strerror}.",
        hint=f"{_AS_WHOM}, or check the permissions of its folder.",
    )


def _kept_out(shown: str, file: Path, said: str) -> LedgerError:
    """The error for a reader whom SQLite, or the system, does not let in."""
    if not _opens(file):
        return LedgerError(
            f"The ledger {shown} cannot be opened: this user may not read it ({said}).",
            hint=f"{_AS_WHOM}, or check the file's permissions.",
        )
    return LedgerError(
        f"The ledger {shown} cannot be read here ({said}): SQLite needs its -wal and -shm beside it, and "
        f"this user may not write in {file.parent} or to them.",
        hint=f"{_AS_WHOM}, or copy the ledger with its -wal into a folder of yours. Nothing was changed.",
    )


def _opens(file: Path) -> bool:
    try:
        os.close(os.open(file, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _cause(error: Exception) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _said(error: Exception) -> str:
    """The database's own words, without SQLAlchemy's parameters or Postgres's DETAIL: these show rows."""
    cause = _cause(error)
    primary = getattr(getattr(cause, "diag", None), "message_primary", None)
    return " ".join(str(primary or cause).split())[:300] or type(cause).__name__
