"""Checking: the invariants of docs/semantics.md, as far as a ledger alone can show them.

Nothing is written, and everything is read in one snapshot, so a process may send meanwhile. Every question
names what is wrong by ids and words of our own, never by an address or a key: its answer may be mailed.
Invariants 1 and 9 need a witness outside, and 5 is how the statements are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection

from bulk_pec.domain import references
from bulk_pec.domain.states import Delivery, MessageState, SetAside
from bulk_pec.ledger.proof.questions import COUNTED, QUESTIONS, SPENT, USAGE, Question
from bulk_pec.ledger.store.database import Database

SHOWN = 20
"""Violations of one kind that are listed; of the rest it is said how many there are."""

_PAGE = 10_000
_DAY = 86_400_000
_ROWS = [*MessageState, *SetAside]

Ids = dict[str, int | str | None]


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that cannot be so.

    Attributes:
        invariant: Its number in docs/semantics.md, or a word for what else must hold.
        what: One sentence with ids; no address, no key, no text of a message.
        ids: The same ids by what they are of: run, message, attempt, block …
    """

    invariant: str
    what: str
    ids: Ids = field(default_factory=dict)


@dataclass(slots=True)
class Report:
    """What a check found.

    Attributes:
        asked: How many questions were asked.
        violations: At most `SHOWN` of each kind.
        more: How many there are besides.
    """

    asked: int = 0
    violations: list[Violation] = field(default_factory=list)
    more: int = 0

    @property
    def clean(self) -> bool:
        """Whether everything holds."""
        return not self.violations

    def take(self, invariant: str, found: Sequence[tuple[str, Ids]]) -> None:
        """Add the answers of one question."""
        self.asked += 1
        self.violations += [Violation(invariant, what, ids) for what, ids in found[:SHOWN]]
        self.more += max(0, len(found) - SHOWN)


class Checking:
    """Asks a ledger whether the promises hold.

    Args:
        database: Opened in either mode.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def report(self) -> Report:
        """Ask everything; a million messages take some tens of seconds.

        Raises:
            LedgerError: The ledger cannot be read, or is damaged.
        """
        report = Report()
        with self._db.transaction() as connection:
            if self._db.is_postgres:
                snapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
                self._db.execute(connection, snapshot)
            else:
                self._ask_the_file(connection, report)
            for question in QUESTIONS:
                self._ask(connection, report, question)
            self._count_again(connection, report)
            self._add_up_usage(connection, report)
            self._read_references(connection, report)
        return report

    def _ask_the_file(self, connection: Connection, report: Report) -> None:
        """SQLite's own check of its pages and indexes."""
        said = [row[0] for row in self._db.execute(connection, f"PRAGMA integrity_check({SHOWN})")]
        report.take("file", [] if said == ["ok"] else [(f"the file is damaged: {one}", {}) for one in said])

    def _ask(self, connection: Connection, report: Report, question: Question) -> None:
        rows = self._db.execute(connection, question.statement).mappings().all()
        found = [(question.sentence.format_map(row), dict(row)) for row in rows]
        report.take(question.invariant, found)

    def _count_again(self, connection: Connection, report: Report) -> None:
        """Invariant 6: every counter is what counting gives, and the sums are the input's rows."""
        counted: dict[int, dict[str, int]] = {}
        for row in self._db.execute(connection, COUNTED):
            counted.setdefault(row.run_id, {})[row.name] = row.n
        kept = {
            row["run_id"]: dict(row)
            for row in self._db.execute(connection, "SELECT * FROM run_counts").mappings()
        }
        runs = self._db.execute(connection, "SELECT id, input_rows FROM runs ORDER BY id").all()
        for run in runs:
            report.take("6", list(miscounted(run.id, run.input_rows, kept.get(run.id), counted)))

    def _add_up_usage(self, connection: Connection, report: Report) -> None:
        """Invariant 7: what counts against a mailbox's caps is what its attempts come to.

        In which time zone its periods begin is not known here, so the first of them is taken a day longer
        and a day shorter.
        """
        wrong: list[tuple[str, Ids]] = []
        for row in self._db.execute(connection, USAGE).all():
            mailbox, begun = int(row.scope.partition(":")[2]), _begun(row.first)
            spent = self._db.execute(
                connection, SPENT, mailbox=mailbox, late=begun + _DAY, early=begun - _DAY
            ).one()
            if not spent.surely <= row.used <= spent.perhaps:
                kind = {4: "years", 7: "months"}.get(row.length, "days")
                what = (
                    f"mailbox {mailbox} counts {row.used} addresses in its {kind}, and its attempts come to "
                )
                wrong.append((f"{what}{spent.perhaps}", {"mailbox": mailbox, "period": kind}))
        report.take("7", wrong)

    def _read_references(self, connection: Connection, report: Report) -> None:
        """Every reference is one that could have been drawn: its check character is right."""
        wrong: list[tuple[str, Ids]] = []
        after = 0
        page = "SELECT id, reference FROM messages WHERE id > :after ORDER BY id LIMIT :page"
        while rows := self._db.execute(connection, page, after=after, page=_PAGE).all():
            after = rows[-1].id
            wrong += [
                (f"message {row.id} has a reference that is none", {"message": row.id})
                for row in rows
                if not references.is_reference(row.reference)
            ]
        report.take("references", wrong)


def _begun(period: str) -> int:
    """When a day, month or year begins in UTC, milliseconds."""
    year, month, day = (*map(int, period.split("-")), 1, 1)[:3]
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1000


def miscounted(
    run: int, input_rows: int, kept: dict[str, int] | None, counted: dict[int, dict[str, int]]
) -> Iterator[tuple[str, Ids]]:
    """What is wrong with the counters of a run."""
    if kept is None:
        yield f"run {run} has no counters", {"run": run}
        return
    found = counted.get(run, {})
    rows = sum(found.get(name, 0) for name in _ROWS)
    if rows != input_rows:
        yield f"run {run} had {input_rows} rows, and {rows} are accounted for", {"run": run}
    names = set(kept) - {"run_id", "updated_at"}
    for name in sorted(names | found.keys()):
        if kept.get(name) != found.get(name, 0):
            what = f"run {run} counts {kept.get(name)} {name}, and has {found.get(name, 0)}"
            yield what, {"run": run, "counter": name}
    delivery = sum(found.get(f"delivery_{one}", 0) for one in Delivery)
    if delivery != found.get(MessageState.SENT, 0):
        yield f"run {run}: deliveries do not add up to what was sent", {"run": run}
