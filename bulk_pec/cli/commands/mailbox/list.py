"""``mailbox list``: every mailbox the registry knows of this account."""

from __future__ import annotations

import typer

from bulk_pec.cli import registrar
from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session
from bulk_pec.cli.streams import line
from bulk_pec.domain.registrations import Registration

_NONE = (
    "The registry knows no mailbox of this account. One bought on the vendor's website is not there, and "
    "sends all the same."
)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "list")
    def list_(session: Session) -> Result:
        """List the mailboxes the registry knows, with their states; what it says is remembered."""
        found = registrar.ask(session, lambda registry: registry.all())
        registrar.remember(session, *found)
        document = {"schema": 1, "mailboxes": [registrar.mailbox(one) for one in found]}
        return Result(document, "\n".join(map(_row, found)) or _NONE)


def _row(found: Registration) -> str:
    """One line: id, address, state, and when it expires."""
    told = registrar.mailbox(found)
    cells = (told["id"], told["address"] or "?", told["kind"] or "?", told["state"] or "?")
    until = [f"expires {registrar.day(found.expires_at)}"] if found.expires_at is not None else []
    return "\t".join(line(cell) for cell in (*cells, *until))
