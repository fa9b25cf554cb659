"""The archive of receipts: whether it could be written. Sending goes on without it, and ends with 74."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bulk_pec.checkup.findings import Finding, failure, ok
from bulk_pec.config import Config
from bulk_pec.domain.exits import Reason


def archive(config: Config) -> list[Finding]:
    """Whether a file can be made in the archive, as sending tries it first; none of no archive.

    A folder that is not there yet is not made: the nearest one above it is tried, in which it will be made.
    """
    setting = config.settings.receipts.archive
    if setting is None:
        return []
    folder = config.resolve(setting)
    try:
        tried = _nearest(folder)
        _try_writing(tried)
    except OSError as error:
        what = f"The archive {folder} cannot be written: {error.strerror or type(error).__name__}."
        hint = "Check the folder, its permissions and its disk, or set another receipts.archive."
        return [failure("archive", what, hint, Reason.IO)]
    later = "" if tried == folder else "; the first run makes it"
    return [ok("archive", f"The archive {folder} can be written{later}.")]


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest above it that is there; a link that leads nowhere is there too."""
    return next(path for path in (folder, *folder.parents) if os.path.lexists(path))


def _try_writing(folder: Path) -> None:
    """Write a file that never has a name, where the system can do so, and is gone afterwards anyway.

    Raises:
        OSError: It cannot be written.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\n")
