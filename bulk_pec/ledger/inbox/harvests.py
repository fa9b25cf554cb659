"""Walks over mailboxes: when each began, how far it got, how it ended, what the last one said of the box.

A walk that dies leaves its rows and its position. The next walk of that mailbox may carry it on: from then on
nothing is recorded under the dead one's number, and what it had read becomes known when its successor is
complete. A walk that was only thought dead goes on under a new number: it never finds itself cut short.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from bulk_pec.ledger.store.database import Database

_MOST = 2**31 - 1
"""What the column for a total holds. A provider that says more says nothing that could be believed."""
_SHARE = 9
"""A box is read again whole, for its total had fallen, only when so many times as long as that took the last
time has passed: a provider whose totals jump does not make us read for ever."""
_LONGEST_WAIT = 24 * 3_600_000
"""Milliseconds: no such reading waits longer than that for the next."""
NOWHERE = -1
"""In place of a walk's position while it has none."""


@dataclass(frozen=True, slots=True)
class WalkEnd:
    """How a walk over the inbox ended; see `bulk_pec.receipts.harvest`.

    Attributes:
        pages: Read.
        total: What the provider said the box holds.
        both_ends: It saw the whole inbox, or met mail known before it at both ends.
        steady: What was known at the ends still stood, and the box had surely not shrunk.
        lost: Known mail had gone from an end, or the box had shrunk.
        total_right: Whether `total` is what was counted, or agrees with one that was.
        whole: It read every page because the total had fallen while another walk read.
        quota_share: How full the box was.
        ends: Fingerprints of the mails at both ends of what it read.
    """

    pages: int
    total: int | None
    both_ends: bool
    steady: bool
    quota_share: float | None
    ends: tuple[str, ...] = ()
    lost: bool = False
    total_right: bool = True
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Dead:
    """A walk that did not come to its end, since the last one that did.

    Attributes:
        id: Of the walk.
        position: Number of the last page that it, or a walk it carried on, recorded without a gap.
        chain: The numbers of all of these: their rows stand without a gap from the first page on.
    """

    id: int
    position: int
    chain: frozenset[int]


@dataclass(frozen=True, slots=True)
class WalkEntry:
    """A walk under way, as its ledger calls need it.

    Attributes:
        id: Its number: it ends under this one.
        mailbox_id: The ledger's id of its mailbox.
        own: The numbers its rows bear; more than one if it was thought dead and carried on. The last is used.
        position: As it was recorded last.
        dead: A walk that it may carry on, or does.
    """

    id: int
    mailbox_id: int
    own: tuple[int, ...]
    position: int | None = None
    dead: Dead | None = None


@dataclass(frozen=True, slots=True)
class Outset:
    """What a walk sets out with.

    Attributes:
        walk: The walk.
        total: See `Harvests.last_total`.
        ends: See `Harvests.last_ends`.
        first_page: Where the mailbox's pages begin, if that is known: 0 or 1.
    """

    walk: WalkEntry
    total: int | None
    ends: tuple[str, ...]
    first_page: int | None


