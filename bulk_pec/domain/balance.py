"""The three-way balance: input rows, attempts and receipts must tell one story. Pure.

What is asked, and what each answer means, is in docs/semantics.md, "The three-way balance".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SHOWN = 20
"""Messages of one kind of finding that are listed; of the rest it is said how many there are."""


class Concern(StrEnum):
    """What a finding asks for."""

    BROKEN = "broken"
    """It cannot be so: the ledger contradicts itself."""
    PERSON = "person"
    """It can be so, and a person must look."""
    TOLD = "told"
    """It is told, and asks for nothing."""


class Kind(StrEnum):
    """What was found."""

    ROWS = "rows"
    ATTEMPTS = "attempts"
    SENT = "sent"
    RECEIPTS = "receipts"
    DELIVERY = "delivery"
    SENT_TWICE = "sent_twice"
    FEWER_ADDRESSES = "fewer_addresses"
    AMBIGUOUS_DELIVERIES = "ambiguous_deliveries"
    SHARED_MESSAGE_ID = "shared_message_id"
    UNKNOWN_REFERENCES = "unknown_references"


CONCERNS: Mapping[Kind, Concern] = {
    Kind.ROWS: Concern.BROKEN,
    Kind.ATTEMPTS: Concern.BROKEN,
    Kind.SENT: Concern.BROKEN,
    Kind.RECEIPTS: Concern.BROKEN,
    Kind.DELIVERY: Concern.BROKEN,
    Kind.SENT_TWICE: Concern.PERSON,
    Kind.FEWER_ADDRESSES: Concern.PERSON,
    Kind.AMBIGUOUS_DELIVERIES: Concern.PERSON,
    Kind.SHARED_MESSAGE_ID: Concern.TOLD,
    Kind.UNKNOWN_REFERENCES: Concern.TOLD,
}
"""What each kind asks for."""

WORDS: Mapping[Kind, str] = {
    Kind.ROWS: "Figures that counting does not confirm",
    Kind.ATTEMPTS: "Messages whose attempts do not add up",
    Kind.SENT: "Messages whose state and evidence contradict each other",
    Kind.RECEIPTS: "Receipts of messages that are not there",
    Kind.DELIVERY: "Messages whose delivery no receipt shows",
    Kind.SENT_TWICE: "Messages that left twice",
    Kind.FEWER_ADDRESSES: "Messages taken for fewer addresses than asked",
    Kind.AMBIGUOUS_DELIVERIES: "Messages to several addresses with ambiguous deliveries",
    Kind.SHARED_MESSAGE_ID: "Messages that share their message_id with another",
    Kind.UNKNOWN_REFERENCES: "Receipts with references that this ledger does not know",
}
"""Each kind in words, before a figure."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a finding.

    Attributes:
        what: A sentence.
        row: Of the input, from 1; None: it is of no single message.
        key: That row's; None likewise.
    """

    what: str
    row: int | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was found.

    Attributes:
        kind: What.
        count: How often.
        cases: The first of them, `SHOWN` at most.
    """

    kind: Kind
    count: int
    cases: tuple[Case, ...] = ()

    @property
    def concern(self) -> Concern:
        """What it asks for."""
        return CONCERNS[self.kind]


@dataclass(frozen=True, slots=True)
class Balance:
    """A run's three-way balance.

    Attributes:
        at: When it was drawn; milliseconds since the epoch.
        rows: Input rows, as counted again: in all, and in each place.
        attempts: Attempts, as counted again.
        receipts: Receipts that belong to its messages, as counted again.
        findings: What there is to say.
        acknowledged: Of the messages whose ambiguous deliveries a person has looked at, how many are in
            which delivery state.
    """

    at: int
    rows: int
    attempts: int
    receipts: int
    findings: tuple[Finding, ...] = ()
    acknowledged: Mapping[str, int] = field(default_factory=dict)

    @property
    def adds_up(self) -> bool:
        """Whether nothing was found that a person must look at."""
        return all(one.concern is Concern.TOLD for one in self.findings)

    @property
    def broken(self) -> bool:
        """Whether the ledger contradicts itself."""
        return any(one.concern is Concern.BROKEN for one in self.findings)

    def document(self) -> dict[str, Any]:
        """For JSON, but for the time, which the caller words."""
        return {
            "adds_up": self.adds_up,
            "broken": self.broken,
            "rows": self.rows,
            "attempts": self.attempts,
            "receipts": self.receipts,
            "findings": [_finding(one) for one in self.findings],
            "acknowledged": dict(self.acknowledged),
        }


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "concern": one.concern.value,
        "count": one.count,
        "cases": [{"row": case.row, "key": case.key, "what": case.what} for case in one.cases],
    }


def lines(document: Mapping[str, Any], most: int = SHOWN) -> list[str]:
    """A balance for people: a line for each kind of finding, its cases below it; none where there is none.

    Args:
        document: See `Balance.document`.
        most: Cases that are listed in all.
    """
    said: list[str] = []
    left = most
    for finding in document["findings"]:
        said.append(f"{WORDS[Kind(finding['kind'])]}: {finding['count']:,}.{_urgency(finding)}")
        cases: Sequence[Mapping[str, Any]] = finding["cases"][:left]
        said += [f"  {_case(case)}" for case in cases]
        left -= len(cases)
        if cases and finding["count"] > len(cases):
            said.append(f"  and {finding['count'] - len(cases):,} more")
    return said


def _urgency(finding: Mapping[str, Any]) -> str:
    return " THIS CANNOT BE: keep the ledger and report it." if finding["concern"] == Concern.BROKEN else ""


def _case(case: Mapping[str, Any]) -> str:
    where = "" if case["row"] is None else f"row {case['row']} ({case['key']}): "
    return f"{where}{case['what']}"
