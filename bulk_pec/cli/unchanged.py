"""Whether a run goes on with what it was loaded with."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bulk_pec.cli import wiring
from bulk_pec.cli.session import Session
from bulk_pec.composing import Composer
from bulk_pec.domain.errors import ListRefused
from bulk_pec.ledger.runs.runs import Run


def check_same(session: Session, run: Run, path: Path | None) -> Composer:
    """An existing run goes on only with the list and the templates it was loaded with.

    Raises:
        ListRefused: The list's bytes, or the templates', are others, or the list cannot be read.
    """
    letters = wiring.composer(session.config())
    if path is not None and _digest(path) not in {None, run.list_digest}:
        raise ListRefused(
            f"The run {run.name!r} was loaded from another list than {path} holds now.",
            hint="Restore the list to go on with the run, or give the new list another --name.",
        )
    if letters.digest != run.template_digest:
        raise ListRefused(
            f"A template (subject, body, reference or attachments) is not the one the run {run.name!r} was "
            "loaded with.",
            hint="Restore the template to go on with the run; nothing was sent.",
        )
    return letters


def _digest(path: Path) -> str | None:
    """The list's SHA-256; None where there is no such file: an existing run can go on without it."""
    try:
        if not path.exists():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ListRefused(
            f"The list {path} cannot be read: {error.strerror}.",
            hint="Check the path and the permissions of its folder; nothing was sent.",
        ) from error
