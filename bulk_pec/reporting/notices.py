"""Which notice of non-delivery is final, of one message's. Pure; the rule is `domain.receipts.Evidence`'s."""

from __future__ import annotations

from bulk_pec.domain.receipts import Evidence, ReceiptKind
from bulk_pec.domain.states import Delivery
from bulk_pec.ledger.proof.stories import Receipt, Story
from bulk_pec.reporting.phrases import Words, notice_words, receipt_words


def words_of(story: Story, receipt: Receipt) -> Words:
    """What one of a message's receipts is; of a "maximum time" notice whether it is the final one."""
    kind = ReceiptKind(receipt.kind)
    return notice_words(final=final(story, receipt)) if kind is ReceiptKind.LATE else receipt_words(kind)


def final(story: Story, receipt: Receipt) -> bool | None:
    """Whether a "maximum time" notice is the 24 h one and not the 12 h one; None: it cannot be told."""
    if receipt.at is None:
        return None
    if _is_final(story, receipt.at):
        return True
    later = any(_is_final(story, at) for at in _lapses(story))
    return False if later or story.message.accepted_at is not None else None


def undelivered_at(story: Story) -> int | None:
    """When a message was first said for good not to be delivered; milliseconds since the epoch, UTC."""
    message = story.message
    found = [at for at in _lapses(story) if _is_final(story, at)]
    found += [message.undelivered_at] if message.undelivered_at is not None else []
    return min(found, default=None)


def _lapses(story: Story) -> list[int]:
    return [one.at for one in story.receipts if one.kind == ReceiptKind.LATE and one.at is not None]


def _is_final(story: Story, at: int) -> bool:
    first = min(_lapses(story), default=at)
    evidence = Evidence(accepted_at=story.message.accepted_at, late_at=at, late_since=first)
    return evidence.delivery is Delivery.UNDELIVERED
