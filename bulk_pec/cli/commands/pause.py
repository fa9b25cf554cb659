"""``pause``: nothing more of a run is sent until `resume`."""

from __future__ import annotations

import shlex

import typer

from bulk_pec.cli.command import Run, command
from bulk_pec.cli.session import Result, Session


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "pause")
    def pause(session: Session, run: Run) -> Result:
        """Stop sending a run until `resume`; a process that sends it obeys within seconds."""
        from bulk_pec.cli.ordering import find, give, told
        from bulk_pec.domain.states import RunState
        from bulk_pec.ledger.runs.orders import Word

        before = find(session, run, Word.PAUSE)
        found = give(session, before, Word.PAUSE)
        name, messages = found.run.name, found.messages
        if found.run.state is RunState.FINISHED:
            return told(Word.PAUSE, before, found, f"Run {name} is finished: there is nothing to pause.")
        words = (
            f"Run {name} is {found.run.state.value}: {messages['sent']:,} sent, {messages['in_doubt']:,} in "
            f"doubt, {messages['pending']:,} to send. `bulk-pec resume {shlex.quote(name)}` lets it go on."
        )
        return told(Word.PAUSE, before, found, words)
