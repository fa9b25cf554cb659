"""Loading: a checked list becomes a run, all of it or nothing, in one transaction.

Duplicates are decided here, by the table's own unique (run, key): exactly, whatever the size, in
bounded memory. The bulk goes through the driver's own fast path (executemany, COPY).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import repeat
from operator import add
from types import TracebackType
from typing import Self

import orjson

from bulk_pec.domain import references
from bulk_pec.domain.addresses import canonicals
from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.states import SetAside
from bulk_pec.domain.words import counted
from bulk_pec.ledger.runs import repeats
from bulk_pec.ledger.runs.repeats import Repeats, Unfinished
from bulk_pec.ledger.runs.suppressions import suppressed
from bulk_pec.ledger.store import bulk
from bulk_pec.ledger.store.database import Database

BLOCK = 500
"""Messages in a block, the unit a worker claims."""

NewRow = tuple[int, str, str, str, bytes, int | None, bool | None]
"""Row number, key, recipient, fields (JSON array), content digest, when it expires, whether looked up."""

_NEW_ROW = ("row", "key", "recipient", "fields", "content_digest", "expires_at", "looked_up")
_MESSAGES = bulk.Columns(
    "messages",
    ("id", "run_id", "reference", *_NEW_ROW),
    ("int8", "int8", "text", "int4", "text", "text", "text", "bytea", "int8", "bool"),
    once="run_id, key",
)
_SET_ASIDE = bulk.Columns(
    "set_aside",
    ("run_id", "row", "state", "key", "recipient", "reason", "fields"),
    ("int8", "int4", "text", "text", "text", "text", "text"),
)


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run is made from. Digests are hex SHA-256; `mailboxes` are lower-case addresses.

    `template_digest` is over the templates, `words_digest` over the same but for the reference.
    """

    name: str
    list_name: str
    list_digest: str
    template_digest: str
    columns: tuple[str, ...]
    mailboxes: tuple[str, ...]
    words_digest: str
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
        db.take_time(connection)  # letters are checked and files hashed between two batches
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
            "INSERT INTO runs (name, state, created_at, list_name, list_digest, template_digest, "
            "words_digest, columns, first_id, last_id, input_rows, retry_of) VALUES (:name, 'loaded', :now, "
            ":list_name, :list_digest, :template_digest, :words_digest, :columns, 0, 0, 0, :retry_of) "
            "RETURNING id",
            name=self._new.name,
            now=self._now,
            list_name=self._new.list_name,
            list_digest=self._new.list_digest,
            template_digest=self._new.template_digest,
            words_digest=self._new.words_digest,
            columns=orjson.dumps(self._new.columns).decode(),
            retry_of=self._new.retry_of,
        ).scalar_one()
        self._remember_mailboxes()
        any_suppressed = "SELECT EXISTS (SELECT 1 FROM suppressions)"
        self._any_suppressed = bool(db.execute(connection, any_suppressed).scalar_one())
        self._copies: dict[str, int] = {}
        self._numbers_listed = False

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
        own: dict[int, str] = {}
        if self._new.keep_duplicates:
            wanted, own = self._numbered(wanted)
        again = self._insert(wanted)
        self.set_aside(again)
        self._remember_own(own)
        return refused + again

    def _without_suppressed(self, rows: Sequence[NewRow]) -> tuple[Sequence[NewRow], list[RefusedRow]]:
        """The rows that may be written to, and the others as what they are."""
        if not self._any_suppressed or not rows:
            return rows, []
        addresses = {one for row in rows for one in canonicals(row[2])}
        known = suppressed(self._db, self._connection, addresses)
        if not known:
            return rows, []
        refused = {
            row[0]: RefusedRow(
                row[0], row[1], row[2], f"suppressed: {known[one]}", row[3], SetAside.SUPPRESSED
            )
            for row in rows
            for one in canonicals(row[2])
            if one in known
        }
        return [row for row in rows if row[0] not in refused], list(refused.values())

    def _numbered(self, rows: Sequence[NewRow]) -> tuple[list[NewRow], dict[int, str]]:
        """The rows about to be inserted, each under a free key; the list's own keys of those renamed, by id.

        Row by row, in the order of the list: where a batch ends makes no difference.
        """
        self._numbers_listed |= any("#" in row[1] for row in rows)
        taken = set(self._rows_with({row[1] for row in rows}))
        named: list[NewRow] = []
        own: dict[int, str] = {}
        for number, row in enumerate(rows, self._next_id):
            key = row[1]
            if key in taken:
                own[number] = key
                key = self._next_copy(key, taken)
            taken.add(key)
            named.append((row[0], key, *row[2:]))
        return named, own

    def _next_copy(self, key: str, taken: Collection[str]) -> str:
        """The key with the next free number. Only a key of the list's own with a ``#`` can be in the way."""
        while True:
            self._copies[key] = self._copies.get(key, 1) + 1
            copy = f"{key}#{self._copies[key]}"
            if copy not in taken and not (self._numbers_listed and self._rows_with({copy})):
                return copy

    def _remember_own(self, own: dict[int, str]) -> None:
        """Keep the list's own keys of messages that were renamed: `repeats` goes by them."""
        if not own:
            return
        batch = self._db.batch("own", id="bigint", key="text")
        self._db.execute(
            self._connection,
            f"WITH {batch} UPDATE messages SET list_key = own.key FROM own WHERE messages.id = own.id",
            own=self._db.rows([{"id": number, "key": key} for number, key in own.items()]),
        )

    def _insert(self, rows: Sequence[NewRow]) -> list[RefusedRow]:
        """Insert rows under new ids; those whose key is taken come back."""
        if not rows:
            return []
        ids = range(self._next_id, self._next_id + len(rows))
        self._next_id = ids.stop
        drawn = references.draw(len(rows))
        ready = list(map(add, zip(ids, repeat(self._run_id), drawn), rows))
        taken = bulk.insert(self._db, self._connection, _MESSAGES, ready)
        self.counts.messages += taken
        self.counts.rows += taken
        return [] if taken == len(rows) else self._duplicates(ids, rows)

    def _duplicates(self, ids: range, rows: Sequence[NewRow]) -> list[RefusedRow]:
        present = self._db.execute(
            self._connection,
            "SELECT row FROM messages WHERE id BETWEEN :first AND :last",
            first=ids[0],
            last=ids[-1],
        )
        kept = {row for (row,) in present}
        again = [row for row in rows if row[0] not in kept]
        twins = self._rows_with({row[1] for row in again})
        return [
            RefusedRow(row, key, recipient, f"same key as row {twins[key]}", fields, SetAside.DUPLICATE)
            for row, key, recipient, fields, *_ in again
        ]

    def _rows_with(self, keys: Collection[str]) -> dict[str, int]:
        """The row of each of these keys that the run has already."""
        # CROSS JOIN fixes SQLite's order: one look-up for each key, never a walk over the run.
        batch = self._db.batch("asked", key="text")
        found = self._db.execute(
            self._connection,
            f'WITH {batch} SELECT m.key, m."row" FROM asked CROSS JOIN messages m '
            "WHERE m.run_id = :run AND m.key = asked.key",
            asked=self._db.rows([{"key": key} for key in keys]),
            run=self._run_id,
        )
        return dict(found.all())

    def set_aside(self, rows: Iterable[RefusedRow]) -> None:
        """Record input rows that do not become messages."""
        refused = list(rows)
        ready = [
            (
                self._run_id,
                row.row,
                row.state.value,
                None if row.key is None else _storable(row.key),
                _storable(row.recipient),
                _storable(row.reason),
                row.fields,
            )
            for row in refused
        ]
        bulk.insert(self._db, self._connection, _SET_ASIDE, ready)
        self.counts.rows += len(refused)
        for state, count in Counter(row.state.value for row in refused).items():
            setattr(self.counts, state, getattr(self.counts, state) + count)

    def repeats(self) -> Repeats:
        """What of the run so far an earlier run has said already; see `bulk_pec.ledger.runs.repeats`."""
        return repeats.find(self._db, self._connection, self._unfinished)

    def set_repeats_aside(self) -> int:
        """Make duplicates of the repeats; returns how many."""
        count = repeats.set_aside(self._db, self._connection, self._unfinished)
        self.counts.messages -= count
        self.counts.duplicate += count
        return count

    @property
    def _unfinished(self) -> Unfinished:
        return Unfinished(self._run_id, self._first_id, self._new.words_digest)

    def _finish(self) -> None:
        db, connection, counts = self._db, self._connection, self.counts
        if not counts.messages:
            raise ListRefused(
                f"The list {self._new.list_name} has no valid row: of {counted(counts.rows, 'row')} "
                f"{counts.invalid:,} invalid, {counts.duplicate:,} duplicate, "
                f"{counts.suppressed:,} suppressed.",
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
