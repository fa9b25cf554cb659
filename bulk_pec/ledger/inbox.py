"""Harvests and receipts: what was read from a mailbox's inbox, and what it says of the messages.

A page's receipts and their fold into the messages are one transaction, so a walk that dies leaves
nothing half done. A page counts as known only once the walk that read it is complete.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from bulk_pec.domain.errors import BrokenPromise
from bulk_pec.domain.inbox import InboxItem
from bulk_pec.domain.receipts import RECEIPTS, Evidence, ReceiptKind
from bulk_pec.domain.states import Delivery, MessageState
from bulk_pec.ledger import counts, twins
from bulk_pec.ledger.harvests import Harvests, WalkEnd
from bulk_pec.ledger.runs import NEVER_LEFT, Run, count_mailbox, mark_restored

__all__ = ["Harvested", "Inbox", "Mail", "WalkEnd"]


@dataclass(frozen=True, slots=True)
class Mail:
    """One item of the inbox, classified.

    Attributes:
        item: As the provider listed it.
        kind: What it is.
        reference: The last well-formed reference in its subject, if there is one.
        message_id: The provider's token at the end of its subject, if it could be told.
        earlier: The references that stand before it, in order.
    """

    item: InboxItem
    kind: ReceiptKind
    reference: str | None
    message_id: str | None = None
    earlier: tuple[str, ...] = ()

    @property
    def references(self) -> tuple[str, ...]:
        """Every well-formed reference in its subject, in order; which one is ours, the ledger knows."""
        return self.earlier if self.reference is None else (*self.earlier, self.reference)

    @property
    def fingerprint(self) -> str:
        """What makes it the same mail when it is seen again: never the id, which may shift."""
        text = "\x1f".join((self.item.sender, self.item.subject, self.item.date))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Harvested:
    """What one page added.

    Attributes:
        new: Mails never recorded before.
        matched: Receipts that were matched to a message now.
        strange: New receipts with well-formed references none of which this ledger knows: those of another
            ledger, or of one that was lost.
    """

    new: int
    matched: int
    strange: int = 0


class Inbox(Harvests):
    """Recording what walks read, matching receipts to messages, folding what they say."""

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
            speaking = self._speaking(connection, mailbox_id, mails)
            found = {row.reference: row for row in self._find(connection, speaking)}
            matched = self._fold(connection, mailbox_id, speaking, found, now)
            self._count_seen(connection, mailbox_id, fresh)
        return Harvested(len(fresh), matched, sum(_strange(mail, found) for mail in fresh))

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

    def _speaking(self, connection: Connection, mailbox_id: int, mails: Sequence[Mail]) -> list[Mail]:
        """The page's receipts with a reference that belong to no message yet, those known longer included.

        A receipt read before its message was known, or by a version that could not tell its reference, is
        matched when it is read again. The lock keeps two hosts from matching one receipt twice.
        """
        speaking = {mail.fingerprint: mail for mail in mails if mail.kind in RECEIPTS and mail.references}
        if not speaking:
            return []
        rows = self._db.execute(
            connection,
            f"WITH {self._db.batch('asked', fingerprint='text')} SELECT r.fingerprint FROM asked "
            "JOIN receipts r ON r.mailbox_id = :mailbox AND r.fingerprint = asked.fingerprint "
            f"WHERE r.message IS NULL ORDER BY r.id {self._db.hold('r')}",
            asked=self._db.rows([{"fingerprint": fingerprint} for fingerprint in speaking]),
            mailbox=mailbox_id,
        )
        return [speaking[row.fingerprint] for row in rows]

    def _fold(
        self,
        connection: Connection,
        mailbox_id: int,
        speaking: Sequence[Mail],
        found: Mapping[str, Row[Any]],
        now: int,
    ) -> int:
        """Fold receipts into the messages whose references they carry (transition j); how many."""
        by_reference: dict[str, list[Mail]] = {}
        for mail in speaking:
            if (reference := _ours(mail, found)) is not None:
                by_reference.setdefault(reference, []).append(mail)
        if not by_reference:
            return 0
        folded = [
            _Folded.of(row, by_reference[ref], now) for ref, row in found.items() if ref in by_reference
        ]
        self._write(connection, mailbox_id, folded, now)
        suspects = [one.id for one in folded if one.twin_suspected]
        twice = twins.mark(self._db, connection, suspects, now) if suspects else Counter[int]()
        for run_id in sorted({one.run_id for one in folded if one.elsewhere}):
            mark_restored(self._db, connection, run_id, now)
        for run_id in sorted({one.run_id for one in folded}):
            count_mailbox(self._db, connection, run_id, mailbox_id)
            ours = [one for one in folded if one.run_id == run_id]
            counts.apply(self._db, connection, run_id, _changes(ours, twice[run_id]), now)
        return sum(one.receipts for one in folded)

    def _find(self, connection: Connection, mails: Sequence[Mail]) -> Sequence[Row[Any]]:
        """The messages that these mails' references name, locked."""
        references = {reference for mail in mails for reference in mail.references}
        if not references:
            return []
        batch = self._db.batch("named", reference="text")
        rows: Sequence[Row[Any]] = self._db.execute(
            connection,
            f"WITH {batch} SELECT m.id, m.run_id, m.reference, m.state, m.delivery, m.accepted_at, "
            "m.not_accepted_at, m.delivered_at, m.undelivered_at, m.late_at, m.attempts, "
            f"m.state <> 'sent' AND {NEVER_LEFT} AS elsewhere "
            "FROM named JOIN messages m ON m.reference = named.reference ORDER BY m.id "
            f"{self._db.hold('m')}",
            named=self._db.rows([{"reference": reference} for reference in sorted(references)]),
        ).all()
        return rows

    def _write(self, connection: Connection, mailbox_id: int, folded: Sequence[_Folded], now: int) -> None:
        db = self._db
        folds = db.rows([one.as_row() for one in folded])
        batch = db.batch("folds", **_FOLD_COLUMNS)
        written = db.execute(
            connection,
            f"WITH {batch} UPDATE messages SET state = 'sent', delivery = folds.delivery, "
            "message_id = COALESCE(messages.message_id, folds.message_id), "
            "sent_at = COALESCE(messages.sent_at, folds.sent_at), reason = folds.reason, "
            "mailbox_id = COALESCE(messages.mailbox_id, :mailbox), not_before = NULL, harvest_after = NULL, "
            "accepted_at = folds.accepted_at, not_accepted_at = folds.not_accepted_at, "
            "delivered_at = folds.delivered_at, undelivered_at = folds.undelivered_at, "
            "late_at = folds.late_at FROM folds "
            "WHERE messages.id = folds.id AND messages.state = folds.before RETURNING messages.id",
            folds=folds,
            mailbox=mailbox_id,
        ).all()
        if len(written) != len(folded):
            raise BrokenPromise(
                "Messages changed while their receipts were being folded.",
                hint="Nothing of this page was kept; the next harvest reads it again. Please report this.",
            )
        db.execute(
            connection,
            f"WITH {batch} UPDATE attempts SET settlement = 'receipt', settled_at = :now FROM folds "
            "WHERE attempts.message = folds.id AND attempts.outcome = 'in_doubt' "
            "AND attempts.settlement IS NULL",
            folds=folds,
            now=now,
        )
        db.execute(
            connection,
            f"WITH {db.batch('marks', fingerprint='text', message='bigint', reference='text')} "
            "UPDATE receipts SET message = marks.message, reference = marks.reference FROM marks "
            "WHERE receipts.mailbox_id = :mailbox AND receipts.fingerprint = marks.fingerprint",
            marks=db.rows([mark for one in folded for mark in one.marks]),
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


_FOLD_COLUMNS = {
    "id": "bigint",
    "before": "text",
    "delivery": "text",
    "message_id": "text",
    "sent_at": "bigint",
    "reason": "text",
    "accepted_at": "bigint",
    "not_accepted_at": "bigint",
    "delivered_at": "bigint",
    "undelivered_at": "bigint",
    "late_at": "bigint",
}


@dataclass(frozen=True, slots=True)
class _Folded:
    """One message with its new receipts folded in."""

    id: int
    run_id: int
    before: MessageState
    delivery_before: Delivery
    delivery: Delivery
    evidence: Evidence
    message_id: str | None
    sent_at: int
    marks: list[dict[str, Any]]
    elsewhere: bool
    """Whether another copy of the ledger has sent it."""
    twin_suspected: bool

    @property
    def receipts(self) -> int:
        """How many receipts were folded in."""
        return len(self.marks)

    @classmethod
    def of(cls, row: Row[Any], mails: Sequence[Mail], now: int) -> _Folded:
        """Fold `mails` into a message as the ledger has it."""
        evidence = Evidence(
            row.accepted_at, row.not_accepted_at, row.delivered_at, row.undelivered_at, row.late_at
        )
        for mail in mails:
            evidence = evidence.with_receipt(mail.kind, mail.item.at or now)
        before, delivery = Delivery(row.delivery), evidence.delivery
        if before is Delivery.OVERDUE and delivery in {Delivery.NONE, Delivery.ACCEPTED}:
            delivery = Delivery.OVERDUE  # an early notice does not make it less late
        accepted = sum(mail.kind is ReceiptKind.ACCEPTED for mail in mails)
        return cls(
            id=row.id,
            run_id=row.run_id,
            before=MessageState(row.state),
            delivery_before=before,
            delivery=delivery,
            evidence=evidence,
            message_id=next((mail.message_id for mail in mails if mail.message_id), None),
            sent_at=evidence.accepted_at or min(mail.item.at or now for mail in mails),
            marks=[
                {"fingerprint": mail.fingerprint, "message": row.id, "reference": row.reference}
                for mail in mails
            ],
            elsewhere=bool(row.elsewhere),
            twin_suspected=row.attempts > 1 or accepted + (row.accepted_at is not None) > 1,
        )

    def as_row(self) -> dict[str, Any]:
        """For the JSON batch."""
        bad = {
            Delivery.NOT_ACCEPTED: "not accepted by the sender's provider",
            Delivery.UNDELIVERED: "not delivered",
        }
        return {
            "id": self.id,
            "before": self.before.value,
            "delivery": self.delivery.value,
            "message_id": self.message_id,
            "sent_at": self.sent_at,
            "reason": bad.get(self.delivery),
            "accepted_at": self.evidence.accepted_at,
            "not_accepted_at": self.evidence.not_accepted_at,
            "delivered_at": self.evidence.delivered_at,
            "undelivered_at": self.evidence.undelivered_at,
            "late_at": self.evidence.late_at,
        }


def _changes(folded: Sequence[_Folded], twice: int) -> counts.Changes:
    changes = counts.Changes()
    changes.add("twins", twice)
    for one in folded:
        changes.add("receipts_matched", one.receipts)
        if one.before is MessageState.SENT:
            changes.deliver(one.delivery_before, one.delivery)
        else:
            changes.move(one.before, MessageState.SENT)
            changes.deliver(None, one.delivery)
    return changes


def _ours(mail: Mail, found: Mapping[str, Row[Any]]) -> str | None:
    """The last of its references that this ledger knows: ours is appended after the text's own."""
    return next((reference for reference in reversed(mail.references) if reference in found), None)


def _strange(mail: Mail, found: Mapping[str, Row[Any]]) -> bool:
    """Whether it is a receipt with well-formed references, none of which this ledger knows."""
    return mail.kind in RECEIPTS and bool(mail.references) and _ours(mail, found) is None


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
