"""Space: how a mailbox fills, what a mail makes it grow by, and how much may still be sent. Pure.

A CONSEGNA holds the whole original message with its attachments (DM 2 November 2005, RFC 6109),
so a box fills while a mailing is out, and a full one refuses receipts: evidence is lost for good. The unit of
the provider's figures is not known (megabytes by its text, KiB by its numbers), so nothing here supposes
one: growth is learnt from readings in whatever unit they come, and only ratios are told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_MAILS = 20
"""Mails that readings must lie apart before growth is learnt from them: fewer may all be large, or small."""
RECENT_MAILS = 200
"""The latest so many mails are looked at apart: a letter may be larger than those of earlier runs."""
FIRST_LOOK = 5
"""Messages after which the quota is first read again; then twice as many, and so on."""
LAST_LOOK = 400
"""Messages after which it is read again at the latest."""
LEAST_RIPE = 10
"""Receipts that must have had the time to come before what the box grew by says anything of one."""
UNKNOWN = 25
"""Messages that may be out, in any box, while it is not known what their receipts make it grow by."""
MOST_UNKNOWN = 1_000
"""The same in a box that seems large."""
_FRAME_KIB = 190
"""A message's two receipts without the letter, as planning has them."""


_BOUNDLESS = 1e12
"""Receipts that nobody will ever have."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How full a mailbox was.

    Attributes:
        at: Milliseconds since the epoch.
        usage: In the provider's unit.
        capacity: In the same unit.
        seen: Mails that harvests had ever seen in it by then. It changes with a reading that was taken when a
            harvest had just read everything, and stays the same in those between two harvests.
    """

    at: int
    usage: float
    capacity: float
    seen: int

    @property
    def share(self) -> float:
        """Usage over capacity; 1.0 when the capacity is not positive."""
        return self.usage / self.capacity if self.capacity > 0 else 1.0


def growth(readings: Sequence[Reading]) -> float | None:
    """What a mail makes the mailbox grow by, in the provider's unit; None: not enough is known yet.

    Only stretches between two harvests count in which the box did not shrink at any reading and kept its
    capacity: then what it grew by is what the mails that came took. The mean over all of them, or over the
    latest mails if that is more: too much stops sending early, too little loses receipts.

    Args:
        readings: Of one mailbox, oldest first.
    """
    steps = _steps(readings)
    if sum(mails for mails, _ in steps) < LEAST_MAILS:
        return None
    return max(_mean(steps), _mean(_latest(steps)))


def _steps(readings: Sequence[Reading]) -> list[tuple[int, float]]:
    """Mails that came, and what the box grew by, from one harvest to the next."""
    steps: list[tuple[int, float]] = []
    start = before = None
    whole = True
    for one in readings:
        if before is not None:
            whole = whole and one.capacity == before.capacity and one.usage >= before.usage
        if start is None or one.seen != start.seen:
            if start is not None and whole and one.seen > start.seen:
                steps.append((one.seen - start.seen, one.usage - start.usage))
            start, whole = one, True
        before = one
    return steps


def _latest(steps: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    mails = 0
    for number, (came, _) in enumerate(reversed(steps), 1):
        mails += came
        if mails >= RECENT_MAILS:
            return steps[-number:]
    return steps


def _mean(steps: Sequence[tuple[int, float]]) -> float:
    return sum(grown for _, grown in steps) / sum(mails for mails, _ in steps)


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


def grown_by_sending(gained: float, ripe: int) -> float | None:
    """What stands in for growth while no harvest has shown it; None: nothing does.

    All that the box grew by is put down to the receipts that have had the time to come. Those that came
    sooner, and other mail, make it too much at first; it comes down as more ripen.

    Args:
        gained: What the box grew by, in the provider's unit.
        ripe: Receipts that were due long enough ago.
    """
    return gained / ripe if ripe >= LEAST_RIPE and gained > 0 else None


def unknown_receipts(room: float, letter_bytes: int | None, ripe: int) -> int:
    """Receipts that may be out whose growth nobody knows: a few, and as many again as have shown theirs.

    More of them where the box, its figures read as KiB, would take four times as many. If they are not KiB,
    that is no more than `MOST_UNKNOWN` messages.

    Args:
        room: What is left of the box, in the provider's unit.
        letter_bytes: The largest letter's; None: not known, and then nothing is supposed.
        ripe: Receipts that have had the time to come, as in `grown_by_sending`.
    """
    roomy = 0 if letter_bytes is None else math.floor(room / (4 * (_FRAME_KIB + letter_bytes / 1024)))
    return max(2 * max(UNKNOWN, min(MOST_UNKNOWN, roomy)), 2 * ripe)


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a mailbox will fill, as far as it is known.

    Attributes:
        usage: At the latest reading, in the provider's unit.
        capacity: In the same unit.
        base: The usage when `due` began to be counted: when the latest harvest had read everything.
        due: Receipts that were not seen by then, or are of messages sent since.
        growth: What a mail makes it grow by, in the same unit; None: not learnt.
        full_at: The share of the capacity that receipts must not fill it beyond.
    """

    usage: float
    capacity: float
    base: float
    due: int
    growth: float | None
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
        return max(self.usage, min(self.base, self.usage) + self.due * (self.growth or 0.0))

    @property
    def share(self) -> float:
        """`usage` as a share of the capacity."""
        return self.usage / self.capacity if self.capacity > 0 else 1.0

    @property
    def expected_share(self) -> float:
        """`expected` as a share of the capacity."""
        return self.expected / self.capacity if self.capacity > 0 else 1.0

    @property
    def receipts(self) -> int | None:
        """How many more receipts may come to be due; None: nothing is known that would limit them."""
        if self.usage >= self.mark:
            return 0
        left = (self.mark - self.expected) / self.growth if self.growth else math.inf
        return None if left > _BOUNDLESS else max(0, math.floor(left))

    def messages(self, each: int = 2) -> int | None:
        """How many more messages may be sent, `each` bringing so many receipts; None: not known."""
        receipts = self.receipts
        return None if receipts is None else receipts // each

    @property
    def full(self) -> bool:
        """Whether one more message's two receipts would be too much."""
        return self.messages() == 0


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
        look: Receipts that come to be due until it is read again.
        most: Receipts that come to be due before nothing more is sent until it has been read; 0: at once.
    """

    look: int
    most: int


def stretch(looks: int, outlook: Outlook, unknown: int | None = None) -> Stretch:
    """How far to go after so many looks: soon again at first, and well before what is left is used up.

    Args:
        looks: How often it was looked at before.
        outlook: As it is known now.
        unknown: Receipts of which nothing is known that may yet come to be due; None: no such limit.
    """
    often = 2 * min(FIRST_LOOK << min(looks, 8), LAST_LOOK)
    known = [one for one in (outlook.receipts, unknown) if one is not None]
    left = min(known, default=2 * often)
    if left <= 0:
        return Stretch(0, 0)
    return Stretch(max(1, min(often, left // 2)), left)
