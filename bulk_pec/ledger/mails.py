"""Mails as the ledger records them: classified, and what a page of them added."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from bulk_pec.domain.inbox import InboxItem
from bulk_pec.domain.receipts import ReceiptKind


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
