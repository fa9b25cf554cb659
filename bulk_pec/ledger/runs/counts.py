"""Counters: kept in the transaction that changes what they count, so the sums balance at every commit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import Connection

from bulk_pec.domain.states import Delivery, MessageState
from bulk_pec.ledger.store.database import Database
from bulk_pec.ledger.store.schema import run_counts

_KNOWN = frozenset(run_counts.columns.keys()) - {"run_id", "updated_at"}


@dataclass(slots=True)
class Changes:
    """What a transaction adds to and takes from the counters of one run."""

    by_column: Counter[str] = field(default_factory=Counter)

    def move(self, before: MessageState, after: MessageState, count: int = 1) -> None:
        """`count` messages go from one state to another."""
        self.by_column[before] -= count
        self.by_column[after] += count

    def deliver(self, before: Delivery | None, after: Delivery | None, count: int = 1) -> None:
        """`count` messages go from one delivery state to another; None: not (or no longer) sent."""
        if before is not None:
            self.by_column[f"delivery_{before}"] -= count
        if after is not None:
            self.by_column[f"delivery_{after}"] += count

    def add(self, column: str, count: int = 1) -> None:
        """Add to a counter that only grows."""
        self.by_column[column] += count


def apply(db: Database, connection: Connection, run_id: int, changes: Changes, now: int) -> None:
    """Write the changes to the run's counters, as one statement."""
    moved = {column: delta for column, delta in changes.by_column.items() if delta}
    unknown = moved.keys() - _KNOWN
    if unknown:
        raise ValueError(f"no such counters: {sorted(unknown)}")
    sets = "".join(f", {column} = {column} + :{column}" for column in sorted(moved))
    db.fetch(
        connection,
        f"UPDATE run_counts SET updated_at = :now{sets} WHERE run_id = :run",
        run=run_id,
        now=now,
        **moved,
    )
