"""What a mail in the inbox is, and what it says of a message. Pure and table-driven.

Sources: DPR 68/2005 art. 6 (what acceptance and delivery receipts prove), DM 2 November 2005 technical
rules and RFC 6109 section 2 (the receipts and their subjects). Providers vary the wording, so a
subject is compared at its start, without case, with blanks collapsed and RFC 2047 words decoded.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from bulk_pec.domain.states import Delivery
from bulk_pec.domain.subjects import decoded, plain


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

_FORMS: tuple[tuple[str, ReceiptKind], ...] = (
    # The longest first: CONSEGNA is inside MANCATA CONSEGNA, which is inside PREAVVISO DI MANCATA CONSEGNA.
    (r"(AVVISO DI )?PREAVVISO DI MANCATA CONSEGNA( PER .*)?", ReceiptKind.EARLY_WARNING),
    (r"(AVVISO DI )?MANCATA CONSEGNA PER (.*\b)?(SUP|TEMP[OI]\b).*", ReceiptKind.LATE),
    (r"(AVVISO DI )?MANCATA CONSEGNA( PER .*)?", ReceiptKind.UNDELIVERED),
    (r"(AVVISO DI )?NON ACCETTAZIONE( PER .*)?", ReceiptKind.NOT_ACCEPTED),
    (r"ACCETTAZIONE", ReceiptKind.ACCEPTED),
    (r"(AVVENUTA )?CONSEGNA", ReceiptKind.DELIVERED),
    (
        r"POSTA CERTIFICATA|ANOMALIA MESSAGGIO|PRESA IN CARICO|PROBLEMA DI SICUREZZA",
        ReceiptKind.FOREIGN,
    ),
)
"""A receipt's fixed words, up to the colon; the first that is all of them counts. What comes "PER" a reason
that is no lapse of time is final; what comes for one may be the 12 h notice."""

_TABLE = tuple((re.compile(words, re.IGNORECASE | re.ASCII), kind) for words, kind in _FORMS)
_LAPSE = re.compile(r"\b(SUP|TEMP[OI]\b|TIME)", re.IGNORECASE | re.ASCII)
"""In a second language, or behind it: then a non-delivery may be the 12 h notice."""
_LONGEST = 200
"""Characters: more before the first colon are nobody's fixed words."""

_ON_BEHALF = "PERCONTODI"


def classify(subject: str, sender: str) -> ReceiptKind:
    """What kind of mail this is, from its decoded subject and its sender. Total: every text has a kind.

    A mail sent on somebody's behalf (``Per conto di:``) is their message whatever its subject says,
    so a forged "CONSEGNA:" inside an ordinary certified message is never taken for a receipt. The fixed
    words count only whole and alone before the first colon ("CONSEGNA DEL PACCO:" is no receipt); a second
    language may follow a slash. Nothing else is asked of the sender: see docs/adr/0023.
    """
    if _on_behalf(sender):
        return ReceiptKind.FOREIGN
    head = plain(subject).partition(":")[0]
    return _kind_of(head) if len(head) <= _LONGEST else ReceiptKind.UNKNOWN


def rest_of(subject: str) -> str:
    """What stands after a receipt's own words: the subject of the message it speaks of."""
    return plain(subject).partition(":")[2].strip()


@lru_cache(maxsize=1024)
def _kind_of(head: str) -> ReceiptKind:
    words, slash, other = head.partition("/")
    kind = next((kind for form, kind in _TABLE if form.fullmatch(words.strip())), ReceiptKind.UNKNOWN)
    return ReceiptKind.LATE if slash and kind is ReceiptKind.UNDELIVERED and _LAPSE.search(other) else kind


@lru_cache(maxsize=1024)
def _on_behalf(sender: str) -> bool:
    return _ON_BEHALF in "".join(plain(decoded(sender)).upper().split())


FINAL_AFTER = 18 * 3600 * 1000
"""Milliseconds between acceptance and a "maximum time" notice from which it is the 24 h one, not the 12 h
one (DM 2 November 2005, technical rules, 6.3.5 and 6.3.6); half way between, for clocks that differ."""

NOTICES_APART = 6 * 3600 * 1000
"""Milliseconds between two such notices from which the later is the 24 h one, where the acceptance is not
known: half of the twelve hours between them, for the same reason."""


