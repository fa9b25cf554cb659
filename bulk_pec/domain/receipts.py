"""What a mail in the inbox is, and what it says of a message. Pure and table-driven.

Sources: DPR 68/2005 art. 6 (what acceptance and delivery receipts prove), DM 2 November 2005 technical
rules and RFC 6109 section 2 (the receipts and their subjects). Providers vary the wording, so a
subject is compared at its start, without case, with blanks collapsed and RFC 2047 words decoded.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace
from email.errors import MessageError
from email.header import decode_header, make_header
from enum import StrEnum

from bulk_pec.domain import references
from bulk_pec.domain.states import Delivery


class ReceiptKind(StrEnum):
    """The kinds of mail an inbox holds, seen from a sender's side."""

    ACCEPTED = "accepted"
    """ACCETTAZIONE: the sender's provider took the message. Proves sending."""
    NOT_ACCEPTED = "not_accepted"
    """AVVISO DI NON ACCETTAZIONE: refused by the sender's provider; never sent. Final."""
    DELIVERED = "delivered"
    """AVVENUTA CONSEGNA: put in the recipient's mailbox, read or not. Proves delivery. Final."""
    UNDELIVERED = "undelivered"
    """AVVISO DI MANCATA CONSEGNA. Final, but a later delivery wins."""
    LATE = "late"
    """MANCATA CONSEGNA PER SUPERAMENTO TEMPO MASSIMO: after 12 h a notice, after 24 h final."""
    EARLY_WARNING = "early_warning"
    """PREAVVISO DI MANCATA CONSEGNA: the 12 h notice as some providers word it. Not final."""
    FOREIGN = "foreign"
    """Somebody's message to us, or mail between providers: never a receipt."""
    UNKNOWN = "unknown"
    """A form this version does not know: kept, counted, never final, never an error."""


RECEIPTS = frozenset(set(ReceiptKind) - {ReceiptKind.FOREIGN, ReceiptKind.UNKNOWN})
"""The kinds that speak of a message of ours."""

# Longest first: CONSEGNA is inside AVVISO DI MANCATA CONSEGNA, and so on.
_PREFIXES: tuple[tuple[str, ReceiptKind], ...] = tuple(
    sorted(
        {
            "ACCETTAZIONE": ReceiptKind.ACCEPTED,
            "AVVISO DI NON ACCETTAZIONE": ReceiptKind.NOT_ACCEPTED,
            "NON ACCETTAZIONE": ReceiptKind.NOT_ACCEPTED,
            "CONSEGNA": ReceiptKind.DELIVERED,
            "AVVENUTA CONSEGNA": ReceiptKind.DELIVERED,
            "AVVISO DI MANCATA CONSEGNA": ReceiptKind.UNDELIVERED,
            "MANCATA CONSEGNA": ReceiptKind.UNDELIVERED,
            "AVVISO DI MANCATA CONSEGNA PER SUP. TEMPO MASSIMO": ReceiptKind.LATE,
            "AVVISO DI MANCATA CONSEGNA PER SUP.TEMPO MASSIMO": ReceiptKind.LATE,
            "AVVISO DI MANCATA CONSEGNA PER SUPERAMENTO TEMPO MASSIMO": ReceiptKind.LATE,
            "AVVISO DI MANCATA CONSEGNA PER SUPERAMENTO DEL TEMPO MASSIMO": ReceiptKind.LATE,
            "PREAVVISO DI MANCATA CONSEGNA": ReceiptKind.EARLY_WARNING,
            "AVVISO DI PREAVVISO DI MANCATA CONSEGNA": ReceiptKind.EARLY_WARNING,
            "POSTA CERTIFICATA": ReceiptKind.FOREIGN,
            "ANOMALIA MESSAGGIO": ReceiptKind.FOREIGN,
            "PRESA IN CARICO": ReceiptKind.FOREIGN,
            "PROBLEMA DI SICUREZZA": ReceiptKind.FOREIGN,
        }.items(),
        key=lambda pair: -len(pair[0]),
    )
)

_ON_BEHALF = "PERCONTODI:"


