"""Loading: a checked list becomes a run, all of it or nothing, in one transaction.

Duplicates are decided here, by the table's own unique (run, key): exactly, whatever the size, in
bounded memory. The bulk goes through the driver's own fast path (executemany, COPY).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import orjson
from sqlalchemy import Connection

from bulk_pec.domain import references
from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.letters import recipients_of
from bulk_pec.domain.states import SetAside
from bulk_pec.ledger import repeats
from bulk_pec.ledger.database import Database
from bulk_pec.ledger.repeats import Repeats, Unfinished
from bulk_pec.ledger.suppressions import suppressed

BLOCK = 500
"""Messages in a block, the unit a worker claims."""

NewRow = tuple[int, str, str, str, bytes, int | None, bool | None]
"""Row number, key, recipient, fields (JSON array), content digest, when it expires, whether looked up."""

_COLUMNS = (
    "id",
    "run_id",
    "row",
    "key",
    "recipient",
    "reference",
    "fields",
    "content_digest",
    "expires_at",
    "looked_up",
)
_TYPES = ("int8", "int8", "int4", "text", "text", "text", "text", "bytea", "int8", "bool")
_NAMES = ", ".join(_COLUMNS)


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run is made from. Digests are hex SHA-256; `mailboxes` are lower-case addresses."""

    name: str
    list_name: str
    list_digest: str
    template_digest: str
    columns: tuple[str, ...]
    mailboxes: tuple[str, ...]
    keep_duplicates: bool = False
    retry_of: int | None = None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """An input row that cannot become a message."""

    row: int
    key: str | None
    recipient: str
    reason: str
    fields: str
    state: SetAside = SetAside.INVALID


@dataclass(slots=True)
class Loaded:
    """What was loaded: rows = messages + invalid + duplicate + suppressed."""

    rows: int = 0
    messages: int = 0
    invalid: int = 0
    duplicate: int = 0
    suppressed: int = 0


