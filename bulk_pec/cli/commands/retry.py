"""``retry``: what failed in a run becomes a new run."""

from __future__ import annotations

from typing import Annotated

import typer

from bulk_pec.cli.command import Run, command
from bulk_pec.cli.session import Result, Session

Classes = Annotated[
    list[str],
    typer.Option(
        "--class",
        help="rejected, undelivered, not_accepted, overdue or abandoned; may be given more than once.",
        metavar="CLASS",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "retry")
    def retry(session: Session, run: Run, classes: Classes, yes: Yes = False) -> Result:
        """Load what failed in a run as a new run, with new references; it sends nothing by itself."""
        from bulk_pec.cli.retrying import classes_of, retry_run

        return retry_run(session, run, classes_of(classes), yes=yes)
