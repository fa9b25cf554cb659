"""``explain``: one message's whole story."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session

if TYPE_CHECKING:
    from bulk_pec.ledger.ledger import Ledger
    from bulk_pec.ledger.proof.tracing import Match

Key = Annotated[
    str,
    typer.Argument(help="A key, address, reference, message_id or row; row:12 says which.", metavar="KEY"),
]
OfRun = Annotated[str | None, typer.Option("--run", help="Look in this run only: its name, or `last`.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "explain")
    def explain(session: Session, key: Key, run: OfRun = None) -> Result:
        """Tell what became of one message, what proves it, and what happens next; reads the ledger only."""
        from bulk_pec.cli.asking import found
        from bulk_pec.ledger.proof.tracing import MOST
        from bulk_pec.reporting.explanation import as_document, listed

        with session.ledger("read") as ledger:
            matches = found(ledger, key, run)
            document = {"schema": 1, "asked": key, "matches": [as_document(match) for match in matches]}
            if len(matches) > 1:
                return Result({**document, "story": None, "next": None}, listed(key, matches, MOST))
            told = (
                _aside(ledger, matches[0])
                if matches[0].message is None
                else _story(session, ledger, matches[0])
            )
        return Result({**document, **told.document}, told.text)


def _story(session: Session, ledger: Ledger, match: Match) -> Result:
    from bulk_pec.cli import asking, forecasting
    from bulk_pec.reporting.account import account
    from bulk_pec.reporting.explanation import explained
    from bulk_pec.reporting.outlook import next_step

    run = ledger.runs.get(match.run)
    story = ledger.stories.of(run, match.message or 0)
    orders = ledger.stories.orders(run, story.message.reference)
    zone = forecasting.zone(session.config())
    then = next_step(story, asking.prospects(session.config(), ledger, story))
    return Result({"story": account(story, orders, zone), "next": then}, explained(story, orders, zone, then))


def _aside(ledger: Ledger, match: Match) -> Result:
    from bulk_pec.domain.errors import BrokenPromise
    from bulk_pec.reporting.account import aside_account
    from bulk_pec.reporting.explanation import explained_aside
    from bulk_pec.reporting.outlook import next_of_aside

    run = ledger.runs.get(match.run)
    aside = ledger.stories.aside(run, match.row)
    if aside is None:
        raise BrokenPromise("A row set aside has gone from the ledger.", hint="Please report this.")
    kept = ledger.stories.row_of_key(run, aside.key) if aside.key is not None else None
    then = next_of_aside(run, aside, kept)
    return Result({"story": aside_account(run, aside), "next": then}, explained_aside(run, aside, then))
