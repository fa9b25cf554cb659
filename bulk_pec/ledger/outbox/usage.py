"""Usage: what counts against caps and budgets, in rows that are updated with the intent, never counted.

Within a transaction these rows come after messages, attempts and blocks, and before the run's counters, each
time in the order of their keys: hosts never wait for each other in a ring, and only for the end of a tick.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from bulk_pec.domain.caps import COST, COUNTS_NOT, Account, Limits, Standing, Sums, begins, standing
from bulk_pec.domain.errors import BrokenPromise
from bulk_pec.ledger.store.database import Database

_NOT_COUNTED = ", ".join(f"'{verdict.value}'" for verdict in sorted(COUNTS_NOT))


class Overrun(Exception):
    """Another host took what was left meanwhile: nothing of this transaction may be kept."""


class Usage:
    """The accounts of mailboxes and runs."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._prepared: set[Account] = set()

    def prepare(self, accounts: Iterable[Account], limits: Limits, now: int) -> None:
        """Make the rows that are missing, in a transaction of their own.

        A mailbox or run without any row is counted from the attempts, once: the ledger may be older than
        its accounts. A later period begins with nought, since every intent since has kept the rows.
        """
        missing = sorted(set(accounts) - self._prepared)
        if not missing:
            return
        with self._db.transaction() as connection:
            known = self._scopes(connection, missing)
            for account in missing:
                used = 0 if account.scope in known else self._counted(connection, account, limits, now)
                self._db.execute(
                    connection,
                    "INSERT INTO usage (scope, period, used) VALUES (:scope, :period, :used) "
                    "ON CONFLICT DO NOTHING",
                    scope=account.scope,
                    period=account.period,
                    used=used,
                )
        self._prepared |= set(missing)

    def _scopes(self, connection: Connection, accounts: Iterable[Account]) -> set[str]:
        """Those of these accounts' scopes that have a row of any period."""
        batch = self._db.batch("asked", scope="text")
        rows = self._db.execute(
            connection,
            f"WITH {batch} SELECT DISTINCT usage.scope FROM usage JOIN asked ON usage.scope = asked.scope",
            asked=self._db.rows([{"scope": scope} for scope in {account.scope for account in accounts}]),
        )
        return {scope for (scope,) in rows}

    def _counted(self, connection: Connection, account: Account, limits: Limits, now: int) -> int:
        """What the attempts table holds for an account: open, sent and in-doubt attempts count."""
        kind, _, identity = account.scope.partition(":")
        of_run = account.period == COST
        found = self._db.execute(
            connection,
            "SELECT COALESCE(SUM(CASE WHEN :of_run THEN COALESCE(cost, :price) ELSE units END), 0) "
            f"FROM attempts WHERE {'run_id' if kind == 'run' else 'mailbox_id'} = :id "
            f"AND opened_at >= :since AND (outcome IS NULL OR outcome NOT IN ({_NOT_COUNTED}))",
            of_run=of_run,
            price=limits.price,
            id=int(identity),
            since=0 if of_run else begins(limits, account.period, now),
        ).scalar_one()
        return int(found)

    def read(self, connection: Connection, accounts: Iterable[Account]) -> dict[Account, int]:
        """What accounts hold, as they stand; another host may be changing them."""
        return self._select(connection, accounts, "")

    def _select(self, connection: Connection, accounts: Iterable[Account], hold: str) -> dict[Account, int]:
        batch = self._db.batch("asked", scope="text", period="text")
        rows = self._db.fetch(
            connection,
            f"WITH {batch} SELECT usage.scope, usage.period, usage.used FROM usage JOIN asked "
            "ON usage.scope = asked.scope AND usage.period = asked.period "
            f"ORDER BY usage.scope, usage.period {hold}",
            asked=self._db.rows([{"scope": one.scope, "period": one.period} for one in accounts]),
        )
        return {Account(scope, period): used for scope, period, used in rows}

    def book(self, connection: Connection, sums: Sums) -> None:
        """Add the sums to their accounts: compare-and-set, no account above its cap.

        Raises:
            Overrun: There is not enough left any more.
        """
        booked = {account: delta for account, delta in sorted(sums.by_account.items()) if delta}
        if not booked:
            return
        # Where nothing is capped nothing can run over. Postgres is asked even so: it holds the rows in order.
        if sums.limits.any or self._db.is_postgres:
            used = self._select(connection, booked, self._db.hold("usage"))
            if sums.over(used):
                raise Overrun
        batch = self._db.batch("booked", scope="text", period="text", delta="bigint", cap="bigint")
        rows = self._db.fetch(
            connection,
            f"WITH {batch} UPDATE usage SET "
            "used = CASE WHEN usage.used + booked.delta > 0 THEN usage.used + booked.delta ELSE 0 END "
            "FROM booked WHERE usage.scope = booked.scope AND usage.period = booked.period "
            "AND (booked.delta < 0 OR booked.cap IS NULL OR usage.used + booked.delta <= booked.cap) "
            "RETURNING usage.scope, usage.period",
            booked=self._db.rows(
                [
                    {"scope": one.scope, "period": one.period, "delta": delta, "cap": sums.caps[one]}
                    for one, delta in booked.items()
                ]
            ),
        )
        taken = {Account(*row) for row in rows}
        lost = [account for account, delta in booked.items() if delta > 0 and account not in taken]
        if lost:
            raise BrokenPromise(
                f"An intent was not counted against {lost[0].scope}, {lost[0].period}.",
                hint="Nothing was sent for it. Report this.",
            )

    def standings(self, limits: Limits, mailboxes: Iterable[int], now: int) -> dict[int, Standing | None]:
        """How each mailbox stands to its tightest cap now; None: it has no cap."""
        mailboxes = list(mailboxes)
        accounts = {account for one in mailboxes for account in limits.of_mailbox(one, now)}
        self.prepare(accounts, limits, now)
        with self._db.transaction() as connection:
            used = self.read(connection, accounts)
        return {one: standing(limits, one, now, used) for one in mailboxes}

    def used(self, accounts: Iterable[Account]) -> Mapping[Account, int]:
        """What accounts hold; those without a row are left out."""
        with self._db.transaction() as connection:
            return self.read(connection, accounts)
