"""``plan``: the whole list and every letter checked, and what sending them will take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulk_pec.cli.command import ListFile, command
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.exits import Exit

if TYPE_CHECKING:
    from bulk_pec.cli.examining import Examined
    from bulk_pec.planning import Forecast, ListFacts, Plan


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "plan")
    def plan(
        session: Session,
        file: ListFile,
        rejects: Annotated[
            Path | None, typer.Option("--rejects", help="Write the bad rows there, in the list's own form.")
        ] = None,
        lookups: Annotated[
            bool,
            typer.Option(
                "--lookups", help="Make the paid look-ups now, and ask how much room the mailboxes have."
            ),
        ] = False,
        problems: Annotated[
            Path | None,
            typer.Option("--problems", help="Write every problem, warning and row not sent there, as CSV."),
        ] = None,
    ) -> Result:
        """Check every row, letter and attachment, and foretell the run; sends nothing, calls nobody."""
        from bulk_pec.cli.examining import examine, reason_of
        from bulk_pec.planning import document, text

        examined = examine(session, file, rejects_path=rejects, ask=lookups, problems_path=problems)
        found = planned(session, examined, _asked(session) if lookups else {})
        words = text(found, whole=session.verbose)
        return Result(document(found), words, Exit.of(reason_of(examined)), error=examined.refusal)


def _asked(session: Session) -> dict[str, int]:
    """What `--lookups` asks besides addresses: how much room the mailboxes have."""
    from bulk_pec.cli.space import free_by_mailbox

    recipients = session.config().settings.recipients
    if not (recipients.lookup or recipients.check_domains):
        session.say("No address was looked up: [recipients] lookup and check_domains are both off.")
    return free_by_mailbox(session)


def planned(session: Session, examined: Examined, free: Mapping[str, int] | None = None) -> Plan:
    """What sending the list will take, and what of it would be too late.

    Args:
        session: For the configuration.
        examined: The list.
        free: Bytes that the mailboxes can take, by address, as far as known.
    """
    from bulk_pec.planning import Plan, expiring

    foretold = _forecast(session, examined, free or {})
    late = expiring(foretold, examined.expiries)
    listed = examined.listed
    if late:
        what = f"Messages that expire before their turn, in the order of the list: {late:,} at least"
        listed = _warned(listed, what, "They would be cancelled unsent: begin sooner, or raise what binds.")
    if foretold.left:
        what = f"Messages that cannot be sent: {foretold.left:,}"
        listed = _warned(listed, what, "The last line says what stops them.")
    return Plan(listed, examined.letters, foretold, late)


def _warned(listed: ListFacts, what: str, todo: str) -> ListFacts:
    """The same with one more warning about the whole list."""
    from bulk_pec.planning import Kind, RowProblem

    warning = RowProblem(None, None, what, todo, kind=Kind.WARNING)
    total = listed.warnings_total + 1
    return replace(listed, warnings=[warning, *listed.warnings], warnings_total=total)


def _forecast(session: Session, examined: Examined, free: Mapping[str, int]) -> Forecast:
    from bulk_pec.cli import forecasting, wiring
    from bulk_pec.cli.space import known_here
    from bulk_pec.planning import Work

    known = known_here(session)
    work = Work(
        examined.messages,
        addresses=examined.addresses,
        letter_bytes=examined.letter_bytes,
        grown_bytes=known.grown,
    )
    room = known.free | dict(free)
    return forecasting.foretold(session.config(), None, None, work, wiring.clock().now(), room)
