"""What may be written over: never what a run lives on; by an export an export, and nothing else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from bulk_pec.domain.errors import LedgerError, UsageError
from bulk_pec.reporting.export import COLUMNS, check_form

_HEAD = 16 << 20
"""Bytes in which the first line must end; a row of a list is smaller by far."""
_PARQUET = b"PAR1"


def refuse_over(path: Path, list_digest: str, ledger: Path | None) -> None:
    """Nothing that is written goes over what the run lives on.

    Args:
        path: Where something is to be written.
        list_digest: Of the list the run was loaded from, hex SHA-256.
        ledger: The ledger's file, if it is one.

    Raises:
        UsageError: At `path` there is that list, or the ledger or a file that belongs to it.
        LedgerError: What is at `path` cannot be looked at or read.
    """
    with _looked_at(path):
        if ledger is not None and _belongs(path, ledger):
            raise _refusal(f"{path} belongs to the ledger.")
        if path.is_file() and _digest(path) == list_digest:
            raise _refusal(f"{path} is the list the run was loaded from.")


def refuse_foreign(path: Path) -> None:
    """An export replaces an older export, of whatever form and run, and never what may be somebody's own.

    Raises:
        UsageError: At `path` there is a folder, or a file that is neither empty nor begins with an export's
            columns; or its name tells no form.
        LedgerError: What is at `path` cannot be looked at or read.
    """
    with _looked_at(path):
        if path.is_dir():
            raise _refusal(f"{path.absolute()} is a folder.", "Name a file in it, such as results.csv.")
        check_form(path)
        if not path.exists():
            return
        if not path.is_file():
            raise _refusal(f"{path} is no plain file.")
        if not _is_export(path):
            raise _refusal(
                f"{path} is there already and is no export.", "Name another file, or remove that one first."
            )


@contextmanager
def _looked_at(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LedgerError(
            f"{path} cannot be written: what is there cannot be looked at: {error.strerror}.",
            hint="Check the name and the permissions, or name another file; the ledger is untouched.",
        ) from error


def _refusal(what: str, hint: str = "Name another file.") -> UsageError:
    return UsageError(what, hint=f"Nothing was written. {hint}")


def _belongs(path: Path, ledger: Path) -> bool:
    own = [ledger.with_name(ledger.name + ending) for ending in ("", "-wal", "-shm", ".lock")]
    # realpath: unlike Path.resolve it raises nothing for links in a circle
    return os.path.realpath(path) in {os.path.realpath(one) for one in own} or any(
        path.exists() and one.exists() and path.samefile(one) for one in own
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_export(path: Path) -> bool:
    """Whether a plain file is empty, or its columns begin as an export's do, whatever its name says."""
    with path.open("rb") as file:
        line = file.readline(_HEAD)
    if not line:
        return True
    names = _parquet(path) if line.startswith(_PARQUET) else _json(line) or _csv(line)
    return tuple(names[: len(COLUMNS)]) == COLUMNS


def _csv(line: bytes) -> list[str]:
    header = line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n").decode(errors="replace")
    return header.split(";" if ";" in header.partition(",")[0] else ",")


def _json(line: bytes) -> list[str]:
    try:
        found = orjson.loads(line)
    except ValueError:
        return []
    return list(found) if isinstance(found, dict) else []


def _parquet(path: Path) -> list[str]:
    import polars as pl  # noqa: PLC0415 - only this form needs it, and it takes a while to import
    from polars.exceptions import PolarsError  # noqa: PLC0415 - as above

    try:
        return list(pl.read_parquet_schema(path))
    except PolarsError:
        return []
