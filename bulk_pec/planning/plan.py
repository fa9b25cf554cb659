"""The plan: what a list and its letters amount to, and what sending them will take. JSON, and for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bulk_pec.domain.calendar import Calendar
from bulk_pec.planning import wording
from bulk_pec.planning.forecast import Forecast
from bulk_pec.planning.walk import Night

SCHEMA = 1
SHOWN = 20
"""The text shows so many problems, and so many warnings; the document has all it is given."""
_NIGHTS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One thing that is wrong, or doubtful, with the list.

    Attributes:
        row: 1-based number of the data row; None when it concerns the whole list.
        column: The column; None when it concerns the whole row.
        value: The offending text, as short as it is to be shown.
        what: What is wrong.
        todo: What the person can do about it.
    """

    row: int | None
    column: str | None
    what: str
    todo: str
    value: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ListFacts:
    """What was read.

    Attributes:
        path: The list, as it was named.
        rows: Data rows in it.
        invalid: Rows that can be no message.
        duplicate: Rows whose key came before.
        suppressed: Rows whose address is never to be written to.
        problems: What is wrong with invalid rows, by row; the first ones, if there are very many.
        problems_total: How many there are in all.
        warnings: What is doubtful but sent, by row; the first ones.
        warnings_total: How many there are in all.
        guesses: What was guessed, as sentences: the address column, the encoding, the separator.
    """

    path: str
    rows: int
    invalid: int = 0
    duplicate: int = 0
    suppressed: int = 0
    problems: Sequence[RowProblem] = ()
    problems_total: int = 0
    warnings: Sequence[RowProblem] = ()
    warnings_total: int = 0
    guesses: Sequence[str] = ()

    @property
    def messages(self) -> int:
        """Rows that become messages (invariant 6)."""
        return self.rows - self.invalid - self.duplicate - self.suppressed


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """What was rendered. Sizes in bytes, before base64.

    Attributes:
        largest: The largest message with its attachments.
        largest_row: Its row; None without messages.
        total: All messages with their attachments.
        attachments: How many different files are attached.
        attachments_bytes: Their size, each once.
    """

    largest: int = 0
    largest_row: int | None = None
    total: int = 0
    attachments: int = 0
    attachments_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The three parts of a plan."""

    listed: ListFacts
    letters: LetterFacts
    forecast: Forecast


def document(plan: Plan) -> dict[str, Any]:
    """The ``plan --json`` document, without ``exit``. Times are UTC ISO 8601, sizes bytes, money EUR."""
    facts, letters = plan.listed, plan.letters
    return {
        "schema": SCHEMA,
        "list": facts.path,
        "guesses": list(facts.guesses),
        "rows": {
            "input": facts.rows,
            "messages": facts.messages,
            "invalid": facts.invalid,
            "duplicate": facts.duplicate,
            "suppressed": facts.suppressed,
        },
        "problems": [_problem(problem) for problem in facts.problems],
        "problems_total": facts.problems_total,
        "warnings": [_problem(warning) for warning in facts.warnings],
        "warnings_total": facts.warnings_total,
        "letters": {
            "largest_bytes": letters.largest,
            "largest_row": letters.largest_row,
            "total_bytes": letters.total,
            "attachments": letters.attachments,
            "attachments_bytes": letters.attachments_bytes,
        },
        "forecast": _forecast(plan.forecast),
    }


def _problem(problem: RowProblem) -> dict[str, Any]:
    return {
        "row": problem.row,
        "column": problem.column,
        "value": problem.value,
        "what": problem.what,
        "todo": problem.todo,
    }


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
        "calendar": [_night(night) for night in forecast.nights],
        "space": {"needed_bytes": forecast.needed_bytes, "free_bytes": forecast.free_bytes},
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


def text(plan: Plan) -> str:
    """The plan in plain words: the rows, what is wrong, the letters, the forecast; its sentence last."""
    facts = plan.listed
    lines = [f"List {facts.path}", *facts.guesses, f"{facts.rows:>11,} rows in the list"]
    aside = {"invalid": facts.invalid, "duplicates": facts.duplicate, "suppressed": facts.suppressed}
    lines += [f"{count:>11,}   {word}" for word, count in aside.items() if count]
    lines.append(f"{facts.messages:>11,} messages")
    lines += _told("Problems", facts.problems, facts.problems_total)
    lines += _told("Warnings", facts.warnings, facts.warnings_total)
    lines += [*_letters(plan.letters), *_calendar(plan.forecast), _money(plan.forecast)]
    if plan.forecast.messages:
        lines.append(wording.space(plan.forecast))
    return "\n".join([*lines, wording.sentence(plan.forecast)])


def _told(title: str, problems: Sequence[RowProblem], total: int) -> list[str]:
    if not total:
        return []
    shown = problems[:SHOWN]
    more = [f"  … and {total - len(shown):,} more"] if total > len(shown) else []
    return [f"{title}: {total:,}", *map(_line, shown), *more]


def _line(problem: RowProblem) -> str:
    where = [
        *([] if problem.row is None else [f"row {problem.row:,}"]),
        *([] if problem.column is None else [f"column {problem.column}"]),
    ]
    value = f" “{problem.value}”" if problem.value else ""
    return f"  {', '.join(where) or 'the list'}{value}: {problem.what.rstrip('.')}. {problem.todo}".rstrip()


def _letters(letters: LetterFacts) -> list[str]:
    if letters.largest_row is None:
        return []
    told = f"The largest message is that of row {letters.largest_row:,}: {wording.human(letters.largest)}."
    if not letters.attachments:
        return [f"{told} Nothing is attached."]
    files = wording.counted(letters.attachments, "file")
    return [f"{told} {files} attached, {wording.human(letters.attachments_bytes)} in all."]


def _calendar(forecast: Forecast) -> list[str]:
    """The first nights and the last one; what lies between is counted."""
    found, calendar = forecast.nights, forecast.conditions.calendar
    if not found:
        return []
    lines = [_row(night, calendar) for night in found]
    if len(found) > _NIGHTS_SHOWN + 1:
        between = found[_NIGHTS_SHOWN:-1]
        messages = sum(night.messages for night in between)
        lines[_NIGHTS_SHOWN:-1] = [f"  … {len(between):,} more: {messages:,} messages"]
    return ["Calendar:", *lines]


def _row(night: Night, calendar: Calendar) -> str:
    opens, closes = calendar.local(night.opens_ms), calendar.local(night.closes_ms)
    bound = "the last of them" if night.binding is None else f"{wording.name(night.binding)} binds"
    when = f"{wording.weekday(night.date)} {night.date.isoformat()} {opens:%H:%M}–{closes:%H:%M}"
    return f"  {when} {night.messages:>9,} messages; {bound}"


def _money(forecast: Forecast) -> str:
    limit = forecast.conditions.work.max_cost
    return f"Cost: EUR {forecast.cost:,.2f}" + (
        ", no limit set." if limit is None else f" of at most EUR {limit:,.2f}."
    )
