"""``plan``: the whole list and every letter checked, and what sending them will take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulk_pec.cli.command import ListFile, command
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.exits import Exit, Reason

if TYPE_CHECKING:
    from bulk_pec.cli.examining import Examined
    from bulk_pec.planning import Forecast


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

        examined = examine(session, file, rejects_path=rejects, ask=lookups)
        found = Plan(examined.listed, examined.letters, _forecast(session, examined))
        return Result(document(found), text(found), Exit.of(_reason(examined)))


def _reason(examined: Examined) -> Reason:
    """65 for what loading would refuse, with the whole plan; but invalid rows are 3, however many."""
    if examined.refused:
        return Reason.DATA
    return Reason.ATTENTION if examined.listed.invalid else Reason.COMPLETE


def _forecast(session: Session, examined: Examined) -> Forecast:
    from bulk_pec.cli import forecasting, wiring
    from bulk_pec.planning import Work

    work = Work(examined.listed.messages, addresses=examined.addresses, letter_bytes=examined.letter_bytes)
    return forecasting.foretold(session.config(), None, None, work, wiring.clock().now())
