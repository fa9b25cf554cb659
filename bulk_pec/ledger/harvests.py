"""Walks over mailboxes: when each began, how it ended, and what the last one said of the box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bulk_pec.ledger.database import Database

_MOST = 2**31 - 1
"""What the column for a total holds. A provider that says more says nothing that could be believed."""


@dataclass(frozen=True, slots=True)
class WalkEnd:
    """How a walk over the inbox ended; see `bulk_pec.receipts.harvest`.

    Attributes:
        pages: Read.
        total: What the provider said the box holds.
        both_ends: It saw the whole inbox, or met mail known before it at both ends.
        steady: What was known at the ends still stood, and the box had surely not shrunk.
        lost: Known mail had gone from an end, or the box had shrunk.
        total_right: Whether `total` is what was counted, or agrees with one that was.
        quota_share: How full the box was.
        ends: Fingerprints of the mails at both ends of what it read.
    """

    pages: int
    total: int | None
    both_ends: bool
    steady: bool
    quota_share: float | None
    ends: tuple[str, ...] = ()
    lost: bool = False
    total_right: bool = True


class Harvests:
    """Recording walks; what they read is recorded by `bulk_pec.ledger.inbox.Inbox`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def mailbox_id(self, address: str) -> int:
        """The ledger's id for a mailbox, entered if new."""
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                "INSERT INTO mailboxes (address) VALUES (:address) ON CONFLICT (address) DO NOTHING",
                address=address.lower(),
            )
            statement = "SELECT id FROM mailboxes WHERE address = :address"
            return int(self._db.execute(connection, statement, address=address.lower()).scalar_one())

    def begin(self, mailbox_id: int, now: int) -> int:
        """Begin a harvest; returns its id."""
        with self._db.transaction() as connection:
            statement = "INSERT INTO harvests (mailbox_id, begun_at) VALUES (:mailbox, :now) RETURNING id"
            return int(self._db.execute(connection, statement, mailbox=mailbox_id, now=now).scalar_one())

    def complete(self, harvest: int, mailbox_id: int, end: WalkEnd, now: int) -> None:
        """The walk ran to its end: what it read is known from now on."""
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                "UPDATE harvests SET ended_at = :now, complete = :yes, both_ends = :both, steady = :steady, "
                "lost = :lost, pages = :pages, total = :total, total_right = :right, ends = :ends, "
                "quota_share = :quota WHERE id = :harvest",
                harvest=harvest,
                now=now,
                yes=True,
                both=end.both_ends,
                steady=end.steady,
                lost=end.lost,
                right=end.total_right,
                pages=end.pages,
                total=None if end.total is None or abs(end.total) > _MOST else end.total,
                ends=" ".join(end.ends),
                quota=end.quota_share,
            )
            statement = "UPDATE mailboxes SET harvested_at = :now WHERE id = :mailbox"
            self._db.execute(connection, statement, now=now, mailbox=mailbox_id)

    def last_total(self, mailbox_id: int) -> int | None:
        """What the provider said the box held at the last complete harvest whose total was right."""
        total = self._of_last("total", mailbox_id, "AND total_right")
        return None if total is None else int(total)

    def last_ends(self, mailbox_id: int) -> tuple[str, ...]:
        """Fingerprints of the mails that stood at both ends of the box at the last complete harvest."""
        return tuple((self._of_last("ends", mailbox_id) or "").split())

    def _of_last(self, column: str, mailbox_id: int, which: str = "") -> Any:
        where = f"mailbox_id = :mailbox AND complete {which} ORDER BY id DESC LIMIT 1"
        with self._db.transaction() as connection:
            statement = f"SELECT {column} FROM harvests WHERE {where}"
            return self._db.execute(connection, statement, mailbox=mailbox_id).scalar()