class Harvests:
    """Recording walks; what they read is recorded by `bulk_pec.ledger.inbox.inbox.Inbox`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def mailbox_id(self, address: str) -> int:
        """The ledger's id for a mailbox, entered if new."""
        with self._db.transaction() as connection:
            return self._mailbox_id(connection, address.lower())

    def _mailbox_id(self, connection: Connection, address: str) -> int:
        self._db.execute(
            connection,
            "INSERT INTO mailboxes (address) VALUES (:address) ON CONFLICT (address) DO NOTHING",
            address=address,
        )
        statement = "SELECT id FROM mailboxes WHERE address = :address"
        return int(self._db.execute(connection, statement, address=address).scalar_one())

    def begin(self, mailbox_id: int, now: int) -> int:
        """Begin a harvest; returns its id."""
        with self._db.transaction() as connection:
            return self._begin(connection, mailbox_id, now)

    def _begin(self, connection: Connection, mailbox_id: int, now: int) -> int:
        statement = "INSERT INTO harvests (mailbox_id, begun_at) VALUES (:mailbox, :now) RETURNING id"
        return int(self._db.execute(connection, statement, mailbox=mailbox_id, now=now).scalar_one())

    def set_out(self, address: str, now: int) -> Outset:
        """Begin a walk over a mailbox, with what is known of it."""
        with self._db.transaction() as connection:
            mailbox_id = self._mailbox_id(connection, address.lower())
            dead = self._dead(connection, mailbox_id)
            harvest = self._begin(connection, mailbox_id, now)
            statement = "SELECT first_page FROM mailboxes WHERE id = :mailbox"
            first_page = self._db.execute(connection, statement, mailbox=mailbox_id).scalar()
            total = self._of_last(connection, _TOTAL, mailbox_id, "AND total_right")
            ends = self._standing(connection, mailbox_id)
        walk = WalkEntry(harvest, mailbox_id, (harvest,), dead=dead)
        return Outset(walk, total, ends, first_page)

    def _dead(self, connection: Connection, mailbox_id: int) -> Dead | None:
        found = self._db.execute(
            connection,
            "SELECT id, position FROM harvests WHERE mailbox_id = :mailbox AND ended_at IS NULL "
            "AND position IS NOT NULL AND id > COALESCE((SELECT MAX(c.id) FROM harvests c "
            "WHERE c.mailbox_id = :mailbox AND c.complete), 0) ORDER BY id DESC LIMIT 1",
            mailbox=mailbox_id,
        ).first()
        if found is None:
            return None
        rows = self._db.execute(connection, f"{_CHAIN} SELECT id FROM chain", head=found.id)
        return Dead(found.id, found.position, frozenset(row.id for row in rows))

    def carry_on(self, walk: WalkEntry, first: str, position: int) -> WalkEntry | None:
        """Let a walk go on where the dead one had got to, if one of them recorded a mail.

        Args:
            walk: Of the living.
            first: Fingerprint of the first mail of the page with which it would go on.
            position: The page before that one.

        Returns:
            The walk as it goes on; None if that mail is neither's, so that there may be others before it, or
            if the dead one lives.
        """
        dead = walk.dead
        if dead is None:
            return None
        with self._db.transaction() as connection:
            self._alone(connection, walk.mailbox_id)
            statement = "SELECT harvest_id FROM receipts WHERE fingerprint = :first AND mailbox_id = :mailbox"
            whose = self._db.execute(connection, statement, first=first, mailbox=walk.mailbox_id).scalar()
            if whose not in dead.chain.union(walk.own) or not self._take_over(connection, dead):
                return None
            self._db.execute(
                connection,
                "UPDATE harvests SET carried_on = :dead, position = :position WHERE id = :walk",
                dead=dead.id,
                position=position,
                walk=walk.own[0],
            )
        return replace(walk, position=position)

    def _alone(self, connection: Connection, mailbox_id: int) -> None:
        """Inside a transaction, first of all: one host at a time writes what walks of a mailbox read.

        Two that walk it at once take rows from each other, in whatever order they come to them: without this
        they would wait for each other (Postgres). On SQLite there is one host.
        """
        if self._db.is_postgres:
            statement = "SELECT pg_advisory_xact_lock(707003, CAST(:mailbox AS int))"
            self._db.execute(connection, statement, mailbox=mailbox_id)

    def _take_over(self, connection: Connection, dead: Dead) -> bool:
        """Take the dead walk's position from it, so that it can no longer write under its number."""
        taken = self._db.execute(
            connection,
            "UPDATE harvests SET position = NULL WHERE id = :dead AND position = :position "
            "AND ended_at IS NULL RETURNING id",
            dead=dead.id,
            position=dead.position,
        ).first()
        return taken is not None

    def carried(self, walk: WalkEntry) -> int:
        """How many mails are the dead walk's that this one carries on, and were not read again by it."""
        if walk.dead is None:
            return 0
        with self._db.transaction() as connection:
            statement = f"{_CHAIN} SELECT SUM(h.mails) FROM harvests h JOIN chain ON chain.id = h.id"
            return int(self._db.execute(connection, statement, head=walk.dead.id).scalar() or 0)

    def _hold(self, connection: Connection, walk: WalkEntry) -> WalkEntry:
        """Inside a transaction, first of all: make sure that nobody carried the walk on; else renumber it."""
        held = self._db.execute(
            connection,
            f"UPDATE harvests SET position = position WHERE id = :walk "
            f"AND COALESCE(position, {NOWHERE}) = :mine RETURNING id",
            walk=walk.own[-1],
            mine=NOWHERE if walk.position is None else walk.position,
        ).first()
        if held is not None:
            return walk
        again = self._db.execute(
            connection,
            "INSERT INTO harvests (mailbox_id, begun_at, carried_on, position) "
            "SELECT mailbox_id, begun_at, id, :position FROM harvests WHERE id = :walk RETURNING id",
            position=walk.position,
            walk=walk.own[-1],
        ).scalar_one()
        return replace(walk, own=(*walk.own, int(again)))

    def _advance(
        self, connection: Connection, walk: WalkEntry, position: int | None, gained: Mapping[int, int]
    ) -> WalkEntry:
        """Inside a transaction that holds the walk: where it has got to, and whose rows have become whose."""
        self._db.execute(
            connection,
            "UPDATE harvests SET position = :position WHERE id = :walk",
            position=position,
            walk=walk.own[-1],
        )
        rows = [{"id": harvest, "gain": gain} for harvest, gain in sorted(gained.items()) if gain]
        if rows:
            self._db.execute(
                connection,
                f"WITH {self._db.batch('gained', id='bigint', gain='bigint')} UPDATE harvests "
                "SET mails = mails + gained.gain FROM gained WHERE harvests.id = gained.id",
                gained=self._db.rows(rows),
            )
        return replace(walk, position=position)

    def learn_first_page(self, mailbox_id: int, number: int) -> None:
        """Where the mailbox's pages were seen to begin."""
        with self._db.transaction() as connection:
            statement = "UPDATE mailboxes SET first_page = :number WHERE id = :mailbox"
            self._db.execute(connection, statement, number=number, mailbox=mailbox_id)

    def complete(
        self, harvest: int, mailbox_id: int, end: WalkEnd, now: int, *, head: int | None = None
    ) -> None:
        """The walk ran to its end: what it read is known from now on, and what those read that it carried on.

        Args:
            harvest: The walk's number.
            mailbox_id: Of its mailbox.
            end: How it ended.
            now: Milliseconds since the epoch.
            head: The number its rows bear by now, if that is another.
        """
        with self._db.transaction() as connection:
            self._alone(connection, mailbox_id)
            self._db.execute(
                connection,
                f"{_CHAIN} UPDATE harvests SET ended_at = :now WHERE ended_at IS NULL "
                "AND id IN (SELECT id FROM chain)",
                head=harvest if head is None else head,
                now=now,
            )
            self._db.execute(
                connection,
                "UPDATE harvests SET ended_at = :now, complete = :yes, both_ends = :both, steady = :steady, "
                "lost = :lost, whole = :whole, pages = :pages, total = :total, total_right = :right, "
                "ends = :ends, quota_share = :quota WHERE id = :harvest",
                harvest=harvest,
                now=now,
                yes=True,
                both=end.both_ends,
                steady=end.steady,
                lost=end.lost,
                whole=end.whole,
                right=end.total_right,
                pages=end.pages,
                total=None if end.total is None or abs(end.total) > _MOST else end.total,
                ends=" ".join(end.ends),
                quota=end.quota_share,
            )
            statement = "UPDATE mailboxes SET harvested_at = :now WHERE id = :mailbox"
            self._db.execute(connection, statement, now=now, mailbox=mailbox_id)

    def note_fall(self, walk: WalkEntry, now: int) -> None:
        """The total fell while this walk read: mail may have slid onto pages that were already read.

        Written at once, so that a walk that dies leaves it: whoever carries it on must not believe its pages.
        """
        with self._db.transaction() as connection:
            statement = "UPDATE harvests SET fell_at = :now WHERE id = :walk"
            self._db.execute(connection, statement, now=now, walk=walk.id)

    def whole_due(self, mailbox_id: int, now: int) -> bool:
        """Whether the box is to be read again whole: its total fell since that was last begun.

        It is not due again at once where that took long, lest totals that jump keep us reading.
        """
        owed_from = self.whole_owed(mailbox_id)
        return owed_from is not None and now >= owed_from

    def whole_owed(self, mailbox_id: int) -> int | None:
        """From when on the box is to be read again whole, milliseconds since the epoch; None: it is not."""
        with self._db.transaction() as connection:
            statement = "SELECT MAX(fell_at) FROM harvests WHERE mailbox_id = :mailbox"
            fell_at = self._db.execute(connection, statement, mailbox=mailbox_id).scalar()
            last = self._db.execute(
                connection,
                "SELECT begun_at, ended_at FROM harvests WHERE mailbox_id = :mailbox AND complete AND whole "
                "ORDER BY id DESC LIMIT 1",
                mailbox=mailbox_id,
            ).first()
        if fell_at is None or (last is not None and fell_at < last.begun_at):
            return None
        if last is None:
            return int(fell_at)
        return int(last.ended_at + min(_SHARE * (last.ended_at - last.begun_at), _LONGEST_WAIT))

    def last_total(self, mailbox_id: int) -> int | None:
        """What the provider said the box held at the last complete harvest whose total was right."""
        with self._db.transaction() as connection:
            total = self._of_last(connection, _TOTAL, mailbox_id, "AND total_right")
        return None if total is None else int(total)

    def last_ends(self, mailbox_id: int) -> tuple[str, ...]:
        """Fingerprints of the mails that stood at both ends of the box at the last complete harvest."""
        with self._db.transaction() as connection:
            return self._standing(connection, mailbox_id)

    def _standing(self, connection: Connection, mailbox_id: int) -> tuple[str, ...]:
        """The last ends, but for the mails that we have deleted since, or asked to be."""
        ends = (self._of_last(connection, "ends", mailbox_id) or "").split()
        if not ends:
            return ()
        batch = self._db.batch("ends", fingerprint="text")
        rows = self._db.execute(
            connection,
            f"WITH {batch} SELECT r.fingerprint FROM ends JOIN receipts r ON r.mailbox_id = :mailbox "
            "AND r.fingerprint = ends.fingerprint WHERE r.deleted_at IS NOT NULL",
            ends=self._db.rows([{"fingerprint": one} for one in ends]),
            mailbox=mailbox_id,
        )
        deleted = {row.fingerprint for row in rows}
        return tuple(one for one in ends if one not in deleted)

    def _of_last(self, connection: Connection, column: str, mailbox_id: int, which: str = "") -> Any:
        where = f"mailbox_id = :mailbox AND complete {which} ORDER BY id DESC LIMIT 1"
        statement = f"SELECT {column} FROM harvests WHERE {where}"
        return self._db.execute(connection, statement, mailbox=mailbox_id).scalar()


_TOTAL = (
    "total - (SELECT COUNT(*) FROM receipts r WHERE r.mailbox_id = harvests.mailbox_id "
    "AND r.deleted_at >= harvests.begun_at)"
)
"""What a harvest's box would hold now: less what we have deleted since, or asked to be, at most."""

_CHAIN = (
    "WITH RECURSIVE chain(id) AS (SELECT h.id FROM harvests h WHERE h.id = :head UNION "
    "SELECT h.carried_on FROM harvests h JOIN chain ON h.id = chain.id WHERE h.carried_on IS NOT NULL)"
)
"""A walk and all those it carried on, and they."""
