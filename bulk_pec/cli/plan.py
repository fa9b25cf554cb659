"""``plan``: the whole list and every letter checked, and what sending them will take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulk_pec.cli.command import ListFile, command
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.exits import Exit, Reason

if TYPE_CHECKING:
    from bulk_pec.planning import Forecast, LetterFacts, ListFacts


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "plan")
    def plan(
        session: Session,
        file: ListFile,
        rejects: Annotated[
            Path | None, typer.Option("--rejects", help="Write the bad rows there, in the list's own form.")
        ] = None,
        lookups: Annotated[bool, typer.Option("--lookups", help="Make the paid look-ups now.")] = False,
    ) -> Result:
        """Check every row, letter and attachment, and foretell the run; sends nothing, calls nobody."""
        from bulk_pec.cli.examining import examine
        from bulk_pec.planning import Plan, document, text

        listed, letters, addresses = examine(session, file, rejects_path=rejects, ask=lookups)
        found = Plan(listed, letters, _forecast(session, listed, letters, addresses))
        ended = Exit.of(Reason.ATTENTION if listed.invalid else Reason.COMPLETE)
        return Result(document(found), text(found), ended)


def _forecast(session: Session, listed: ListFacts, letters: LetterFacts, addresses: int) -> Forecast:
    from bulk_pec.cli import wiring
    from bulk_pec.planning import Work, forecast

    settings = session.config().settings
    messages = listed.messages
    work = Work(
        messages,
        addresses=max(messages, addresses - listed.duplicate) if messages else None,
        letter_bytes=letters.total // max(1, messages),
        price=settings.budget.price_per_message,
        max_cost=settings.budget.max_cost,
    )
    return forecast(
        work,
        wiring.speed(session.config()),
        wiring.calendar(session.config()),
        wiring.mailbox_limits(session.config()),
        wiring.clock().now(),
    )
