"""Answers that cost money, kept: addresses by tax code, and domains that use certified mail."""

from __future__ import annotations

from collections.abc import Sequence

from bulk_pec.ledger.store.database import Database


class Answers:
    """What the company service and the registry have answered. Kept for ever, asked once.

    An answer holds for the service that gave it, by its base URL: what a wrong URL said is asked again.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def addresses(self, tax_codes: Sequence[str], service: str = "") -> dict[str, str | None]:
        """The known answers for these tax codes; None: the service knows no address."""
        batch = self._db.batch("asked", code="text")
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                f"WITH {batch} SELECT l.tax_code, l.address FROM asked "
                "JOIN lookups l ON l.tax_code = asked.code AND l.service = :service",
                service=service,
                asked=self._db.rows([{"code": code.upper()} for code in tax_codes]),
            ).all()
        return {row.tax_code: row.address for row in rows}

    def keep_address(self, tax_code: str, address: str | None, now: int, service: str = "") -> None:
        """Keep an answer; a newer one takes its place."""
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                "INSERT INTO lookups (tax_code, address, asked_at, service) "
                "VALUES (:code, :address, :now, :service) ON CONFLICT (tax_code) DO UPDATE SET "
                "address = excluded.address, asked_at = excluded.asked_at, service = excluded.service",
                service=service,
                code=tax_code.upper(),
                address=address,
                now=now,
            )

    def domains(self, domains: Sequence[str], service: str = "") -> dict[str, bool]:
        """The known answers for these domains."""
        batch = self._db.batch("asked", domain="text")
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                f"WITH {batch} SELECT d.domain, d.certified FROM asked "
                "JOIN domains d ON d.domain = asked.domain AND d.service = :service",
                service=service,
                asked=self._db.rows([{"domain": domain.lower()} for domain in domains]),
            ).all()
        return {row.domain: bool(row.certified) for row in rows}

    def keep_domain(self, domain: str, now: int, service: str = "", *, certified: bool) -> None:
        """Keep an answer; a newer one takes its place."""
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                "INSERT INTO domains (domain, certified, asked_at, service) "
                "VALUES (:domain, :certified, :now, :service) ON CONFLICT (domain) DO UPDATE SET "
                "certified = excluded.certified, asked_at = excluded.asked_at, service = excluded.service",
                service=service,
                domain=domain.lower(),
                certified=certified,
                now=now,
            )