class Loading:
    """One load. A context manager: what is not finished is rolled back.

    Args:
        database: Opened for writing.
        new: The run to make; its name must be free.
        now: Milliseconds since the epoch.
    """

    def __init__(self, database: Database, new: NewRun, now: int) -> None:
        self._db = database
        self._new = new
        self._now = now
        self.counts = Loaded()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._connection = stack.enter_context(self._db.transaction())
            stack.enter_context(self._db.wide_cache(self._connection))
            self._begin()
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._open.__exit__(kind, error, trace)
            return
        with self._open:
            self._finish()

    def _begin(self) -> None:
        db, connection = self._db, self._connection
        if db.is_postgres:
            # One load at a time: ids are handed out in order, and a run's messages lie side by side.
            db.execute(connection, "SELECT pg_advisory_xact_lock(707002)")
        if db.execute(connection, "SELECT 1 FROM runs WHERE name = :name", name=self._new.name).first():
            raise ListRefused(
                f"The run {self._new.name!r} was loaded by another process a moment ago.",
                hint="Nothing was loaded here. Start the same command again: it goes on with that run.",
            )
        highest = db.execute(connection, "SELECT COALESCE(MAX(id), 0) FROM messages").scalar_one()
        self._first_id = self._next_id = highest + 1
        self._run_id = db.execute(
            connection,
            "INSERT INTO runs (name, state, created_at, list_name, list_digest, template_digest, columns, "
            "first_id, last_id, input_rows, retry_of) VALUES (:name, 'loaded', :now, :list_name, "
            ":list_digest, :template_digest, :columns, 0, 0, 0, :retry_of) RETURNING id",
            name=self._new.name,
            now=self._now,
            list_name=self._new.list_name,
            list_digest=self._new.list_digest,
            template_digest=self._new.template_digest,
            columns=orjson.dumps(self._new.columns).decode(),
            retry_of=self._new.retry_of,
        ).scalar_one()
        self._remember_mailboxes()
        any_suppressed = "SELECT EXISTS (SELECT 1 FROM suppressions)"
        self._any_suppressed = bool(db.execute(connection, any_suppressed).scalar_one())
        self._copies: dict[str, int] = {}

    def _remember_mailboxes(self) -> None:
        for address in self._new.mailboxes:
            self._db.execute(
                self._connection,
                "INSERT INTO mailboxes (address) VALUES (:address) ON CONFLICT (address) DO NOTHING",
                address=address,
            )
            self._db.execute(
                self._connection,
                "INSERT INTO run_mailboxes (run_id, mailbox_id, seen_before, unknown_before) "
                "SELECT :run, id, seen, unknown FROM mailboxes WHERE address = :address",
                run=self._run_id,
                address=address,
            )

    def add(self, rows: Sequence[NewRow]) -> list[RefusedRow]:
        """Add checked rows; returns those set aside: suppressed addresses, and keys that come again.

        With `keep_duplicates` a key that comes again gets ``#2``, ``#3`` … appended instead.
        """
        wanted, refused = self._without_suppressed(rows)
        self.set_aside(refused)
        again = self._insert(wanted)
        if self._new.keep_duplicates:
            self._keep(wanted, {one.row for one in again})
            return refused
        self.set_aside(again)
        return refused + again

    def _without_suppressed(self, rows: Sequence[NewRow]) -> tuple[Sequence[NewRow], list[RefusedRow]]:
        """The rows that may be written to, and the others as what they are."""
        if not self._any_suppressed or not rows:
            return rows, []
        addresses = {one for row in rows for one in recipients_of(row[2].lower())}
        known = suppressed(self._db, self._connection, addresses)
        if not known:
            return rows, []
        refused = {
            row[0]: RefusedRow(
                row[0], row[1], row[2], f"suppressed: {known[one]}", row[3], SetAside.SUPPRESSED
            )
            for row in rows
            for one in recipients_of(row[2].lower())
            if one in known
        }
        return [row for row in rows if row[0] not in refused], list(refused.values())

    def _keep(self, rows: Sequence[NewRow], again: Container[int]) -> None:
        """Add those rows just tried whose keys are taken, under the next free ones.

        Each gets the id it would have had: ids are in the order of the list, as claims and the export read.
        """
        first = self._next_id - len(rows)
        for place, row in enumerate(rows):
            if row[0] not in again:
                continue
            key = row[1]
            while True:
                self._copies[key] = self._copies.get(key, 1) + 1
                renamed = (row[0], f"{key}#{self._copies[key]}", *row[2:])
                if not self._insert_at(first + place, [renamed]):
                    break

    def _insert(self, rows: Sequence[NewRow]) -> list[RefusedRow]:
        """Insert rows under new ids; those whose key is taken come back."""
        first = self._next_id
        self._next_id += len(rows)
        return self._insert_at(first, rows)

    def _insert_at(self, first: int, rows: Sequence[NewRow]) -> list[RefusedRow]:
        if not rows:
            return []
        drawn = references.draw(len(rows))
        ready = [
            (number, self._run_id, row, key, recipient, reference, fields, digest, expires_at, looked_up)
            for number, reference, (row, key, recipient, fields, digest, expires_at, looked_up) in zip(
                range(first, first + len(rows)), drawn, rows, strict=True
            )
        ]
        taken = _copy(self._connection, ready) if self._db.is_postgres else _insert(self._connection, ready)
        self.counts.messages += taken
        self.counts.rows += taken
        if taken == len(rows):
            return []
        return self._duplicates(first, rows)

    def _duplicates(self, first: int, rows: Sequence[NewRow]) -> list[RefusedRow]:
        present = self._db.execute(
            self._connection,
            "SELECT row FROM messages WHERE id BETWEEN :first AND :last",
            first=first,
            last=first + len(rows) - 1,
        )
        kept = {row for (row,) in present}
        return [
            RefusedRow(row, key, recipient, self._twin_of(key), fields, SetAside.DUPLICATE)
            for row, key, recipient, fields, *_ in rows
            if row not in kept
        ]

    def _twin_of(self, key: str) -> str:
        row = self._db.execute(
            self._connection,
            "SELECT row FROM messages WHERE run_id = :run AND key = :key",
            run=self._run_id,
            key=key,
        ).scalar_one()
        return f"same key as row {row}"

    def set_aside(self, rows: Iterable[RefusedRow]) -> None:
        """Record input rows that do not become messages."""
        for refused in rows:
            self._db.execute(
                self._connection,
                'INSERT INTO set_aside (run_id, "row", state, key, recipient, reason, fields) '
                "VALUES (:run, :row, :state, :key, :recipient, :reason, :fields)",
                run=self._run_id,
                row=refused.row,
                state=refused.state.value,
                key=None if refused.key is None else _storable(refused.key),
                recipient=_storable(refused.recipient),
                reason=_storable(refused.reason),
                fields=refused.fields,
            )
            self.counts.rows += 1
            setattr(self.counts, refused.state.value, getattr(self.counts, refused.state.value) + 1)

    def repeats(self) -> Repeats:
        """What of the run so far an earlier run has said already; see `bulk_pec.ledger.repeats`."""
        return repeats.find(self._db, self._connection, self._unfinished)

    def set_repeats_aside(self) -> int:
        """Make duplicates of the repeats; returns how many."""
        count = repeats.set_aside(self._db, self._connection, self._unfinished)
        self.counts.messages -= count
        self.counts.duplicate += count
        return count

    @property
    def _unfinished(self) -> Unfinished:
        return Unfinished(self._run_id, self._first_id, self._new.template_digest)

    def _finish(self) -> None:
        db, connection, counts = self._db, self._connection, self.counts
        if not counts.messages:
            raise ListRefused(
                f"The list {self._new.list_name} has no valid row: of {counts.rows} rows, {counts.invalid} "
                f"are invalid, {counts.duplicate} duplicates and {counts.suppressed} suppressed.",
                hint="Nothing was loaded. Mend the list and load it again.",
            )
        last = self._next_id - 1
        db.execute(
            connection,
            "UPDATE runs SET first_id = :first, last_id = :last, input_rows = :rows WHERE id = :run",
            run=self._run_id,
            first=self._first_id,
            last=last,
            rows=counts.rows,
        )
        db.execute(
            connection,
            "INSERT INTO run_counts (run_id, pending, invalid, duplicate, suppressed, updated_at) "
            "VALUES (:run, :messages, :invalid, :duplicate, :suppressed, :now)",
            run=self._run_id,
            messages=counts.messages,
            invalid=counts.invalid,
            duplicate=counts.duplicate,
            suppressed=counts.suppressed,
            now=self._now,
        )
        self._cut_blocks(last)

    def _cut_blocks(self, last: int) -> None:
        spans = [
            {"first_id": start, "last_id": min(start + BLOCK - 1, last)}
            for start in range(self._first_id, last + 1, BLOCK)
        ]
        batch = self._db.batch("spans", first_id="bigint", last_id="bigint")
        self._db.execute(
            self._connection,
            f"WITH {batch} INSERT INTO blocks (run_id, first_id, last_id) "
            "SELECT :run, first_id, last_id FROM spans WHERE true ORDER BY first_id",
            run=self._run_id,
            spans=self._db.rows(spans),
        )


