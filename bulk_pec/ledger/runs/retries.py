"""Retries: the messages of a run that failed for good, to be taken up again by a new run."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from bulk_pec.ledger.runs.loading import Loading, NewRun
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.ledger.store.database import Database

_PAGE = 2_000


class Class(StrEnum):
    """A way to have failed."""

    REJECTED = "rejected"
    UNDELIVERED = "undelivered"
    NOT_ACCEPTED = "not_accepted"
    OVERDUE = "overdue"
    ABANDONED = "abandoned"


_WHERE = {
    Class.REJECTED: "m.state = 'rejected'",
    Class.UNDELIVERED: "m.state = 'sent' AND m.delivery = 'undelivered'",
    Class.NOT_ACCEPTED: "m.state = 'sent' AND m.delivery = 'not_accepted'",
    Class.OVERDUE: "m.state = 'sent' AND m.delivery = 'overdue'",
    Class.ABANDONED: "m.state = 'abandoned'",
}

# A message that another retry of the same run has taken up is that run's to retry, unless cancelled there.
_TAKEN = (
    "EXISTS (SELECT 1 FROM runs o JOIN messages p ON p.run_id = o.id AND p.key = m.key "
    "WHERE o.retry_of = m.run_id AND o.id <> :own AND p.state <> 'cancelled')"
)


@dataclass(frozen=True, slots=True)
class Failed:
    """A message that failed, as the new run takes it up.

    Attributes:
        id: In the ledger.
        row: Of the input.
        key: As it was.
        recipient: As the list wrote it.
        fields: JSON array of the row's values.
        expires_at: Milliseconds since the epoch, or None.
        looked_up: Whether the address is the company service's.
    """

    id: int
    row: int
    key: str
    recipient: str = field(repr=False)
    fields: str = field(repr=False)
    expires_at: int | None
    looked_up: bool | None


class Retry(Loading):
    """A load whose rows come from another run of the same ledger; see `Loading`.

    Args:
        database: Opened for writing.
        new: The run to make; `retry_of` is the other's id.
        now: Milliseconds since the epoch.
    """

    def failed(self, run: Run, classes: Collection[Class]) -> Iterator[list[Failed]]:
        """The run's messages of these classes that no other retry has taken up, some thousands at a time."""
        after = run.first_id - 1
        statement = (
            'SELECT m.id, m."row", m.key, m.recipient, m.fields, m.expires_at, m.looked_up FROM messages m '
            f"WHERE m.id > :after AND m.id <= :last AND ({_any(classes)}) AND NOT {_TAKEN} "
            "ORDER BY m.id LIMIT :page"
        )
        while True:
            page = [
                Failed(*row)
                for row in self._db.execute(
                    self._connection, statement, after=after, last=run.last_id, own=self._run_id, page=_PAGE
                )
            ]
            if not page:
                return
            after = page[-1].id
            yield page


class Retries:
    """Counting what may be retried."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def count(self, run: Run, classes: Collection[Class]) -> tuple[int, int]:
        """How many of the run's messages are of these classes, and how many other retries have taken up."""
        where = f"FROM messages m WHERE m.id BETWEEN :first AND :last AND ({_any(classes)})"
        values = {"first": run.first_id, "last": run.last_id}
        with self._db.transaction() as connection:
            found = self._db.execute(connection, f"SELECT COUNT(*) {where}", **values).scalar_one()
            taken = self._db.execute(
                connection, f"SELECT COUNT(*) {where} AND {_TAKEN}", own=0, **values
            ).scalar_one()
        return int(found) - int(taken), int(taken)

    def begin(self, new: NewRun, now: int) -> Retry:
        """Begin loading a retry; see `Retry`."""
        return Retry(self._db, new, now)


def _any(classes: Collection[Class]) -> str:
    return " OR ".join(f"({_WHERE[one]})" for one in sorted(classes))
