"""``run``: the nightly job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulk_pec.cli.command import ListFile, Name, Yes, command
from bulk_pec.cli.names import run_name
from bulk_pec.cli.session import Result, Session
from bulk_pec.cli.signals import interrupt
from bulk_pec.cli.streams import talk
from bulk_pec.domain.errors import UsageError

if TYPE_CHECKING:
    from bulk_pec.cli.job import Limits

MaxMessages = Annotated[
    int | None, typer.Option("--max-messages", min=1, help="Attempts in this start, at most.")
]
MaxDuration = Annotated[
    str | None, typer.Option("--max-duration", help="Start nothing new after so long, for example 6h.")
]


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
    ) -> Result:
        """Load the list if it is new, recover, reconcile, send, reconcile, report. Again = resume."""
        return nightly(
            session, file, run_name(name, file), yes=yes, max_messages=max_messages, max_duration=max_duration
        )


def nightly(
    session: Session,
    file: Path,
    name: str,
    *,
    yes: bool,
    max_messages: int | None = None,
    max_duration: str | None = None,
) -> Result:
    """The job itself, which `demo` runs too."""
    from bulk_pec.cli.job import Job
    from bulk_pec.cli.loading import check_same, load

    config = session.config()
    limits = limits_of(max_messages, max_duration)
    config.sendable()
    with session.ledger("write") as ledger:
        known = ledger.runs.find(name)
        if known is None:
            known, report = load(session, ledger, file, name)
            report.tell(session)
        letters = check_same(session, known, file)
        if known.started_at is None:
            confirm(session, known.name, ledger.views.figures(known).values["pending"], yes=yes)
        job = Job(session, ledger, known, letters, limits)
        job.send(reconcile=True)
        return job.outcome()


def limits_of(max_messages: int | None, max_duration: str | None) -> Limits:
    """The limits of this start, read."""
    from bulk_pec.cli.job import Limits
    from bulk_pec.config import parse_duration

    try:
        seconds = parse_duration(max_duration) if max_duration is not None else None
    except ValueError as error:
        raise UsageError(
            f"--max-duration {max_duration!r}: {error}.", hint="Write 90s, 30m, 6h or 1h30m."
        ) from error
    return Limits(max_messages, seconds)


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
    if yes or (_on_terminal() and not session.as_json and _said_yes(name, messages)):
        return
    raise UsageError(
        otherwise or f"The run {name!r} is loaded and was not sent: {messages:,} messages wait.",
        hint="Give --yes to send them; resuming later asks no more.",
    )


def _on_terminal() -> bool:
    import sys

    return sys.stdin is not None and sys.stdin.isatty()


def _said_yes(name: str, messages: int) -> bool:
    """Ask at the terminal; no answer, the end of the input and a signal are a no."""
    try:
        interrupt()
        talk(f"Send {messages:,} certified messages for {name!r} now? [y/N] ", end="")
        answer = _line()
    except KeyboardInterrupt:
        answer = ""
    if not answer.endswith("\n"):
        talk("")  # what follows begins a line of its own
        return False
    return answer.strip().lower() in {"y", "yes", "s", "si", "sì"}


def _line() -> str:
    """A line from the terminal; "" at its end.

    Asked for only once it is there: a signal that comes right before a read would otherwise wait for the
    read's end, for ever.
    """
    import select
    import sys

    while not select.select([sys.stdin], [], [], 0.2)[0]:
        pass
    return sys.stdin.readline()