def decoded(subject: str) -> str:
    """A subject with RFC 2047 words decoded and every run of blanks made one; odd input stays as it is."""
    if "=?" in subject:
        with contextlib.suppress(MessageError, LookupError, UnicodeError, ValueError):
            subject = str(make_header(decode_header(subject)))
    return " ".join(subject.split())


def classify(subject: str, sender: str) -> ReceiptKind:
    """What kind of mail this is, from its decoded subject and its sender.

    A mail sent on somebody's behalf (``Per conto di:``) is their message whatever its subject says,
    so a forged "CONSEGNA:" inside an ordinary certified message is never taken for a receipt. A prefix
    counts only as whole words: "CONSEGNA DEL PACCO" is not a receipt, "CONSEGNA: …" is.
    """
    if _ON_BEHALF in "".join(decoded(sender).upper().split()):
        return ReceiptKind.FOREIGN
    text = subject.upper()
    for prefix, kind in _PREFIXES:
        if text.startswith(prefix) and _ends_prefix(text[len(prefix) :]):
            return kind
    return ReceiptKind.UNKNOWN


def _ends_prefix(rest: str) -> bool:
    """Whether a receipt's fixed words end here: at a colon, or at "PER VIRUS:" and the like before one."""
    head, colon, _ = rest.partition(":")
    return (bool(colon) and (not head.strip() or head.strip().startswith("PER "))) or not rest.strip()


_MESSAGE_ID = re.compile(r"[0-9]{8,40}")


def message_id_of(subject: str) -> str | None:
    """The provider's token: a subject's whole last word, if it looks like one (digits only) and follows ours.

    An id of thirteen digits may pass for a reference; as the only one it is taken for ours.
    """
    found, last = references.find_all(subject), subject.split()[-1:]
    if not found or found == tuple(last):
        return None
    return last[0] if _MESSAGE_ID.fullmatch(last[0]) else None


FINAL_AFTER = 18 * 3600 * 1000
"""Milliseconds between acceptance and a "maximum time" notice from which it is the 24 h one, not the 12 h
one (DM 2 November 2005, technical rules, 6.3.5 and 6.3.6); half way between, for clocks that differ."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the receipts of one message say, folded. Times are milliseconds since the epoch, UTC.

    Each field is a minimum or a maximum over the receipts seen, so the fold does not depend on their
    order, and folding one twice changes nothing.
    """

    accepted_at: int | None = None
    not_accepted_at: int | None = None
    delivered_at: int | None = None
    undelivered_at: int | None = None
    late_at: int | None = None

    def with_receipt(self, kind: ReceiptKind, at: int) -> Evidence:
        """This evidence and one receipt more."""
        match kind:
            case ReceiptKind.ACCEPTED:
                return replace(self, accepted_at=_least(self.accepted_at, at))
            case ReceiptKind.NOT_ACCEPTED:
                return replace(self, not_accepted_at=_least(self.not_accepted_at, at))
            case ReceiptKind.DELIVERED:
                return replace(self, delivered_at=_least(self.delivered_at, at))
            case ReceiptKind.UNDELIVERED:
                return replace(self, undelivered_at=_least(self.undelivered_at, at))
            case ReceiptKind.LATE:
                return replace(self, late_at=at if self.late_at is None else max(self.late_at, at))
            case ReceiptKind.EARLY_WARNING | ReceiptKind.FOREIGN | ReceiptKind.UNKNOWN:
                return self

    @property
    def delivery(self) -> Delivery:
        """The delivery state this evidence amounts to. A delivery wins in any order."""
        if self.delivered_at is not None:
            return Delivery.DELIVERED
        if self.not_accepted_at is not None:
            return Delivery.NOT_ACCEPTED
        if self.undelivered_at is not None or self._late_is_final:
            return Delivery.UNDELIVERED
        if self.accepted_at is not None:
            return Delivery.ACCEPTED
        return Delivery.NONE

    @property
    def _late_is_final(self) -> bool:
        return (
            self.late_at is not None
            and self.accepted_at is not None
            and self.late_at - self.accepted_at >= FINAL_AFTER
        )


def _least(known: int | None, new: int) -> int:
    return new if known is None else min(known, new)
