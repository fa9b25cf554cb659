"""Claims: a worker takes a block of messages, and hands it back when nothing in it waits for it.

A block is a key range. It is found by its place in a table of a few thousand rows, never by a state
index over a million messages, so a claim costs the same at the start of a run and at its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from bulk_pec.domain.addresses import canonicals
from bulk_pec.domain.states import Delivery, MessageState
from bulk_pec.ledger.outbox.workers import Worker
from bulk_pec.ledger.runs import counts
from bulk_pec.ledger.runs.suppressions import suppressed
from bulk_pec.ledger.store.database import Database

_CANARY_FIRST = (
    "(NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = :run AND r.canary IN ('sending', 'waiting', 'failed')) "
    "OR EXISTS ({served}))"
)
"""While a run's canary is out, and until it has passed, nothing but its messages is served."""
_BLOCK_SERVES = _CANARY_FIRST.format(
    served="SELECT 1 FROM canaries c JOIN messages m ON m.id = c.message WHERE c.run_id = :run "
    "AND c.message BETWEEN blocks.first_id AND blocks.last_id AND m.state = 'pending'"
)
_MESSAGE_SERVED = _CANARY_FIRST.format(
    served="SELECT 1 FROM canaries c WHERE c.run_id = :run AND c.message = m.id"
)


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
        expires_at: Never sent from then on, milliseconds since the epoch; None: it does not expire.
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
    expires_at: int | None


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
                f"AND {_BLOCK_SERVES} ORDER BY first_id LIMIT 1 {self._db.skip_locked}) "
                "AND EXISTS (SELECT 1 FROM workers w WHERE w.id = :worker AND w.ended_at IS NULL) "
                "RETURNING id, first_id, last_id",
                worker=worker.id,
                run=worker.run_id,
                after=after,
            ).first()
        return Block(row.id, row.first_id, row.last_id) if row is not None else None

    def pending(self, worker: Worker, block: Block, now: int) -> list[PendingMessage]:
        """The block's messages that may be tried, in input order; of a run whose canary is out, only its.

        Those that have expired, whose address is suppressed by now, or whose failure a retry was to mend and
        which did not fail after all, are cancelled instead (transition i). One whose absence was accepted
        waits for a whole harvest of its mailbox that began after that.
        """
        with self._db.transaction() as connection:
            self._cancel(
                connection, worker.run_id, self._unwanted(connection, worker.run_id, block, now), now
            )
            rows = self._db.execute(
                connection,
                'SELECT m.id, :block AS block, m."row", m.recipient, m.reference, m.fields, '
                "m.content_digest, m.attempts, m.mailbox_id, m.not_before, m.expires_at FROM messages m "
                "WHERE m.id BETWEEN :first AND :last AND m.state = 'pending' "
                "AND (m.harvest_after IS NULL OR EXISTS (SELECT 1 FROM harvests h "
                "WHERE h.mailbox_id = m.mailbox_id AND h.complete AND h.id > m.harvest_after)) "
                f"AND {_MESSAGE_SERVED} ORDER BY m.id",
                block=block.id,
                run=worker.run_id,
                first=block.first_id,
                last=block.last_id,
            )
            return [PendingMessage(*row) for row in rows]

    def _unwanted(self, connection: Connection, run_id: int, block: Block, now: int) -> dict[int, str]:
        """The block's pending messages that must not be sent any more, each with why."""
        mended = self._mended(connection, run_id, block)
        if not self._anything_unwanted(connection, block, now):
            return mended
        rows = self._db.execute(
            connection,
            "SELECT id, recipient, expires_at FROM messages WHERE id BETWEEN :first AND :last "
            "AND state = 'pending'",
            first=block.first_id,
            last=block.last_id,
        ).all()
        recipients = {row.id: canonicals(row.recipient) for row in rows}
        known = suppressed(self._db, connection, {one for each in recipients.values() for one in each})
        unwanted = {row.id: "expired" for row in rows if row.expires_at is not None and row.expires_at <= now}
        for message, addresses in recipients.items():
            if any(address in known for address in addresses):
                unwanted[message] = "address suppressed"
        return unwanted | mended

    def _mended(self, connection: Connection, run_id: int, block: Block) -> dict[int, str]:
        """What a retry took up and receipts, or a late answer, have since shown not to have failed.

        The run that is retried may be a retry itself: any sending of the line counts.
        """
        # Asked apart: Postgres may join in another order than is written, and read the whole run for nothing.
        retry = "SELECT retry_of FROM runs WHERE id = :run"
        if self._db.execute(connection, retry, run=run_id).scalar() is None:
            return {}
        rows = self._db.execute(
            connection,
            "WITH RECURSIVE line(id) AS (SELECT retry_of FROM runs WHERE id = :run AND retry_of IS NOT NULL "
            "UNION SELECT r.retry_of FROM line JOIN runs r ON r.id = line.id WHERE r.retry_of IS NOT NULL) "
            # Joined in this order: a run that is no retry has no line, and costs nothing.
            "SELECT m.id, o.delivery FROM line CROSS JOIN messages m CROSS JOIN messages o "
            "WHERE m.id BETWEEN :first AND :last AND m.state = 'pending' AND o.run_id = line.id "
            "AND o.key = m.key AND o.state = 'sent' "
            "AND o.delivery NOT IN ('undelivered', 'not_accepted', 'overdue')",
            run=run_id,
            first=block.first_id,
            last=block.last_id,
        ).all()
        arrived = {row.id for row in rows if row.delivery == Delivery.DELIVERED}
        return {
            row.id: "the first has arrived" if row.id in arrived else "the first has left" for row in rows
        }

    def _anything_unwanted(self, connection: Connection, block: Block, now: int) -> bool:
        """Whether it is worth looking: most ledgers have neither suppressions nor expiries."""
        found = self._db.execute(
            connection,
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM suppressions) OR EXISTS (SELECT 1 FROM messages "
            "WHERE id BETWEEN :first AND :last AND expires_at <= :now)",
            first=block.first_id,
            last=block.last_id,
            now=now,
        ).first()
        return found is not None

    def _cancel(self, connection: Connection, run_id: int, unwanted: dict[int, str], now: int) -> None:
        if not unwanted:
            return
        batch = self._db.batch("unwanted", id="bigint", why="text")
        cancelled = self._db.execute(
            connection,
            f"WITH {batch} UPDATE messages SET state = 'cancelled', reason = unwanted.why FROM unwanted "
            "WHERE messages.id = unwanted.id AND messages.state = 'pending' RETURNING messages.id",
            unwanted=self._db.rows([{"id": message, "why": why} for message, why in unwanted.items()]),
        ).all()
        changes = counts.Changes()
        changes.move(MessageState.PENDING, MessageState.CANCELLED, len(cancelled))
        counts.apply(self._db, connection, run_id, changes, now)

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
