"""Canaries: the messages a run sends first, to see whether they arrive.

They are chosen once, spread over the recipient domains that most of the run goes to, and kept; what became
of them is read from the messages themselves each time it is asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from bulk_pec.domain.letters import recipients_of
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.ledger.store.database import Database

_PAGE = 10_000


class CanaryState(StrEnum):
    """How far a run's canary has come."""

    SENDING = "sending"
    WAITING = "waiting"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Canary:
    """A run's canary. Those that were cancelled say nothing and are not counted.

    Attributes:
        state: None: the run has none.
        sent_at: When it had been sent whole; milliseconds since the epoch.
        size: How many messages it has.
        left: Of them: not tried to the end yet.
        delivered: Of them: delivered.
        lost: Of them: rejected, given up, not accepted, undelivered or overdue.
    """

    state: CanaryState | None
    sent_at: int | None
    size: int
    left: int
    delivered: int
    lost: int


class Canaries:
    """Choosing a run's canary and following it."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, run: Run) -> Canary:
        """The run's canary as it stands."""
        with self._db.transaction() as connection:
            state, sent_at = self._state(connection, run)
            row = self._db.execute(
                connection,
                "SELECT COUNT(*) AS size, "
                "COALESCE(SUM(CASE WHEN m.state IN ('pending', 'sending') THEN 1 ELSE 0 END), 0) AS waits, "
                "COALESCE(SUM(CASE WHEN m.state = 'sent' AND m.delivery = 'delivered' THEN 1 ELSE 0 END), 0) "
                "AS delivered, COALESCE(SUM(CASE WHEN m.state IN ('rejected', 'abandoned') OR (m.state = "
                "'sent' AND m.delivery IN ('not_accepted', 'undelivered', 'overdue')) THEN 1 ELSE 0 END), 0) "
                "AS lost FROM canaries c JOIN messages m ON m.id = c.message "
                "WHERE c.run_id = :run AND m.state <> 'cancelled'",
                run=run.id,
            ).one()
        return Canary(state, sent_at, row.size, row.waits, row.delivered, row.lost)

    def _state(self, connection: Connection, run: Run) -> tuple[CanaryState | None, int | None]:
        found = self._db.execute(
            connection, "SELECT canary, canary_at FROM runs WHERE id = :run", run=run.id
        ).one()
        return (None if found.canary is None else CanaryState(found.canary)), found.canary_at

    def choose(self, run: Run, size: int) -> int:
        """Have at least `size` messages in the canary, as far as there are any; returns how many came new.

        The pending messages are walked once, a page at a time. A run whose canary has passed gets no other.
        """
        missing = size - self.of(run).size
        picked = self._spread(run, missing) if missing > 0 else []
        with self._db.transaction() as connection:
            # Two hosts may choose at once: the run's row decides who was first.
            first = self._db.execute(
                connection,
                "UPDATE runs SET canary = 'sending', canary_at = NULL WHERE id = :run AND :some "
                "AND (canary IS NULL OR canary IN ('waiting', 'failed')) RETURNING id",
                run=run.id,
                some=bool(picked),
            ).first()
            if first is None:
                return 0
            batch = self._db.batch("picked", message="bigint")
            self._db.execute(
                connection,
                f"WITH {batch} INSERT INTO canaries (run_id, message) "
                "SELECT :run, CAST(message AS bigint) FROM picked WHERE true ON CONFLICT DO NOTHING",
                run=run.id,
                picked=self._db.rows([{"message": message} for message in picked]),
            )
        return len(picked)

    def _spread(self, run: Run, size: int) -> list[int]:
        """The first pending messages to each domain, one a domain and round again, the largest first."""
        counts: dict[str, int] = defaultdict(int)
        first: dict[str, list[int]] = defaultdict(list)
        for message, recipient in self._pending(run):
            domain = recipients_of(recipient)[0].rpartition("@")[2].lower()
            counts[domain] += 1
            if len(first[domain]) < size:
                first[domain].append(message)
        largest = sorted(counts, key=lambda domain: (-counts[domain], domain))
        picked: list[int] = []
        for turn in range(size):
            for domain in largest:
                if turn < len(first[domain]) and len(picked) < size:
                    picked.append(first[domain][turn])
        return picked

    def _pending(self, run: Run) -> Iterator[tuple[int, str]]:
        after = run.first_id - 1
        while True:
            with self._db.transaction() as connection:
                page = self._db.execute(
                    connection,
                    "SELECT m.id, m.recipient FROM messages m WHERE m.id > :after AND m.id <= :last "
                    "AND m.state = 'pending' AND NOT EXISTS (SELECT 1 FROM canaries c "
                    "WHERE c.run_id = :run AND c.message = m.id) ORDER BY m.id LIMIT :page",
                    after=after,
                    last=run.last_id,
                    run=run.id,
                    page=_PAGE,
                ).all()
            if not page:
                return
            after = page[-1].id
            yield from ((row.id, row.recipient) for row in page)

    def sent(self, run: Run, now: int) -> bool:
        """Record that it has been sent whole, if it has; whether it was found so just now."""
        return self._move(
            run,
            CanaryState.WAITING,
            now,
            "canary = 'sending' AND NOT EXISTS (SELECT 1 FROM canaries c JOIN messages m "
            "ON m.id = c.message WHERE c.run_id = :run AND m.state IN ('pending', 'sending'))",
        )

    def passed(self, run: Run) -> bool:
        """Record that enough of it was delivered: the run goes on, for good."""
        return self._move(run, CanaryState.PASSED, None, "canary IN ('waiting', 'failed')")

    def failed(self, run: Run) -> bool:
        """Record that too much of it was lost; a later start looks again."""
        return self._move(run, CanaryState.FAILED, None, "canary = 'waiting'")

    def lift(self, run: Run) -> bool:
        """The operator wants none any more: the run goes on without its verdict."""
        return self._move(run, None, None, "canary IN ('sending', 'waiting', 'failed')")

    def _move(self, run: Run, state: CanaryState | None, at: int | None, given: str) -> bool:
        with self._db.transaction() as connection:
            moved = self._db.execute(
                connection,
                "UPDATE runs SET canary = :state, canary_at = COALESCE(CAST(:at AS bigint), canary_at) "
                f"WHERE id = :run AND {given} RETURNING id",
                run=run.id,
                state=state,
                at=at,
            ).first()
        return moved is not None
