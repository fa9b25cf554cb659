"""What an examination of a list counts and collects while it reads."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from bulk_pec.cli.findings import Findings
from bulk_pec.cli.proofreading import GoodRow
from bulk_pec.composing.proofs import Proof
from bulk_pec.domain.addresses import canonicals
from bulk_pec.planning import LetterFacts
from bulk_pec.recipients import Keys


@dataclass(slots=True)
class Expiries:
    """When messages expire: 24 bytes for each that does.

    Attributes:
        expired: Rows that have expired already, in order.
        rows: Those that will, in order.
        places: Of each of `rows`, how many rows before it have not expired.
        moments: Of each of `rows`: the last at which it may leave, ms since the epoch.
        gone: Rows that become no message after all, in order; known when all are read.
    """

    expired: array[int] = field(default_factory=lambda: array("q"))
    rows: array[int] = field(default_factory=lambda: array("q"))
    places: array[int] = field(default_factory=lambda: array("q"))
    moments: array[int] = field(default_factory=lambda: array("q"))
    gone: list[int] = field(default_factory=list)

    def add(self, row: int, place: int, moment: int) -> None:
        """A row that will expire."""
        self.rows.append(row)
        self.places.append(place)
        self.moments.append(moment)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Place and moment of each message that will expire, without rows that become none."""
        away, expired = frozenset(self.gone), frozenset(self.expired)
        before = [row for row in self.gone if row not in expired]
        for row, place, moment in zip(self.rows, self.places, self.moments, strict=True):
            if row not in away:
                yield place - bisect_left(before, row), moment


@dataclass(slots=True)
class Examination:
    """What was found.

    Attributes:
        findings: Row by row.
        rows: Data rows read.
        invalid: Rows that can be no message.
        suppressed: Rows whose address is never to be written to.
        repeated: Rows that an earlier run has said already.
        first_repeat: The first of these, in words.
        composed: Rows of which a letter was made, duplicates included.
        lasting: Those of them that have not expired.
        addresses: Of all messages together that have not expired.
        digests: Of the files attached, with their sizes.
    """

    findings: Findings
    rows: int = 0
    invalid: int = 0
    suppressed: int = 0
    repeated: array[int] = field(default_factory=lambda: array("q"))
    first_repeat: str = ""
    composed: int = 0
    lasting: int = 0
    addresses: int = 0
    largest: int = 0
    largest_row: int | None = None
    total: int = 0
    digests: dict[bytes, int] = field(default_factory=dict)
    keys: Keys = field(default_factory=Keys)
    expiries: Expiries = field(default_factory=Expiries)

    def letter(self, row: GoodRow[Proof], now: int) -> None:
        """A row that becomes a message."""
        number, _, recipient, _, proof, expires_at, _ = row
        self.composed += 1
        if expires_at is not None and expires_at <= now:
            self.expiries.expired.append(number)
        else:
            if expires_at is not None:
                self.expiries.add(number, self.lasting, expires_at)
            self.lasting += 1
            self.addresses += len(canonicals(recipient))
        size = proof.size
        self.total += size
        if size > self.largest:
            self.largest, self.largest_row = size, number
        for file in proof.enclosed:
            self.digests[file.sha256] = file.size

    def letters(self) -> LetterFacts:
        """The letters' side of the plan."""
        return LetterFacts(
            largest=self.largest,
            largest_row=self.largest_row,
            total=self.total,
            attachments=len(self.digests),
            attachments_bytes=sum(self.digests.values()),
        )
