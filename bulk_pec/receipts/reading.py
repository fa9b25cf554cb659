"""One listed mail, read: its kind, its references, and the provider's token at its subject's end."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bulk_pec.domain import references
from bulk_pec.domain.inbox import InboxItem
from bulk_pec.domain.receipts import classify
from bulk_pec.domain.subjects import decoded, message_id_of
from bulk_pec.ledger.inbox.mails import Mail

_ENCODED = re.compile(r"=\?[^ ?]+\?[BbQq]\?")
"""An RFC 2047 word that stayed as it came."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Characters that no database takes: NUL and lone surrogates."""


def read(item: InboxItem) -> Mail:
    """What a listed mail is. Characters that no database takes are replaced."""
    subject = decoded(item.subject)
    if subject != item.subject or _has_unstorable(f"{item.item_id}{item.sender}{subject}{item.date}"):
        item = InboxItem(
            _storable(item.item_id), _storable(item.sender), _storable(subject), _storable(item.date), item.at
        )
    found = references.find_all(item.subject)
    kind = classify(item.subject, item.sender)
    return Mail(
        item,
        kind,
        found[-1] if found else None,
        message_id_of(item.subject, found),
        found[:-1],
    )


def unreadable(mail: Mail) -> bool:
    """Whether its subject is empty or could not be decoded, so that it may carry what cannot be seen."""
    subject = mail.item.subject
    return not subject.strip() or "\ufffd" in subject or bool(_ENCODED.search(subject))


def _has_unstorable(text: str) -> bool:
    return "\x00" in text if text.isascii() else _UNSTORABLE.search(text) is not None


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def alike(mails: Sequence[Mail], others: Sequence[Mail]) -> bool:
    """Whether these are the same mails in the same order, whatever their ids."""
    return len(mails) == len(others) and all(
        mail.fingerprint == other.fingerprint for mail, other in zip(mails, others, strict=True)
    )


def ids(mails: Sequence[Mail]) -> list[str]:
    """Their ids, in order."""
    return [mail.item.item_id for mail in mails]
