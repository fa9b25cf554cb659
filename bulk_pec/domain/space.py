"""Space: how a mailbox fills, what a mail makes it grow by, and how much may still be sent. Pure.

A CONSEGNA holds the whole original message with its attachments (DM 2 November 2005, RFC 6109),
so a box fills while a mailing is out, and a full one refuses receipts: evidence is lost for good. The unit of
the provider's figures is not known (megabytes by its text, KiB by its numbers), so nothing here rests on
one: growth is learnt from readings in whatever unit they come (`bulk_pec.domain.growth`), and only ratios
are told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bulk_pec.domain.growth import Due, Growth, Reading

FIRST_LOOK = 5
"""Messages after which the quota is first read again; then twice as many, and so on."""
LAST_LOOK = 400
"""Messages after which it is read again at the latest."""
UNKNOWN = 25
"""Messages that may be out, in any box, while it is not known what their receipts make it grow by."""
MOST_UNKNOWN = 1_000
"""The same in a box that seems large."""
_FRAME_KIB = 190
"""A message's two receipts without the letter, as planning has them."""
_BOUNDLESS = 1e12
"""Addresses that nobody will ever write to."""


def base(readings: Sequence[Reading]) -> Reading:
    """The reading taken when the latest harvest had read everything: what is due is counted from there.

    Args:
        readings: Of one mailbox, oldest first; at least one.
    """
    found = readings[-1]
    for one in reversed(readings):
        if one.seen != found.seen:
            break
        found = one
    return found


def unknown_addresses(room: float, letter_bytes: int | None, ripe: int) -> int:
    """Addresses that may be written to while nobody knows what their receipts take.

    A few, and as many again as have had the time to show it. More of them where the box, its figures read as
    KiB, would take four times as many. If they are not KiB, that is no more than `MOST_UNKNOWN`.

    Args:
        room: What is left of the box, in the provider's unit.
        letter_bytes: The largest letter's; None: not known, and then nothing is supposed.
        ripe: Addresses whose receipts have had the time to come.
    """
    roomy = 0 if letter_bytes is None else math.floor(room / (4 * (_FRAME_KIB + letter_bytes / 1024)))
    return max(UNKNOWN, min(MOST_UNKNOWN, roomy), 2 * ripe)


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a mailbox will fill, as far as it is known.

    Attributes:
        usage: At the latest reading, in the provider's unit.
        capacity: In the same unit.
        base: The usage when `due` began to be counted: when the latest harvest had read everything.
        due: Receipts that were not seen by then, or are of messages sent since.
        growth: What receipts make it grow by, in the same unit; None: nothing is known of it.
        full_at: The share of the capacity that receipts must not fill it beyond.
    """

    usage: float
    capacity: float
    base: float
    due: Due
    growth: Growth | None
    full_at: float

    @property
    def mark(self) -> float:
        """The usage it must not come to."""
        return self.full_at * max(0.0, self.capacity)

    @property
    def expected(self) -> float:
        """The usage when everything that is due has come; where growth is not known, what is there now.

        Somebody may have made room since, and other mail may have come.
        """
        if self.growth is None:
            return self.usage
        return max(self.usage, min(self.base, self.usage) + self.growth.of(self.due))

    @property
    def share(self) -> float:
        """`usage` as a share of the capacity."""
        return self.usage / self.capacity if self.capacity > 0 else 1.0

    @property
    def expected_share(self) -> float:
        """`expected` as a share of the capacity."""
        return self.expected / self.capacity if self.capacity > 0 else 1.0

    @property
    def addresses(self) -> int | None:
        """How many more may be written to, in a message each; None: nothing is known that would limit them.

        A message to several brings fewer receipts than a message to each.
        """
        if self.usage >= self.mark:
            return 0
        each = 0.0 if self.growth is None else self.growth.message
        left = (self.mark - self.expected) / each if each else math.inf
        return None if left > _BOUNDLESS else max(0, math.floor(left))

    @property
    def full(self) -> bool:
        """Whether one more message's two receipts would be too much."""
        return self.addresses == 0


def when_full(readings: Sequence[Reading], full_at: float) -> int | None:
    """When the mailbox comes to this share of its capacity if it goes on filling as it does.

    Its pace is the one since it last shrank, or got another capacity.

    Args:
        readings: Of one mailbox, oldest first.
        full_at: A share of the capacity.

    Returns:
        Milliseconds since the epoch, no earlier than the last reading; None: it does not fill, or too little
        is known.
    """
    if not readings:
        return None
    last, first = readings[-1], readings[-1]
    mark = full_at * max(0.0, last.capacity)
    if last.usage >= mark:
        return last.at
    for one in reversed(readings):
        if one.usage > first.usage or one.capacity != last.capacity:
            break
        first = one
    if last.at <= first.at or last.usage <= first.usage:
        return None
    pace = (last.usage - first.usage) / (last.at - first.at)
    return last.at + math.ceil((mark - last.usage) / pace)


@dataclass(frozen=True, slots=True)
class Stretch:
    """How far sending goes on before the quota must be known anew.

    Attributes:
        look: Addresses that are written to until it is read again.
        most: Addresses that are written to before nothing more is sent until it has been read; 0: at once.
    """

    look: int
    most: int


def stretch(looks: int, outlook: Outlook, unknown: int | None = None) -> Stretch:
    """How far to go after so many looks: soon again at first, and well before what is left is used up.

    Args:
        looks: How often it was looked at before.
        outlook: As it is known now.
        unknown: Addresses that may yet be written to while nothing is known; None: no such limit.
    """
    often = min(FIRST_LOOK << min(looks, 8), LAST_LOOK)
    known = [one for one in (outlook.addresses, unknown) if one is not None]
    left = min(known, default=2 * often)
    if left <= 0:
        return Stretch(0, 0)
    return Stretch(max(1, min(often, left // 2)), left)
