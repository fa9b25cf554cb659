"""Quotas: how full mailboxes were, each time it was read; and what their receipts are still to add."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count

from sqlalchemy import Connection

from bulk_pec.domain import space
from bulk_pec.domain.growth import Due, Reading, learnt
from bulk_pec.domain.inbox import Quota
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.space import Outlook
from bulk_pec.ledger.store.database import Database

_HOUR = 3_600_000
_DAY = 24 * _HOUR
_OLD = 30 * _DAY
"""Readings older than a day are kept one an hour, those older than this one a day: milliseconds."""
MOST = 200
"""Readings that growth is learnt from."""
COUNTED = 20_000
"""Mails back to which it is counted which of them are CONSEGNE."""
_REACH = 10
"""Times as many mails of all mailboxes are looked through for them at most."""


@dataclass(slots=True)
class _Tally:
    """Which mails of a mailbox are CONSEGNE, as far as it was counted.

    Attributes:
        seen: Mails ever seen in it by then.
        last: The ledger's id of the last of them.
        delivered: CONSEGNE among those counted.
        at: How many of them there were when so many mails had been seen.
    """

    seen: int = 0
    last: int = 0
    delivered: int = 0
    at: dict[int, int] = field(default_factory=dict)


class Quotas:
    """Keeping readings, and counting the receipts that have not been seen yet.

    Args:
        database: The ledger's.
        counted: Mails back to which it is counted which of them are CONSEGNE.
    """

    def __init__(self, database: Database, counted: int = COUNTED) -> None:
        self._db = database
        self._counted = counted
        self._tallies: dict[int, _Tally] = {}

    def note(self, address: str, quota: Quota, now: int, *, harvested: bool) -> None:
        """Keep a reading; older ones are thinned out.

        Args:
            address: The mailbox's; one that the ledger does not know yet is left out.
            quota: As it was read.
            now: Milliseconds since the epoch.
            harvested: Whether a harvest had just read everything. Else the mails seen by then are told as at
                the reading before, since a walk that is under way may have read some.
        """
        before = "(SELECT q.seen FROM quotas q WHERE q.mailbox_id = b.id ORDER BY q.id DESC LIMIT 1)"
        seen = "b.seen" if harvested else f"COALESCE({before}, b.seen)"
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                'INSERT INTO quotas (mailbox_id, at, "usage", capacity, seen) '
                f"SELECT b.id, CAST(:now AS bigint), :used, :capacity, {seen} FROM mailboxes b "
                "WHERE b.address = :address",
                address=address.lower(),
                now=now,
                used=float(quota.usage),
                capacity=float(quota.limit),
            )
            self._thin(connection, now, _DAY, _HOUR)
            self._thin(connection, now, _OLD, _DAY)

    def _thin(self, connection: Connection, now: int, older: int, slot: int) -> None:
        """Of the readings that are older, keep the first in each slot of time."""
        self._db.execute(
            connection,
            "DELETE FROM quotas WHERE at < :before AND EXISTS (SELECT 1 FROM quotas o "
            "WHERE o.mailbox_id = quotas.mailbox_id AND o.at BETWEEN quotas.at - :slot AND quotas.at "
            "AND o.at / :slot = quotas.at / :slot AND o.id < quotas.id)",
            before=now - older,
            slot=slot,
        )

    def readings(self, mailbox_id: int, most: int = MOST) -> list[Reading]:
        """The latest readings of a mailbox, oldest first."""
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                'SELECT at, "usage" AS used, capacity, seen FROM quotas WHERE mailbox_id = :mailbox '
                "ORDER BY id DESC LIMIT :most",
                mailbox=mailbox_id,
                most=most,
            ).all()
        return [Reading(row.at, row.used, row.capacity, row.seen) for row in reversed(rows)]

    def history(self, mailbox_id: int) -> list[Reading]:
        """The latest readings, oldest first, with the CONSEGNE seen by then, where that is known.

        What was counted is kept, so that only the mails that came since are looked at the next time.
        """
        readings = self.readings(mailbox_id)
        with self._db.transaction() as connection:
            tally = self._tally(connection, mailbox_id, {one.seen for one in readings})
        return [replace(one, delivered=tally.at.get(one.seen)) for one in readings]

    def _tally(self, connection: Connection, mailbox_id: int, marks: set[int]) -> _Tally:
        """Count on from where it was left, or, where the figures do not fit, from the latest mails back."""
        statement = "SELECT seen FROM mailboxes WHERE id = :mailbox"
        seen = int(self._db.execute(connection, statement, mailbox=mailbox_id).scalar() or 0)
        tally = self._tallies.get(mailbox_id, _Tally())
        new = self._kinds(connection, mailbox_id, tally.last)
        if tally.last == 0 or len(new) != seen - tally.seen:
            new = new if tally.last == 0 else self._kinds(connection, mailbox_id, 0)
            tally = _Tally(seen - len(new), 0, 0, {seen - len(new): 0})
        for number, (mail, kind) in zip(count(tally.seen + 1), new, strict=False):
            tally.last = mail
            tally.delivered += kind == ReceiptKind.DELIVERED
            if number in marks or number == seen:
                tally.at[number] = tally.delivered
        tally.seen = seen
        self._tallies[mailbox_id] = tally
        return tally

    def _kinds(self, connection: Connection, mailbox_id: int, after: int) -> list[tuple[int, str]]:
        """The ids and kinds of the latest mails of a mailbox that came after one, oldest first."""
        rows = self._db.execute(
            connection,
            "SELECT id, kind FROM receipts WHERE id > :after AND mailbox_id = :mailbox "
            "AND id > (SELECT MAX(id) FROM receipts) - :reach ORDER BY id DESC LIMIT :most",
            after=after,
            reach=_REACH * self._counted,
            mailbox=mailbox_id,
            most=self._counted,
        ).all()
        return [(row.id, row.kind) for row in reversed(rows)]

    def boxes(self) -> dict[str, int]:
        """The mailboxes of which there are readings, by address."""
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                "SELECT b.address, b.id FROM mailboxes b "
                "WHERE EXISTS (SELECT 1 FROM quotas q WHERE q.mailbox_id = b.id)",
            )
            return {row.address: row.id for row in rows}

    def outlook(self, mailbox_id: int, full_at: float, since: int) -> Outlook | None:
        """How a mailbox will fill, from the latest reading; None: there is none.

        Args:
            mailbox_id: The ledger's.
            full_at: The share of the capacity that receipts must not fill it beyond.
            since: Receipts of messages sent earlier are not waited for; milliseconds since the epoch.
        """
        readings = self.history(mailbox_id)
        if not readings:
            return None
        latest = readings[-1]
        due = self.due(mailbox_id, self.before(since), self.last_attempt())
        base = space.base(readings).usage
        return Outlook(latest.usage, latest.capacity, base, due, learnt(readings), full_at)

    def last_attempt(self) -> int:
        """The id of the latest attempt; 0: there is none."""
        with self._db.transaction() as connection:
            return int(self._db.execute(connection, "SELECT MAX(id) FROM attempts").scalar() or 0)

    def before(self, moment: int) -> int:
        """The id after which attempts were opened at this moment or later, by halving: ids follow time."""
        low, high = 0, self.last_attempt()
        with self._db.transaction() as connection:
            while low < high:
                middle = (low + high + 1) // 2
                opened = self._db.execute(
                    connection,
                    "SELECT opened_at FROM attempts WHERE id >= :middle ORDER BY id LIMIT 1",
                    middle=middle,
                ).scalar()
                if opened is not None and opened < moment:
                    low = middle
                else:
                    high = middle - 1
        return low

    def due(self, mailbox_id: int, after: int, upto: int) -> Due:
        """Receipts still to come to a mailbox for messages whose attempts lie between these ids.

        One ACCETTAZIONE, and one CONSEGNA (or a notice in its place) for each address, of every message that
        was sent, is on its way or in doubt; less the ACCETTAZIONE that has been seen, and none where it has
        been shown what became of the message, or it is overdue.
        """
        with self._db.transaction() as connection:
            due = self._db.execute(
                connection,
                "SELECT SUM(CASE WHEN m.delivery = 'none' THEN 1 ELSE 0 END) AS accepted, "
                "SUM(a.units) AS final "
                "FROM attempts a JOIN messages m ON m.id = a.message WHERE a.id > :after AND a.id <= :upto "
                "AND a.mailbox_id = :mailbox AND a.number = m.attempts "
                "AND (a.outcome IS NULL OR a.outcome IN ('sent', 'in_doubt')) "
                "AND m.state IN ('sent', 'sending', 'in_doubt') AND m.delivery IN ('none', 'accepted')",
                mailbox=mailbox_id,
                after=after,
                upto=upto,
            ).one()
        return Due(int(due.accepted or 0), int(due.final or 0))
