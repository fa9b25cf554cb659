"""The plan: what a list and its letters amount to, and what sending them will take. JSON, and for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.words import counted
from bulk_pec.planning import wording
from bulk_pec.planning.facts import LetterFacts, ListFacts, RowProblem
from bulk_pec.planning.forecast import Conditions, Forecast
from bulk_pec.planning.walk import Night

SCHEMA = 1
SHOWN = 20
"""The text shows so many problems, warnings and rows set aside, unless all are asked for."""
_NIGHTS_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Plan:
    """The three parts of a plan.

    Attributes:
        listed: What was read.
        letters: What was rendered.
        forecast: Of what can be sent: the messages without those that have expired.
        expiring: Messages that expire before their turn.
    """

    listed: ListFacts
    letters: LetterFacts
    forecast: Forecast
    expiring: int = 0


def document(plan: Plan) -> dict[str, Any]:
    """The ``plan --json`` document, without ``exit``. Times are UTC ISO 8601, sizes bytes, money EUR."""
    facts, letters = plan.listed, plan.letters
    return {
        "schema": SCHEMA,
        "list": facts.path,
        "loaded_as": facts.loaded_as,
        "guesses": list(facts.guesses),
        "columns": {
            "names": list(facts.columns),
            "address": facts.address_column,
            "key": facts.key_column,
        },
        "rows": {
            "input": facts.rows,
            "messages": facts.messages,
            "invalid": facts.invalid,
            "duplicate": facts.duplicate,
            "suppressed": facts.suppressed,
            "to_look_up": facts.to_look_up,
            "looked_up": facts.looked_up,
        },
        "problems": [_problem(problem) for problem in facts.problems],
        "problems_total": facts.problems_total,
        "warnings": [_problem(warning) for warning in facts.warnings],
        "warnings_total": facts.warnings_total,
        "set_aside": [_aside(one) for one in facts.set_aside],
        "set_aside_total": facts.set_aside_total,
        "letters": {
            "largest_bytes": letters.largest,
            "largest_row": letters.largest_row,
            "total_bytes": letters.total,
            "attachments": letters.attachments,
            "attachments_bytes": letters.attachments_bytes,
        },
        "forecast": _forecast(plan.forecast) | {"expired": facts.expired, "expiring": plan.expiring},
    }


def _problem(problem: RowProblem) -> dict[str, Any]:
    return {
        "row": problem.row,
        "column": problem.column,
        "value": problem.value,
        "what": problem.what,
        "todo": problem.todo,
    }


def _aside(row: RowProblem) -> dict[str, Any]:
    return {"row": row.row, "kind": row.kind, "what": row.what}


def _forecast(forecast: Forecast) -> dict[str, Any]:
    return {
        "messages": forecast.messages,
        "left": forecast.left,
        "cost": forecast.cost,
        "max_cost": forecast.conditions.work.max_cost,
        "nights": len(forecast.nights),
        "first": None if forecast.start_ms is None else iso(forecast.start_ms),
        "end": None if forecast.end_ms is None else iso(forecast.end_ms),
        "binding": forecast.binding,
        "sentence": wording.sentence(forecast),
        "limits": _limits(forecast.conditions),
        "calendar": [_night(night) for night in forecast.nights],
        "space": {"needed_bytes": forecast.needed_bytes, "free_bytes": forecast.free_bytes},
    }


def _limits(given: Conditions) -> dict[str, Any]:
    """What the forecast rests on; null where there is no limit. Rates a second, caps in addresses."""
    calendar, rate = given.calendar, given.speed.rate
    window = calendar.window
    return {
        "max_per_second": None if math.isinf(rate) else rate,
        "window": None if window is None else f"{window.start:%H:%M}-{window.end:%H:%M}",
        "days": None if calendar.days is None else list(calendar.days),
        "skip_holidays": calendar.holidays is not None,
        "mailboxes": [
            {
                "address": mailbox.address,
                "max_per_second": mailbox.rate,
                "max_per_day": mailbox.per_day,
                "max_per_month": mailbox.per_month,
                "max_per_year": mailbox.per_year,
            }
            for mailbox in given.mailboxes
        ],
    }


def _night(night: Night) -> dict[str, Any]:
    return {
        "date": night.date.isoformat(),
        "opens": iso(night.opens_ms),
        "closes": iso(night.closes_ms),
        "messages": night.messages,
        "binding": night.binding,
    }


def iso(milliseconds: int) -> str:
    """A time as UTC ISO 8601, to the second."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def text(plan: Plan, *, whole: bool = False) -> str:
    """The plan in plain words: the rows, what is wrong, the letters, the forecast; its sentence last.

    Args:
        plan: Which.
        whole: Show every problem, warning, row set aside and night there is, not the first ones.
    """
    facts = plan.listed
    lines = [f"List {facts.path}", *facts.guesses, *facts.sample, *_rows(facts)]
    lines += _told("Problems", facts.problems, facts.problems_total, whole=whole)
    lines += _told("Not sent", facts.set_aside, facts.set_aside_total, whole=whole)
    lines += _told("Warnings", facts.warnings, facts.warnings_total, whole=whole)
    lines += [*_letters(plan.letters), *wording.limits(plan.forecast.conditions)]
    lines += [*_calendar(plan.forecast, whole=whole), _money(plan.forecast)]
    if plan.forecast.messages:
        lines.append(wording.space(plan.forecast))
    return "\n".join([*lines, wording.sentence(plan.forecast)])


