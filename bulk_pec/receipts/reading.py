"""One listed mail, read: its kind, its reference, and the provider's token at its subject's end."""

from __future__ import annotations

import re
from dataclasses import replace

from bulk_pec.domain import references
from bulk_pec.domain.inbox import InboxItem
from bulk_pec.domain.receipts import classify, decoded
from bulk_pec.ledger.inbox import Mail

_MESSAGE_ID = re.compile(r"[0-9]{8,40}")


def read(item: InboxItem) -> Mail:
    """What a listed mail is. Characters that no database takes (NUL, lone surrogates) are replaced."""
    clean = replace(
        item,
        item_id=_storable(item.item_id),
        sender=_storable(item.sender),
        subject=_storable(decoded(item.subject)),
        date=_storable(item.date),
    )
    reference = references.find(clean.subject)
    return Mail(
        clean, classify(clean.subject, clean.sender), reference, _message_id(clean.subject, reference)
    )


def _message_id(subject: str, reference: str | None) -> str | None:
    """The whole last token after our reference, if it looks like the provider's ids (digits only)."""
    if reference is None:
        return None
    tail = subject.rpartition(reference)[2].split()
    return tail[-1] if tail and _MESSAGE_ID.fullmatch(tail[-1]) else None


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
