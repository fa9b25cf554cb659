"""From stretch to stretch of the calendar: how many messages are sent in each, and what stopped more.

Each stretch is cut where a local day ends, because caps are calendar periods. In such a segment the paces
say how many starts fit and the caps and the space how many may be used; nothing goes message by message, so
a year costs some hundred steps. Exact with one mailbox, and with several none of which is slower than the
overall pace; slower ones are taken to use their starts perfectly, which can be a message a segment too many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from bulk_pec.domain.calendar import Calendar, Stretch
from bulk_pec.planning.limits import Limit, MailboxLimits, Speed, Work, interval_of
from bulk_pec.planning.mailboxes import Box, Gate, shares

HORIZON_DAYS = 5 * 366
"""A forecast looks no further ahead."""


@dataclass(frozen=True, slots=True)
class Night:
    """What is sent in the window that begins on one day.

    Attributes:
        date: The local day it begins on.
        opens_ms: When it opens; `now` if it is open already.
        closes_ms: When it closes.
        messages: How many are sent in it, at least one.
        binding: What kept more from being sent; None where the last message was sent.
    """

    date: date
    opens_ms: int
    closes_ms: int
    messages: int
    binding: Limit | None


@dataclass(frozen=True, slots=True)
class Course:
    """How a run goes.

    Attributes:
        nights: Those in which something is sent.
        sent: How many messages are.
        start_ms: When the first one starts; None if none does.
        end_ms: When the last of them starts.
        stopped: What kept those that are not sent from being sent; None if all are.
    """

    nights: tuple[Night, ...]
    sent: int
    start_ms: int | None
    end_ms: int | None
    stopped: Limit | None


@dataclass(frozen=True, slots=True)
class _Segment:
    """A part of a stretch within one calendar day, and what was sent in it."""

    from_ms: int
    to_ms: int
    gate: Gate
    boxes: tuple[tuple[Gate, int], ...]
    sent: int
    lost: int
    binding: Limit | None

    def starts_before(self, moment: int) -> int:
        """How many starts there can be before a moment."""
        by_box = sum(min(gate.starts(self.from_ms, moment), room) for gate, room in self.boxes)
        return min(self.gate.starts(self.from_ms, moment), by_box)

    def last_start(self) -> int:
        """When the last message of it starts, to the millisecond."""
        low, high = self.from_ms, self.to_ms
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.starts_before(middle) >= self.sent else (middle, high)
        return low


class CalendarWalk:
    """A walk over the calendar.

    Args:
        work: What is to be sent.
        speed: The overall pace.
        calendar: When.
        mailboxes: From where; at least one.
        now_ms: Where it begins, in milliseconds since the epoch.
        most: How many messages are sent at most; None: all.
    """

    def __init__(
        self,
        work: Work,
        speed: Speed,
        calendar: Calendar,
        mailboxes: Sequence[MailboxLimits],
        now_ms: int,
        *,
        most: int | None = None,
    ) -> None:
        overall, own = speed.interval, [interval_of(mailbox.rate) for mailbox in mailboxes]
        self._paced_by = speed.limit
        if len(own) == 1 and own[0] > overall:
            overall, self._paced_by = own[0], Limit.RATE
        self._calendar = calendar
        self._now = now_ms
        self._gate = Gate.of(overall)
        self._left = work.affordable if most is None else min(work.affordable, most)
        self._short_of_money = work.affordable < work.messages
        period = calendar.period(now_ms)
        self._boxes = [
            Box(mailbox, work, interval if interval > overall else Fraction(0), period)
            for mailbox, interval in zip(mailboxes, own, strict=True)
        ]

    def course(self) -> Course:
        """Walk until everything is sent, nothing more can be, or the horizon is reached."""
        nights: dict[date, Night] = {}
        first: _Segment | None = None
        last: _Segment | None = None
        bound: Limit | None = Limit.WINDOW
        for stretch in self._open():
            segments = list(self._segments(stretch))
            bound = segments[-1].binding
            sending = [segment for segment in segments if segment.sent]
            if sending:
                first, last = first or sending[0], sending[-1]
                _add(nights, _night(stretch, segments))
        sent = sum(night.messages for night in nights.values())
        stopped = self._stopped(bound)
        if first is None or last is None:
            return Course((), 0, None, None, stopped)
        return Course(tuple(nights.values()), sent, first.from_ms, last.last_start(), stopped)

    def first_end(self) -> int:
        """When a start that waits for nothing ends; the walk is used up.

        Its messages or the money are gone, every mailbox has come to a cap or is full, or the calendar
        closes; at once where it is closed now.
        """
        end = self._now
        for stretch in self._open():
            if stretch.start_ms > end:
                break
            for segment in self._segments(stretch):
                if not self._left or not any(box.room for box in self._boxes):
                    return segment.last_start() if segment.sent else segment.from_ms
            end = stretch.end_ms
        return end

    def _stopped(self, bound: Limit | None) -> Limit | None:
        """What ended the walk: the money, or space that comes never again, or what bound the last segment."""
        if not self._left:
            return Limit.COST if self._short_of_money else None
        return Limit.SPACE if all(box.full for box in self._boxes) else bound

    def _open(self) -> Iterator[Stretch]:
        horizon = self._now + HORIZON_DAYS * 86_400_000
        for stretch in self._calendar.stretches(self._now):
            if not self._left or stretch.start_ms >= horizon or all(box.full for box in self._boxes):
                return
            yield stretch

    def _segments(self, stretch: Stretch) -> Iterator[_Segment]:
        start = stretch.start_ms
        while start < stretch.end_ms and self._left:
            end = min(stretch.end_ms, self._calendar.day_ends(start))
            yield self._segment(start, end)
            start = end

    def _segment(self, start: int, end: int) -> _Segment:
        period = self._calendar.period(start)
        for box in self._boxes:
            box.enter(period)
        offered = self._gate.starts(start, end)
        most = [min(box.gate.starts(start, end), box.room) for box in self._boxes]
        able = min(offered, sum(most))
        sent = min(able, self._left)
        segment = _Segment(
            start,
            end,
            self._gate,
            tuple((box.gate, box.room) for box in self._boxes),
            sent,
            lost=offered - able,
            binding=self._binding(sent, offered, most),
        )
        for box, share in zip(
            self._boxes, shares(sent, most, [box.reserve for box in self._boxes]), strict=True
        ):
            box.send(start, share)
        if sent:
            self._gate = self._gate.after(start, sent)
        self._left -= sent
        return segment

    def _binding(self, sent: int, offered: int, most: list[int]) -> Limit | None:
        """What kept more from being sent in a segment."""
        if sent == self._left:
            return Limit.COST if self._short_of_money else None
        if sent == offered:
            return self._paced_by
        # A mailbox that used all its room was stopped by a cap or its space; any other by its own rate.
        spent = [box for box, used in zip(self._boxes, most, strict=True) if used == box.room]
        return min(spent, key=lambda box: box.room).tightest if spent else Limit.RATE


def _night(stretch: Stretch, segments: list[_Segment]) -> Night:
    """A stretch as a night: bound by what cost it the most starts, unless the work ended in it."""
    worst = max(segments, key=lambda segment: segment.lost)
    done = segments[-1].binding in {None, Limit.COST}
    return Night(
        stretch.day,
        stretch.start_ms,
        stretch.end_ms,
        sum(segment.sent for segment in segments),
        segments[-1].binding if done else worst.binding,
    )


def _add(nights: dict[date, Night], night: Night) -> None:
    """Add a night; if a clock change parted it, join it to what is there of it."""
    before = nights.get(night.date)
    if before is not None:
        night = replace(night, opens_ms=before.opens_ms, messages=before.messages + night.messages)
    nights[night.date] = night
