"""Folded: one message with what its receipts say, ready to be written; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from bulk_pec.domain.letters import recipients_of
from bulk_pec.domain.receipts import Evidence, Heard, ReceiptKind
from bulk_pec.domain.states import Delivery, MessageState
from bulk_pec.ledger.runs import counts

BAD = {
    Delivery.NOT_ACCEPTED: "not accepted by the sender's provider",
    Delivery.UNDELIVERED: "not delivered",
}
"""The reasons people read."""

_NOT_YET = frozenset({Delivery.NONE, Delivery.ACCEPTED})


class Told(NamedTuple):
    """One receipt that is matched now.

    Attributes:
        fingerprint: By which its mailbox's receipts are known.
        kind: One of `RECEIPTS`.
        at: Its date, or when it was read; milliseconds since the epoch.
        message_id: The provider's token at its subject's end, if it is told apart.
        reference: Ours, which it carries; None: it was matched by its `message_id`.
    """

    fingerprint: str
    kind: ReceiptKind
    at: int
    message_id: str | None
    reference: str | None


class Known(NamedTuple):
    """A message as the ledger has it, in the order in which it is read; see the ledger's schema.

    `several` is its recipient if it has several addresses; `elsewhere`: not sent, and never by this ledger.
    """

    id: int
    run_id: int
    reference: str
    state: str
    delivery: str
    accepted_at: int | None
    not_accepted_at: int | None
    delivered_at: int | None
    undelivered_at: int | None
    late_at: int | None
    attempts: int
    several: str | None
    elsewhere: bool


@dataclass(slots=True)
class Folded:
    """One message with its new receipts folded in.

    Attributes:
        row: As the ledger has it.
        told: What is new.
        addresses: How many it went to.
        evidence: All that is known of it.
        note: What else is to be said of it.
        delivery: Its delivery state now; an early notice makes nothing less late.
    """

    row: Known
    told: Sequence[Told]
    addresses: int
    evidence: Evidence
    note: str | None = None
    delivery: Delivery = field(init=False)

    def __post_init__(self) -> None:
        """Judge once: it is asked for often."""
        found = self.evidence.delivery
        overdue = self.row.delivery == Delivery.OVERDUE and found in _NOT_YET
        self.delivery = Delivery.OVERDUE if overdue else found

    @classmethod
    def of(cls, row: Known, told: Sequence[Told]) -> Folded:
        """Fold receipts into a message as the ledger has it."""
        evidence = Evidence(
            row.accepted_at, row.not_accepted_at, row.delivered_at, row.undelivered_at, row.late_at
        )
        evidence = evidence.with_receipts([(one.kind, one.at) for one in told])
        addresses = 1 if row.several is None else len(recipients_of(row.several))
        return cls(row, told, addresses, evidence)

    @property
    def needs_all(self) -> bool:
        """Whether what the message's row keeps of its receipts is too little to judge by.

        So it is with several addresses, where receipts are counted, and with the "maximum time" notices of
        a message whose acceptance is not known.
        """
        late = self.evidence.late_at is not None and self.evidence.accepted_at is None
        return self.addresses > 1 or late

    def by_all(self, receipts: Sequence[Heard], note: str | None) -> Folded:
        """The same, judged by all of its receipts."""
        if self.addresses > 1:
            return replace(self, evidence=Evidence.of_several(receipts, self.addresses), note=note)
        since = min((one.at for one in receipts if one.kind is ReceiptKind.LATE), default=None)
        return replace(self, evidence=replace(self.evidence, late_since=since), note=note)

    @property
    def twin_suspected(self) -> bool:
        """Whether it may have left twice: it was tried twice, or has two acceptances."""
        if self.row.attempts > 1:
            return True
        accepted = [one.kind for one in self.told].count(ReceiptKind.ACCEPTED)
        return accepted + (self.row.accepted_at is not None) > 1

    def as_row(self) -> dict[str, Any]:
        """What is to be written of it, by column."""
        delivery, evidence = self.delivery, self.evidence
        said = [word for word in (BAD.get(delivery), self.note) if word]
        return {
            "id": self.row.id,
            "before": self.row.state,
            "delivery": str(delivery),
            "message_id": next((one.message_id for one in self.told if one.message_id), None),
            "sent_at": evidence.accepted_at or min([one.at for one in self.told]),
            "reason": "; ".join(said) or None,
            "accepted_at": evidence.accepted_at,
            "not_accepted_at": evidence.not_accepted_at,
            "delivered_at": evidence.delivered_at,
            "undelivered_at": evidence.undelivered_at,
            "late_at": evidence.late_at,
        }


def changes_of(folded: Iterable[Folded], twice: int) -> counts.Changes:
    """What a run's counters make of it.

    Args:
        folded: Messages of one run.
        twice: How many messages of it were found to have left twice.
    """
    changes = counts.Changes()
    changes.add("twins", twice)
    moves: Counter[tuple[str, str, Delivery]] = Counter()
    for one in folded:
        changes.by_column["receipts_matched"] += len(one.told)
        moves[one.row.state, one.row.delivery, one.delivery] += 1
    for (state, before, after), count in moves.items():
        if state == MessageState.SENT:
            changes.deliver(Delivery(before), after, count)
        else:
            changes.move(MessageState(state), MessageState.SENT, count)
            changes.deliver(None, after, count)
    return changes


def marks_of(told: Mapping[int, Sequence[Told]]) -> list[dict[str, Any]]:
    """For the JSON batch: which receipt belongs to which message."""
    return [
        {
            "fingerprint": one.fingerprint,
            "message": message,
            "reference": one.reference,
            "word": one.message_id,
        }
        for message, heard in told.items()
        for one in heard
    ]