def _storable(text: str) -> str:
    """A refused row's text as Postgres takes it: without NUL. `fields` keeps it, escaped in its JSON."""
    return text.replace("\x00", "\ufffd")


def _insert(connection: Connection, ready: Sequence[tuple[Any, ...]]) -> int:
    """SQLite: the driver's executemany; returns how many rows were new."""
    cursor = connection.connection.cursor()
    try:
        cursor.executemany(
            f"INSERT INTO messages ({_NAMES}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (run_id, key) DO NOTHING",
            ready,
        )
        return int(cursor.rowcount)
    finally:
        cursor.close()


def _copy(connection: Connection, ready: Sequence[tuple[Any, ...]]) -> int:
    """Postgres: COPY straight into the table; through a temporary one only where a key repeats."""
    from psycopg.errors import UniqueViolation  # noqa: PLC0415 - only Postgres needs the driver

    savepoint = connection.begin_nested()
    try:
        _copy_into(connection, "messages", ready)
    except UniqueViolation:
        savepoint.rollback()
    else:
        savepoint.commit()
        return len(ready)
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS SELECT {_NAMES} FROM messages WHERE false"
    )
    _copy_into(connection, "incoming", ready)
    result = connection.exec_driver_sql(
        f"INSERT INTO messages ({_NAMES}) SELECT {_NAMES} FROM incoming ORDER BY id "
        "ON CONFLICT (run_id, key) DO NOTHING"
    )
    taken = int(result.rowcount)
    connection.exec_driver_sql("DROP TABLE incoming")
    return taken


def _copy_into(connection: Connection, table: str, ready: Sequence[tuple[Any, ...]]) -> None:
    cursor = connection.connection.cursor()
    try:
        with cursor.copy(f"COPY {table} ({_NAMES}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(_TYPES)
            for values in ready:
                copy.write_row(values)
    finally:
        cursor.close()
