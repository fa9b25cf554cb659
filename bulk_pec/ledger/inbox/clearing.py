"""Receipts that are deleted from their mailbox: which may be, and what became of each.

`deleted_at` is written before the provider is asked, as an intent is before a POST: so no mail of ours is
ever gone without the ledger knowing of it, and what has gone is not taken for lost mail. `gone` is written
once the provider has said so. What lies between is looked at anew.
"""

from __future__ import annotations

from sqlalchemy import Connection

from bulk_pec.ledger.inbox.kept import COLUMNS, NO_TEXT, Kept
from bulk_pec.ledger.store.database import Database

LONGEST_WALK = 6 * 3_600_000
"""Milliseconds for which a walk that has not ended may still be one of a living process."""

_READY = (
    "r.mailbox_id = :mailbox AND r.archived_at IS NOT NULL "
    f"AND r.text_digest IS NOT NULL AND r.text_digest <> '{NO_TEXT}' "
    "AND r.deleted_at IS NULL AND r.item_id <> '' "
    "AND r.kind IN ('accepted', 'not_accepted', 'delivered', 'undelivered', 'late', 'early_warning') "
    "AND (r.cause IS NOT NULL OR r.kind NOT IN ('not_accepted', 'undelivered', 'late')) "
    "AND m.state = 'sent' AND m.delivery IN ('delivered', 'undelivered', 'not_accepted') "
    "AND m.twin_at IS NULL "
    # Of several addresses one may have no CONSEGNA, and only the texts in the mailbox tell which.
    "AND (m.delivery = 'delivered' OR m.recipient NOT LIKE '%@%@%')"
)

MOVED = "its mails have been seen under other ids than before"
"""Why nothing is deleted from a mailbox ever again."""


class Clearing:
    """Finding what may be deleted, and recording what was."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def held_by(self, mailbox_id: int, now: int) -> str:
        """Why nothing is deleted from a mailbox now; "": nothing speaks against it."""
        with self._db.transaction() as connection:
            moved = self._db.execute(
                connection, "SELECT ids_moved_at FROM mailboxes WHERE id = :mailbox", mailbox=mailbox_id
            ).scalar()
            if moved is not None:
                return MOVED
            if self._db.is_postgres and self._walked(connection, mailbox_id, now - LONGEST_WALK):
                return "a walk over its inbox may be under way on another host"
            doubts = self._db.execute(
                connection,
                "SELECT COUNT(*) FROM attempts WHERE mailbox_id = :mailbox AND outcome = 'in_doubt' "
                "AND settlement IS NULL",
                mailbox=mailbox_id,
            ).scalar()
        return "messages of it are in doubt, and its receipts may yet settle them" if doubts else ""

    def _walked(self, connection: Connection, mailbox_id: int, since: int) -> bool:
        """Whether a walk has begun since then and not ended."""
        found = self._db.execute(
            connection,
            "SELECT 1 FROM harvests WHERE mailbox_id = :mailbox AND ended_at IS NULL "
            "AND position IS NOT NULL AND begun_at > :since LIMIT 1",
            mailbox=mailbox_id,
            since=since,
        ).first()
        return found is not None

    def ready(self, mailbox_id: int, below: str | None, most: int) -> list[Kept]:
        """Receipts that may be deleted, by the provider's ids as numbers, from the highest down.

        Args:
            mailbox_id: The ledger's.
            below: Only ids below this one; None: all.
            most: How many at most.
        """
        bound = (
            ""
            if below is None
            else "AND (LENGTH(r.item_id) < :length OR (LENGTH(r.item_id) = :length AND r.item_id < :below))"
        )
        values = {} if below is None else {"length": len(below), "below": below}
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                f"SELECT {COLUMNS} FROM receipts r JOIN messages m ON m.id = r.message "
                f"WHERE {_READY} {bound} "
                "ORDER BY LENGTH(r.item_id) DESC, r.item_id DESC LIMIT :most",
                mailbox=mailbox_id,
                most=most,
                **values,
            )
            return [Kept.of(row) for row in rows]

    def begin(self, receipt: Kept, now: int) -> bool:
        """The provider is about to be asked to delete it; False if it was before, or it has changed since."""
        with self._db.transaction() as connection:
            begun = self._db.execute(
                connection,
                "UPDATE receipts SET deleted_at = :now WHERE id = :id AND deleted_at IS NULL "
                "AND item_id = :item RETURNING id",
                now=now,
                id=receipt.id,
                item=receipt.item_id,
            ).first()
        return begun is not None

    def leaving(self, mailbox_id: int) -> list[Kept]:
        """Receipts of which it is not known whether they were deleted."""
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                f"SELECT {COLUMNS} FROM receipts r WHERE r.mailbox_id = :mailbox "
                "AND r.deleted_at IS NOT NULL AND NOT r.gone ORDER BY r.id",
                mailbox=mailbox_id,
            )
            return [Kept.of(row) for row in rows]

    def gone(self, receipt: Kept) -> None:
        """It has been deleted."""
        self._end(receipt, "gone = true")

    def still_there(self, receipt: Kept) -> None:
        """It has been seen since: the delete that was asked for has not happened."""
        self._end(receipt, "deleted_at = NULL")

    def _end(self, receipt: Kept, sets: str) -> None:
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                f"UPDATE receipts SET {sets} WHERE id = :id AND deleted_at IS NOT NULL AND NOT gone",
                id=receipt.id,
            )
