"""The fold: receipts matched to the messages they speak of, and what they say folded into them.

Always inside the transaction that records the receipts, so that a walk that dies leaves nothing half done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from bulk_pec.domain.errors import BrokenPromise
from bulk_pec.domain.receipts import RECEIPTS, Evidence, ReceiptKind
from bulk_pec.domain.states import Delivery, MessageState
from bulk_pec.ledger import counts, twins
from bulk_pec.ledger.database import Database
from bulk_pec.ledger.mails import Mail
from bulk_pec.ledger.runs import NEVER_LEFT, count_mailbox, mark_restored


class Folding:
    """Matching and folding.

    Args:
        database: The ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def speaking(self, connection: Connection, mailbox_id: int, mails: Sequence[Mail]) -> list[Mail]:
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

    def fold(
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

    def find(self, connection: Connection, mails: Sequence[Mail]) -> Sequence[Row[Any]]:
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


def strange(mail: Mail, found: Mapping[str, Row[Any]]) -> bool:
    """Whether it is a receipt with well-formed references, none of which this ledger knows."""
    return mail.kind in RECEIPTS and bool(mail.references) and _ours(mail, found) is None
