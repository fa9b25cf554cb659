"""Plans: what a database would do for the statements that were really executed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from bulk_pec.ledger.ledger import Ledger

BIG = re.compile(r"\b(messages|attempts|receipts)(?:\s+(?:AS\s+)?(?!SET\b|ON\b|WHERE\b)([a-z]))?\b")
_PARTIAL = ("uq_attempts_open", "ix_attempts_doubt", "ix_attempts_fewer")
"""Indexes over the few rows that are open, in doubt or odd: reading one whole is reading little."""


class Explained:
    """The statements that were executed, each with the plan the database would follow."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.statements: list[tuple[str, Any]] = []

    def note(self, statement: str, parameters: Any) -> None:
        """Keep a statement that touches a table."""
        if re.match(r"\s*(SELECT|UPDATE|INSERT|DELETE|WITH)\b", statement):
            self.statements.append((statement, parameters))

    def scans(self) -> list[str]:
        """Every line of every plan that reads a big table from end to end, with its statement."""
        return [
            f"{line} IN {statement}" for statement, plan in self.plans() for line in _scans(statement, plan)
        ]

    def plans(self) -> list[tuple[str, list[str]]]:
        """Each statement's plan, line by line."""
        postgres = self._ledger.database.is_postgres
        how = "EXPLAIN " if postgres else "EXPLAIN QUERY PLAN "
        with self._ledger.database.transaction() as connection:
            return [
                (
                    statement,
                    [str(row[-1]) for row in connection.exec_driver_sql(how + statement, parameters).all()],
                )
                for statement, parameters in self.statements
            ]


def _scans(statement: str, plan: list[str]) -> list[str]:
    names = {name for match in BIG.findall(statement) for name in match if name}
    found = []
    for line in plan:
        scan = re.search(r"Seq Scan on (\w+)|^SCAN (\w+)", line)
        if scan and (scan[1] or scan[2]) in names and not any(index in line for index in _PARTIAL):
            found.append(line)
    return found


@contextmanager
def watched(ledger: Ledger) -> Iterator[Explained]:
    """Catch what is executed inside, by SQLAlchemy or straight through the driver."""
    explained, engine = Explained(ledger), ledger.database.engine

    def caught(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        explained.note(statement, parameters)

    database, fetch, each = ledger.database, ledger.database.fetch, ledger.database.each

    def fetched(connection: Connection, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        explained.note(database.driver_text(statement), values)
        return fetch(connection, statement, **values)

    def each_seen(connection: Connection, statement: str, rows: Sequence[Mapping[str, Any]]) -> int:
        explained.note(statement, rows[0])
        return each(connection, statement, rows)

    event.listen(engine, "before_cursor_execute", caught)
    setattr(database, "fetch", fetched)  # noqa: B010 - a type checker forbids the plain form
    setattr(database, "each", each_seen)  # noqa: B010 - as above
    try:
        yield explained
    finally:
        delattr(database, "fetch")
        delattr(database, "each")
        event.remove(engine, "before_cursor_execute", caught)
    assert explained.statements
