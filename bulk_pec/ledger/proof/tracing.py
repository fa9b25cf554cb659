"""Tracing: which message is meant by a word that a person has in hand.

A word may be a key, a reference, the provider's message_id, an address, or the number of a row. All that fit
are found; a row's number only where nothing else fits, since keys often are numbers too. ``row:12`` and the
like say which is meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from bulk_pec.domain.addresses import canonical, canonicals, recipient_key
from bulk_pec.domain.references import is_reference
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.ledger.store.database import Database

MOST = 100
"""Matches that are found at most: more say only that the word is too short."""


class By(StrEnum):
    """What a word may be."""

    KEY = "key"
    REFERENCE = "reference"
    MESSAGE_ID = "message_id"
    ADDRESS = "address"
    ROW = "row"


@dataclass(frozen=True, slots=True)
class Match:
    """A row that a word may mean.

    Attributes:
        by: As what the word fits.
        run: The run's name.
        row: Its number in the list.
        key: Its key; a row set aside may have none.
        recipient: As the list wrote it.
        state: The message's state, or why the row never became one.
        delivery: What the receipts say.
        reference: The message's.
        message: The message's id; None: the row never became one.
    """

    by: By
    run: str
    row: int
    key: str | None = field(repr=False)
    recipient: str = field(repr=False)
    state: str
    delivery: str | None = None
    reference: str | None = None
    message: int | None = None


@dataclass(frozen=True, slots=True)
class Near:
    """How many rows nearly fit: whose key, or whose address, holds the word somewhere."""

    keys: int
    addresses: int


_COLUMNS = (
    'r.name AS run, m."row" AS row, m.key, m.recipient, m.state, m.delivery, m.reference, m.id AS message'
)
_ASIDE = (
    'r.name AS run, s."row" AS row, s.key, s.recipient, s.state, NULL AS delivery, NULL AS reference, '
    "NULL AS message"
)
# In this order: by the runs first, SQLite would fetch messages in the order of their keys, all over the file.
_FROM = "FROM messages m CROSS JOIN runs r WHERE r.id = m.run_id AND"
_FROM_ASIDE = "FROM set_aside s CROSS JOIN runs r WHERE r.id = s.run_id AND"
_KEYS = "(:word, :trimmed, :folded, :address)"
_MESSAGE_ID = re.compile(r"[0-9A-Za-z._-]{6,64}")
_WIRED = "xn--"


class Tracing:
    """Finding messages, and rows that never became one."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def find(self, word: str, run: Run | None, last: Run | None) -> list[Match]:
        """Everything the word may mean, oldest run first; `MOST` at most.

        Args:
            word: What was asked for.
            run: Look in this run only; None: in all.
            last: Whose rows are meant by a number where `run` is None.
        """
        found = self._any(word, run, last)
        kind, colon, rest = word.partition(":")
        if not found and colon and kind in set(By) and rest:
            return self._by(By(kind), rest, run or last if kind == By.ROW else run)
        return found

    def near(self, word: str, run: Run | None) -> Near:
        """What nearly fits a word that nothing fits."""
        pattern = f"%{_literal(word.strip().lower())}%"
        keys = self._count("lower({0}.key) LIKE :like ESCAPE '\\'", run, like=pattern)
        addresses = self._count("lower({0}.recipient) LIKE :like ESCAPE '\\'", run, like=pattern)
        return Near(keys, addresses)

    def _any(self, word: str, run: Run | None, last: Run | None) -> list[Match]:
        found: dict[tuple[str, int], Match] = {}
        for by in (By.KEY, By.REFERENCE, By.MESSAGE_ID, By.ADDRESS):
            for match in self._by(by, word, run):
                found.setdefault((match.run, match.row), match)
        return list(found.values())[:MOST] or self._by(By.ROW, word, run or last)

    def _by(self, by: By, word: str, run: Run | None) -> list[Match]:
        looks: dict[By, Callable[[Connection, str, Run | None], list[Match]]] = {
            By.KEY: self._keys,
            By.REFERENCE: self._references,
            By.MESSAGE_ID: self._message_ids,
            By.ADDRESS: self._addresses,
            By.ROW: self._rows,
        }
        with self._db.transaction() as connection:
            return looks[by](connection, word, run)

    def _keys(self, connection: Connection, word: str, run: Run | None) -> list[Match]:
        trimmed = word.strip()
        values = {"word": word, "trimmed": trimmed, "folded": trimmed.lower(), "address": recipient_key(word)}
        scope = _within(run, "m")
        return self._matches(
            connection,
            By.KEY,
            f"SELECT {_COLUMNS} {_FROM} {scope} AND m.key IN {_KEYS} "
            f"UNION SELECT {_COLUMNS} {_FROM} {scope} AND m.list_key IN {_KEYS} "
            f"UNION ALL SELECT {_ASIDE} {_FROM_ASIDE} {_within(run, 's')} AND s.key IN {_KEYS}",
            run,
            values=values,
        )

    def _references(self, connection: Connection, word: str, run: Run | None) -> list[Match]:
        reference = word.strip().upper()
        if not is_reference(reference):
            return []
        statement = f"SELECT {_COLUMNS} {_FROM} m.reference = :reference AND {_within(run, 'm')}"
        return self._matches(connection, By.REFERENCE, statement, run, values={"reference": reference})

    def _message_ids(self, connection: Connection, word: str, run: Run | None) -> list[Match]:
        """Of the message, of any of its attempts (a late twin has another), or of its receipts."""
        token = word.strip()
        if not _MESSAGE_ID.fullmatch(token):
            return []
        begin = f"SELECT {_COLUMNS} {_FROM} {_among(run)} AND"
        of_attempts = "m.id IN (SELECT a.message FROM attempts a WHERE a.message_id = :token)"
        of_receipts = (
            "m.id IN (SELECT t.message FROM receipts t WHERE t.token = :token AND t.message IS NOT NULL)"
        )
        found = self._matches(
            connection,
            By.MESSAGE_ID,
            f"{begin} m.message_id = :token UNION {begin} {of_attempts}",
            run,
            values={"token": token},
        )
        return found or self._matches(
            connection, By.MESSAGE_ID, f"{begin} {of_receipts}", run, values={"token": token}
        )

    def _addresses(self, connection: Connection, word: str, run: Run | None) -> list[Match]:
        """By the canonical form; the database only narrows the search, by what must stand in the text."""
        wanted = canonical(word)
        if "@" not in wanted:
            return []
        like = _narrowing(word, wanted)
        statement = (
            f"SELECT {_COLUMNS} {_FROM} {_among(run)} "
            "AND lower(m.recipient) LIKE :like ESCAPE '\\' "
            f"UNION ALL SELECT {_ASIDE} {_FROM_ASIDE} {_within(run, 's')} "
            "AND lower(s.recipient) LIKE :like ESCAPE '\\'"
        )
        return self._matches(
            connection,
            By.ADDRESS,
            statement,
            run,
            values={"like": like},
            fits=lambda recipient: wanted in canonicals(recipient),
        )

    def _rows(self, connection: Connection, word: str, run: Run | None) -> list[Match]:
        number = word.strip()
        if run is None or not number.isascii() or not number.isdecimal() or len(number) > 9:
            return []
        statement = (
            f"SELECT {_COLUMNS} {_FROM} {_among(run)} AND m.id < {run.first_id} + :number "
            'AND m."row" = :number '
            f'UNION ALL SELECT {_ASIDE} {_FROM_ASIDE} s.run_id = :run AND s."row" = :number'
        )
        return self._matches(connection, By.ROW, statement, run, values={"number": int(number)})

    def _matches(
        self,
        connection: Connection,
        by: By,
        statement: str,
        run: Run | None,
        *,
        values: dict[str, Any],
        fits: Callable[[str], bool] = lambda _: True,
    ) -> list[Match]:
        scope = {"run": run.id} if run is not None and ":run" in statement else {}
        rows = self._db.execute(connection, statement, **values, **scope)
        found = _first(Match(by, *row) for row in rows if fits(row.recipient))
        return sorted(found, key=lambda match: (match.run, match.row))

    def _count(self, where: str, run: Run | None, **values: Any) -> int:
        total = 0
        with self._db.transaction() as connection:
            for table, alias in (("messages", "m"), ("set_aside", "s")):
                among = _among(run) if alias == "m" else _within(run, alias)
                statement = f"SELECT COUNT(*) FROM {table} {alias} WHERE {among} AND {where.format(alias)}"
                scope = {"run": run.id} if run is not None and ":run" in statement else {}
                total += int(self._db.execute(connection, statement, **values, **scope).scalar_one())
        return total


def _first(matches: Iterable[Match]) -> Sequence[Match]:
    found = []
    for match in matches:
        found.append(match)
        if len(found) == MOST:
            break
    return found


def _within(run: Run | None, alias: str) -> str:
    """The run, or any: by name of a set, so that an index that begins with the run still serves."""
    return f"{alias}.run_id {'IN (SELECT id FROM runs)' if run is None else '= :run'}"


def _among(run: Run | None) -> str:
    """The run's messages, or any, where all of them are looked at: by their ids, as they lie in the file."""
    return "m.id > 0" if run is None else f"m.id BETWEEN {run.first_id} AND {run.last_id}"


def _narrowing(word: str, wanted: str) -> str:
    """What a recipient's text surely holds, as a pattern: all of the address, or only what is plain of it."""
    if word.isascii() and _WIRED not in wanted:
        return f"%{_literal(wanted)}%"
    local = wanted.rpartition("@")[0]
    return f"%{_literal(local)}@%" if local.isascii() else "%"


def _literal(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)
