"""Attempts: the intent before a POST and the outcome after it, committed a batch at a time.

One `tick` is one transaction: the outcomes of what came back and the intents of what is about to leave.
Every write is a compare-and-set whose rows are counted (invariant 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Connection

from bulk_pec.domain.caps import Charge, Limits, Sums, fitting
from bulk_pec.domain.states import MessageState
from bulk_pec.ledger.outbox.closings import Closing, Closings
from bulk_pec.ledger.outbox.usage import Overrun, Usage
from bulk_pec.ledger.outbox.workers import Worker
from bulk_pec.ledger.runs import counts
from bulk_pec.ledger.store.database import Database

__all__ = ["NO_LIMITS", "Attempts", "Closing", "Intent", "Refusal", "Tick"]

NO_LIMITS = Limits()

_JUST_OVER = 2_000_000
"""Microseconds for which a pause that is over still counts as why an intent was refused."""


class Refusal(StrEnum):
    """Why an intent was refused though its message may be sent."""

    PAUSED = "paused"
    """The provider asked that mailbox to wait."""
    CAP = "cap"
    """The mailbox has sent what it may in its day, month or year."""
    BUDGET = "budget"
    """The run has cost what it may."""


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
        units: Its addresses: what it counts against a cap.
        subject_digest: What tells its subject in a receipt, where that carries no reference; else None.
    """

    message: int
    number: int
    block: int
    mailbox_id: int
    digest: str
    quota_share: float | None
    units: int = 1
    subject_digest: str | None = None


@dataclass(slots=True)
class Tick:
    """What one transaction did.

    Attributes:
        opened: The attempt's id of each message whose intent was taken.
        refused: Why, by message, for those that were refused for a reason that passes.
    """

    opened: dict[int, int] = field(default_factory=dict)
    refused: dict[int, Refusal] = field(default_factory=dict)


