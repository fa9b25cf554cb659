"""Harvests and receipts: what was read from a mailbox's inbox, and what it says of the messages.

A page's receipts and their fold into the messages are one transaction, so a walk that dies leaves
nothing half done. A page counts as known only once the walk that read it is complete.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from bulk_pec.domain.errors import BrokenPromise
from bulk_pec.domain.inbox import InboxItem
from bulk_pec.domain.receipts import RECEIPTS, Evidence, ReceiptKind
from bulk_pec.domain.states import Delivery, MessageState
from bulk_pec.ledger import counts
from bulk_pec.ledger.database import Database
from bulk_pec.ledger.runs import Run, count_mailbox


@dataclass(frozen=True, slots=True)
class Mail:
    """One item of the inbox, classified.

    Attributes:
        item: As the provider listed it.
        kind: What it is.
        reference: The reference in its subject, if there is one.
        message_id: The provider's token at the end of its subject, if it could be told.
    """

    item: InboxItem
    kind: ReceiptKind
    reference: str | None
    message_id: str | None = None

    @property
    def fingerprint(self) -> str:
        """What makes it the same mail when it is seen again: never the id, which may shift."""
        text = "\x1f".join((self.item.sender, self.item.subject, self.item.date))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class WalkEnd:
    """How a walk over the inbox ended; see `bulk_pec.receipts.harvest`.

    Attributes:
        pages: Read.
        total: What the provider said the box holds.
        both_ends: It saw the whole inbox, or met mail known before it at both ends.
        steady: What was known at the ends still stood, and the box had surely not shrunk.
        lost: Known mail had gone from an end, or the box had shrunk.
        total_right: Whether `total` is what was counted, or agrees with one that was.
        quota_share: How full the box was.
        ends: Fingerprints of the mails at both ends of what it read.
    """

    pages: int
    total: int | None
    both_ends: bool
    steady: bool
    quota_share: float | None
    ends: tuple[str, ...] = ()
    lost: bool = False
    total_right: bool = True


@dataclass(frozen=True, slots=True)
class Harvested:
    """What one page added."""

    new: int
    matched: int


class Inbox:
    """Recording harvests, matching receipts to messages, folding what they say."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def mailbox_id(self, address: str) -> int:
        """The ledger's id for a mailbox, entered if new."""
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                "INSERT INTO mailboxes (address) VALUES (:address) ON CONFLICT (address) DO NOTHING",
                address=address.lower(),
            )
            statement = "SELECT id FROM mailboxes WHERE address = :address"
            return int(self._db.execute(connection, statement, address=address.lower()).scalar_one())

    def begin(self, mailbox_id: int, now: int) -> int:
        """Begin a harvest; returns its id."""
        with self._db.transaction() as connection:
            statement = "INSERT INTO harvests (mailbox_id, begun_at) VALUES (:mailbox, :now) RETURNING id"
            return int(self._db.execute(connection, statement, mailbox=mailbox_id, now=now).scalar_one())

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
            matched = self._fold(connection, mailbox_id, fresh, now)
            self._count_seen(connection, mailbox_id, fresh)
        return Harvested(len(fresh), matched)

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

    def _fold(self, connection: Connection, mailbox_id: int, fresh: Sequence[Mail], now: int) -> int:
        """Fold the new receipts into the messages whose references they carry (transition j)."""
        speaking: dict[str, list[Mail]] = {}
        for mail in fresh:
            if mail.kind in RECEIPTS and mail.reference is not None:
                speaking.setdefault(mail.reference, []).append(mail)
        if not speaking:
            return 0
        folded = [_Folded.of(row, speaking[row.reference], now) for row in self._find(connection, speaking)]
        self._write(connection, mailbox_id, folded, now)
        for run_id in sorted({one.run_id for one in folded}):
            count_mailbox(self._db, connection, run_id, mailbox_id)
            _count(self._db, connection, run_id, [one for one in folded if one.run_id == run_id], now)
        return sum(one.receipts for one in folded)

    def _find(self, connection: Connection, references: Iterable[str]) -> Sequence[Row[Any]]:
        batch = self._db.batch("named", reference="text")
        rows: Sequence[Row[Any]] = self._db.execute(
            connection,
            f"WITH {batch} SELECT m.id, m.run_id, m.reference, m.state, m.delivery, m.accepted_at, "
            "m.not_accepted_at, m.delivered_at, m.undelivered_at, m.late_at "
            "FROM named JOIN messages m ON m.reference = named.reference ORDER BY m.id "
            f"{self._db.hold('m')}",
            named=self._db.rows([{"reference": reference} for reference in references]),
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
            f"WITH {db.batch('marks', fingerprint='text', message='bigint')} "
            "UPDATE receipts SET message = marks.message FROM marks "
            "WHERE receipts.mailbox_id = :mailbox AND receipts.fingerprint = marks.fingerprint",
            marks=db.rows([mark for one in folded for mark in one.marks]),
            mailbox=mailbox_id,
        )

    def complete(self, harvest: int, mailbox_id: int, end: WalkEnd, now: int) -> None:
        """The walk ran to its end: what it read is known from now on."""
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                "UPDATE harvests SET ended_at = :now, complete = :yes, both_ends = :both, steady = :steady, "
                "lost = :lost, pages = :pages, total = :total, total_right = :right, ends = :ends, "
                "quota_share = :quota WHERE id = :harvest",
                harvest=harvest,
                now=now,
                yes=True,
                both=end.both_ends,
                steady=end.steady,
                lost=end.lost,
                right=end.total_right,
                pages=end.pages,
                total=end.total,
                ends=" ".join(end.ends),
                quota=end.quota_share,
            )
            statement = "UPDATE mailboxes SET harvested_at = :now WHERE id = :mailbox"
            self._db.execute(connection, statement, now=now, mailbox=mailbox_id)

    def last_total(self, mailbox_id: int) -> int | None:
        """What the provider said the box held at the last complete harvest whose total was right."""
        total = self._of_last("total", mailbox_id, "AND total_right")
        return None if total is None else int(total)

    def last_ends(self, mailbox_id: int) -> tuple[str, ...]:
        """Fingerprints of the mails that stood at both ends of the box at the last complete harvest."""
        return tuple((self._of_last("ends", mailbox_id) or "").split())

    def _of_last(self, column: str, mailbox_id: int, which: str = "") -> Any:
        where = f"mailbox_id = :mailbox AND complete {which} ORDER BY id DESC LIMIT 1"
        with self._db.transaction() as connection:
            statement = f"SELECT {column} FROM harvests WHERE {where}"
            return self._db.execute(connection, statement, mailbox=mailbox_id).scalar()

    def mark_overdue(self, run: Run, before: int, now: int) -> int:
        """Messages sent (accepted, if that is known) before `before` and still unanswered are overdue."""
        changes = counts.Changes()
        with self._db.transaction() as connection:
            for delivery in (Delivery.NONE, Delivery.ACCEPTED):
                late = self._db.execute(
                    connection,
                    "UPDATE messages SET delivery = 'overdue' WHERE id BETWEEN :first AND :last "
                    "AND state = 'sent' AND delivery = :delivery "
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
        return cls(
            id=row.id,
            run_id=row.run_id,
            before=MessageState(row.state),
            delivery_before=before,
            delivery=delivery,
            evidence=evidence,
            message_id=next((mail.message_id for mail in mails if mail.message_id), None),
            sent_at=evidence.accepted_at or min(mail.item.at or now for mail in mails),
            marks=[{"fingerprint": mail.fingerprint, "message": row.id} for mail in mails],
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


def _count(db: Database, connection: Connection, run_id: int, folded: Sequence[_Folded], now: int) -> None:
    changes = counts.Changes()
    for one in folded:
        changes.add("receipts_matched", one.receipts)
        if one.before is MessageState.SENT:
            changes.deliver(one.delivery_before, one.delivery)
        else:
            changes.move(one.before, MessageState.SENT)
            changes.deliver(None, one.delivery)
    counts.apply(db, connection, run_id, changes, now)


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
