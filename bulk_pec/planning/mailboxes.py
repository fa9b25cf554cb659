"""One mailbox on the way through a forecast: its pace, caps and space; and how messages are shared out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from bulk_pec.domain.calendar import Period
from bulk_pec.planning.limits import Limit, MailboxLimits, Work

BOUNDLESS = 10**15
"""Messages; where nothing limits them."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A pace: starts that are at least an interval apart. In whole numbers, so exact, and fast.

    Attributes:
        interval: In units; 0: no limit.
        units: How many units a millisecond has.
        ready: The earliest next start, in units since the epoch.
    """

    interval: int
    units: int
    ready: int = 0

    @classmethod
    def of(cls, interval: Fraction) -> Gate:
        """The gate of an interval in milliseconds."""
        return cls(interval.numerator, interval.denominator)

    def starts(self, from_ms: int, to_ms: int) -> int:
        """How many starts there can be from one moment to before another."""
        length = to_ms * self.units - max(self.ready, from_ms * self.units)
        if length <= 0:
            return 0
        return -(-length // self.interval) if self.interval else BOUNDLESS

    def after(self, from_ms: int, starts: int) -> Gate:
        """The gate when so many starts were taken, each as soon as could be."""
        first = max(self.ready, from_ms * self.units)
        return Gate(self.interval, self.units, first + self.interval * starts)


class Box:
    """A mailbox as the forecast goes on.

    Args:
        limits: Its limits.
        work: What is sent; says how much a message counts, and what its receipts need.
        interval: Milliseconds between its starts, where that is more than the overall pace; else 0.
        now: The periods for which what is used already was counted.

    Attributes:
        gate: Its pace.
        sent: How many messages it has sent in the forecast.
    """

    def __init__(self, limits: MailboxLimits, work: Work, interval: Fraction, now: Period) -> None:
        self.gate = Gate.of(interval)
        self.sent = 0
        self._work = work
        self._caps = {
            Limit.YEAR_CAP: limits.per_year,
            Limit.MONTH_CAP: limits.per_month,
            Limit.DAY_CAP: limits.per_day,
        }
        self._used = {
            (Limit.YEAR_CAP, now.year): limits.used_year,
            (Limit.MONTH_CAP, now.month): limits.used_month,
            (Limit.DAY_CAP, now.day): limits.used_day,
        }
        self._keys: dict[Limit, str] = {}
        # Longest-lived first: of two that leave the same room, the one that lasts is named.
        self._ceilings = {Limit.SPACE: BOUNDLESS}
        if limits.free_bytes is not None and work.messages:
            self._ceilings[Limit.SPACE] = limits.free_bytes * work.messages // work.receipt_bytes
        self.enter(now)

    def enter(self, period: Period) -> None:
        """Go on to a moment of these periods: a cap whose period is new begins again."""
        keys = {Limit.YEAR_CAP: period.year, Limit.MONTH_CAP: period.month, Limit.DAY_CAP: period.day}
        for limit, key in keys.items():
            if self._keys.get(limit) != key:
                self._keys[limit] = key
                self._ceilings[limit] = self._ceiling(self._caps[limit], self._used.get((limit, key), 0))

    def _ceiling(self, cap: int | None, used: int) -> int:
        """How many messages it may have sent, from the forecast's beginning, when the cap is reached."""
        if cap is None:
            return BOUNDLESS
        messages, counted = self._work.messages, self._work.counted
        so_far = self.sent * counted // messages
        # The most messages n with ⌊n·counted/messages⌋ ≤ cap − used + so_far.
        return ((cap - used + so_far + 1) * messages - 1) // counted

    @property
    def room(self) -> int:
        """How many messages caps and space still allow in these periods."""
        return max(0, min(self._ceilings.values()) - self.sent)

    @property
    def tightest(self) -> Limit:
        """The cap, or the space, that leaves the least room."""
        return min(self._ceilings, key=self._ceilings.__getitem__)

    @property
    def reserve(self) -> int:
        """How many messages it can still send when the day's cap is left out."""
        return min(most for limit, most in self._ceilings.items() if limit != Limit.DAY_CAP) - self.sent

    @property
    def full(self) -> bool:
        """Whether its space is gone: no coming day will change that."""
        return self._ceilings[Limit.SPACE] <= self.sent

    def send(self, from_ms: int, messages: int) -> None:
        """So many messages, from a moment on, each as soon as could be."""
        if messages:
            self.gate = self.gate.after(from_ms, messages)
            self.sent += messages


def shares(total: int, most: Sequence[int], reserves: Sequence[int]) -> list[int]:
    """How many of `total` messages each mailbox sends.

    The same as giving each message to the mailbox that has the most left to send, the first of them if
    several have; so that those with little left are there when they are needed.

    Args:
        total: At most the sum of `most`.
        most: What each can send in this stretch.
        reserves: What each can still send beyond it.
    """
    if len(most) == 1:
        return [total]

    def down_to(level: int) -> list[int]:
        return [min(max(left - level, 0), can) for left, can in zip(reserves, most, strict=True)]

    low = min(left - can for left, can in zip(reserves, most, strict=True))
    high = max(reserves)
    while low < high:
        level = (low + high) // 2
        low, high = (low, level) if sum(down_to(level)) <= total else (level + 1, high)
    given = down_to(low)
    rest = total - sum(given)
    for index, more in enumerate(down_to(low - 1)):
        if rest and more > given[index]:
            given[index] += 1
            rest -= 1
    return given
