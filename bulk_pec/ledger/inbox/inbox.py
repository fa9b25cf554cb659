"""Harvests and receipts: what was read from a mailbox's inbox, and what it says of the messages.

Pages, the fold of their receipts into the messages and the walk's position are one transaction, so a walk
that dies leaves nothing half done. A page counts as known only once the walk that read it is complete.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.states import Delivery
from bulk_pec.ledger.inbox.folding import Folding, Heeded, heed
from bulk_pec.ledger.inbox.harvests import Harvests, WalkEnd, WalkEntry
from bulk_pec.ledger.inbox.mails import Harvested, Mail, Place
from bulk_pec.ledger.inbox.sightings import Page, Sightings, Taken, take
from bulk_pec.ledger.runs import counts
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.ledger.store import bulk
from bulk_pec.ledger.store.database import Database

__all__ = ["Harvested", "Inbox", "Mail", "Page", "Recorded", "WalkEnd"]

_TRIES = 3
"""How often pages are recorded anew when another host recorded one of their mails at the same moment."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of pages that a walk read.

    Attributes:
        walk: The walk, as it goes on.
        known: For each page, up to the first that is an end: whether all of it was known before the walk.
        dead: For each of these: whether a dead walk had recorded all of it that was not known.
        added: What they added.
        counted: Mails on them that the walk had not counted before.
        unknown: Those among them that were not known before the walk.
        unseen: Those among these that the dead walk had not seen either.
    """

    walk: WalkEntry
    known: tuple[bool, ...]
    dead: tuple[bool, ...]
    added: Harvested
    counted: int
    unknown: int
    unseen: int


@dataclass(frozen=True, slots=True)
class _How:
    """How pages are recorded; see `Inbox.record`."""

    past_known: bool
    positioned: bool
    searched: bool


class _Raced(Exception):
    """Another host recorded one of the mails between this one's look and its insert."""

    def __init__(self) -> None:
        super().__init__("another host recorded one of these mails at the same moment")


