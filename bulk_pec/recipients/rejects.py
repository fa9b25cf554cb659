"""The bad rows of a list in a file of the list's own form, each with the reason: mend it and load it.

The reason is the *first* column. So a row with too few fields, or with a line whose quotes do not pair up, is
written just as it stands, and remains what it is until somebody mends it: the reason is never in the way of
its fields. A list that is a rejects file itself gets new reasons in the place of the old.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import orjson
import polars as pl
from polars.exceptions import PolarsError

from bulk_pec.domain.errors import LedgerError, UsageError
from bulk_pec.recipients.lists import RecipientList
from bulk_pec.recipients.readers import CsvReader, ParquetReader
from bulk_pec.recipients.rejects_csv import CsvRejects
from bulk_pec.recipients.rejects_parquet import ParquetRejects
from bulk_pec.recipients.rows import CheckedRow, SetAsideRow

_NAMES = ("reason", "reason_2", "reason_3")
_HEAD = 256


class _Rejects(Protocol):
    def add(self, row: int, fields: list[str | None], reason: str, *, broken: bool) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...


class Rejects:
    """Where bad rows are written. Made by `rejects`.

    Attributes:
        count: How many were written.
    """

    def __init__(self, into: _Rejects) -> None:
        self._into = into
        self.count = 0

    def add(self, row: SetAsideRow) -> None:
        """Write a row that intake set aside."""
        self._add(row.row, row.values_json, row.reason, broken=row.broken)

    def add_checked(self, row: CheckedRow, reason: str) -> None:
        """Write a row that intake let pass, but that cannot become a message after all."""
        self._add(row[0], row[3], reason, broken=False)

    def _add(self, row: int, values_json: str, reason: str, *, broken: bool) -> None:
        said = f"row {row}: {' '.join(reason.split())}"
        self._into.add(row, orjson.loads(values_json), said, broken=broken)
        self.count += 1


@contextmanager
def rejects(rows: RecipientList, path: Path) -> Generator[Rejects, None, None]:
    """A file of a list's bad rows; it appears whole at the end, or, if anything is raised, not at all.

    Rows are written as they come, in bounded memory. Without any, the file has a header alone: an older
    one of that name never stands for this list.

    Args:
        rows: The list.
        path: Where the file shall be. What is there is replaced only if it is empty, or a file of rejects: a
            slip of the hand must not cost a ledger.

    Raises:
        UsageError: Something else is there; `path` may be the list itself.
        LedgerError: It cannot be written.
    """
    with _refusals(path):
        _refuse_to_replace(path, rows)
    with _refusals(path), TemporaryDirectory(prefix=f".{path.name[:100]}.", dir=path.parent) as folder:
        whole = Path(folder) / "whole"
        with closing(_writer(rows, whole)) as into:
            yield Rejects(into)
            into.finish()
        _flush(whole)
        whole.replace(path)


def _writer(rows: RecipientList, path: Path) -> _Rejects:
    reader = rows.reader
    own = rows.columns[0] in _NAMES and not rows.is_used(rows.columns[0])
    name = rows.columns[0] if own else next((n for n in _NAMES if n not in rows.columns), _NAMES[-1])
    if isinstance(reader, ParquetReader):
        return ParquetRejects(path, reader, name, replaced=own)
    if isinstance(reader, CsvReader):
        return CsvRejects(path, reader, rows.columns, name, replaced=own)
    raise AssertionError(f"a list is read by {type(reader).__name__}")


def _refuse_to_replace(path: Path, rows: RecipientList) -> None:
    """Raise `UsageError` if something is there that is not ours to replace."""
    if path.exists() and path.samefile(rows.path):
        raise UsageError(
            f"The rejects would be written over the list {path}.", hint="Name another file for them."
        )
    if os.path.lexists(path) and not _may_be_replaced(path):
        raise UsageError(
            f"{path} is there already and is no file of rejects; nothing was written over it.",
            hint="Name another file for them, or remove that one first.",
        )


def _may_be_replaced(path: Path) -> bool:
    """Whether a plain file is empty, or its first column is the reason, as `_writer` makes it."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        return False
    if not found.st_size:
        return True
    with path.open("rb") as file:
        start = file.read(_HEAD)
    if start.startswith(b"PAR1"):
        return next(iter(pl.read_parquet_schema(path)), None) in _NAMES
    # Its encoding is the list's, whatever that was: every one of them writes these letters in this order.
    letters = start.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")
    header = letters.rpartition(b"sep=")[2].lstrip(b";,|\t\r\n") if letters[:4] == b"sep=" else letters
    return re.match(rb'"?reason(?:_[23])?"?(?:[;,|\t\r\n]|$)', header) is not None


def _flush(path: Path) -> None:
    """Onto the disk, so that what is moved into place is there after a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _refusals(path: Path) -> Generator[None, None, None]:
    try:
        yield
    except (OSError, PolarsError) as error:
        why = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise LedgerError(
            f"The rejects cannot be written to {path}: {why}.",
            hint="Check the folder, its permissions and the disk's room.",
        ) from error
