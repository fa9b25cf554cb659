"""What is to be sent, and everything that limits it. Sizes in bytes, money in EUR, rates a second."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

MARGIN = Fraction("1.01")
"""Starts are this many times 1/rate apart: the pace that sending keeps, so that jitter breaks no limit."""

KIB = 1024
DELIVERY_BYTES = 174 * KIB
"""A CONSEGNA without what it certifies: the vendor's figure is about 6,000 receipts a GiB, 174 KiB each."""
ACCEPTANCE_BYTES = 16 * KIB
"""An ACCETTAZIONE does not hold the message: some text, daticert.xml and a signature. An estimate, on the
safe side; no document of the provider gives it."""


class Limit(StrEnum):
    """What can bind: the words of the plan's JSON."""

    RATE = "rate"
    CONCURRENCY = "concurrency"
    WINDOW = "window"
    DAY_CAP = "day_cap"
    MONTH_CAP = "month_cap"
    YEAR_CAP = "year_cap"
    COST = "cost"
    SPACE = "mailbox_space"


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast POSTs may follow each other, over all mailboxes.

    Attributes:
        rate: POSTs a second at most; ``math.inf`` for no limit.
        concurrency: Requests in flight at most.
        answer_seconds: How long an answer takes; 0 when nobody knows, and then `concurrency` limits nothing.
    """

    rate: float = 1.0
    concurrency: int = 16
    answer_seconds: float = 0.0

    @property
    def interval(self) -> Fraction:
        """Milliseconds from one start to the next, at least."""
        return max(interval_of(self.rate), self._for_answers)

    @property
    def limit(self) -> Limit:
        """Which of the two makes the interval."""
        return Limit.CONCURRENCY if self._for_answers > interval_of(self.rate) else Limit.RATE

    @property
    def _for_answers(self) -> Fraction:
        return Fraction(str(self.answer_seconds)) * 1000 / self.concurrency


@dataclass(frozen=True, slots=True)
class MailboxLimits:
    """One sending mailbox. A cap counts addresses: a message to three of them counts three times.

    Attributes:
        address: Which mailbox.
        rate: POSTs a second; None: only the overall rate limits it.
        per_day: Addresses a calendar day; None: no cap. So, too, month and year.
        per_month: Addresses a calendar month.
        per_year: Addresses a calendar year.
        used_day: What counts against the cap already, in the day of the forecast's `now`.
        used_month: The same in its month.
        used_year: The same in its year.
        free_bytes: What its inbox can still take; None: not known, or emptied as receipts are archived.
    """

    address: str
    rate: float | None = None
    per_day: int | None = None
    per_month: int | None = None
    per_year: int | None = None
    used_day: int = 0
    used_month: int = 0
    used_year: int = 0
    free_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be sent.

    The addresses are taken to be spread evenly over the messages: after n of M messages to A addresses,
    ⌊n·A/M⌋ have been counted. With one address a message, which is the rule, that is exact.

    Attributes:
        messages: How many.
        addresses: To how many addresses in all; None: one a message.
        letter_bytes: Size of one message with its attachments as a mail: the mean. A CONSEGNA holds it whole.
        price: EUR a message.
        max_cost: EUR for the run; None: no limit.
        spent: EUR of `max_cost` that are gone already.
        grown_bytes: What mailboxes were seen to grow by for a mail, on an average; 0: nothing is known of it.
    """

    messages: int
    addresses: int | None = None
    letter_bytes: int = 0
    price: float = 0.0
    max_cost: float | None = None
    spent: float = 0.0
    grown_bytes: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            ValueError: There are fewer addresses than messages, or less than none.
        """
        if self.messages < 0 or self.counted < self.messages:
            raise ValueError("a message has at least one address")

    @property
    def counted(self) -> int:
        """What all of it counts against a cap: each address once."""
        return self.messages if self.addresses is None else self.addresses

    @property
    def affordable(self) -> int:
        """How many of the messages the budget can pay. Exact: EUR 0.30 pays three of EUR 0.10."""
        if self.max_cost is None or not self.price:
            return self.messages
        left = Fraction(str(self.max_cost)) - Fraction(str(self.spent))
        return max(0, min(self.messages, math.floor(left / Fraction(str(self.price)))))

    @property
    def receipt_bytes(self) -> int:
        """What the receipts of all of it need: one ACCETTAZIONE a message, one CONSEGNA an address.

        Where growth was seen and the letter is not known, what was seen; where both are, what is more: what
        was seen may be of smaller letters.
        """
        seen = (self.messages + self.counted) * self.grown_bytes
        if seen and not self.letter_bytes:
            return seen
        return max(
            seen, self.messages * ACCEPTANCE_BYTES + self.counted * (DELIVERY_BYTES + self.letter_bytes)
        )

    def cost(self, messages: int) -> float:
        """EUR for so many messages, to the cent."""
        return float(round(Fraction(str(self.price)) * messages, 2))


def interval_of(rate: float | None) -> Fraction:
    """Milliseconds between two starts at a rate a second; 0 without a limit."""
    if rate is None or math.isinf(rate):
        return Fraction(0)
    return MARGIN * 1000 / Fraction(str(rate))


def free_bytes(usage: int, limit: int, full_at: float) -> int:
    """What an inbox can take before sending stops, from the two figures of the provider's quota.

    Args:
        usage: `data.usage`. The vendor's text says megabytes, but its figures fit KiB, and are read so.
        limit: `data.limit`.
        full_at: ``receipts.mailbox_full_at``, a share of the limit.
    """
    return max(0, math.floor(Fraction(str(full_at)) * limit - usage)) * KIB
