"""Mails as the ledger records them: classified, and what a page of them added."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

from bulk_pec.domain.inbox import InboxItem
from bulk_pec.domain.receipts import RECEIPTS, ReceiptKind, rest_of
from bulk_pec.domain.subjects import parted

_HOUR, _TEXT = 8, 24

Place = tuple[str, int]
"""Among the receipts that wait: a token, and the id of a receipt with it."""


def fingerprint(item: InboxItem, number: int = 1) -> str:
    """What tells a mail from others: sender, subject and date as texts, and its number among those alike.

    It begins with a digest of the date up to its first colon, an hour: mails of one hour stand together in
    the index, so that a walk over a million of them touches a page of it once, not for each.
    """
    text = "\x1f".join((item.sender, item.subject, item.date)).encode("utf-8", "surrogatepass")
    words = _hour(item.date.partition(":")[0]) + hashlib.sha256(text).hexdigest()[:_TEXT]
    return words if number == 1 else f"{words}.{number}"


def looks(fingerprint: str) -> str:
    """What a mail has in common with all that look alike: its fingerprint without its number."""
    return fingerprint.partition(".")[0]


@lru_cache(maxsize=64)
def _hour(words: str) -> str:
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:_HOUR]


@dataclass(frozen=True, slots=True)
class Mail:
    """One item of the inbox, classified.

    Attributes:
        item: As the provider listed it.
        kind: What it is.
        reference: The last well-formed reference in its subject, if there is one.
        message_id: The provider's token at the end of its subject, if a reference before it tells it apart.
        earlier: The references that stand before it, in order.
        number: Which of several that look alike it is, from 1: mails of one sender, subject and date that
            one page showed under different ids. The ledger gives it; each has a row of its own.
        fingerprint: What makes it the same mail when it is seen again: never the id, which may shift.
    """

    item: InboxItem
    kind: ReceiptKind
    reference: str | None
    message_id: str | None = None
    earlier: tuple[str, ...] = ()
    number: int = 1
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        """Take the fingerprint once: it is asked for often."""
        object.__setattr__(self, "fingerprint", fingerprint(self.item, self.number))

    @property
    def references(self) -> tuple[str, ...]:
        """Every well-formed reference in its subject, in order; which one is ours, the ledger knows."""
        return self.earlier if self.reference is None else (*self.earlier, self.reference)

    @property
    def token(self) -> str | None:
        """Of a receipt: the whole last word of its subject, whatever it is."""
        return parted(rest_of(self.item.subject))[1] if self.kind in RECEIPTS else None


@dataclass(frozen=True, slots=True)
class Harvested:
    """What one page added, or a look at what waits.

    Attributes:
        new: Mails never recorded before.
        matched: Receipts that were matched to a message now.
        strange: New receipts with well-formed references none of which this ledger knows: those of another
            ledger, or of one that was lost.
        shared: Receipts that wait because their `message_id` names several messages of one mailbox.
        after: Where the next part of such a look begins; None: there is none.
    """

    new: int
    matched: int
    strange: int = 0
    shared: int = 0
    after: Place | None = None
