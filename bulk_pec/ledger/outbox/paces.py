"""Paces: when the next POST may start, over all processes and starts; and the pauses the provider asked for.

One row for the API and one for each mailbox, by the ledger's clock in microseconds: the database's on
Postgres, the process's own on SQLite, where there is only one. Each method is one short transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from bulk_pec.domain.slots import Allotment, Lane, Wanted, allot, throttle
from bulk_pec.ledger.store.database import Database

API = "api"


def scope_of(mailbox: int) -> str:
    """The row of a mailbox."""
    return f"mailbox:{mailbox}"


@dataclass(frozen=True, slots=True)
class Given:
    """Slots as the ledger gave them.

    Attributes:
        allotment: Of `bulk_pec.domain.slots`.
        now: What the ledger's clock showed, microseconds.
        free_at: When the API's next slot was free before.
    """

    allotment: Allotment
    now: int
    free_at: int


class Paces:
    """The rows of the pace."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def allot(self, wanted: Wanted, now: int, ahead: int = 0) -> Given:
        """Give out the next slots and keep what they advance.

        Args:
            wanted: How many, for whom, how fast; its `earliest` is set here.
            now: Microseconds since the epoch; not used on Postgres.
            ahead: No slot comes sooner than this many microseconds from now; it may be negative.
        """
        scopes = [API, *map(scope_of, wanted.boxes)]
        with self._db.transaction() as connection:
            lanes = self._hold(connection, scopes)
            shown = self._clock(connection, now)
            asked = replace(wanted, earliest=shown + ahead)
            given = allot(asked, lanes[API], {box: lanes[scope_of(box)] for box in wanted.boxes}, shown)
            after = {API: given.api} | {scope_of(box): lane for box, lane in given.lanes.items()}
            self._keep(connection, {scope: lane for scope, lane in after.items() if lane != lanes[scope]})
        return Given(given, shown, lanes[API].next_at)

    def throttle(self, mailbox: int, named: float | None, now: int, ago: int) -> tuple[Lane, int]:
        """Record that the provider asked for less; the mailbox's lane afterwards, and the ledger's time.

        Args:
            mailbox: Its id.
            named: Seconds that Retry-After named, if it did.
            now: Microseconds since the epoch; not used on Postgres.
            ago: Microseconds since the request's first byte left.
        """
        scope = scope_of(mailbox)
        with self._db.transaction() as connection:
            lane = self._hold(connection, [scope])[scope]
            shown = self._clock(connection, now)
            after = throttle(lane, shown, named, shown - ago)
            self._keep(connection, {scope: after})
        return after, shown

    def lanes(self, mailboxes: Iterable[int], now: int) -> tuple[dict[int, Lane], int]:
        """The mailboxes' lanes as they stand, those without a row left out; and the ledger's time."""
        by_scope = {scope_of(mailbox): mailbox for mailbox in mailboxes}
        with self._db.transaction() as connection:
            found = self._select(connection, sorted(by_scope), "")
            shown = self._clock(connection, now)
        return {by_scope[scope]: lane for scope, lane in found.items()}, shown

    def _clock(self, connection: Connection, now: int) -> int:
        """The ledger's clock, read when the rows are held: waiting for them takes time."""
        if not self._db.is_postgres:
            return now
        return int(self._db.execute(connection, f"SELECT {self._db.pace_now}").scalar_one())

    def _hold(self, connection: Connection, scopes: list[str]) -> dict[str, Lane]:
        """The rows, held until the transaction ends; new ones are made."""
        found = self._select(connection, scopes, self._db.hold("paces"))
        missing = sorted(set(scopes) - set(found))
        if missing:
            batch = self._db.batch("fresh", scope="text")
            self._db.execute(
                connection,
                f"WITH {batch} INSERT INTO paces (scope) SELECT scope FROM fresh WHERE true "
                "ORDER BY scope ON CONFLICT DO NOTHING",
                fresh=self._db.rows([{"scope": scope} for scope in missing]),
            )
            found = self._select(connection, scopes, self._db.hold("paces"))
        return found

    def _select(self, connection: Connection, scopes: list[str], hold: str) -> dict[str, Lane]:
        batch = self._db.batch("asked", scope="text")
        rows = self._db.execute(
            connection,
            f"WITH {batch} SELECT paces.scope, paces.next_at, paces.paused_until, paces.throttled_at, "
            "paces.pauses, paces.share FROM paces JOIN asked ON paces.scope = asked.scope "
            f"ORDER BY paces.scope {hold}",
            asked=self._db.rows([{"scope": scope} for scope in scopes]),
        )
        return {row[0]: Lane(*row[1:]) for row in rows}

    def _keep(self, connection: Connection, lanes: dict[str, Lane]) -> None:
        if not lanes:
            return
        batch = self._db.batch(
            "kept",
            scope="text",
            next_at="bigint",
            paused_until="bigint",
            throttled_at="bigint",
            pauses="int",
            share="double precision",
        )
        self._db.execute(
            connection,
            f"WITH {batch} UPDATE paces SET next_at = kept.next_at, paused_until = kept.paused_until, "
            "throttled_at = kept.throttled_at, pauses = kept.pauses, share = kept.share FROM kept "
            "WHERE paces.scope = kept.scope",
            kept=self._db.rows(
                [
                    {
                        "scope": scope,
                        "next_at": lane.next_at,
                        "paused_until": lane.paused_until,
                        "throttled_at": lane.throttled_at,
                        "pauses": lane.pauses,
                        "share": lane.share,
                    }
                    for scope, lane in lanes.items()
                ]
            ),
        )
