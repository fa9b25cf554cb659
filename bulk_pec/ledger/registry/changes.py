"""Changes that are paid for: what was about to be asked of the registry, and what came of it.

A registration and a renewal cost, and no answer need come. So an intent is on disk before the request leaves,
and of one mailbox no more than one can stand open: the database's own unique index decides, not a look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from bulk_pec.domain.registrations import OVER, Registration
from bulk_pec.ledger.store.database import Database

REGISTER, RENEW = "register", "renew"
_COLUMNS = "id, what, mailbox, expires_at, opened_at, opened_by, outcome, settled_at, settled_by"


class Outcome(StrEnum):
    """What came of a change."""

    DONE = "done"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    IN_DOUBT = "in_doubt"
    SEEN = "seen"
    """It was in doubt; the registry, asked later, showed that it was done."""
    AGAIN = "again"
    """It was in doubt; somebody looked, and had it asked again."""


_CHANGING = frozenset({Outcome.DONE, Outcome.SEEN, Outcome.AGAIN})
"""After these a mailbox is no longer what it looked like before."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A change about to be asked for.

    Attributes:
        what: `REGISTER` or `RENEW`.
        mailbox: Its address if it is new, else its id; in any case.
        expires_at: Its expiry before, in milliseconds since the epoch; None if it has none or was not told.
    """

    what: str
    mailbox: str
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A change as the ledger has it; times in milliseconds since the epoch.

    Attributes:
        id: The ledger's own.
        intent: What was to be asked for.
        opened_at: Right before the request.
        opened_by: User, host and process.
        outcome: None while no answer is known: its process works on it, or has died.
        settled_at: When it was known what came of it; None while it is not: open, or in doubt.
        settled_by: Who settled it; None like `settled_at`.
    """

    id: int
    intent: Intent
    opened_at: int
    opened_by: str
    outcome: Outcome | None
    settled_at: int | None
    settled_by: str | None


