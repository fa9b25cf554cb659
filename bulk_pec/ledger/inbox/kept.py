"""Receipts as the ledger has them, for those who read, keep or delete them one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.ledger.store.database import Database

NOTICES = frozenset({ReceiptKind.NOT_ACCEPTED, ReceiptKind.UNDELIVERED, ReceiptKind.LATE})
"""The kinds whose text says why a message was refused or not delivered."""

MOST_MISSES = 10
"""Starts after which a text that is never found is not looked for any more."""

NO_TEXT = hashlib.sha256(b"").hexdigest()
"""The digest of a text that is none: what bears it was never archived."""

COLUMNS = (
    "r.id, r.mailbox_id, r.fingerprint, r.item_id, r.kind, r.sender, r.subject, r.date, r.at, r.reference, "
    "r.token, r.message, r.cause, r.misses, r.text_digest"
)
"""Of `receipts r`, in the order of `Kept`."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One recorded mail; see `bulk_pec.ledger.store.schema.receipts`. `at`: milliseconds since the epoch."""

    id: int
    mailbox_id: int
    fingerprint: str
    item_id: str
    kind: ReceiptKind
    sender: str
    subject: str
    date: str
    at: int | None
    reference: str | None
    token: str | None
    message: int | None
    cause: str | None
    misses: int
    text_digest: str | None

    @classmethod
    def of(cls, row: Iterable[Any]) -> Kept:
        """From a row of `COLUMNS`."""
        identity, mailbox, fingerprint, item, kind, *rest = row
        return cls(identity, mailbox, fingerprint, item, ReceiptKind(kind), *rest)


class Keeping:
    """What is learnt of a receipt when it is asked for by its id."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def found_under(self, receipt: Kept, item_id: str, now: int) -> None:
        """It is shown under another id than it was: unless it had none, ids are not to be trusted here."""
        with self._db.transaction() as connection:
            changed = self._db.execute(
                connection,
                "UPDATE receipts SET item_id = :item WHERE id = :id AND item_id = :before RETURNING id",
                item=item_id,
                id=receipt.id,
                before=receipt.item_id,
            ).first()
        if changed is not None and receipt.item_id:
            self.ids_moved(receipt.mailbox_id, now)

    def ids_moved(self, mailbox_id: int, now: int) -> None:
        """A known mail's id shows another mail, or the mail is shown under another id."""
        with self._db.transaction() as connection:
            self._db.execute(
                connection,
                "UPDATE mailboxes SET ids_moved_at = :now WHERE id = :mailbox AND ids_moved_at IS NULL",
                now=now,
                mailbox=mailbox_id,
            )

    def missed(self, receipts: Sequence[int]) -> None:
        """Their texts were looked for and not found.

        Each in a transaction of its own: who locks one receipt at a time waits for no walk that waits for it.
        """
        for receipt in receipts:
            with self._db.transaction() as connection:
                self._db.execute(
                    connection,
                    f"UPDATE receipts SET misses = misses + 1 WHERE id = :receipt AND misses < {MOST_MISSES}",
                    receipt=receipt,
                )
