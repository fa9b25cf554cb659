"""Slots: when which mailbox may start its next POST /send. Pure: no clock, no I/O.

The vendor allows about one POST /send a second for everything together (`api.max_per_second`); a mailbox may
have a limit of its own. Each limit is a row that says when its next slot is free. A slot advances the API's
row and its mailbox's by 1.01/rate, so that no window of 0.95 s holds more starts than the rate, whoever
makes them. All times are integers: microseconds on the ledger's clock, which all hosts share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

MARGIN = 1.01
"""Starts are this many times 1/rate apart: the margin absorbs jitter on the way."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds; each pause in a row that names no time is twice the one before."""
LEAST_SHARE = 0.1
CALM = 10.0
"""Seconds without a 429, from the end of the last pause, after which the rate is full again."""

SECOND = 1_000_000
AHEAD = 2 * SECOND
"""No slot is given out that lies further ahead than this and two intervals: whoever needs it asks again."""
HELD = SECOND // 4
"""The API's slot is held no longer than this for a mailbox that is not free yet."""
AFTER_PAUSE = SECOND // 5
"""From a pause's end to the first slot: an intent, which comes a little before, is refused in a pause."""
LONGEST_NAMED = 24 * 3600 * SECOND + 60 * SECOND
"""A pause that would last longer than any a provider may name was made by a clock that stepped back."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The state of one limit: of the API or of one mailbox. Times are microseconds; 0 is long ago.

    Attributes:
        next_at: When its next slot is free.
        paused_until: Until when it pauses.
        throttled_at: When the last pause that a 429 made ends, or ended.
        pauses: How many such pauses came in a row.
        share: Of its rate that it uses since.
    """

    next_at: int = 0
    paused_until: int = 0
    throttled_at: int | None = None
    pauses: int = 0
    share: float = 1.0

    def calm(self, at: int) -> bool:
        """Whether the last 429 is so long ago that the rate is full again."""
        return self.throttled_at is None or at - self.throttled_at >= CALM * SECOND


@dataclass(frozen=True, slots=True)
class Box:
    """A mailbox that may be given a slot.

    Attributes:
        rate: Its POSTs a second.
        left: How many addresses it may still be sent to; ``math.inf`` without a cap.
    """

    rate: float
    left: float = math.inf


