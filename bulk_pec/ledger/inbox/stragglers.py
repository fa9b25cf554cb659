"""Stragglers: messages that were taken and have not the receipts they should have by now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bulk_pec.ledger.runs.runs import Run
from bulk_pec.ledger.store.database import Database

STRIDE = 20_000
"""Messages looked at in one call: some milliseconds, so that nothing that is sending waits for it."""


@dataclass(frozen=True, slots=True)
class Waits:
    """From when on a message is late. All are milliseconds since the epoch.

    Attributes:
        none_before: Sent before it, without any receipt.
        accepted_before: Accepted before it, without a delivery.
        oldest: Sent before it, nothing is asked any more.
        asked_before: Asked before it, it may be asked again.
    """

    none_before: int
    accepted_before: int
    oldest: int
    asked_before: int


@dataclass(frozen=True, slots=True)
class Straggler:
    """One of them: the message's id, its reference and the provider's token."""

    message: int
    reference: str
    message_id: str


class Stragglers:
    """Finding them a stretch of messages at a time."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def among(self, run: Run, mailbox_id: int, after: int, waits: Waits, most: int) -> list[Straggler]:
        """Those among the `STRIDE` messages of the run that follow the id `after`, of one mailbox."""
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                "SELECT m.id, m.reference, m.message_id FROM messages m "
                "WHERE m.id > :after AND m.id <= :upto AND m.mailbox_id = :mailbox "
                "AND m.state = 'sent' AND m.message_id IS NOT NULL "
                "AND m.sent_at > :oldest AND (m.asked_at IS NULL OR m.asked_at < :asked) "
                "AND ((m.delivery = 'none' AND m.sent_at < :none) OR (m.delivery IN ('accepted', 'overdue') "
                "AND COALESCE(m.accepted_at, m.sent_at) < :accepted)) ORDER BY m.id LIMIT :most",
                after=after,
                upto=min(after + STRIDE, run.last_id),
                mailbox=mailbox_id,
                oldest=waits.oldest,
                asked=waits.asked_before,
                none=waits.none_before,
                accepted=waits.accepted_before,
                most=most,
            ).all()
        return [Straggler(*row) for row in rows]

    def last(self) -> int:
        """The highest id of any message."""
        with self._db.transaction() as connection:
            return int(self._db.execute(connection, "SELECT MAX(id) FROM messages").scalar() or 0)

    def named(self, mailbox_id: int, after: int, tokens: Sequence[str]) -> list[str]:
        """Which of these tokens the `STRIDE` messages after `after` have, once for each that has it."""
        batch = self._db.batch("tokens", token="text")  # noqa: S106 - a column's type
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                f"WITH {batch} SELECT message_id FROM messages WHERE id > :after AND id <= :upto "
                "AND mailbox_id = :mailbox AND message_id IN (SELECT token FROM tokens)",
                tokens=self._db.rows([{"token": token} for token in tokens]),
                after=after,
                upto=after + STRIDE,
                mailbox=mailbox_id,
            ).all()
        return [row.message_id for row in rows]

    def asked(self, message: int, now: int) -> None:
        """Its receipts have been asked for."""
        with self._db.transaction() as connection:
            self._db.execute(
                connection, "UPDATE messages SET asked_at = :now WHERE id = :id", now=now, id=message
            )