def _rows(facts: ListFacts) -> list[str]:
    """The figures, one below the other."""
    aside = (
        (facts.invalid, "invalid"),
        (facts.duplicate, "duplicate" if facts.duplicate == 1 else "duplicates"),
        (facts.suppressed, "suppressed"),
        (facts.to_look_up, "to be looked up by tax code"),
    )
    return [
        f"{facts.rows:>11,} {'row' if facts.rows == 1 else 'rows'} in the list",
        *(f"{count:>11,}   {word}" for count, word in aside if count),
        f"{facts.messages:>11,} {'message' if facts.messages == 1 else 'messages'}",
        *([f"{facts.looked_up:>11,}   with an address looked up by tax code"] if facts.looked_up else []),
        *([f"{facts.expired:>11,}   expired already"] if facts.expired else []),
    ]


def _told(title: str, found: Sequence[RowProblem], total: int, *, whole: bool) -> list[str]:
    if not total:
        return []
    shown = found if whole else found[:SHOWN]
    more = total - len(shown)
    return [f"{title}: {total:,}", *map(_line, shown), *([f"  … and {more:,} more"] if more else [])]


def _line(problem: RowProblem) -> str:
    where = [
        *([] if problem.row is None else [f"row {problem.row:,}"]),
        *([] if problem.column is None else [f"column {problem.column}"]),
    ]
    value = f" “{' '.join(problem.value.splitlines())}”" if problem.value else ""
    return f"  {', '.join(where) or 'the list'}{value}: {problem.what.rstrip('.')}. {problem.todo}".rstrip()


def _letters(letters: LetterFacts) -> list[str]:
    if letters.largest_row is None:
        return []
    told = f"The largest message is that of row {letters.largest_row:,}: {wording.human(letters.largest)}."
    if not letters.attachments:
        return [f"{told} Nothing is attached."]
    files = "1 file is" if letters.attachments == 1 else f"{letters.attachments:,} different files are"
    return [f"{told} {files} attached, {wording.human(letters.attachments_bytes)} in all, each counted once."]


def _calendar(forecast: Forecast, *, whole: bool) -> list[str]:
    """The first nights and the last one; what lies between is counted."""
    found, calendar = forecast.nights, forecast.conditions.calendar
    if not found:
        return []
    lines = [_row(night, calendar) for night in found]
    if len(found) > _NIGHTS_SHOWN + 1 and not whole:
        between = found[_NIGHTS_SHOWN:-1]
        messages = sum(night.messages for night in between)
        lines[_NIGHTS_SHOWN:-1] = [f"  … {len(between):,} more: {counted(messages, 'message')}"]
    return ["Calendar:", *lines]


def _row(night: Night, calendar: Calendar) -> str:
    opens, closes = calendar.local(night.opens_ms), calendar.local(night.closes_ms)
    bound = "the last of them" if night.binding is None else f"{wording.name(night.binding)} binds"
    when = f"{wording.weekday(night.date)} {night.date.isoformat()} {opens:%H:%M}–{closes:%H:%M}"
    what = "message" if night.messages == 1 else "messages"
    return f"  {when} {night.messages:>9,} {what}; {bound}"


def _money(forecast: Forecast) -> str:
    limit = forecast.conditions.work.max_cost
    return f"Cost: EUR {forecast.cost:,.2f}" + (
        ", no limit set." if limit is None else f" of at most EUR {limit:,.2f}."
    )
