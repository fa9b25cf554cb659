"""One listed mail, read: its kind, its references, and the provider's token at its subject's end."""

from __future__ import annotations

import re
from dataclasses import replace

from bulk_pec.domain import references
from bulk_pec.domain.inbox import InboxItem
from bulk_pec.domain.receipts import classify, decoded, message_id_of
from bulk_pec.ledger.inbox import Mail

_ENCODED = re.compile(r"=\?[^ ?]+\?[BbQq]\?")
"""An RFC 2047 word that stayed as it came."""


def read(item: InboxItem) -> Mail:
    """What a listed mail is. Characters that no database takes (NUL, lone surrogates) are replaced."""
    clean = replace(
        item,
        item_id=_storable(item.item_id),
        sender=_storable(item.sender),
        subject=_storable(decoded(item.subject)),
        date=_storable(item.date),
    )
    found = references.find_all(clean.subject)
    return Mail(
        clean,
        classify(clean.subject, clean.sender),
        found[-1] if found else None,
        message_id_of(clean.subject),
        found[:-1],
    )


def unreadable(mail: Mail) -> bool:
    """Whether its subject is empty or could not be decoded, so that it may carry what cannot be seen."""
    subject = mail.item.subject
    return not subject.strip() or "\ufffd" in subject or bool(_ENCODED.search(subject))


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