class Heard(NamedTuple):
    """One receipt of a message to several addresses; of those that look alike, only one is heard.

    Attributes:
        kind: What it says.
        at: When; milliseconds since the epoch.
        sending: The provider's `message_id` of the sending it speaks of; None: it cannot be told.
    """

    kind: ReceiptKind
    at: int
    sending: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the receipts of one message say, folded. Times are milliseconds since the epoch, UTC.

    Each field is a minimum or a maximum over the receipts seen, so the fold does not depend on their
    order, and folding one twice changes nothing.

    Attributes:
        accepted_at: Of the first ACCETTAZIONE.
        not_accepted_at: Of the first refusal by the sender's provider.
        delivered_at: Of the first CONSEGNA; with several addresses, of the one that completes them.
        undelivered_at: Of the first final notice.
        late_at: Of the last "maximum time" notice.
        late_since: Of the first one, as far as it is known.
    """

    accepted_at: int | None = None
    not_accepted_at: int | None = None
    delivered_at: int | None = None
    undelivered_at: int | None = None
    late_at: int | None = None
    late_since: int | None = None

    @classmethod
    def of_several(cls, receipts: Iterable[Heard], addresses: int) -> Evidence:
        """What all the receipts of one message to so many addresses say.

        A list of receipts does not say which address each speaks of, so the CONSEGNA of one sending are
        counted. Beside a final notice none of it is delivered, however many there are: one address may
        have had two of them, and another the notice. To doubt a delivery is told; to claim one is not.

        Args:
            receipts: All of them, without those that look like another.
            addresses: Of the message, two or more.
        """
        receipts = tuple(receipts)
        evidence = cls().with_receipts(
            (one.kind, one.at) for one in receipts if one.kind is not ReceiptKind.DELIVERED
        )
        if evidence.delivery is Delivery.UNDELIVERED:
            return evidence
        return replace(evidence, delivered_at=_complete_at(receipts, addresses))

    def with_receipts(self, receipts: Iterable[tuple[ReceiptKind, int]]) -> Evidence:
        """This evidence and more receipts of a message to one address: the kind and the time of each."""
        accepted, refused, delivered = self.accepted_at, self.not_accepted_at, self.delivered_at
        undelivered, late, since = self.undelivered_at, self.late_at, self.late_since
        for kind, at in receipts:
            match kind:
                case ReceiptKind.ACCEPTED:
                    accepted = _least(accepted, at)
                case ReceiptKind.NOT_ACCEPTED:
                    refused = _least(refused, at)
                case ReceiptKind.DELIVERED:
                    delivered = _least(delivered, at)
                case ReceiptKind.UNDELIVERED:
                    undelivered = _least(undelivered, at)
                case ReceiptKind.LATE:
                    late, since = at if late is None else max(late, at), _least(since, at)
                case ReceiptKind.EARLY_WARNING | ReceiptKind.FOREIGN | ReceiptKind.UNKNOWN:
                    pass
        return Evidence(accepted, refused, delivered, undelivered, late, since)

    @property
    def delivery(self) -> Delivery:
        """The delivery state this evidence amounts to. A delivery wins in any order.

        A message that was refused and accepted was sent twice, because a sending has only one of the two:
        what became of the accepted one counts.
        """
        if self.delivered_at is not None:
            return Delivery.DELIVERED
        if self.undelivered_at is not None or self._late_is_final:
            return Delivery.UNDELIVERED
        if self.accepted_at is not None:
            return Delivery.ACCEPTED
        return Delivery.NONE if self.not_accepted_at is None else Delivery.NOT_ACCEPTED

    @property
    def _late_is_final(self) -> bool:
        """Whether the last "maximum time" notice is the 24 h one; by itself one says nothing of that."""
        if self.late_at is None:
            return False
        if self.accepted_at is not None:
            return self.late_at - self.accepted_at >= FINAL_AFTER
        return self.late_since is not None and self.late_at - self.late_since >= NOTICES_APART


def _complete_at(receipts: Iterable[Heard], addresses: int) -> int | None:
    """When one sending had a CONSEGNA for each address; those of two sendings do not add up."""
    times: defaultdict[str | None, list[int]] = defaultdict(list)
    for one in receipts:
        if one.kind is ReceiptKind.DELIVERED:
            times[one.sending].append(one.at)
    any_sending = times.pop(None, [])
    groups = [sorted(group + any_sending) for group in times.values()] or [sorted(any_sending)]
    return min((group[addresses - 1] for group in groups if len(group) >= addresses), default=None)


def _least(known: int | None, new: int) -> int:
    return new if known is None else min(known, new)
