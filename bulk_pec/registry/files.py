"""Files that go to the registry, read whole: an application, papers."""

from __future__ import annotations

from pathlib import Path

from bulk_pec.domain.errors import LedgerError, RegistryRefused


def content(path: Path, largest: int, *, hint: str, too_large: tuple[str, str]) -> bytes:
    """What a plain file holds.

    Args:
        path: Of the file.
        largest: Bytes that it may have.
        hint: What to name instead, where there is no such file.
        too_large: What to say of a larger one: "is larger than …", and what to do.

    Raises:
        RegistryRefused: There is no such file, or it is no plain file, or a larger one.
        LedgerError: It cannot be read (74).
    """
    try:
        if not path.exists():
            raise RegistryRefused(f"There is no file {path}.", hint=hint)
        if not path.is_file():
            raise refused(path, "is no plain file", hint)
        with path.open("rb") as file:
            found = file.read(largest + 1)
    except OSError as error:
        raise LedgerError(
            f"{path} cannot be read: {error.strerror}.", hint="Check the file and its permissions."
        ) from error
    if len(found) > largest:
        raise refused(path, *too_large)
    return found


def refused(path: Path, what: str, hint: str) -> RegistryRefused:
    """The error to raise of a file: `what` goes on from its name."""
    return RegistryRefused(f"{path} {what.rstrip('.')}.", hint=hint)
