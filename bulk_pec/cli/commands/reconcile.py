"""``reconcile``: receipts are read and matched, doubts settled."""

from __future__ import annotations

from typing import Annotated

import typer

from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "reconcile")
    def reconcile(
        session: Session,
        run: Annotated[str, typer.Argument(help="A run's name, or `last`.", metavar="[RUN]")] = "last",
    ) -> Result:
        """Read the inbox, match its receipts to messages of every run, settle this run's doubts."""
        from bulk_pec.cli.job import Job, Limits

        session.config().token()
        with session.ledger("write") as ledger:
            job = Job(session, ledger, ledger.runs.get(run), None, Limits())
            job.reconcile()
            return job.outcome()
