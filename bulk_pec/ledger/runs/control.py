"""Control: orders for the process that holds a SQLite ledger, as small files beside it.

Whoever cannot get the file lock leaves an order here; the holder looks for it every second, writes it
into the ledger and removes it. Each order is a file of its own, so a later one never hides an earlier one:
`resume` must not undo a `cancel`. A file is believed only if this user (or root, for this user) wrote it,
and only for the three words it can say.
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from bulk_pec.domain.errors import LedgerError
from bulk_pec.ledger.runs.orders import Order, Word

_MOST = 4_096
"""Bytes of an order, at most."""
_TEXT = 1_000
_KEYS = frozenset({"word", "run", "given_by", "given_at"})


@dataclass(frozen=True, slots=True)
class Slip:
    """A file that lies beside the ledger: an order, or something that is none."""

    path: Path
    order: Order | None


class Control:
    """Leaving and finding orders.

    Args:
        ledger: The ledger's file, links followed.
    """

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger

    def leave(self, order: Order) -> Path:
        """Leave an order for the holder; the file appears whole.

        Raises:
            LedgerError: It cannot be written.
        """
        name = f"{self._ledger.name}.order-{time.time_ns():020d}-{os.getpid()}"
        path = self._ledger.with_name(name)
        beside = self._ledger.with_name(f".{name}.part")
        try:
            self._write(beside, orjson.dumps(asdict(order)))
            beside.replace(path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise LedgerError(
                f"The order cannot be left beside the ledger as {path}: {error.strerror}.",
                hint="Check the folder, its permissions and the disk's room; nothing was ordered.",
            ) from error
        return path

    def _write(self, path: Path, content: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            owner = self._ledger.stat()
            if os.geteuid() == 0:  # the holder must be able to read what root orders
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            os.write(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def waiting(self) -> list[Slip]:
        """What lies there, oldest first."""
        prefix = f"{self._ledger.name}.order-"
        try:
            found = sorted(path for path in self._ledger.parent.iterdir() if path.name.startswith(prefix))
        except OSError:
            return []
        return [Slip(path, _read(path, self._owners)) for path in found]

    @property
    def _owners(self) -> set[int]:
        """Whose files are believed: this user's, and the ledger's owner's where this is root."""
        owners = {os.geteuid()}
        if 0 in owners:
            with suppress(OSError):
                owners.add(self._ledger.stat().st_uid)
        return owners

    @staticmethod
    def done(slip: Slip) -> bool:
        """Remove a file that has been dealt with; False if it cannot be removed."""
        try:
            slip.path.unlink(missing_ok=True)
        except OSError:
            return False
        return True


def _read(path: Path, owners: set[int]) -> Order | None:
    """The order in a file, or None if it is none that may be believed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid not in owners or facts.st_size > _MOST:
            return None
        return _order(orjson.loads(os.read(descriptor, _MOST)))
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)


def _order(said: Any) -> Order | None:
    if not isinstance(said, dict) or not _KEYS <= said.keys() <= _KEYS | {"loaded_at"}:
        return None
    run, by, at, loaded = said["run"], said["given_by"], said["given_at"], said.get("loaded_at")
    texts = all(isinstance(text, str) and 0 < len(text) <= _TEXT and text.isprintable() for text in (run, by))
    if said["word"] not in list(Word) or not texts or type(at) is not int:
        return None
    if loaded is not None and type(loaded) is not int:
        return None
    return Order(Word(said["word"]), run, by, at, loaded)
