"""Closings: what came of attempts, committed a batch at a time, also when the answer is late.

Every write is a compare-and-set whose rows are counted (invariant 5). Evidence outranks an answer: what a
receipt has shown to be sent stays so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from bulk_pec.domain.caps import COUNTS_NOT, Charge, Sums
from bulk_pec.domain.outcomes import Outcome, Verdict, state_after
from bulk_pec.domain.states import Delivery, MessageState
from bulk_pec.ledger.outbox import twins
from bulk_pec.ledger.outbox.returning import returned
from bulk_pec.ledger.runs import counts
from bulk_pec.ledger.store.database import Database


@dataclass(frozen=True, slots=True)
class Closing:
    """What came of an attempt. Times are milliseconds since the epoch."""

    attempt: int
    message: int
    outcome: Outcome
    closed_at: int
    not_before: int | None = None


class Closings:
    """Recording outcomes, inside a tick's transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def record(
        self,
        connection: Connection,
        run_id: int,
        closings: Sequence[Closing],
        changes: counts.Changes,
        sums: Sums,
    ) -> None:
        """Close attempts, move their messages on, and say what counts no more.

        Args:
            connection: Of the transaction.
            run_id: The messages' run.
            closings: The first for an attempt counts; a later one is a late answer.
            changes: Told how the counters change.
            sums: Told what is given back to caps and budget.
        """
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
            sent_to="int",
            detail="text",
        )
        on_time = [
            _OnTime(*row)
            for row in db.fetch(
                connection,
                f"WITH {batch} UPDATE attempts SET closed_at = closed.at, outcome = closed.outcome, "
                "status = closed.status, message_id = closed.message_id, sent_to = closed.sent_to, "
                "detail = closed.detail FROM closed "
                "WHERE attempts.id = closed.attempt AND attempts.closed_at IS NULL "
                "RETURNING attempts.id, attempts.message, mailbox_id, units, cost, opened_at",
                closed=db.rows(rows),
            )
        ]
        punctual = {row.id for row in on_time}
        for row in on_time:
            _give_back(row, first[row.id].outcome.verdict, sums)
        self._move(connection, run_id, [row for row in rows if row["attempt"] in punctual], changes)
        for closing in closings:
            if closing.attempt not in punctual or closing is not first[closing.attempt]:
                self._close_late(connection, run_id, closing, changes, sums)

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
        returned(self._db, connection, run_id, back, changes)
        ahead = [row for row in rows if row["message"] not in moved]
        if ahead:
            self._complete_sent(connection, ahead)
            self._mark_twins(connection, ahead, changes)

    def _mark_twins(
        self, connection: Connection, rows: Sequence[dict[str, Any]], changes: counts.Changes
    ) -> None:
        """What was answered as taken may be the second copy of a message, or show that the first one was."""
        answered = [row["message"] for row in rows]
        marked = twins.mark(self._db, connection, answered, now=rows[0]["at"], attempts=2)
        changes.add("twins", marked.total())

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
        found = db.fetch(
            connection,
            f"WITH {batch} UPDATE messages SET state = moved.state, message_id = moved.message_id, "
            "sent_at = moved.sent_at, not_before = moved.wait, reason = moved.why FROM moved "
            "WHERE messages.id = moved.message AND messages.state = :before RETURNING messages.id",
            moved=db.rows(rows),
            before=before.value,
        )
        return {row[0] for row in found}

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
        self, connection: Connection, run_id: int, closing: Closing, changes: counts.Changes, sums: Sums
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
        decided = "OR settlement IN ('absence', 'operator', 'policy')" if verdict is Verdict.SENT else ""
        known = self._db.execute(
            connection,
            "UPDATE attempts SET outcome = :outcome, status = :status, message_id = :message_id, "
            "sent_to = :sent_to, detail = :detail, settlement = 'late_answer', settled_at = :at "
            "WHERE id = :attempt AND message = :message AND outcome = 'in_doubt' "
            f"AND (settlement IS NULL {decided}) "
            "RETURNING id, message, mailbox_id, units, cost, opened_at",
            **{name: row[name] for name in _LATE},
        ).first()
        if known is not None:
            _give_back(known, verdict, sums)
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
            returned(self._db, connection, run_id, [row["message"]], changes)
        if after is MessageState.SENT:
            self._db.execute(
                connection,
                "UPDATE attempts SET settlement = 'late_answer', settled_at = :at "
                "WHERE message = :message AND outcome = 'in_doubt' AND settlement IS NULL",
                message=row["message"],
                at=row["at"],
            )
            self._mark_twins(connection, [row], changes)


class _OnTime(NamedTuple):
    """An attempt that is closed now: what it counted."""

    id: int
    message: int
    mailbox_id: int
    units: int
    cost: int | None
    opened_at: int


def _give_back(row: Row[Any] | _OnTime, verdict: Verdict, sums: Sums) -> None:
    """What is known not to have left, or was refused, counts against nothing."""
    if verdict in COUNTS_NOT:
        sums.add(Charge(row.message, row.mailbox_id, row.units, row.opened_at, row.cost), -1)


_LATE = ("outcome", "status", "message_id", "sent_to", "detail", "at", "attempt", "message")
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
        "sent_to": outcome.sent_to,
        "detail": outcome.detail,
        "sent_at": closing.closed_at if sent else None,
        "wait": closing.not_before,
        "why": None if sent and not outcome.fewer else outcome.detail,
    }
