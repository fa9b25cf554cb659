"""The forecast: how long a run takes, what it costs, and which one limit binds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from bulk_pec.domain.calendar import Calendar
from bulk_pec.planning.limits import Limit, MailboxLimits, Speed, Work
from bulk_pec.planning.walk import CalendarWalk, Course, Night


@dataclass(frozen=True, slots=True)
class Conditions:
    """Everything a forecast rests on.

    Attributes:
        work: What is to be sent.
        speed: The overall pace.
        calendar: When.
        mailboxes: From where; at least one.
        now_ms: Where it begins, in milliseconds since the epoch.
    """

    work: Work
    speed: Speed
    calendar: Calendar
    mailboxes: tuple[MailboxLimits, ...]
    now_ms: int

    def course(self) -> Course:
        """How a run goes under them."""
        return CalendarWalk(self.work, self.speed, self.calendar, self.mailboxes, self.now_ms).course()


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long a run takes, what it costs, and which one limit binds.

    Attributes:
        conditions: What it rests on.
        messages: How many messages there are.
        left: How many of them cannot be sent: budget or space end first, or five years do.
        cost: EUR for those that can.
        nights: The windows in which something is sent.
        start_ms: When the first message starts; None if none can.
        end_ms: When the last of those that can be sent starts.
        binding: The one limit whose lifting alone would leave the fewest unsent, and end the run soonest; if
            no single one would help, the one that stopped the run, or bound most nights. None: none does.
        needed_bytes: What the receipts of all messages take in the mailboxes.
        free_bytes: What the mailboxes can take; None: not known of every one.
    """

    conditions: Conditions
    messages: int
    left: int
    cost: float
    nights: tuple[Night, ...]
    start_ms: int | None
    end_ms: int | None
    binding: Limit | None
    needed_bytes: int
    free_bytes: int | None


def forecast(
    work: Work, speed: Speed, calendar: Calendar, mailboxes: Sequence[MailboxLimits], now_ms: int
) -> Forecast:
    """Foretell a run.

    It supposes that nobody stops it, that the provider takes every message at once, and that whatever sends
    is started when a window opens. Doubts, throttling and retries make it longer.

    Args:
        work: What is to be sent.
        speed: The overall pace.
        calendar: When.
        mailboxes: From where.
        now_ms: The moment it is made, in milliseconds since the epoch.

    Raises:
        ValueError: There is no mailbox.
    """
    if not mailboxes:
        raise ValueError("a forecast needs at least one mailbox")
    conditions = Conditions(work, speed, calendar, tuple(mailboxes), now_ms)
    course = conditions.course()
    free = [mailbox.free_bytes for mailbox in mailboxes if mailbox.free_bytes is not None]
    return Forecast(
        conditions=conditions,
        messages=work.messages,
        left=work.messages - course.sent,
        cost=work.cost(course.sent),
        nights=course.nights,
        start_ms=course.start_ms,
        end_ms=course.end_ms,
        binding=_binding(conditions, course) if work.messages else None,
        needed_bytes=work.receipt_bytes,
        free_bytes=sum(free) if len(free) == len(mailboxes) else None,
    )


def start_ends(found: Forecast, *, waits: bool, most: int | None = None) -> int | None:
    """When a start made now would end by itself; None: there is nothing to send, or nothing can be.

    Args:
        found: The forecast of all that is left.
        waits: Whether it waits for windows and caps (`--wait`).
        most: How many messages it may send at most; None: no limit.
    """
    given = found.conditions
    if not given.work.messages:
        return None
    walk = CalendarWalk(given.work, given.speed, given.calendar, given.mailboxes, given.now_ms, most=most)
    return walk.course().end_ms if waits else walk.first_end()


def _binding(conditions: Conditions, course: Course) -> Limit | None:
    best, found = _merit(course), None
    for limit, lifted in _lifted(conditions):
        merit = _merit(lifted.course())
        if merit < best:
            best, found = merit, limit
    return found or course.stopped or _most_often(course)


def _merit(course: Course) -> tuple[int, float]:
    """What makes one course better than another: more sent, then sooner."""
    return -course.sent, math.inf if course.end_ms is None else course.end_ms


def _most_often(course: Course) -> Limit | None:
    bound = Counter(night.binding for night in course.nights if night.binding is not None)
    return max(bound, key=bound.__getitem__) if bound else None


def _lifted(conditions: Conditions) -> Iterator[tuple[Limit, Conditions]]:
    """The same conditions with one limit lifted, for each limit there is."""
    for limit, lift in _LIFTS.items():
        lifted = lift(conditions)
        if lifted != conditions:
            yield limit, lifted


def _without_rate(conditions: Conditions) -> Conditions:
    mailboxes = tuple(replace(mailbox, rate=None) for mailbox in conditions.mailboxes)
    return replace(conditions, speed=replace(conditions.speed, rate=math.inf), mailboxes=mailboxes)


def _without_window(conditions: Conditions) -> Conditions:
    calendar = conditions.calendar
    return conditions if calendar.always_open else replace(conditions, calendar=calendar.unrestricted())


def _each(lift: Callable[[MailboxLimits], MailboxLimits]) -> Callable[[Conditions], Conditions]:
    """Lift a limit that each mailbox has."""
    return lambda given: replace(given, mailboxes=tuple(map(lift, given.mailboxes)))


_LIFTS: dict[Limit, Callable[[Conditions], Conditions]] = {
    Limit.SPACE: _each(lambda mailbox: replace(mailbox, free_bytes=None)),
    Limit.COST: lambda given: replace(given, work=replace(given.work, max_cost=None)),
    Limit.YEAR_CAP: _each(lambda mailbox: replace(mailbox, per_year=None)),
    Limit.MONTH_CAP: _each(lambda mailbox: replace(mailbox, per_month=None)),
    Limit.DAY_CAP: _each(lambda mailbox: replace(mailbox, per_day=None)),
    Limit.RATE: _without_rate,
    Limit.CONCURRENCY: lambda given: replace(given, speed=replace(given.speed, answer_seconds=0.0)),
    Limit.WINDOW: _without_window,
}
