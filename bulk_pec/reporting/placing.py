"""A new file in its place: whole or not at all, and never by chance over another."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from bulk_pec.domain.errors import BulkPecError, LedgerError, UsageError


@contextmanager
def placed(path: Path, *, force: bool, what: str, example: str) -> Iterator[BinaryIO]:
    """A new file that takes its place at `path` when the block ends well, durably; else nothing changes.

    Args:
        path: Its place.
        force: Replace the plain file that is there.
        what: What it is, as a sentence begins: "The dossier".
        example: A name it could have: "x.zip".

    Raises:
        UsageError: There is a file already, and `force` was not given; or no file could have that name.
        LedgerError: It cannot be written (74).
    """
    if not path.name:
        raise _no_file(path, example)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _refuse_over(path, force=force, example=example)
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _put(beside, path, force=force, example=example)
        _sync(path.parent)
    except OSError as error:
        raise _unwritable(path, error, what) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _refuse_over(path: Path, *, force: bool, example: str) -> None:
    if path.exists() and not path.is_file():  # a folder, a device or a pipe: not even by force
        raise _no_file(path, example)
    if not force and (path.exists() or path.is_symlink()):
        raise UsageError(
            f"There is a file at {path} already.", hint="Nothing was written. Name another, or add --force."
        )


def _no_file(path: Path, example: str) -> UsageError:
    return UsageError(
        f"{path} is no plain file.", hint=f"Nothing was written. Name a file, such as {example}."
    )


def _put(beside: Path, path: Path, *, force: bool, example: str) -> None:
    """Give the file its name; without force not over one that came meanwhile."""
    if not force:
        try:
            os.link(beside, path)  # unlike a renaming, it fails where something is
        except OSError:  # something is there; or it is a file system without links
            _refuse_over(path, force=False, example=example)
        else:
            return
    beside.replace(path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError, what: str) -> BulkPecError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return LedgerError(
        f"{what} {path} cannot be written: {error.strerror or type(error).__name__}.",
        hint="Make room on its disk and start again; the ledger is untouched."
        if full
        else "Check the folder and its permissions; the ledger is untouched.",
    )
