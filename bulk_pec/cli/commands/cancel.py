"""``cancel``: nothing more of a run is ever sent."""

from __future__ import annotations

from typing import Annotated

import typer

from bulk_pec.cli.command import Run, command
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.errors import UsageError

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "cancel")
    def cancel(session: Session, run: Run, yes: Yes = False) -> Result:
        """End a run for good; what has left stays sent, the rest is never sent."""
        from bulk_pec.cli.consent import said_yes
        from bulk_pec.cli.ordering import find, give, told
        from bulk_pec.domain.states import RunState
        from bulk_pec.ledger.runs.orders import Word

        before = find(session, run, Word.CANCEL)
        done = before.state in {RunState.CANCELLED, RunState.FINISHED}
        if not (done or yes or said_yes(session, f"Cancel {before.name!r} for good?")):
            raise UsageError(
                f"The run {before.name!r} was not cancelled: nobody said yes.",
                hint="Give --yes to cancel it; `bulk-pec pause` only stops it for a while.",
            )

        found = give(session, before, Word.CANCEL)
        name, messages = found.run.name, found.messages
        words = (
            f"Run {name} is cancelled: {messages['sent']:,} have left, {messages['in_doubt']:,} are in "
            f"doubt, {messages['cancelled']:,} are untouched and will never be sent."
        )
        if found.run.state is RunState.FINISHED:
            words = f"Run {name} is finished: there is nothing to cancel."
        return told(Word.CANCEL, before, found, words)
