"""Waiting: receipts that carry no reference of ours, until the `message_id` at their end names a message.

A run whose subject carries no reference has nothing else (docs/adr/0023). What must hold for a match: the
whole last word of the receipt's subject is the `message_id` that the provider gave to one message, and only
one, of that mailbox; the rest is that message's subject; and its date is not before the attempt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row

from bulk_pec.domain.receipts import ReceiptKind, rest_of
from bulk_pec.domain.subjects import parted, subject_digest
from bulk_pec.ledger.inbox.folded import Told
from bulk_pec.ledger.inbox.mails import Mail, Place
from bulk_pec.ledger.store.database import Database

CLOCK_MARGIN = 5 * 60 * 1000
"""Milliseconds by which a receipt may be dated before its attempt: the provider's clock is not ours."""

SHARED = "its message_id names several messages of that mailbox, so its receipts cannot be told apart"
"""The reason of a message whose receipts are not matched."""

_MOST = 1_000
"""Receipts that one transaction looks at."""


@dataclass(slots=True)
class Page:
    """Some of the receipts that wait.

    Attributes:
        told: What they say, by message: those that are matched.
        shared: How many of them are not, because several messages have their `message_id`.
        after: Where the next page begins; None: there is none.
    """

    told: dict[int, list[Told]] = field(default_factory=dict)
    shared: int = 0
    after: Place | None = None


class Waiting:
    """What waits, and what it can be matched to.

    Args:
        database: The ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def keep(self, connection: Connection, mailbox_id: int, mails: Sequence[Mail]) -> None:
        """Let these receipts wait, which belong to no message."""
        waiting = [
            {"fingerprint": mail.fingerprint, "word": mail.token} for mail in mails if mail.token is not None
        ]
        if waiting:
            self._db.execute(
                connection,
                f"WITH {self._db.batch('waiting', fingerprint='text', word='text')} "
                "UPDATE receipts SET token = waiting.word FROM waiting "
                "WHERE receipts.mailbox_id = :mailbox AND receipts.fingerprint = waiting.fingerprint "
                "AND receipts.message IS NULL AND receipts.token IS NULL",
                waiting=self._db.rows(waiting),
                mailbox=mailbox_id,
            )

    def start(self, mailbox_id: int) -> Place | None:
        """Where to begin; None where no message without a reference has left this mailbox."""
        with self._db.transaction() as connection:
            found = self._db.execute(
                connection,
                "SELECT 1 FROM attempts a WHERE a.mailbox_id = :mailbox AND a.message_id IS NOT NULL "
                "AND a.subject_digest IS NOT NULL LIMIT 1",
                mailbox=mailbox_id,
            ).first()
        return None if found is None else ("", 0)

    def look(self, connection: Connection, mailbox_id: int, after: Place) -> Page:
        """The next receipts whose `message_id` is known, and which of them may be matched."""
        rows = self._next(connection, mailbox_id, after)
        page = Page(after=(rows[-1].token, rows[-1].id) if len(rows) == _MOST else None)
        named = self._named(connection, mailbox_id, sorted({row.token for row in rows}))
        shared: set[int] = set()
        for row in rows:
            attempts = named[row.token]
            messages = {attempt.message for attempt in attempts}
            if len(messages) > 1:
                page.shared += 1
                shared |= messages
            elif any(_speaks_of(row, attempt) for attempt in attempts):
                told = Told(row.fingerprint, ReceiptKind(row.kind), row.at, row.token, None)
                page.told.setdefault(messages.pop(), []).append(told)
        self._report(connection, shared)
        return page

    def _next(self, connection: Connection, mailbox_id: int, after: Place) -> Sequence[Row[Any]]:
        token, identity = after
        rows: Sequence[Row[Any]] = self._db.execute(
            connection,
            "SELECT r.id, r.fingerprint, r.kind, r.at, r.subject, r.token FROM receipts r "
            "WHERE r.mailbox_id = :mailbox AND r.message IS NULL AND r.token IS NOT NULL "
            "AND r.token >= :token AND (r.token > :token OR r.id > :id) "
            "AND EXISTS (SELECT 1 FROM attempts a WHERE a.mailbox_id = r.mailbox_id "
            "AND a.message_id = r.token AND a.subject_digest IS NOT NULL) "
            f"ORDER BY r.token, r.id LIMIT :most {self._db.hold('r')}",
            mailbox=mailbox_id,
            token=token,
            id=identity,
            most=_MOST,
        ).all()
        return rows

    def _named(
        self, connection: Connection, mailbox_id: int, tokens: Sequence[str]
    ) -> Mapping[str, list[Row[Any]]]:
        """The attempts without a reference that were given these, each by its `message_id`."""
        named: defaultdict[str, list[Row[Any]]] = defaultdict(list)
        if not tokens:
            return named
        for row in self._db.execute(
            connection,
            f"WITH {self._db.batch('asked', word='text')} "
            # CROSS: SQLite would read all attempts for each of them. Equal is not null, as the index asks.
            "SELECT a.message_id, a.message, a.opened_at, a.subject_digest FROM asked CROSS JOIN attempts a "
            "WHERE a.mailbox_id = :mailbox AND a.message_id = asked.word AND a.subject_digest IS NOT NULL "
            "ORDER BY a.id",
            asked=self._db.rows([{"word": token} for token in tokens]),
            mailbox=mailbox_id,
        ):
            named[row.message_id].append(row)
        return named

    def _report(self, connection: Connection, messages: set[int]) -> None:
        """Say of messages that share an id why they stay without receipts."""
        if messages:
            self._db.execute(
                connection,
                f"WITH {self._db.batch('sharing', id='bigint')} UPDATE messages SET reason = :why "
                "FROM sharing WHERE messages.id = sharing.id AND messages.state = 'sent' "
                "AND messages.reason IS NULL",
                sharing=self._db.rows([{"id": message} for message in sorted(messages)]),
                why=SHARED,
            )


def _speaks_of(receipt: Row[Any], attempt: Row[Any]) -> bool:
    """Whether a receipt with this attempt's `message_id` is dated after it and repeats its subject."""
    if receipt.at is None or receipt.at < attempt.opened_at - CLOCK_MARGIN:
        return False
    ours, _ = parted(rest_of(receipt.subject))
    return subject_digest(ours) == str(attempt.subject_digest)
