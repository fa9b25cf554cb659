"""``ledger``: the database itself."""

from __future__ import annotations

import typer

from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="The ledger's database.", no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(group, name="ledger")

    @group.callback()
    def _group() -> None:
        """The ledger's database."""

    @command(group, "upgrade")
    def upgrade(session: Session) -> Result:
        """Bring the ledger to this version's schema; a new one is created."""
        from bulk_pec.ledger.schema import SCHEMA_VERSION

        with session.ledger("write", upgrade=True) as ledger:
            shown = ledger.database.shown
        document = {"schema": 1, "ledger": shown, "version": SCHEMA_VERSION}
        return Result(document, f"The ledger {shown} has schema {SCHEMA_VERSION}.")
