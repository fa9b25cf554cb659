"""Why messages were not delivered: notices whose text is still to be read, and what it said."""

from __future__ import annotations

from bulk_pec.domain.causes import Cause
from bulk_pec.ledger.inbox.kept import COLUMNS, Kept
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.ledger.store.database import Database


class Causes:
    """Recording causes, with the notice and with its message."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def unread(self, mailbox_id: int, most: int) -> list[Kept]:
        """Notices of this mailbox whose cause is not known: the least looked for first, then the newest."""
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                f"SELECT {COLUMNS} FROM receipts r WHERE r.mailbox_id = :mailbox AND r.cause IS NULL "
                "AND r.message IS NOT NULL AND r.kind IN ('not_accepted', 'undelivered', 'late') "
                "AND r.deleted_at IS NULL ORDER BY r.misses, r.id DESC LIMIT :most",
                mailbox=mailbox_id,
                most=most,
            )
            return [Kept.of(row) for row in rows]

    def record(self, receipt: Kept, cause: Cause) -> bool:
        """Keep what a notice says, once; of a message it is the strongest cause of all its notices.

        The message is locked before its receipt, in the order that
        `bulk_pec.ledger.inbox.archiving.Archiving` gives.

        Returns False if the cause was known already: then nothing is changed.
        """
        weaker = ", ".join(f"'{one.value}'" for one in cause.weaker) or "''"
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                f"SELECT m.id FROM messages m WHERE m.id = :message {self._db.hold('m')}",
                message=receipt.message,
            )
            found = self._db.execute(
                connection,
                "UPDATE receipts SET cause = :cause WHERE id = :id AND cause IS NULL RETURNING message",
                cause=cause.value,
                id=receipt.id,
            ).first()
            if found is None:
                return False
            self._db.execute(
                connection,
                "UPDATE messages SET cause = :cause WHERE id = :message "
                f"AND (cause IS NULL OR cause IN ({weaker}))",
                cause=cause.value,
                message=found.message,
            )
        return True

    def of(self, run: Run) -> dict[Cause, int]:
        """How many of the run's messages that were refused or not delivered have which cause, most first."""
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                "SELECT cause, COUNT(*) AS n FROM messages WHERE run_id = :run AND cause IS NOT NULL "
                "AND state = 'sent' AND delivery IN ('undelivered', 'not_accepted') "
                "GROUP BY cause ORDER BY n DESC, cause",
                run=run.id,
            ).all()
        return {Cause(row.cause): int(row.n) for row in rows}
