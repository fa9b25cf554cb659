"""Harvests and receipts: what was read from a mailbox's inbox, and what it says of the messages.

A page's receipts and their fold into the messages are one transaction, so a walk that dies leaves
nothing half done. A page counts as known only once the walk that read it is complete.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection

from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.states import Delivery
from bulk_pec.ledger import counts
from bulk_pec.ledger.database import Database
from bulk_pec.ledger.folding import Folding, strange
from bulk_pec.ledger.harvests import Harvests, WalkEnd
from bulk_pec.ledger.mails import Harvested, Mail
from bulk_pec.ledger.runs import Run

__all__ = ["Harvested", "Inbox", "Mail", "WalkEnd"]


class Inbox(Harvests):
    """Recording what walks read, matching receipts to messages, folding what they say."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._folding = Folding(database)

    def known_before(self, harvest: int, mailbox_id: int, mails: Sequence[Mail]) -> set[str]:
        """Fingerprints of those mails that a harvest which ended before this one began has seen."""
        batch = self._db.batch("asked", fingerprint="text")
        with self._db.transaction() as connection:
            rows = self._db.execute(
                connection,
                f"WITH {batch} SELECT r.fingerprint FROM asked "
                "JOIN receipts r ON r.mailbox_id = :mailbox AND r.fingerprint = asked.fingerprint "
                "JOIN harvests own ON own.id = :harvest "
                "JOIN harvests h ON h.id = r.harvest_id AND h.complete AND h.ended_at <= own.begun_at",
                asked=self._db.rows([{"fingerprint": mail.fingerprint} for mail in mails]),
                mailbox=mailbox_id,
                harvest=harvest,
            )
            return {row.fingerprint for row in rows}

    def add_page(self, harvest: int, mailbox_id: int, mails: Sequence[Mail], now: int) -> Harvested:
        """Record a page and fold it into the messages its receipts belong to, in one transaction."""
        with self._db.transaction() as connection:
            fresh = self._insert(connection, harvest, mailbox_id, mails)
            speaking = self._folding.speaking(connection, mailbox_id, mails)
            found = {row.reference: row for row in self._folding.find(connection, speaking)}
            matched = self._folding.fold(connection, mailbox_id, speaking, found, now)
            self._count_seen(connection, mailbox_id, fresh)
        return Harvested(len(fresh), matched, sum(strange(mail, found) for mail in fresh))

    def _insert(
        self, connection: Connection, harvest: int, mailbox_id: int, mails: Sequence[Mail]
    ) -> list[Mail]:
        """Record what is new; a mail seen by an earlier, dead walk is new to this one's bookkeeping only."""
        batch = self._db.batch(
            "mails",
            fingerprint="text",
            item="text",
            kind="text",
            sender="text",
            subject="text",
            date="text",
            at="bigint",
            reference="text",
        )
        by_fingerprint = {mail.fingerprint: mail for mail in mails}
        rows = self._db.execute(
            connection,
            f"WITH {batch} INSERT INTO receipts (mailbox_id, fingerprint, harvest_id, item_id, kind, sender, "
            "subject, date, at, reference) SELECT :mailbox, fingerprint, :harvest, item, kind, sender, "
            "subject, date, at, reference FROM mails WHERE true "
            "ON CONFLICT (fingerprint, mailbox_id) DO NOTHING RETURNING fingerprint",
            mails=self._db.rows([_mail_row(mail) for mail in by_fingerprint.values()]),
            mailbox=mailbox_id,
            harvest=harvest,
        ).all()
        self._adopt(connection, harvest, mailbox_id, list(by_fingerprint))
        return [by_fingerprint[row.fingerprint] for row in rows]

    def _adopt(self, connection: Connection, harvest: int, mailbox_id: int, fingerprints: list[str]) -> None:
        """What a dead walk had read becomes this walk's, so that it is known once this one is complete."""
        batch = self._db.batch("seen", fingerprint="text")
        self._db.execute(
            connection,
            f"WITH {batch} UPDATE receipts SET harvest_id = :harvest FROM seen, harvests h "
            "WHERE receipts.mailbox_id = :mailbox AND receipts.fingerprint = seen.fingerprint "
            "AND h.id = receipts.harvest_id AND NOT h.complete AND h.id <> :harvest",
            seen=self._db.rows([{"fingerprint": fingerprint} for fingerprint in fingerprints]),
            mailbox=mailbox_id,
            harvest=harvest,
        )

    def _count_seen(self, connection: Connection, mailbox_id: int, fresh: Sequence[Mail]) -> None:
        unknown = sum(mail.kind is ReceiptKind.UNKNOWN for mail in fresh)
        self._db.execute(
            connection,
            "UPDATE mailboxes SET seen = seen + :seen, unknown = unknown + :unknown WHERE id = :mailbox",
            seen=len(fresh),
            unknown=unknown,
            mailbox=mailbox_id,
        )

    def mark_overdue(self, run: Run, before: int, now: int, unread: Collection[int] = ()) -> int:
        """What was sent (accepted, if known) before `before` is overdue, but for mailboxes left `unread`."""
        changes, apart = counts.Changes(), f"({', '.join(map(str, (-1, *unread)))})"
        with self._db.transaction() as connection:
            for delivery in (Delivery.NONE, Delivery.ACCEPTED):
                late = self._db.execute(
                    connection,
                    "UPDATE messages SET delivery = 'overdue' WHERE id BETWEEN :first AND :last "
                    f"AND state = 'sent' AND delivery = :delivery AND COALESCE(mailbox_id, 0) NOT IN {apart} "
                    "AND COALESCE(accepted_at, sent_at) < :before RETURNING id",
                    first=run.first_id,
                    last=run.last_id,
                    delivery=delivery.value,
                    before=before,
                ).all()
                changes.deliver(delivery, Delivery.OVERDUE, len(late))
            counts.apply(self._db, connection, run.id, changes, now)
        return changes.by_column[f"delivery_{Delivery.OVERDUE}"]


def _mail_row(mail: Mail) -> dict[str, Any]:
    return {
        "fingerprint": mail.fingerprint,
        "item": mail.item.item_id,
        "kind": mail.kind.value,
        "sender": mail.item.sender,
        "subject": mail.item.subject,
        "date": mail.item.date,
        "at": mail.item.at,
        "reference": mail.reference,
    }
