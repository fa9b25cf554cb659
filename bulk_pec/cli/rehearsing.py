"""``--dry-run``: what `run` and `send` would do, told without calling anybody or writing anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bulk_pec.cli import forecasting, validity
from bulk_pec.cli.examining import examine, reason_of
from bulk_pec.cli.loading import check_there
from bulk_pec.cli.session import Result, Session
from bulk_pec.cli.space import known_room
from bulk_pec.cli.unchanged import check_same
from bulk_pec.clock import SystemClock
from bulk_pec.domain.errors import UsageError
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.domain.words import counted
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.nightly import Limits
from bulk_pec.planning import Forecast, Plan, Work, document, sentence, start_ends, text
from bulk_pec.reporting.status import iso


def rehearse(session: Session, file: Path, name: str, limits: Limits) -> Result:
    """What ``run FILE`` would do: resume the run of this name, or load the list and send it.

    Raises:
        ListRefused: The run was loaded from another list or other templates.
    """
    ledger = _ledger(session)
    if ledger is not None:
        with ledger:
            known = ledger.runs.find(name)
            if known is not None:
                return _resumed(session, ledger, known, file, limits)
            return _loaded(session, ledger, file, name, limits)
    return _loaded(session, None, file, name, limits)


def rehearse_sending(session: Session, name: str, limits: Limits) -> Result:
    """What ``send RUN`` would do.

    Raises:
        ListRefused: The templates are not those the run was loaded with.
        UsageError: There is no such run.
    """
    session.config().sendable()
    with session.ledger("read") as ledger:
        return _resumed(session, ledger, ledger.runs.get(name), None, limits)


def _ledger(session: Session) -> Ledger | None:
    try:
        return session.ledger("read")
    except UsageError:  # there is none yet: `run` would create it
        return None


def _loaded(session: Session, ledger: Ledger | None, file: Path, name: str, limits: Limits) -> Result:
    session.config().sendable()
    if ledger is not None:
        check_there(ledger, file, name)
    # There is no run of this name, so what another run was loaded from is loaded again.
    examined = examine(session, file, rejects_path=None, ask=False, anew=True)
    now = SystemClock().now()
    room = known_room(session.config(), ledger, now)
    work = Work(
        examined.messages,
        addresses=examined.addresses,
        letter_bytes=examined.letter_bytes,
        grown_bytes=room.grown,
    )
    found = forecasting.foretold(session.config(), ledger, None, work, now, room.free)
    warned = validity.tell(session, ledger, found)
    plan = Plan(examined.listed, examined.letters, found)
    then = "would be loaded" if examined.refusal is None else "would be refused, and not be loaded"
    first = f"Dry run: the list {then} as a new run {name!r}; nothing was loaded or sent."
    told = document(plan) | _told(session, "load", name, found, limits)
    told["warnings"] = [*told["warnings"], *map(_of_no_row, warned)]
    told["warnings_total"] += len(warned)
    words = "\n".join([first, text(plan), *_words(session, found, limits), *validity.repeated(warned)])
    return Result(told, words, Exit.of(reason_of(examined)), error=examined.refusal)


def _resumed(session: Session, ledger: Ledger, run: Run, file: Path | None, limits: Limits) -> Result:
    config = session.config()
    config.sendable()
    check_same(session, run, file)
    ledger.runs.check_service(run, config.settings.api.base_url)
    values = ledger.views.figures(run).values
    now = SystemClock().now()
    room = known_room(config, ledger, now)
    work = Work(values["pending"], grown_bytes=room.grown)
    found = forecasting.foretold(config, ledger, run, work, now, room.sure)
    warned = validity.tell(session, ledger, found) if work.messages else []
    doubts = f" In doubt: {values['in_doubt']:,}." if values["in_doubt"] else ""
    first = (
        f"Dry run: the run {run.name!r} ({run.state.value}) would go on; nothing was sent. "
        f"To be sent: {counted(values['pending'], 'message')}.{doubts}"
    )
    told = {"schema": 1} | _told(session, "resume", run.name, found, limits)
    how = Reason.ATTENTION if values["invalid"] else Reason.COMPLETE
    words = "\n".join([first, sentence(found), *_words(session, found, limits)])
    return validity.added(Result(told, words, Exit.of(how)), warned)


def _of_no_row(sentence: str) -> dict[str, Any]:
    """A warning in the form of those about rows, beside which it stands."""
    return {"row": None, "column": None, "value": None, "what": sentence, "todo": None}


def _told(session: Session, what: str, name: str, found: Forecast, limits: Limits) -> dict[str, Any]:
    ends = _ends(session, found, limits)
    return {
        "dry_run": True,
        "run": name,
        "would": what,
        "messages": found.messages,
        "binding": found.binding,
        "eta": None if found.left or found.end_ms is None else iso(found.end_ms),
        "start_ends": None if ends is None else iso(ends),
    }


def _ends(session: Session, found: Forecast, limits: Limits) -> int | None:
    """When this start would end: its work done, a window, cap or budget used up, or its own limit reached."""
    end = start_ends(found, waits=limits.wait, most=limits.max_messages)
    if end is None:
        return None
    calendar, now, ends = forecasting.calendar(session.config()), found.conditions.now_ms, [end]
    if limits.until is not None:
        ends.append(calendar.next_time(now, limits.until))
    if limits.max_duration is not None:
        ends.append(now + round(limits.max_duration * 1000))
    return min(ends)


def _words(session: Session, found: Forecast, limits: Limits) -> list[str]:
    lines = []
    if limits.max_messages is not None and limits.max_messages < found.messages:
        lines.append(
            f"This start would make {counted(limits.max_messages, 'attempt')} at most (--max-messages)."
        )
    ends = _ends(session, found, limits)
    if ends is not None:
        calendar = forecasting.calendar(session.config())
        lines.append(f"This start would end by {calendar.local(ends):%Y-%m-%d %H:%M} ({calendar.timezone}).")
    return lines
