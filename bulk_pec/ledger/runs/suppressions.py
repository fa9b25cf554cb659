"""Suppressions: addresses never to be written to, with the reason and the day they were added.

Kept and compared in their canonical form (`domain.addresses`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from bulk_pec.domain.addresses import canonical
from bulk_pec.ledger.store.database import Database

_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Suppression:
    """One address never to be written to. `added_at` is milliseconds since the epoch, UTC."""

    address: str
    reason: str
    added_at: int


class Suppressions:
    """Adding, removing, listing, and asking. Addresses are compared in lower case."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, addresses: Iterable[str], reason: str, now: int) -> int:
        """Add addresses; one that is there keeps its reason and day. Returns how many were new."""
        wanted = sorted({canonical(address) for address in addresses})
        batch = self._db.batch("wanted", address="text")
        added = 0
        with self._db.transaction() as connection:
            for start in range(0, len(wanted), _PAGE):
                rows = [{"address": address} for address in wanted[start : start + _PAGE]]
                added += len(
                    self._db.execute(
                        connection,
                        f"WITH {batch} INSERT INTO suppressions (address, reason, added_at) "
                        "SELECT address, :reason, :now FROM wanted WHERE true "
                        "ON CONFLICT (address) DO NOTHING RETURNING address",
                        wanted=self._db.rows(rows),
                        reason=reason,
                        now=now,
                    ).all()
                )
        return added

    def remove(self, addresses: Iterable[str]) -> list[str]:
        """Remove addresses; returns those that were there, in their canonical form."""
        wanted = [{"address": canonical(address)} for address in addresses]
        batch = self._db.batch("wanted", address="text")
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                f"WITH {batch} DELETE FROM suppressions WHERE address IN (SELECT address FROM wanted) "
                "RETURNING address",
                wanted=self._db.rows(wanted),
            ).all()
        return sorted(row.address for row in rows)

    def all(self) -> Iterator[Suppression]:
        """Every suppression by address, read a page at a time."""
        after = ""
        while True:
            with self._db.transaction() as connection:
                page = self._db.execute(
                    connection,
                    "SELECT address, reason, added_at FROM suppressions WHERE address > :after "
                    "ORDER BY address LIMIT :page",
                    after=after,
                    page=_PAGE,
                ).all()
            if not page:
                return
            after = page[-1].address
            yield from (Suppression(*row) for row in page)

    def among(self, addresses: Collection[str]) -> dict[str, str]:
        """Which of these addresses in canonical form are suppressed, each with its reason."""
        with self._db.transaction() as connection:
            return suppressed(self._db, connection, addresses)

    def any(self) -> bool:
        """Whether there is any."""
        with self._db.transaction() as connection:
            found = self._db.execute(connection, "SELECT 1 FROM suppressions LIMIT 1").first()
        return found is not None


def suppressed(db: Database, connection: Connection, addresses: Collection[str]) -> dict[str, str]:
    """Inside a transaction: which of these canonical addresses are suppressed, each with its reason."""
    batch = db.batch("asked", address="text")
    rows = db.execute(
        connection,
        f"WITH {batch} SELECT s.address, s.reason FROM asked "
        "JOIN suppressions s ON s.address = asked.address",
        asked=db.rows([{"address": address} for address in sorted(addresses)]),
    )
    return {row.address: row.reason for row in rows}
