"""``resume``: a paused run may be sent again."""

from __future__ import annotations

import shlex

import typer

from bulk_pec.cli.command import Run, command
from bulk_pec.cli.session import Result, Session


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "resume")
    def resume(session: Session, run: Run) -> Result:
        """Allow a paused run again; it sends nothing by itself."""
        from bulk_pec.cli.ordering import find, give, told
        from bulk_pec.domain.states import RunState
        from bulk_pec.ledger.runs.orders import Word

        before = find(session, run, Word.RESUME)
        found = give(session, before, Word.RESUME)
        name = found.run.name
        if before.state is not RunState.PAUSED:
            words = f"Run {name} was not paused: it is {found.run.state.value}."
        else:
            words = f"Run {name} may be sent again: `bulk-pec send {shlex.quote(name)}` goes on with it."
        return told(Word.RESUME, before, found, words)
