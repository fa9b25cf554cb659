"""``mailbox show``: how a mailbox stands at the registry."""

from __future__ import annotations

import typer

from bulk_pec.cli import registrar
from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "show")
    def show(session: Session, id_: registrar.Id) -> Result:
        """Show a mailbox's state and expiry as the registry tells them now, and the states seen before."""
        found = registrar.known(session, id_)
        seen = registrar.history(session, id_)
        document = registrar.document(found) | {"history": seen}
        lines = [f"  {one['at']}  {registrar.state_words(one['state'])}" for one in seen]
        told = ["States seen from here:", *lines] if len(lines) > 1 else []
        return Result(document, "\n".join([registrar.text(found), *told]))
