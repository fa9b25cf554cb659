"""``run``: the nightly job."""

from __future__ import annotations

import shlex
from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulk_pec.cli.command import ListFile, Name, Yes, command
from bulk_pec.cli.consent import said_yes
from bulk_pec.cli.names import run_name
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.errors import RunPaused, UsageError
from bulk_pec.domain.states import RunState
from bulk_pec.domain.words import counted

if TYPE_CHECKING:
    from bulk_pec.cli.job import Limits
    from bulk_pec.ledger.ledger import Ledger
    from bulk_pec.ledger.runs.runs import Run

MaxMessages = Annotated[
    int | None, typer.Option("--max-messages", min=1, help="Attempts in this start, at most.")
]
MaxDuration = Annotated[
    str | None, typer.Option("--max-duration", help="Start nothing new after so long, for example 6h.")
]
Until = Annotated[
    str | None,
    typer.Option("--until", help="Start nothing new from this time of day on, for example 05:30."),
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait for windows, caps and room in the mailbox, rather than end.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would do; call nobody, write nothing.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "run")
    def run(
        session: Session,
        file: ListFile,
        name: Name = None,
        yes: Yes = False,
        max_messages: MaxMessages = None,
        max_duration: MaxDuration = None,
        until: Until = None,
        wait: Wait = False,
        dry_run: DryRun = False,
    ) -> Result:
        """Load the list if it is new, recover, reconcile, send, reconcile, report. Again = resume."""
        limits = limits_of(max_messages, max_duration, until, wait=wait)
        if dry_run:
            from bulk_pec.cli.rehearsing import rehearse

            return rehearse(session, file, run_name(name, file), limits)
        return nightly(session, file, run_name(name, file), yes=yes, limits=limits)


def nightly(session: Session, file: Path, name: str, *, yes: bool, limits: Limits | None = None) -> Result:
    """The job itself, which `demo` runs too."""
    from bulk_pec.cli import validity
    from bulk_pec.cli.job import Job, Limits
    from bulk_pec.cli.unchanged import check_same

    config = session.config()
    config.sendable()
    with session.ledger("write") as ledger:
        known = ledger.runs.find(name)
        if known is None:
            from bulk_pec.cli.loading import load

            known, report = load(session, ledger, file, name)
            report.tell(session)
        letters = check_same(session, known, file)
        warned = validity.warn(session, ledger, known)
        known = agreed(session, ledger, known, yes=yes)
        job = Job(session, ledger, known, letters, limits or Limits())
        job.send(reconcile=True)
        return validity.added(job.outcome(), warned)


def agreed(session: Session, ledger: Ledger, run: Run, *, yes: bool) -> Run:
    """Ask before a run's first sending, unless the yes was given beforehand; the run as it stands then.

    What was ordered while nobody listened is obeyed before the question: a `resume` lets a run go on, and is
    no yes to its first sending. One that is paused is not gone on with, for it may be resumed at any moment.

    Raises:
        UsageError: Nobody said yes; nothing is sent.
        RunPaused: It is paused, was never sent, and the yes was not given.
    """
    from bulk_pec.cli import wiring
    from bulk_pec.sending.orders import Orders

    Orders(ledger, run, wiring.clock(), session.say).take()
    known = ledger.runs.get(run.name)
    if known.started_at is None and known.state is RunState.PAUSED and not yes:
        raise RunPaused(
            f"The run {known.name!r} is paused, and was never sent.",
            hint=f"`bulk-pec resume {shlex.quote(known.name)}`, then send it.",
        )
    if known.started_at is None and known.state is RunState.LOADED:
        confirm(session, known.name, ledger.views.figures(known).values["pending"], yes=yes)
    return known


def limits_of(max_messages: int | None, max_duration: str | None, until: str | None, *, wait: bool) -> Limits:
    """The limits of this start, read.

    Raises:
        UsageError: One of them cannot be read.
    """
    from bulk_pec.cli.job import Limits
    from bulk_pec.config import parse_duration

    try:
        seconds = parse_duration(max_duration) if max_duration is not None else None
    except ValueError as error:
        raise UsageError(
            f"--max-duration {max_duration!r}: {error}.", hint="Write 90s, 30m, 6h or 1h30m."
        ) from error
    moment = _time_of_day(until) if until is not None else None
    return Limits(max_messages, seconds, moment, wait=wait)


def _time_of_day(text: str) -> time:
    form = "%H:%M:%S" if text.count(":") > 1 else "%H:%M"
    try:
        return datetime.strptime(text.strip(), form).time()  # noqa: DTZ007 - a time of day has no zone
    except ValueError:
        raise UsageError(f"--until {text!r} is no time of day.", hint="Write 05:30.") from None


def confirm(session: Session, name: str, messages: int, *, yes: bool, otherwise: str = "") -> None:
    """Ask once before a run is sent for the first time.

    Args:
        session: Whether somebody can be asked.
        name: The run's.
        messages: How many would be sent.
        yes: Whether the answer was given beforehand.
        otherwise: What is so without a yes; the run is loaded, unless this says else.

    Raises:
        UsageError: Nobody said yes; nothing is sent.
    """
    if yes or said_yes(session, f"Send {counted(messages, 'certified message')} for {name!r} now?"):
        return
    wait = "waits" if messages == 1 else "wait"
    raise UsageError(
        otherwise or f"The run {name!r} is loaded and was not sent: {counted(messages, 'message')} {wait}.",
        hint="Give --yes to send them; resuming later asks no more.",
    )
