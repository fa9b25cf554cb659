"""Attempts: the intent before a POST and the outcome after it, committed a batch at a time.

One `tick` is one transaction: the outcomes of what came back and the intents of what is about to leave.
Every write is a compare-and-set whose rows are counted (invariant 5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from bulk_pec.domain.outcomes import Outcome, Verdict, state_after
from bulk_pec.domain.states import Delivery, MessageState
from bulk_pec.ledger import counts
from bulk_pec.ledger.claims import reopen_blocks
from bulk_pec.ledger.database import Database
from bulk_pec.ledger.workers import Worker


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be posted.

    Attributes:
        message: The message's id in the ledger.
        number: Of the attempt, from 1.
        block: Held by the worker; if it no longer is, the intent is refused.
        mailbox_id: The mailbox that will send it.
        digest: Hex SHA-256 of recipient, subject, body and attachments.
        quota_share: How full the mailbox was when it was last read.
    """

    message: int
    number: int
    block: int
    mailbox_id: int
    digest: str
    quota_share: float | None


@dataclass(frozen=True, slots=True)
class Closing:
    """What came of an attempt. Times are milliseconds since the epoch."""

    attempt: int
    message: int
    outcome: Outcome
    closed_at: int
    not_before: int | None = None


@dataclass(slots=True)
class Tick:
    """What one transaction did: the attempt id of each message whose intent was taken."""

    opened: dict[int, int] = field(default_factory=dict)


