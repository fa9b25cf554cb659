"""Orders: what operators asked of a run, obeyed and kept for the record."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Connection

from bulk_pec.domain.errors import UsageError
from bulk_pec.domain.states import MessageState, RunState
from bulk_pec.ledger.runs import counts
from bulk_pec.ledger.runs.runs import Run, Runs
from bulk_pec.ledger.store.database import Database

_SLICE = 10_000
"""Messages cancelled in one transaction: a bulk that kept hold of all of them would stall every heartbeat."""
CANCELLED = "run cancelled"
"""The reason of a message that was cancelled with its run."""


class Word(StrEnum):
    """What may be ordered of a run that a process may be sending at this moment."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Order:
    """One order.

    Attributes:
        word: What is to be done.
        run: The run's name.
        given_by: User, host and process.
        given_at: Milliseconds since the epoch.
        loaded_at: When the run that is meant was loaded (`Run.created_at`); None: it is not said.
    """

    word: Word
    run: str
    given_by: str
    given_at: int
    loaded_at: int | None = None


@dataclass(frozen=True, slots=True)
class Obeyed:
    """What an order came to.

    Attributes:
        run: As it stands now.
        changed: Whether the order changed anything.
    """

    run: Run
    changed: bool


@dataclass(frozen=True, slots=True)
class Note:
    """An order as it is kept: pause, resume, cancel or settle, by whom, what it found and did."""

    run_id: int
    kind: str
    by: str
    facts: dict[str, Any]


def check(run: Run, word: Word) -> None:
    """A cancelled run stays so.

    Raises:
        UsageError: It would have to be paused or resumed.
    """
    if run.state is RunState.CANCELLED and word is not Word.CANCEL:
        raise UsageError(
            f"The run {run.name!r} is cancelled: it can be neither paused nor resumed.",
            hint="What was not sent can be loaded as a new run, from the list.",
        )


def _check_meant(run: Run, order: Order) -> None:
    """An order may have lain beside a ledger that is gone: another's run of the name is not meant.

    Raises:
        UsageError: It was given for another run.
    """
    known = order.loaded_at is not None
    if order.loaded_at != run.created_at if known else order.given_at < run.created_at:
        raise UsageError(
            f"The order to {order.word} {run.name!r}, by {order.given_by}, is for another run of that name.",
            hint=f"Give it again if this one is meant: `bulk-pec {order.word} {shlex.quote(run.name)}`.",
        )


class Orders:
    """Obeying orders and recording them."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._runs = Runs(database)

    def obey(self, order: Order, now: int) -> Obeyed:
        """Do what is ordered, and record it. What is so already, or has no object any more, changes nothing.

        Cancelling is written first, so that nothing more is taken from that moment on; then what is
        pending is cancelled, some thousands a transaction. A cancellation that was cut short is completed
        when it is ordered again.

        Raises:
            UsageError: There is no such run, or another is meant; or it is cancelled and would have to be
                paused or resumed.
        """
        run = self._runs.get(order.run)
        _check_meant(run, order)
        check(run, order.word)
        changed = False
        if run.state is not RunState.FINISHED:
            changed = self._change(run, order, now)
        if order.word is Word.CANCEL and run.state is not RunState.FINISHED:
            self.cancel_pending(run, now)
        return Obeyed(self._runs.get(run.name), changed)

    def _change(self, run: Run, order: Order, now: int) -> bool:
        with self._db.transaction() as connection:
            changed = self._db.execute(connection, _CHANGES[order.word], run=run.id).first() is not None
            if changed:
                figures = _figures(self._db, connection, run.id)
                facts = {"ordered_at": order.given_at, "messages": figures}
                note(self._db, connection, Note(run.id, order.word.value, order.given_by, facts), now)
        return changed

    def cancel_pending(self, run: Run, now: int) -> int:
        """Cancel what is pending in a cancelled run (transition i); how many messages that were."""
        cancelled = 0
        for first in range(run.first_id, run.last_id + 1, _SLICE):
            with self._db.transaction() as connection:
                count = self._cancel_slice(connection, run, first, min(first + _SLICE - 1, run.last_id))
                changes = counts.Changes()
                changes.move(MessageState.PENDING, MessageState.CANCELLED, count)
                if count:
                    counts.apply(self._db, connection, run.id, changes, now)
            cancelled += count
        return cancelled

    def _cancel_slice(self, connection: Connection, run: Run, first: int, last: int) -> int:
        """In the messages' order, as every other write takes them: two hosts must not wait for each other."""
        return int(
            self._db.execute(
                connection,
                "UPDATE messages SET state = 'cancelled', reason = :why, not_before = NULL, "
                "harvest_after = NULL WHERE state = 'pending' AND id IN (SELECT m.id FROM messages m "
                "WHERE m.id BETWEEN :first AND :last AND m.state = 'pending' AND EXISTS (SELECT 1 "
                "FROM runs r WHERE r.id = :run AND r.state = 'cancelled') "
                f"ORDER BY m.id {self._db.hold('m')})",
                first=first,
                last=last,
                run=run.id,
                why=CANCELLED,
            ).rowcount
        )

    def state(self, run: Run) -> tuple[RunState, bool]:
        """Where the run stands, and whether any waits for `settle` because the ledger is an older copy."""
        with self._db.transaction() as connection:
            row = self._db.execute(
                connection,
                "SELECT state, EXISTS (SELECT 1 FROM runs WHERE restored_at IS NOT NULL) AS restored "
                "FROM runs WHERE id = :run",
                run=run.id,
            ).one()
        return RunState(row.state), bool(row.restored)

    def of(self, run: Run) -> list[dict[str, Any]]:
        """What was ordered of the run, oldest first: kind, given_at, given_by, facts."""
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                "SELECT kind, given_at, given_by, facts FROM orders WHERE run_id = :run ORDER BY id",
                run=run.id,
            ).mappings()
            return [{**row, "facts": orjson.loads(row["facts"] or "{}")} for row in rows]


_CHANGES = {
    Word.PAUSE: "UPDATE runs SET state = 'paused' WHERE id = :run AND state IN ('loaded', 'sending') "
    "RETURNING id",
    Word.RESUME: "UPDATE runs SET state = CASE WHEN started_at IS NULL THEN 'loaded' ELSE 'sending' END "
    "WHERE id = :run AND state = 'paused' RETURNING id",
    Word.CANCEL: "UPDATE runs SET state = 'cancelled' WHERE id = :run AND state <> 'cancelled' RETURNING id",
}


def note(db: Database, connection: Connection, given: Note, now: int) -> None:
    """Inside a transaction: keep an order for the record."""
    db.execute(
        connection,
        "INSERT INTO orders (run_id, kind, given_at, given_by, facts) "
        "VALUES (:run, :kind, :now, :by, :facts)",
        run=given.run_id,
        kind=given.kind,
        now=now,
        by=given.by,
        facts=orjson.dumps(given.facts).decode(),
    )


def _figures(db: Database, connection: Connection, run_id: int) -> dict[str, int]:
    names = ", ".join(MessageState)
    row = db.execute(connection, f"SELECT {names} FROM run_counts WHERE run_id = :run", run=run_id).one()
    return dict(row._mapping)  # noqa: SLF001 - the documented way to a row's mapping
