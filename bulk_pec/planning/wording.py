"""The forecast as a sentence: "1,200,000 messages at 1/s in 20:00–06:00 on working days: 34 nights, …"."""

from __future__ import annotations

import math
from datetime import date, timedelta

from bulk_pec.domain.calendar import WEEKDAYS, Calendar
from bulk_pec.domain.words import counted
from bulk_pec.planning.forecast import Conditions, Forecast
from bulk_pec.planning.limits import Limit, MailboxLimits

# Spelled out, because what the standard library knows of names follows the locale.
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NAMES = {
    Limit.RATE: "the rate",
    Limit.CONCURRENCY: "the number of requests in flight",
    Limit.WINDOW: "the window",
    Limit.DAY_CAP: "the day cap",
    Limit.MONTH_CAP: "the month cap",
    Limit.YEAR_CAP: "the year cap",
    Limit.COST: "the cost limit",
    Limit.SPACE: "the mailbox space",
}
_FAR = timedelta(days=330)
"""A date so far ahead is told with its year."""


def sentence(forecast: Forecast) -> str:
    """The forecast in one sentence: how much, how fast, when, how long, and which limit binds."""
    if not forecast.messages:
        return "Nothing to send."
    given = forecast.conditions
    what = f"{counted(forecast.messages, 'message')} {_rate(given)}{_when(given.calendar)}"
    return f"{what}: {_duration(forecast)}; {_bound(forecast)}."


def limits(given: Conditions) -> list[str]:
    """A line for each mailbox: its pace and its caps."""
    if all(_caps(mailbox) == "" and mailbox.rate is None for mailbox in given.mailboxes):
        return []
    lines = [f"  {mailbox.address}: {_own(mailbox) or 'no limit of its own'}" for mailbox in given.mailboxes]
    return ["Limits of the mailboxes, in addresses:", *lines]


def _own(mailbox: MailboxLimits) -> str:
    return ", ".join(filter(None, ("" if mailbox.rate is None else f"{mailbox.rate:g}/s", _caps(mailbox))))


def _caps(mailbox: MailboxLimits) -> str:
    caps = {"day": mailbox.per_day, "month": mailbox.per_month, "year": mailbox.per_year}
    return ", ".join(f"{cap:,} a {period}" for period, cap in caps.items() if cap is not None)


def name(limit: Limit) -> str:
    """A limit in words: `the day cap`."""
    return _NAMES[limit]


def nights(forecast: Forecast) -> str:
    """How many windows it takes: nights if the window crosses midnight, else days."""
    window = forecast.conditions.calendar.window
    over_midnight = window is not None and window.start > window.end
    return counted(len(forecast.nights), "night" if over_midnight else "day")


def day(told: date, today: date) -> str:
    """`12 January`, with the year where it is far ahead."""
    year = f" {told.year}" if told - today >= _FAR else ""
    return f"{told.day} {_MONTHS[told.month - 1]}{year}"


def weekday(told: date) -> str:
    """`Mon`."""
    return _DAYS[told.weekday()][:3]


def _rate(given: Conditions) -> str:
    own = [math.inf if mailbox.rate is None else mailbox.rate for mailbox in given.mailboxes]
    rate = min(given.speed.rate, sum(own))
    told = "without a limit a second" if math.isinf(rate) else f"at {rate:g}/s"
    return told if len(own) == 1 else f"{told} from {len(own)} mailboxes"


def _when(calendar: Calendar) -> str:
    window, off = calendar.window, calendar.holidays is not None
    told = "" if window is None else f" in {window.start:%H:%M}–{window.end:%H:%M}"
    chosen = [_DAYS[number] for number, short in enumerate(WEEKDAYS) if short in (calendar.days or ())]
    if chosen == list(_DAYS[:5]):
        return told + (" on working days" if off else " from Monday to Friday")
    if chosen:
        told += f" on {_listed(chosen)}"
    return told + (", not on holidays" if off else "")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _duration(forecast: Forecast) -> str:
    if forecast.end_ms is None:
        return "none of them can be sent"
    calendar = forecast.conditions.calendar
    until = day(calendar.local(forecast.end_ms).date(), calendar.local(forecast.conditions.now_ms).date())
    sent = f", for {forecast.messages - forecast.left:,} of them" if forecast.left else ""
    return f"{nights(forecast)}, until {until}{sent}"


def _bound(forecast: Forecast) -> str:
    bound = "nothing binds" if forecast.binding is None else f"{name(forecast.binding)} binds"
    return f"{bound} and {forecast.left:,} cannot be sent" if forecast.left else bound


def space(forecast: Forecast) -> str:
    """What the receipts need, and whether it is there."""
    size = forecast.conditions.work.letter_bytes
    need = f"The receipts need about {human(forecast.needed_bytes)} of mailbox space"
    each = f" ({human(size)} a CONSEGNA for the message in it)" if size else ""
    if forecast.free_bytes is None:
        return f"{need}{each}; how much is free is not known."
    enough = "enough" if forecast.free_bytes >= forecast.needed_bytes else "NOT ENOUGH"
    return f"{need}{each}; {human(forecast.free_bytes)} are free: {enough}."


def human(size: int) -> str:
    """Bytes in the largest binary unit that leaves a number from 1."""
    units = ("bytes", "KiB", "MiB", "GiB", "TiB")
    power = min(len(units) - 1, max(0, size.bit_length() - 1) // 10)
    return f"{size / 1024**power:.{1 if power else 0}f} {units[power]}"
