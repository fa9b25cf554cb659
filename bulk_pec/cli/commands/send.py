"""``send``: a loaded run goes out."""

from __future__ import annotations

import typer

from bulk_pec.cli.command import Run, Yes, command
from bulk_pec.cli.commands.run import DryRun, MaxDuration, MaxMessages, Until, Wait, agreed, limits_of
from bulk_pec.cli.session import Result, Session


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "send")
    def send(
        session: Session,
        run: Run,
        yes: Yes = False,
        max_messages: MaxMessages = None,
        max_duration: MaxDuration = None,
        until: Until = None,
        wait: Wait = False,
        dry_run: DryRun = False,
    ) -> Result:
        """Recover, then send what is pending of a loaded run; reads the inbox first, settles nothing."""
        from bulk_pec.cli import validity
        from bulk_pec.cli.job import Job
        from bulk_pec.cli.unchanged import check_same

        limits = limits_of(max_messages, max_duration, until, wait=wait)
        if dry_run:
            from bulk_pec.cli.rehearsing import rehearse_sending

            return rehearse_sending(session, run, limits)
        config = session.config()
        config.sendable()
        with session.ledger("write") as ledger:
            known = ledger.runs.get(run)
            letters = check_same(session, known, None)
            warned = validity.warn(session, ledger, known)
            known = agreed(session, ledger, known, yes=yes)
            job = Job(session, ledger, known, letters, limits)
            job.send(reconcile=False)
            return validity.added(job.outcome(), warned)