@dataclass(frozen=True, slots=True)
class Slot:
    """When a mailbox may start a POST."""

    box: int
    at: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        unbound: Slots that any of `boxes` may have.
        bound: Slots that only one mailbox can use, by its id; it is one of `boxes` then.
        open: How many of `bound` are for messages whose intent is open already.
        boxes: The mailboxes that may send, by id.
        rate: Of the API, POSTs a second.
        most: Slots at most, of both kinds together.
        earliest: No slot before this.
        unused: A slot that was missed. If nobody has one after it, it is taken back: nothing started in it,
            so the next may start as soon as it likes.
    """

    unbound: int
    bound: Mapping[int, int]
    boxes: Mapping[int, Box]
    rate: float
    most: int
    earliest: int = 0
    unused: Slot | None = None
    open: Mapping[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Needed:
    """What has not been given yet of what is `Wanted`; `left` as `Box.left`, by mailbox."""

    unbound: int
    bound: dict[int, int]
    open: dict[int, int]
    left: dict[int, float]

    @classmethod
    def of(cls, wanted: Wanted) -> _Needed:
        bound, opened = ({box: n for box, n in some.items() if n > 0} for some in (wanted.bound, wanted.open))
        return cls(wanted.unbound, bound, opened, {box: terms.left for box, terms in wanted.boxes.items()})

    def boxes(self) -> list[int]:
        """Who can use a slot."""
        return list(self.left if self.unbound > 0 else self.bound)

    def claim(self, box: int) -> tuple[int, float]:
        """By what a mailbox is chosen among those as soon: open intents, then what is bound to one."""
        if box in self.bound:
            return (0 if box in self.open else 1), 0.0
        return 2, -self.left[box]

    def took(self, box: int) -> None:
        """A slot was given."""
        self.left[box] -= 1
        if box not in self.bound:
            self.unbound -= 1
        for some in (self.bound, self.open):
            if box in some:
                some[box] -= 1
                if not some[box]:
                    del some[box]


@dataclass(slots=True)
class Allotment:
    """What was given.

    Attributes:
        slots: In order of time.
        api: The API's lane afterwards.
        lanes: The mailboxes' afterwards, by id.
        again: When asking again may give more; None: all that was asked for was given.
    """

    slots: list[Slot]
    api: Lane
    lanes: dict[int, Lane] = field(default_factory=dict)
    again: int | None = None


def interval(rate: float, share: float = 1.0) -> int:
    """Microseconds from one start to the next, at least."""
    return 0 if math.isinf(rate) else math.ceil(MARGIN * SECOND / rate / share)


def allot(wanted: Wanted, api: Lane, lanes: Mapping[int, Lane], now: int) -> Allotment:
    """Give out the next slots.

    Each goes to the mailbox that is free soonest. Of those equally free, one for which an intent is open
    comes first, then one to which a message is bound, and of these the one that has waited longest: nobody
    starves because another mailbox has more left. What any may send goes to the one with most left, then to
    the one that has waited longest. None lies before `now`, in a pause of its mailbox, or so far ahead that
    the API would wait for a mailbox while another could use it.

    Args:
        wanted: How many, and for whom.
        api: The API's lane.
        lanes: The mailboxes' lanes, by id: one for each of `wanted.boxes`.
        now: Microseconds.
    """
    reach = AHEAD + 2 * interval(wanted.rate)
    given = Allotment([], _sane(api, now, reach, wanted.rate))
    given.lanes = {box: _sane(lanes[box], now, reach, terms.rate) for box, terms in wanted.boxes.items()}
    _take_back(given, wanted)
    needed = _Needed.of(wanted)
    while len(given.slots) < wanted.most and (boxes := needed.boxes()):
        at, *_, box = min(_place(given, box, wanted, needed, now) for box in boxes)
        given.again = _later(at, max(given.api.next_at, wanted.earliest, now), now + reach, reach)
        if given.again is not None:
            break
        given.slots.append(Slot(box, at))
        _advance(given, box, at, wanted)
        needed.took(box)
    return given


def _take_back(given: Allotment, wanted: Wanted) -> None:
    """Free the missed slot: of its mailbox if that has none after it, of the API if nobody has."""
    slot = wanted.unused
    if slot is None or slot.box not in given.lanes:
        return
    lane, terms = given.lanes[slot.box], wanted.boxes[slot.box]
    if lane.next_at == slot.at + interval(terms.rate, 1.0 if lane.calm(slot.at) else lane.share):
        given.lanes[slot.box] = replace(lane, next_at=slot.at)
    if given.api.next_at == slot.at + interval(wanted.rate):
        given.api = replace(given.api, next_at=slot.at)


def _place(
    given: Allotment, box: int, wanted: Wanted, needed: _Needed, now: int
) -> tuple[int, tuple[int, float], int, int]:
    """When a mailbox could start, and by what it is chosen among those that could then; its id is last."""
    lane = given.lanes[box]
    at = max(now, wanted.earliest, given.api.next_at, lane.next_at, lane.paused_until + AFTER_PAUSE)
    return at, needed.claim(box), lane.next_at, box


def _later(at: int, free: int, horizon: int, reach: int) -> int | None:
    """When to ask again for a slot that cannot be given out yet; None if it can."""
    if at > horizon:
        return at - reach
    return at - HELD if at > free + HELD else None


def _advance(given: Allotment, box: int, at: int, wanted: Wanted) -> None:
    lane = given.lanes[box]
    share = 1.0 if lane.calm(at) else lane.share
    given.lanes[box] = replace(lane, next_at=at + interval(wanted.boxes[box].rate, share), share=share)
    given.api = replace(given.api, next_at=at + interval(wanted.rate))


def _sane(lane: Lane, now: int, reach: int, rate: float) -> Lane:
    """The lane, without what only a clock that has stepped back, or another rate, can have left in it."""
    if lane.next_at > now + reach + HELD + interval(rate, LEAST_SHARE):
        lane = replace(lane, next_at=now + interval(rate))
    if lane.paused_until > now + LONGEST_NAMED:
        lane = replace(lane, paused_until=now + round(LONGEST_PAUSE * SECOND))
    if lane.throttled_at is not None and lane.throttled_at > max(now, lane.paused_until):
        lane = replace(lane, throttled_at=max(now, lane.paused_until))
    return lane


def throttle(lane: Lane, now: int, named: float | None, left_at: int) -> Lane:
    """A mailbox's lane after a 429, or a 503 with Retry-After: a pause, and half the rate after it.

    An answer to a request that left before the last pause ended belongs to that pause, however many there
    are: it neither halves again nor lengthens it, unless it names a later time.

    Args:
        lane: As it was.
        now: Microseconds.
        named: Seconds that Retry-After names; None, and nought, name none.
        left_at: When the request's first byte left, microseconds.
    """
    asked = now + round((named or 0.0) * SECOND)
    if lane.paused_until > now or (lane.throttled_at is not None and left_at < lane.throttled_at):
        end = max(lane.paused_until, asked if named else 0)
        return replace(lane, paused_until=end, throttled_at=max(end, lane.throttled_at or 0))
    in_a_row = lane.throttled_at is not None and now - lane.throttled_at < (LONGEST_PAUSE + CALM) * SECOND
    pauses = lane.pauses + 1 if in_a_row else 1
    end = asked if named else now + round(pause(pauses) * SECOND)
    share = max(LEAST_SHARE, (1.0 if lane.calm(now) else lane.share) / 2)
    return replace(lane, paused_until=end, throttled_at=end, pauses=pauses, share=share)


def pause(times: int) -> float:
    """Seconds of the so many-th pause in a row that names no time: 1, 2, 4 … 60."""
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(times - 1, 30)))
