"""Doubts: attempts of which nothing local can say whether they left, and how they are settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from bulk_pec.domain.states import MessageState
from bulk_pec.ledger import counts
from bulk_pec.ledger.claims import reopen_blocks
from bulk_pec.ledger.database import Database
from bulk_pec.ledger.runs import Run


@dataclass(frozen=True, slots=True)
class Doubt:
    """An attempt in doubt. Times are milliseconds since the epoch.

    Attributes:
        attempt: Its id.
        message: The message's id.
        row: Of the input.
        reference: That its subject carried.
        mailbox_id: That it was posted from.
        closed_at: When it was put in doubt.
        quota_share: How full the mailbox was when last read before it.
    """

    attempt: int
    message: int
    row: int
    reference: str
    mailbox_id: int
    closed_at: int
    quota_share: float | None


@dataclass(frozen=True, slots=True)
class GoodHarvest:
    """A complete harvest that could have seen a receipt: both ends met, nothing known gone."""

    id: int
    begun_at: int
    ended_at: int
    quota_share: float | None


class Doubts:
    """Finding doubts, what speaks about them, and recording how each was settled."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, run: Run) -> list[Doubt]:
        """The run's unsettled doubts, oldest first."""
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                'SELECT a.id, a.message, m."row", m.reference, a.mailbox_id, a.closed_at, a.quota_share '
                "FROM attempts a JOIN messages m ON m.id = a.message WHERE a.run_id = :run "
                "AND a.outcome = 'in_doubt' AND a.settlement IS NULL ORDER BY a.id",
                run=run.id,
            )
            return [Doubt(*row) for row in rows]

    def harvest_since(self, mailbox_id: int, since: int) -> GoodHarvest | None:
        """The latest harvest of the mailbox begun after `since` that could have seen everything."""
        with self._db.transaction() as connection:
            row = self._db.execute(
                connection,
                "SELECT id, begun_at, ended_at, quota_share FROM harvests WHERE mailbox_id = :mailbox "
                "AND complete AND both_ends AND steady AND begun_at > :since ORDER BY id DESC LIMIT 1",
                mailbox=mailbox_id,
                since=since,
            ).first()
        return GoodHarvest(*row) if row is not None else None

    def lost_since(self, doubt: Doubt) -> bool:
        """Whether a harvest since the attempt found that mail known before it had gone from the mailbox.

        What went may have been, or have taken with it, the receipt that is looked for. A later steady
        harvest does not bring it back.
        """
        with self._db.transaction() as connection:
            lost = self._db.execute(
                connection,
                "SELECT 1 FROM harvests WHERE mailbox_id = :mailbox AND complete AND lost "
                "AND ended_at >= (SELECT opened_at FROM attempts WHERE id = :attempt) LIMIT 1",
                mailbox=doubt.mailbox_id,
                attempt=doubt.attempt,
            ).first()
        return lost is not None

    def later_accepted(self, doubt: Doubt) -> str | None:
        """The reference of a message posted by the same mailbox after the close, accepted since."""
        with self._db.transaction() as connection:
            reference = self._db.execute(
                connection,
                "SELECT m.reference FROM attempts a JOIN messages m ON m.id = a.message "
                "WHERE a.id > :attempt AND a.mailbox_id = :mailbox AND a.opened_at > :closed "
                "AND a.outcome = 'sent' AND m.accepted_at IS NOT NULL ORDER BY a.id LIMIT 1",
                attempt=doubt.attempt,
                mailbox=doubt.mailbox_id,
                closed=doubt.closed_at,
            ).scalar()
        return None if reference is None else str(reference)

    def accept_absence(self, run: Run, doubt: Doubt, facts: dict[str, Any], now: int) -> bool:
        """Record the absence with its facts; the message may be tried again after a later harvest (g).

        Returns False if the doubt has been settled otherwise meanwhile: then nothing is changed.
        """
        with self._db.transaction() as connection:
            # The message first, as a fold does: a receipt on another host waits, or has won already.
            moved = self._db.execute(
                connection,
                "UPDATE messages SET state = 'pending', harvest_after = :now, reason = 'absence accepted' "
                "WHERE id = :message AND state = 'in_doubt' AND EXISTS (SELECT 1 FROM attempts a "
                "WHERE a.id = :attempt AND a.message = :message AND a.outcome = 'in_doubt' "
                "AND a.settlement IS NULL) RETURNING id",
                attempt=doubt.attempt,
                message=doubt.message,
                now=now,
            ).first()
            if moved is None:
                return False
            self._db.execute(
                connection,
                "UPDATE attempts SET settlement = 'absence', settled_at = :now, settled_facts = :facts "
                "WHERE id = :attempt AND outcome = 'in_doubt' AND settlement IS NULL",
                attempt=doubt.attempt,
                now=now,
                facts=orjson.dumps(facts).decode(),
            )
            reopen_blocks(self._db, connection, run.id, [doubt.message])
            changes = counts.Changes()
            changes.move(MessageState.IN_DOUBT, MessageState.PENDING)
            counts.apply(self._db, connection, run.id, changes, now)
        return True