class Attempts:
    """Opening and closing attempts."""

    def __init__(self, database: Database, usage: Usage) -> None:
        self._db = database
        self._usage = usage
        self._closings = Closings(database)

    def tick(
        self,
        worker: Worker,
        intents: Sequence[Intent],
        closings: Sequence[Closing],
        now: int,
        limits: Limits = NO_LIMITS,
    ) -> Tick:
        """Record outcomes and intents, durably, in one transaction.

        An intent is taken only if its message is pending with the expected number of attempts, its block
        is held by this worker, the worker's lease lives, its run is neither paused nor cancelled, no run
        waits for `settle` because the ledger is an older copy, an earlier attempt said the same thing, its
        mailbox does not pause, and caps and budget have room for it. One that expired since it was claimed
        is cancelled instead (transition i).
        """
        charges = [Charge(one.message, one.mailbox_id, one.units, now) for one in intents]
        self._usage.prepare(Sums(limits, worker.run_id).accounts(charges), limits, now)
        while True:
            try:
                return self._tick(worker, (intents, charges), closings, now, Sums(limits, worker.run_id))
            except Overrun:  # another host was faster: look again at what is left
                continue

    def _tick(
        self,
        worker: Worker,
        wanted: tuple[Sequence[Intent], Sequence[Charge]],
        closings: Sequence[Closing],
        now: int,
        sums: Sums,
    ) -> Tick:
        tick, changes = Tick(), counts.Changes()
        with self._db.transaction() as connection:
            if closings:
                self._closings.record(connection, worker.run_id, closings, changes, sums)
            if wanted[0]:
                self._open_affordable(connection, worker, wanted, (tick, changes, sums), now)
            self._usage.book(connection, sums)
            counts.apply(self._db, connection, worker.run_id, changes, now)
        return tick

    def _open_affordable(
        self,
        connection: Connection,
        worker: Worker,
        wanted: tuple[Sequence[Intent], Sequence[Charge]],
        books: tuple[Tick, counts.Changes, Sums],
        now: int,
    ) -> None:
        """Open what caps and budget have room for.

        What was not opened after all is not counted, and what it would have taken is there for the others.
        """
        (intents, charges), (tick, changes, sums) = wanted, books
        used = self._usage.read(connection, sums.accounts(charges)) if sums.limits.any else {}
        by_message = {intent.message: intent for intent in intents}
        lost: list[Charge] = []
        while charges:
            fit, short = fitting(charges, used, sums)
            chosen = [by_message[one.message] for one in fit]
            tick.opened |= self._open(connection, worker, chosen, now, sums.limits.price)
            missed = [charge for charge in fit if charge.message not in tick.opened]
            for charge in missed:
                sums.add(charge, -1)
            lost += missed
            charges = [charge for charge in charges if missed and charge.message in short]
        tick.refused = {message: Refusal(what.value) for message, what in short.items()}
        changes.move(MessageState.PENDING, MessageState.SENDING, len(tick.opened))
        changes.add("attempts", len(tick.opened))
        if lost:
            self._cancel_expired(connection, intents, changes, now)
            paused = self._paused(connection, {charge.mailbox for charge in lost}, now)
            tick.refused |= {one.message: Refusal.PAUSED for one in lost if one.mailbox in paused}

    def _paused(self, connection: Connection, mailboxes: set[int], now: int) -> set[int]:
        """Those of the mailboxes that pause, or did when an intent was refused a moment ago.

        Postgres's clock goes on between the two statements. A pause that was over by the second would pass
        for a refusal that does not pass, and its message would be left for another start.
        """
        over = _JUST_OVER if self._db.is_postgres else 0
        batch = self._db.batch("asked", mailbox="bigint")
        rows = self._db.execute(
            connection,
            f"WITH {batch} SELECT asked.mailbox FROM asked "
            "JOIN paces p ON p.scope = 'mailbox:' || asked.mailbox "
            f"WHERE p.paused_until > {self._db.pace_now} - {over}",
            asked=self._db.rows([{"mailbox": mailbox} for mailbox in mailboxes]),
            **self._pace_now(now),
        )
        return {int(mailbox) for (mailbox,) in rows}

    def _pace_now(self, now: int) -> dict[str, int]:
        """The parameter that `Database.pace_now` names on SQLite."""
        return {} if self._db.is_postgres else {"pace_now": now * 1000}

    def sent_since_refusal(self, message: int, mailbox: int) -> bool | None:
        """Whether the mailbox has sent other messages since it was refused (403) for this one.

        None: it never was.
        """
        with self._db.transaction() as connection:
            row = self._db.execute(
                connection,
                "SELECT EXISTS (SELECT 1 FROM attempts o WHERE o.id > a.id AND o.mailbox_id = :mailbox "
                "AND o.outcome = 'sent') AS since FROM attempts a WHERE a.message = :message "
                "AND a.mailbox_id = :mailbox AND a.status = 403 AND a.outcome = 'refused' "
                "ORDER BY a.id LIMIT 1",
                message=message,
                mailbox=mailbox,
            ).first()
        return None if row is None else bool(row.since)

    def _open(
        self, connection: Connection, worker: Worker, intents: Sequence[Intent], now: int, price: int
    ) -> dict[int, int]:
        taken = self._claim(connection, worker, intents, now)
        return self._insert(connection, worker, taken, now, price) if taken else {}

    def _claim(
        self, connection: Connection, worker: Worker, intents: Sequence[Intent], now: int
    ) -> list[Intent]:
        db = self._db
        batch = db.batch("wanted", id="bigint", number="int", block="bigint", mailbox="bigint", digest="text")
        lease = f"AND w.expires_at > {db.lease_now}" if db.is_postgres else ""
        rows = db.fetch(
            connection,
            f"WITH {batch} UPDATE messages SET state = 'sending', attempts = wanted.number, "
            "mailbox_id = wanted.mailbox, not_before = NULL, harvest_after = NULL FROM wanted "
            "WHERE messages.id = wanted.id AND messages.state = 'pending' "
            "AND messages.attempts = wanted.number - 1 "
            "AND (messages.mailbox_id IS NULL OR messages.mailbox_id = wanted.mailbox) "
            "AND (messages.expires_at IS NULL OR messages.expires_at > :now) "
            "AND NOT EXISTS (SELECT 1 FROM paces p WHERE p.scope = 'mailbox:' || wanted.mailbox "
            f"AND p.paused_until > {db.pace_now}) "
            "AND EXISTS (SELECT 1 FROM blocks b WHERE b.id = wanted.block AND b.worker_id = :worker "
            "AND wanted.id BETWEEN b.first_id AND b.last_id) "
            f"AND EXISTS (SELECT 1 FROM workers w WHERE w.id = :worker AND w.ended_at IS NULL {lease}) "
            "AND EXISTS (SELECT 1 FROM runs r JOIN workers w ON w.run_id = r.id WHERE w.id = :worker "
            "AND r.state NOT IN ('paused', 'cancelled')) "
            "AND NOT EXISTS (SELECT 1 FROM runs WHERE restored_at IS NOT NULL) "
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
                    # In the messages' order, as a cancellation on another host takes them.
                    for i in sorted(intents, key=lambda intent: intent.message)
                ]
            ),
            worker=worker.id,
            now=now,
            **self._pace_now(now),
        )
        taken = {row[0] for row in rows}
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
        self, connection: Connection, worker: Worker, taken: Sequence[Intent], now: int, price: int
    ) -> dict[int, int]:
        db = self._db
        batch = db.batch(
            "taken",
            message="bigint",
            number="int",
            mailbox="bigint",
            digest="text",
            quota="double precision",
            units="int",
            subject="text",
        )
        rows = db.fetch(
            connection,
            f"WITH {batch} INSERT INTO attempts (message, number, run_id, mailbox_id, worker_id, digest, "
            "quota_share, units, subject_digest, cost, opened_at) "
            "SELECT message, number, :run, mailbox, :worker, digest, quota, units, subject, "
            "CAST(:price AS bigint), :now "
            "FROM taken WHERE true RETURNING id, message",
            taken=db.rows(
                [
                    {
                        "message": i.message,
                        "number": i.number,
                        "mailbox": i.mailbox_id,
                        "digest": i.digest,
                        "quota": i.quota_share,
                        "units": i.units,
                        "subject": i.subject_digest,
                    }
                    for i in taken
                ]
            ),
            run=worker.run_id,
            worker=worker.id,
            now=now,
            price=price,
        )
        return {message: attempt for attempt, message in rows}
