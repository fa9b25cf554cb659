"""The archive as the ledger knows it: which receipts are kept, and where each mailbox's chain ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bulk_pec.ledger.inbox.kept import COLUMNS, MOST_MISSES, Kept
from bulk_pec.ledger.store.database import Database

STRIDE = 5_000
"""Receipts looked at in one call."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a mailbox's archive stands.

    Attributes:
        archived_to: Receipts up to this id of the ledger's have been dealt with.
        number: Of the last entry; 0: there is none.
        link: Its hash; "": there is none.
    """

    archived_to: int
    number: int
    link: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a mailbox's chain, as the ledger keeps it.

    Attributes:
        number: From 1.
        link: Its hash.
        previous: The hash of the entry before it; "": it is the first.
        fingerprint: Of the receipt.
        text_digest: SHA-256 of the receipt's text.
    """

    number: int
    link: str
    previous: str
    fingerprint: str
    text_digest: str


class Archiving:
    """Finding what is to be archived, and recording what was.

    On Postgres one host may archive while another walks. So that neither waits for the other, rows are locked
    in one order, which is that of `bulk_pec.ledger.inbox.inbox.Inbox.record`: messages, then receipts, then
    the mailbox. Who comes by several receipts of one mailbox takes them one by one, each in its own
    transaction.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def head(self, mailbox_id: int) -> Head:
        """Where a mailbox's archive stands."""
        with self._db.transaction() as connection:
            statement = "SELECT archived_to, archived, archive_head FROM mailboxes WHERE id = :mailbox"
            row = self._db.execute(connection, statement, mailbox=mailbox_id).one()
        return Head(int(row.archived_to), int(row.archived), row.archive_head or "")

    def heads(self) -> dict[str, Head]:
        """Where every mailbox's archive stands, by address."""
        with self._db.transaction() as connection:
            statement = "SELECT address, archived_to, archived, archive_head FROM mailboxes ORDER BY id"
            rows = self._db.execute(connection, statement).all()
        return {
            row.address: Head(int(row.archived_to), int(row.archived), row.archive_head or "") for row in rows
        }

    def last(self) -> int:
        """The highest id of any receipt."""
        with self._db.transaction() as connection:
            return int(self._db.execute(connection, "SELECT MAX(id) FROM receipts").scalar() or 0)

    def missing(self, mailbox_id: int, after: int) -> list[Kept]:
        """What is to be archived among the `STRIDE` receipts after the id `after`, oldest record first.

        Every receipt that was matched to a message; and mail of a form this version does not know, if it
        carries a reference that this ledger drew. Somebody's own mail is not.
        """
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                f"SELECT {COLUMNS} FROM receipts r WHERE r.id > :after AND r.id <= :upto "
                "AND r.mailbox_id = :mailbox AND r.archived_at IS NULL AND r.deleted_at IS NULL "
                f"AND r.misses < {MOST_MISSES} AND (r.message IS NOT NULL OR (r.kind = 'unknown' "
                "AND EXISTS (SELECT 1 FROM messages m WHERE m.reference = r.reference))) ORDER BY r.id",
                after=after,
                upto=after + STRIDE,
                mailbox=mailbox_id,
            )
            return [Kept.of(row) for row in rows]

    def known(self, mailbox_id: int, fingerprints: Sequence[str]) -> set[str]:
        """Those of a mailbox's receipts that the ledger has."""
        batch = self._db.batch("asked", fingerprint="text")
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                f"WITH {batch} SELECT r.fingerprint FROM asked JOIN receipts r "
                "ON r.fingerprint = asked.fingerprint AND r.mailbox_id = :mailbox",
                asked=self._db.rows([{"fingerprint": one} for one in fingerprints]),
                mailbox=mailbox_id,
            )
            return {row.fingerprint for row in rows}

    def ours(self, mailbox_id: int, fingerprints: Sequence[str]) -> bool:
        """Whether one at least of these receipts is of a message of this ledger, by match or by reference."""
        batch = self._db.batch("asked", fingerprint="text")
        with self._db.transaction() as connection:
            found = self._db.execute(
                connection,
                f"WITH {batch} SELECT 1 FROM asked JOIN receipts r "
                "ON r.fingerprint = asked.fingerprint AND r.mailbox_id = :mailbox "
                "WHERE r.message IS NOT NULL "
                "OR EXISTS (SELECT 1 FROM messages m WHERE m.reference = r.reference) LIMIT 1",
                asked=self._db.rows([{"fingerprint": one} for one in fingerprints]),
                mailbox=mailbox_id,
            ).first()
        return found is not None

    def record(self, mailbox_id: int, entry: Entry, now: int) -> bool:
        """The entry is on the disk: the chain's head moves on, and its receipt is archived.

        An entry whose receipt this ledger does not know, since it is an older copy, moves the head all the
        same.

        Returns False if the chain has not ended where this entry begins: then nothing is changed.
        """
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                "SELECT r.id FROM receipts r WHERE r.mailbox_id = :mailbox AND r.fingerprint = :fingerprint "
                f"{self._db.hold('r')}",
                mailbox=mailbox_id,
                fingerprint=entry.fingerprint,
            )
            moved = self._db.execute(
                connection,
                "UPDATE mailboxes SET archived = :number, archive_head = :link WHERE id = :mailbox "
                "AND archived = :number - 1 AND COALESCE(archive_head, '') = :previous RETURNING id",
                number=entry.number,
                link=entry.link,
                previous=entry.previous,
                mailbox=mailbox_id,
            ).first()
            if moved is None:
                return False
            self._db.execute(
                connection,
                "UPDATE receipts SET archived_at = :now, archive_number = :number, text_digest = :text "
                "WHERE mailbox_id = :mailbox AND fingerprint = :fingerprint AND archived_at IS NULL",
                now=now,
                number=entry.number,
                text=entry.text_digest,
                mailbox=mailbox_id,
                fingerprint=entry.fingerprint,
            )
        return True

    def move_to(self, mailbox_id: int, receipt: int) -> None:
        """Receipts up to this id have been dealt with; it never moves back."""
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                "UPDATE mailboxes SET archived_to = :receipt WHERE id = :mailbox AND archived_to < :receipt",
                receipt=receipt,
                mailbox=mailbox_id,
            )
