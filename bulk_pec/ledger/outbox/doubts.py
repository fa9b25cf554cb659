"""Doubts: attempts of which nothing local can say whether they left, and how they are settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Connection

from bulk_pec.domain.states import Delivery, MessageState
from bulk_pec.ledger.outbox.returning import returned
from bulk_pec.ledger.runs import counts
from bulk_pec.ledger.runs.orders import Note, note
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.ledger.store.database import Database


class Decision(StrEnum):
    """What an operator may say of a doubt."""

    SENT = "sent"
    """It left (transition k)."""
    RESEND = "resend"
    """It did not leave, or may leave twice: try it again, after one more harvest (g)."""
    ABANDON = "abandon"
    """Whatever became of it, nothing more is done (h)."""


_AFTER = {
    Decision.SENT: MessageState.SENT,
    Decision.RESEND: MessageState.PENDING,
    Decision.ABANDON: MessageState.ABANDONED,
}
_WORDS = {
    Decision.SENT: "sent, by the operator's word",
    Decision.RESEND: "to be sent again, by the operator's word",
    Decision.ABANDON: "given up by the operator",
}


@dataclass(frozen=True, slots=True)
class Operator:
    """Who decides.

    Attributes:
        name: User, host and process.
        facts: The same as they are recorded with a settlement, and the reason given.
    """

    name: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """A message that was asked for by key or reference."""

    message: int
    state: MessageState


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a doubt ends: the message's next state, the settlement, the reason people read, the facts."""

    state: MessageState
    settlement: str
    reason: str
    facts: dict[str, Any]


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
        key: The message's.
        number: Of the attempt, from 1.
        mailbox: Its address.
    """

    attempt: int
    message: int
    row: int
    reference: str
    mailbox_id: int
    closed_at: int
    quota_share: float | None
    key: str = field(repr=False)
    number: int
    mailbox: str


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
                'SELECT a.id, a.message, m."row", m.reference, a.mailbox_id, a.closed_at, a.quota_share, '
                "m.key, a.number, b.address FROM attempts a JOIN messages m ON m.id = a.message "
                "JOIN mailboxes b ON b.id = a.mailbox_id WHERE a.run_id = :run "
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
        """Whether a walk since the attempt found that mail had gone from the mailbox, or was going.

        What went may have been, or have taken with it, the receipt that is looked for. A later steady
        harvest does not bring it back.
        """
        with self._db.transaction() as connection:
            lost = self._db.execute(
                connection,
                "SELECT 1 FROM harvests JOIN attempts a ON a.id = :attempt WHERE "
                "harvests.mailbox_id = :mailbox AND (harvests.fell_at >= a.opened_at "
                "OR (complete AND lost AND ended_at >= a.opened_at)) LIMIT 1",
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
        ended = _Ended(MessageState.PENDING, "absence", "absence accepted", facts)
        return bool(self._end(run, [doubt], ended, now))

    def resend(self, run: Run, doubt: Doubt, now: int) -> bool:
        """The configuration accepts duplicates: try it again without evidence, after a later harvest (g).

        Returns False if the doubt has been settled otherwise meanwhile: then nothing is changed.
        """
        ended = _Ended(MessageState.PENDING, "policy", "sent again by policy", {"policy": "resend"})
        return bool(self._end(run, [doubt], ended, now))

    def decide(self, run: Run, doubts: Sequence[Doubt], decision: Decision, by: Operator, now: int) -> int:
        """Record the operator's word on these doubts (k, g or h), and the order itself; all or nothing.

        A doubt that has been settled otherwise meanwhile keeps that. Returns how many were decided.
        """
        facts = {"decision": decision.value, "at": now, **by.facts}
        ended = _Ended(_AFTER[decision], "operator", _WORDS[decision], facts)
        return len(self._end(run, doubts, ended, now, by))

    def _end(
        self, run: Run, doubts: Sequence[Doubt], ended: _Ended, now: int, by: Operator | None = None
    ) -> list[int]:
        """End doubts by compare-and-set; the messages moved."""
        with self._db.transaction() as connection:
            # The messages first, as a fold does: a receipt on another host waits, or has won already.
            moved = self._move(connection, doubts, ended)
            settled = [{"attempt": one.attempt} for one in doubts if one.message in moved]
            if settled:
                self._settle(connection, settled, ended, now)
                changes = counts.Changes()
                changes.move(MessageState.IN_DOUBT, ended.state, len(moved))
                if ended.state is MessageState.SENT:
                    changes.deliver(None, Delivery.NONE, len(moved))
                elif ended.state is MessageState.PENDING:
                    returned(self._db, connection, run.id, sorted(moved), changes)
                counts.apply(self._db, connection, run.id, changes, now)
            if by is not None and settled:
                facts = ended.facts | {"references": [d.reference for d in doubts if d.message in moved]}
                note(self._db, connection, Note(run.id, "settle", by.name, facts), now)
        return sorted(moved)

    def _move(self, connection: Connection, doubts: Sequence[Doubt], ended: _Ended) -> set[int]:
        """`sent_at` of what the operator says was sent is when it was tried.

        What is to be tried again waits for a harvest that begins after this one: by the harvests' own
        numbers, because the hosts' clocks may differ.
        """
        sent, again = ended.state is MessageState.SENT, ended.state is MessageState.PENDING
        batch = self._db.batch("ended", message="bigint", attempt="bigint")
        rows = [
            {"message": doubt.message, "attempt": doubt.attempt}
            for doubt in sorted(doubts, key=lambda doubt: doubt.message)
        ]
        tried = "(SELECT a.opened_at FROM attempts a WHERE a.id = ended.attempt)" if sent else "NULL"
        wait = "(SELECT COALESCE(MAX(h.id), 0) FROM harvests h)" if again else "NULL"
        found = self._db.execute(
            connection,
            f"WITH {batch} UPDATE messages SET state = :state, reason = :why, sent_at = {tried}, "
            f"harvest_after = {wait} FROM ended "
            "WHERE messages.id = ended.message AND messages.state = 'in_doubt' AND EXISTS ("
            "SELECT 1 FROM attempts a WHERE a.id = ended.attempt AND a.message = ended.message "
            "AND a.outcome = 'in_doubt' AND a.settlement IS NULL) RETURNING messages.id",
            ended=self._db.rows(rows),
            state=ended.state.value,
            why=ended.reason,
        ).all()
        return {row.id for row in found}

    def _settle(self, connection: Connection, settled: list[dict[str, Any]], ended: _Ended, now: int) -> None:
        batch = self._db.batch("settled", attempt="bigint")
        self._db.execute(
            connection,
            f"WITH {batch} UPDATE attempts SET settlement = :how, settled_at = :now, settled_facts = :facts "
            "FROM settled WHERE attempts.id = settled.attempt AND attempts.outcome = 'in_doubt' "
            "AND attempts.settlement IS NULL",
            settled=self._db.rows(settled),
            how=ended.settlement,
            now=now,
            facts=orjson.dumps(ended.facts).decode(),
        )

    def find(self, run: Run, keys: Sequence[str]) -> dict[str, Found]:
        """The run's messages of these keys or references, by what was asked for.

        An address used as a key may be written in any case.
        """
        batch = self._db.batch("asked", word="text", folded="text")
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                f"WITH {batch} SELECT asked.word, m.id, m.state, m.key FROM asked JOIN messages m "
                "ON m.reference = asked.word AND m.run_id = :run UNION "
                "SELECT asked.word, m.id, m.state, m.key FROM asked JOIN messages m "
                "ON m.run_id = :run AND m.key IN (asked.word, asked.folded)",
                asked=self._db.rows([{"word": key, "folded": key.strip().lower()} for key in keys]),
                run=run.id,
            ).all()
        # Where one message's key is another's reference, the key is meant: it is what the list calls it.
        ordered = sorted(rows, key=lambda row: row.key == row.word)
        return {row.word: Found(row.id, MessageState(row.state)) for row in ordered}

    def acknowledge(self, run: Run, by: Operator, now: int) -> bool:
        """The operator knows that this ledger is an older copy: its run may be sent again. Recorded."""
        with self._db.transaction() as connection:
            since = self._db.execute(
                connection, "SELECT restored_at FROM runs WHERE id = :run", run=run.id
            ).scalar()
            cleared = self._db.execute(
                connection,
                "UPDATE runs SET restored_at = NULL WHERE id = :run AND restored_at IS NOT NULL RETURNING id",
                run=run.id,
            ).first()
            if cleared is not None:
                facts = {"acknowledged": "restored", "restored_at": since, **by.facts}
                note(self._db, connection, Note(run.id, "settle", by.name, facts), now)
        return cleared is not None
