"""Claims: a worker takes a block of messages, and hands it back when nothing in it waits for it.

A block is a key range. It is found by its place in a table of a few thousand rows, never by a state
index over a million messages, so a claim costs the same at the start of a run and at its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from bulk_pec.ledger.database import Database
from bulk_pec.ledger.workers import Worker


@dataclass(frozen=True, slots=True)
class PendingMessage:
    """A message that may be sent now.

    Attributes:
        id: In the ledger.
        block: The block it was claimed in.
        row: Of the input, from 1.
        recipient: As the list wrote it.
        reference: Goes into the subject.
        fields: JSON array of the row's values, in the run's column order.
        content_digest: What the message said when it was loaded.
        attempts: How many attempts it has had.
        mailbox_id: The mailbox its first attempt bound it to, if it had one.
        not_before: Milliseconds since the epoch; None: at once.
    """

    id: int
    block: int
    row: int
    recipient: str = field(repr=False)
    reference: str
    fields: str = field(repr=False)
    content_digest: bytes = field(repr=False)
    attempts: int
    mailbox_id: int | None
    not_before: int | None


@dataclass(frozen=True, slots=True)
class Block:
    """A claimed key range."""

    id: int
    first_id: int
    last_id: int


class Claims:
    """Taking blocks and giving them back."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def take(self, worker: Worker, after: int) -> Block | None:
        """Claim the first free block whose range begins after `after`; None if there is none.

        A worker that has ended claims nothing: nobody would free what it holds.
        """
        with self._db.transaction() as connection:
            row = self._db.execute(
                connection,
                "UPDATE blocks SET worker_id = :worker WHERE id = (SELECT id FROM blocks "
                "WHERE run_id = :run AND first_id > :after AND worker_id IS NULL AND NOT done "
                f"ORDER BY first_id LIMIT 1 {self._db.skip_locked}) "
                "AND EXISTS (SELECT 1 FROM workers w WHERE w.id = :worker AND w.ended_at IS NULL) "
                "RETURNING id, first_id, last_id",
                worker=worker.id,
                run=worker.run_id,
                after=after,
            ).first()
        return Block(row.id, row.first_id, row.last_id) if row is not None else None

    def pending(self, block: Block) -> list[PendingMessage]:
        """The block's messages that may be tried, in input order.

        One whose absence was accepted waits for a harvest of its mailbox that ended after that.
        """
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                'SELECT m.id, :block AS block, m."row", m.recipient, m.reference, m.fields, '
                "m.content_digest, m.attempts, m.mailbox_id, m.not_before FROM messages m "
                "LEFT JOIN mailboxes b ON b.id = m.mailbox_id "
                "WHERE m.id BETWEEN :first AND :last AND m.state = 'pending' "
                "AND (m.harvest_after IS NULL OR m.harvest_after < b.harvested_at) ORDER BY m.id",
                block=block.id,
                first=block.first_id,
                last=block.last_id,
            )
            return [PendingMessage(*row) for row in rows]

    def give_back(self, worker: Worker, blocks: Iterable[Block]) -> None:
        """Give blocks back; those in which nothing is pending are done."""
        with self._db.transaction() as connection:
            for block in blocks:
                if self._db.is_postgres:
                    # Held before it is judged: who reopens it meanwhile changes its messages first.
                    held = "SELECT 1 FROM blocks WHERE id = :block FOR UPDATE"
                    self._db.execute(connection, held, block=block.id)
                self._db.execute(
                    connection,
                    "UPDATE blocks SET worker_id = NULL, done = NOT EXISTS (SELECT 1 FROM messages "
                    "WHERE id BETWEEN :first AND :last AND state = 'pending') "
                    "WHERE id = :block AND worker_id = :worker",
                    block=block.id,
                    worker=worker.id,
                    first=block.first_id,
                    last=block.last_id,
                )


def reopen_blocks(db: Database, connection: Connection, run_id: int, messages: Iterable[int]) -> None:
    """Inside a transaction: the blocks of these messages have something pending again."""
    for message in messages:
        db.execute(
            connection,
            "UPDATE blocks SET done = :no WHERE id = (SELECT id FROM blocks "
            "WHERE run_id = :run AND first_id <= :message ORDER BY first_id DESC LIMIT 1)",
            no=False,
            run=run_id,
            message=message,
        )
