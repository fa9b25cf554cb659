"""Run names: what a new run may be called."""

from __future__ import annotations

from pathlib import Path

from bulk_pec.domain.errors import UsageError

LAST = "last"
"""As RUN: the run loaded last. Hence no run's name."""


def run_name(given: str | None, file: Path) -> str:
    """The name of the run of this list: the one given, or the file's stem.

    Raises:
        UsageError: No run can be named so.
    """
    name = file.stem if given is None else given
    if name == LAST:
        raise UsageError(
            f"A run cannot be named {LAST!r}: that word means the run loaded last.",
            hint="Give another --name.",
        )
    if not name.strip() or not name.isprintable():
        raise UsageError(
            f"A run cannot be named {name!a}: a name is printable and not blank.",
            hint="Give another --name.",
        )
    return name