class Changes:
    """The changes asked of one registry.

    Args:
        database: The ledger's.
        service: The registry's base URL.
    """

    def __init__(self, database: Database, service: str) -> None:
        self._db = database
        self._service = service

    def latest(self, mailbox: str) -> int:
        """The id of the latest settled change of a mailbox (by id, or address); 0 if there was none.

        Asked before the mailbox is looked at, it tells `open` which changes that look can have missed: also
        one that is in doubt still, and that the look itself shows to be done.
        """
        with self._db.transaction() as connection:
            return self._latest(connection, mailbox)

    def unsettled(self, mailbox: str) -> Change | None:
        """The change of a mailbox of which it is not known what came of it."""
        with self._db.transaction() as connection:
            return self._unsettled(connection, mailbox)

    def open(
        self, intent: Intent, *, by: str, at: int, looked: int, instead_of: int | None = None
    ) -> int | Change:
        """Keep an intent, if nothing stands in its way.

        Args:
            intent: What is about to be asked for.
            by: Who asks.
            at: When, in milliseconds since the epoch.
            looked: What `latest` said before the mailbox was looked at.
            instead_of: The unsettled change that somebody looked at and has asked again: it is settled.

        Returns:
            The new change's id; or the change in the way: one not settled, or one that was made since it was
            looked at. Then nothing is kept.
        """
        with self._db.transaction() as connection:
            found = self._unsettled(connection, intent.mailbox)
            if (
                found is not None
                and found.id == instead_of
                and self._settle(connection, found.id, Outcome.AGAIN, by=by, at=at)
            ):
                looked, found = max(looked, found.id), None
            way = found or self._made_since(connection, intent.mailbox, looked)
            if way is not None:
                return way
            if (id_ := self._insert(connection, intent, by, at)) is not None:
                return id_
        return self._now_in_the_way(intent.mailbox)

    def close(self, id_: int, outcome: Outcome, *, by: str, at: int) -> None:
        """Keep what came of a change. In doubt it stays unsettled; what is settled already stays as it is.

        Args:
            id_: As `open` returned it.
            outcome: What came of it.
            by: Who says so.
            at: When, in milliseconds since the epoch.
        """
        with self._db.transaction() as connection:
            if outcome is not Outcome.IN_DOUBT:
                self._settle(connection, id_, outcome, by=by, at=at)
                return
            self._db.execute(
                connection,
                "UPDATE registry_changes SET outcome = :outcome WHERE id = :id AND settled_at IS NULL",
                outcome=outcome.value,
                id=id_,
            )

    def seen(self, registration: Registration, *, by: str, at: int) -> Sequence[Change]:
        """Settle the changes that what the registry says shows to be done; they are returned.

        A registration is done when a mailbox of its address is there that is not over; a renewal when the
        expiry is later than before. Anything else proves nothing.

        Args:
            registration: As it was read.
            by: Who read it.
            at: When, in milliseconds since the epoch.
        """
        with self._db.transaction() as connection:
            found = [self._unsettled(connection, name) for name in (registration.id, registration.address)]
            shown = [one for one in found if one is not None and _shown(one.intent, registration)]
            return [one for one in shown if self._settle(connection, one.id, Outcome.SEEN, by=by, at=at)]

    def _now_in_the_way(self, mailbox: str) -> Change:
        """What another process opened in the moment in which we tried to."""
        with self._db.transaction() as connection:
            return self._unsettled(connection, mailbox) or self._read(connection, mailbox, "")[-1]

    def _latest(self, connection: Connection, mailbox: str) -> int:
        found = self._read(connection, mailbox, "AND settled_at IS NOT NULL")
        return found[-1].id if found else 0

    def _unsettled(self, connection: Connection, mailbox: str) -> Change | None:
        return next(iter(self._read(connection, mailbox, "AND settled_at IS NULL")), None)

    def _made_since(self, connection: Connection, mailbox: str, looked: int) -> Change | None:
        """The last change that made the mailbox another than it was when it was looked at."""
        since = [one for one in self._read(connection, mailbox, "") if one.id > looked]
        return next((one for one in reversed(since) if one.outcome in _CHANGING), None)

    def _read(self, connection: Connection, mailbox: str, more: str) -> list[Change]:
        """Changes of a mailbox, oldest first."""
        rows = self._db.execute(
            connection,
            f"SELECT {_COLUMNS} FROM registry_changes "
            f"WHERE service = :service AND mailbox = :mailbox {more} ORDER BY id",
            service=self._service,
            mailbox=mailbox.lower(),
        ).all()
        return [_change(row) for row in rows]

    def _insert(self, connection: Connection, intent: Intent, by: str, at: int) -> int | None:
        """Its id; None if another one stands open, or was opened meanwhile."""
        row = self._db.execute(
            connection,
            "INSERT INTO registry_changes (service, what, mailbox, expires_at, opened_at, opened_by) "
            "VALUES (:service, :what, :mailbox, :expires_at, :at, :by) ON CONFLICT DO NOTHING RETURNING id",
            service=self._service,
            what=intent.what,
            mailbox=intent.mailbox.lower(),
            expires_at=intent.expires_at,
            at=at,
            by=by,
        ).first()
        return None if row is None else int(row.id)

    def _settle(self, connection: Connection, id_: int, outcome: Outcome, *, by: str, at: int) -> bool:
        """Whether it was not settled yet."""
        row = self._db.execute(
            connection,
            "UPDATE registry_changes SET outcome = :outcome, settled_at = :at, settled_by = :by "
            "WHERE id = :id AND settled_at IS NULL RETURNING id",
            outcome=outcome.value,
            at=at,
            by=by,
            id=id_,
        ).first()
        return row is not None


def _shown(intent: Intent, now: Registration) -> bool:
    """Whether a mailbox as it stands now shows that this was done."""
    if intent.what == REGISTER:
        return intent.mailbox == now.address.lower() and bool(now.stato) and now.state not in OVER
    later = None not in {intent.expires_at, now.expires_at} and (now.expires_at or 0) > (
        intent.expires_at or 0
    )
    return intent.mailbox == now.id.lower() and later


def _change(row: Any) -> Change:
    outcome = None if row.outcome is None else Outcome(row.outcome)
    intent = Intent(row.what, row.mailbox, row.expires_at)
    return Change(row.id, intent, row.opened_at, row.opened_by, outcome, row.settled_at, row.settled_by)
