"""One listed mail, read: its kind, its references, and the provider's token at its subject's end."""

from __future__ import annotations

import re
from dataclasses import replace

from bulk_pec.domain import references
from bulk_pec.domain.inbox import InboxItem
from bulk_pec.domain.receipts import classify, decoded
from bulk_pec.ledger.inbox import Mail

_MESSAGE_ID = re.compile(r"[0-9]{8,40}")
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
        _message_id(clean.subject, found),
        found[:-1],
    )


def unreadable(mail: Mail) -> bool:
    """Whether its subject is empty or could not be decoded, so that it may carry what cannot be seen."""
    subject = mail.item.subject
    return not subject.strip() or "\ufffd" in subject or bool(_ENCODED.search(subject))


def _message_id(subject: str, found: tuple[str, ...]) -> str | None:
    """The subject's whole last token, if it looks like the provider's ids (digits only).

    An id of thirteen digits may pass for a reference; as the only one it is taken for ours.
    """
    last = subject.split()[-1:]
    if not found or found == tuple(last):
        return None
    return last[0] if _MESSAGE_ID.fullmatch(last[0]) else None


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