class Inbox(Harvests):
    """Recording what walks read, matching receipts to messages, folding what they say."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._folding = Folding(database)
        self._sightings = Sightings(database)

    def record(
        self,
        walk: WalkEntry,
        pages: Sequence[Page],
        now: int,
        *,
        past_known: bool = False,
        positioned: bool = False,
        searched: bool = False,
    ) -> Recorded:
        """Record pages and fold them into the messages their receipts belong to, in one transaction.

        Args:
            walk: That read them.
            pages: In the order they were read. What stands behind one that is an end is not recorded.
            now: Milliseconds since the epoch.
            past_known: Whether a page that was wholly known before the walk is no end.
            positioned: Whether they stand, without a gap, behind the walk's position, which moves on.
            searched: Whether a search showed them: then nothing is known of what stands beside them, and an
                id may be a place in what it found. Of mails that have a row only their message is changed.
        """
        how = _How(past_known, positioned, searched)
        for _ in range(_TRIES - 1):
            try:
                return self._record(walk, pages, now, how)
            except _Raced:
                continue
        return self._record(walk, pages, now, how)

    def _record(self, walk: WalkEntry, pages: Sequence[Page], now: int, how: _How) -> Recorded:
        with self._db.transaction() as connection:
            self._alone(connection, walk.mailbox_id)
            walk = self._hold(connection, walk)
            mails = [mail for page in pages for mail in (*page.beside, *page.mails)]
            rows = self._sightings.rows(connection, walk, mails)
            taken = take(walk, pages, rows, past_known=how.past_known)
            if how.searched:
                taken = taken.only_new()
            speaking = self._folding.speaking(connection, walk.mailbox_id, taken.unmatched)
            found = {row.reference: row for row in self._folding.find(connection, [*taken.fresh, *speaking])}
            heeded = heed(taken.fresh, found, now)
            self._insert(connection, walk, taken.fresh, heeded)
            self._keep_up(connection, walk, taken)
            added = Harvested(
                len(taken.fresh),
                self._folding.fold(connection, walk.mailbox_id, (heeded, speaking), found, now),
                heeded.strange,
            )
            self._count_seen(connection, walk.mailbox_id, taken, now)
            position = _last(walk, pages[: len(taken.known)], taken, how) if how.positioned else None
            walk = self._advance(connection, walk, position, _gained(walk, taken))
        return Recorded(
            walk, tuple(taken.known), tuple(taken.dead), added, taken.counted, taken.unknown, taken.unseen
        )

    def _insert(self, connection: Connection, walk: WalkEntry, fresh: Sequence[Mail], heeded: Heeded) -> None:
        """Record mails that have no row, each with the message it belongs to, if that is known.

        Raises:
            _Raced: One has by now.
        """
        if not fresh:
            return
        rows = [_row(walk, mail) + place for mail, place in zip(fresh, heeded.places, strict=True)]
        if not self._db.is_postgres:
            bulk.insert(self._db, connection, _RECEIPTS, rows)
            return
        # In one order on all hosts: two that record the same mails at once must not wait for each other.
        batch = self._db.batch("mails", **dict(zip(_RECEIPTS.names, _RECEIPTS.types, strict=True)))
        named = [dict(zip(_RECEIPTS.names, row, strict=True)) for row in sorted(rows, key=_by_fingerprint)]
        inserted = self._db.execute(
            connection,
            f"WITH {batch} INSERT INTO receipts ({_RECEIPTS.listed}) SELECT {_RECEIPTS.listed} FROM mails "
            "ON CONFLICT (fingerprint, mailbox_id) DO NOTHING",
            mails=self._db.rows(named),
        )
        if inserted.rowcount != len(rows):
            raise _Raced

    def _keep_up(self, connection: Connection, walk: WalkEntry, taken: Taken) -> None:
        """What this walk changes of mails that have a row: whose they are, who counted them, their ids."""
        # A mail that stands there after its delete was asked for, before this walk began, has not gone.
        began = "(SELECT begun_at FROM harvests WHERE id = :walk)"
        stands = (
            f"counted_by = :walk, gone = (gone AND COALESCE(deleted_at >= {began}, false)), "
            f"deleted_at = CASE WHEN deleted_at >= {began} THEN deleted_at END"
        )
        for sets, fingerprints in (("harvest_id = :walk", taken.adopted), (stands, taken.marked)):
            if fingerprints:
                self._db.execute(
                    connection,
                    f"WITH {self._db.batch('seen', fingerprint='text')} UPDATE receipts "
                    f"SET {sets} FROM seen WHERE receipts.mailbox_id = :mailbox "
                    "AND receipts.fingerprint = seen.fingerprint",
                    seen=self._db.rows([{"fingerprint": one} for one in sorted(fingerprints)]),
                    walk=walk.own[-1],
                    mailbox=walk.mailbox_id,
                )
        if taken.moved:
            self._db.execute(
                connection,
                f"WITH {self._db.batch('moved', fingerprint='text', item='text')} UPDATE receipts "
                "SET item_id = moved.item FROM moved WHERE receipts.mailbox_id = :mailbox "
                "AND receipts.fingerprint = moved.fingerprint",
                moved=self._db.rows(
                    [{"fingerprint": one, "item": item} for one, item in sorted(taken.moved.items())]
                ),
                mailbox=walk.mailbox_id,
            )

    def _count_seen(self, connection: Connection, mailbox_id: int, taken: Taken, now: int) -> None:
        if not taken.fresh and not taken.renamed:
            return
        unknown = [mail.kind for mail in taken.fresh].count(ReceiptKind.UNKNOWN)
        self._db.execute(
            connection,
            "UPDATE mailboxes SET seen = seen + :seen, unknown = unknown + :unknown, "
            "ids_moved_at = COALESCE(ids_moved_at, :moved) WHERE id = :mailbox",
            seen=len(taken.fresh),
            unknown=unknown,
            moved=now if taken.renamed else None,
            mailbox=mailbox_id,
        )

    def match_waiting(self, mailbox_id: int, now: int, after: Place | None = None) -> Harvested:
        """Match what waits for its `message_id`, a part at a time; see `Folding.match_waiting`."""
        return self._folding.match_waiting(mailbox_id, now, after)

    def mark_overdue(self, run: Run, before: int, now: int, unread: Collection[int] = ()) -> int:
        """What was sent (accepted, if known) before `before` is overdue, but for mailboxes left `unread`."""
        changes, apart = counts.Changes(), f"({', '.join(map(str, (-1, *unread)))})"
        with self._db.transaction() as connection:
            for delivery in (Delivery.NONE, Delivery.ACCEPTED):
                late = self._db.execute(
                    connection,
                    "UPDATE messages SET delivery = 'overdue' WHERE id BETWEEN :first AND :last "
                    f"AND state = 'sent' AND delivery = :delivery AND COALESCE(mailbox_id, 0) NOT IN {apart} "
                    "AND COALESCE(accepted_at, sent_at) < :before RETURNING id",
                    first=run.first_id,
                    last=run.last_id,
                    delivery=delivery.value,
                    before=before,
                ).all()
                changes.deliver(delivery, Delivery.OVERDUE, len(late))
            counts.apply(self._db, connection, run.id, changes, now)
        return changes.by_column[f"delivery_{Delivery.OVERDUE}"]


_RECEIPTS = bulk.Columns(
    "receipts",
    (
        "mailbox_id",
        "fingerprint",
        "harvest_id",
        "item_id",
        "kind",
        "sender",
        "subject",
        "date",
        "at",
        "reference",
        "message",
        "token",
    ),
    ("bigint", "text", "bigint", *("text",) * 5, "bigint", "text", "bigint", "text"),
)


def _row(walk: WalkEntry, mail: Mail) -> tuple[Any, ...]:
    item = mail.item
    return (
        walk.mailbox_id,
        mail.fingerprint,
        walk.own[-1],
        item.item_id,
        str(mail.kind),
        item.sender,
        item.subject,
        item.date,
        item.at,
    )


def _by_fingerprint(row: tuple[Any, ...]) -> str:
    return str(row[1])


def _gained(walk: WalkEntry, taken: Taken) -> dict[int, int]:
    """How many rows more, or fewer, each walk has."""
    gained = {harvest: -lost for harvest, lost in taken.losers.items()}
    return gained | {walk.own[-1]: len(taken.fresh) + len(taken.adopted)}


def _last(walk: WalkEntry, pages: Sequence[Page], taken: Taken, how: _How) -> int | None:
    """The last page that was recorded: not one that was an end."""
    recorded = pages if how.past_known or not taken.known[-1] else pages[:-1]
    return recorded[-1].number if recorded else walk.position