class Attempts:
    """Opening and closing attempts."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def tick(self, worker: Worker, intents: Sequence[Intent], closings: Sequence[Closing], now: int) -> Tick:
        """Record outcomes and intents, durably, in one transaction.

        An intent is taken only if its message is pending with the expected number of attempts, its block
        is held by this worker, the worker's lease lives, and an earlier attempt said the same thing. One
        that expired since it was claimed is cancelled instead (transition i).
        """
        tick = Tick()
        changes = counts.Changes()
        with self._db.transaction() as connection:
            if closings:
                self._close(connection, worker.run_id, closings, changes)
            if intents:
                tick.opened = self._open(connection, worker, intents, now)
                changes.move(MessageState.PENDING, MessageState.SENDING, len(tick.opened))
                changes.add("attempts", len(tick.opened))
                if len(tick.opened) < len(intents):
                    self._cancel_expired(connection, intents, changes, now)
            counts.apply(self._db, connection, worker.run_id, changes, now)
        return tick

    def _open(
        self, connection: Connection, worker: Worker, intents: Sequence[Intent], now: int
    ) -> dict[int, int]:
        taken = self._claim(connection, worker, intents, now)
        return self._insert(connection, worker, taken, now) if taken else {}

    def _claim(
        self, connection: Connection, worker: Worker, intents: Sequence[Intent], now: int
    ) -> list[Intent]:
        db = self._db
        batch = db.batch("wanted", id="bigint", number="int", block="bigint", mailbox="bigint", digest="text")
        lease = f"AND w.expires_at > {db.lease_now}" if db.is_postgres else ""
        rows = db.execute(
            connection,
            f"WITH {batch} UPDATE messages SET state = 'sending', attempts = wanted.number, "
            "mailbox_id = wanted.mailbox, not_before = NULL, harvest_after = NULL FROM wanted "
            "WHERE messages.id = wanted.id AND messages.state = 'pending' "
            "AND messages.attempts = wanted.number - 1 "
            "AND (messages.mailbox_id IS NULL OR messages.mailbox_id = wanted.mailbox) "
            "AND (messages.expires_at IS NULL OR messages.expires_at > :now) "
            "AND EXISTS (SELECT 1 FROM blocks b WHERE b.id = wanted.block AND b.worker_id = :worker "
            "AND wanted.id BETWEEN b.first_id AND b.last_id) "
            f"AND EXISTS (SELECT 1 FROM workers w WHERE w.id = :worker AND w.ended_at IS NULL {lease}) "
            "AND (wanted.number = 1 OR NOT EXISTS (SELECT 1 FROM attempts a "
            "WHERE a.message = wanted.id AND a.digest <> wanted.digest)) "
            "RETURNING messages.id",
            wanted=db.rows(
                [
                    {
                        "id": i.message,
                        "number": i.number,
                        "block": i.block,
                        "mailbox": i.mailbox_id,
                        "digest": i.digest,
                    }
                    for i in intents
                ]
            ),
            worker=worker.id,
            now=now,
        ).all()
        taken = {row.id for row in rows}
        return [intent for intent in intents if intent.message in taken]

    def _cancel_expired(
        self, connection: Connection, intents: Sequence[Intent], changes: counts.Changes, now: int
    ) -> None:
        batch = self._db.batch("wanted", id="bigint")
        cancelled = self._db.execute(
            connection,
            f"WITH {batch} UPDATE messages SET state = 'cancelled', reason = 'expired' FROM wanted "
            "WHERE messages.id = wanted.id AND messages.state = 'pending' AND messages.expires_at <= :now "
            "RETURNING messages.id",
            wanted=self._db.rows([{"id": intent.message} for intent in intents]),
            now=now,
        ).all()
        changes.move(MessageState.PENDING, MessageState.CANCELLED, len(cancelled))

    def _insert(
        self, connection: Connection, worker: Worker, taken: Sequence[Intent], now: int
    ) -> dict[int, int]:
        db = self._db
        batch = db.batch(
            "taken", message="bigint", number="int", mailbox="bigint", digest="text", quota="double precision"
        )
        rows = db.execute(
            connection,
            f"WITH {batch} INSERT INTO attempts (message, number, run_id, mailbox_id, worker_id, digest, "
            "quota_share, opened_at) SELECT message, number, :run, mailbox, :worker, digest, quota, :now "
            "FROM taken WHERE true RETURNING id, message",
            taken=db.rows(
                [
                    {
                        "message": i.message,
                        "number": i.number,
                        "mailbox": i.mailbox_id,
                        "digest": i.digest,
                        "quota": i.quota_share,
                    }
                    for i in taken
                ]
            ),
            run=worker.run_id,
            worker=worker.id,
            now=now,
        ).all()
        return {row.message: row.id for row in rows}

    def _close(
        self, connection: Connection, run_id: int, closings: Sequence[Closing], changes: counts.Changes
    ) -> None:
        db = self._db
        first = {closing.attempt: closing for closing in reversed(closings)}
        # In the messages' order, as a fold takes them: two hosts must not wait for each other.
        rows = sorted(map(_closing_row, first.values()), key=lambda row: (row["message"], row["attempt"]))
        batch = db.batch(
            "closed",
            attempt="bigint",
            at="bigint",
            outcome="text",
            status="int",
            message_id="text",
            detail="text",
        )
        on_time = db.execute(
            connection,
            f"WITH {batch} UPDATE attempts SET closed_at = closed.at, outcome = closed.outcome, "
            "status = closed.status, message_id = closed.message_id, detail = closed.detail FROM closed "
            "WHERE attempts.id = closed.attempt AND attempts.closed_at IS NULL RETURNING attempts.id",
            closed=db.rows(rows),
        ).all()
        punctual = {row.id for row in on_time}
        self._move(connection, run_id, [row for row in rows if row["attempt"] in punctual], changes)
        for closing in closings:
            if closing.attempt not in punctual or closing is not first[closing.attempt]:
                self._close_late(connection, run_id, closing, changes)

    def _move(
        self, connection: Connection, run_id: int, rows: list[dict[str, Any]], changes: counts.Changes
    ) -> None:
        """Move the messages of attempts closed on time from `sending` to what their outcomes say."""
        moved = self._update_messages(connection, rows, MessageState.SENDING)
        gone_by = Counter(row["state"] for row in rows if row["message"] in moved)
        for state, count in gone_by.items():
            changes.move(MessageState.SENDING, MessageState(state), count)
        changes.deliver(None, Delivery.NONE, gone_by[MessageState.SENT])
        back = [row["message"] for row in rows if row["state"] == MessageState.PENDING]
        reopen_blocks(self._db, connection, run_id, back)
        ahead = [row for row in rows if row["message"] not in moved]
        if ahead:
            self._complete_sent(connection, ahead)

    def _update_messages(
        self, connection: Connection, rows: list[dict[str, Any]], before: MessageState
    ) -> set[int]:
        db = self._db
        batch = db.batch(
            "moved",
            message="bigint",
            state="text",
            message_id="text",
            sent_at="bigint",
            wait="bigint",
            why="text",
        )
        found = db.execute(
            connection,
            f"WITH {batch} UPDATE messages SET state = moved.state, message_id = moved.message_id, "
            "sent_at = moved.sent_at, not_before = moved.wait, reason = moved.why FROM moved "
            "WHERE messages.id = moved.message AND messages.state = :before RETURNING messages.id",
            moved=db.rows(rows),
            before=before.value,
        ).all()
        return {row.id for row in found}

    def _complete_sent(self, connection: Connection, rows: list[dict[str, Any]]) -> None:
        """A receipt outran the answer: the message is `sent` and stays so; its message_id may be new.

        An ambiguous or failed answer changes nothing then: evidence outranks it.
        """
        batch = self._db.batch("answered", message="bigint", attempt="bigint", message_id="text", at="bigint")
        answered = self._db.rows(rows)
        self._db.execute(
            connection,
            f"WITH {batch} UPDATE messages "
            "SET message_id = COALESCE(messages.message_id, answered.message_id) "
            "FROM answered WHERE messages.id = answered.message AND messages.state = 'sent'",
            answered=answered,
        )
        self._db.execute(
            connection,
            f"WITH {batch} UPDATE attempts SET settlement = 'receipt', settled_at = answered.at "
            "FROM answered, messages WHERE attempts.id = answered.attempt AND messages.id = answered.message "
            "AND messages.state = 'sent' AND attempts.outcome = 'in_doubt' AND attempts.settlement IS NULL",
            answered=answered,
        )

    def _close_late(
        self, connection: Connection, run_id: int, closing: Closing, changes: counts.Changes
    ) -> None:
        """A woken process's answer to an attempt that recovery had put in doubt (transition f).

        That it was sent counts even if its absence had been accepted meanwhile, or the operator had
        decided: a message that was taken must not be tried again, and what was tried is a twin.
        """
        verdict = closing.outcome.verdict
        if verdict is Verdict.IN_DOUBT:
            return
        row = _closing_row(closing)
        if self._db.is_postgres:  # first the message, then the attempt: the order of folds and settlements
            held = "SELECT 1 FROM messages WHERE id = :message FOR UPDATE"
            self._db.execute(connection, held, message=closing.message)
        decided = "OR settlement IN ('absence', 'operator')" if verdict is Verdict.SENT else ""
        known = self._db.execute(
            connection,
            "UPDATE attempts SET outcome = :outcome, status = :status, message_id = :message_id, "
            "detail = :detail, settlement = 'late_answer', settled_at = :at WHERE id = :attempt "
            f"AND message = :message AND outcome = 'in_doubt' AND (settlement IS NULL {decided}) "
            "RETURNING id",
            **{name: row[name] for name in _LATE},
        ).first()
        if known is not None:
            self._move_late(connection, run_id, row, changes)

    def _move_late(
        self, connection: Connection, run_id: int, row: dict[str, Any], changes: counts.Changes
    ) -> None:
        after = MessageState(row["state"])
        sources = _NOT_SENT if after is MessageState.SENT else (MessageState.IN_DOUBT,)
        for before in sources:
            if self._update_messages(connection, [row], before):
                changes.move(before, after)
                changes.deliver(None, Delivery.NONE if after is MessageState.SENT else None)
                break
        if after is MessageState.PENDING:
            reopen_blocks(self._db, connection, run_id, [row["message"]])
        if after is MessageState.SENT:
            self._db.execute(
                connection,
                "UPDATE attempts SET settlement = 'late_answer', settled_at = :at "
                "WHERE message = :message AND outcome = 'in_doubt' AND settlement IS NULL",
                message=row["message"],
                at=row["at"],
            )


_LATE = ("outcome", "status", "message_id", "detail", "at", "attempt", "message")
_NOT_SENT = tuple(state for state in MessageState if state is not MessageState.SENT)


def _closing_row(closing: Closing) -> dict[str, Any]:
    outcome = closing.outcome
    sent = outcome.verdict is Verdict.SENT
    return {
        "attempt": closing.attempt,
        "message": closing.message,
        "at": closing.closed_at,
        "outcome": outcome.verdict.value,
        "state": state_after(outcome.verdict).value,
        "status": outcome.status,
        "message_id": outcome.message_id,
        "detail": outcome.detail,
        "sent_at": closing.closed_at if sent else None,
        "wait": closing.not_before,
        "why": None if sent else outcome.detail,
    }
