"""``mailbox check``: is an address free for a new mailbox."""

from __future__ import annotations

from typing import Annotated

import typer

from bulk_pec.cli import registrar
from bulk_pec.cli.command import command
from bulk_pec.cli.session import COMPLETE, Result, Session
from bulk_pec.cli.streams import line
from bulk_pec.domain.errors import UsageError
from bulk_pec.domain.exits import Exit, Reason


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "check")
    def check(
        session: Session,
        address: Annotated[
            str, typer.Argument(help="The address a new mailbox would have.", metavar="ADDRESS")
        ],
    ) -> Result:
        """Ask whether an address is free for a new mailbox; 3 if it is taken."""
        wanted = _checked(address)
        free = registrar.ask(session, lambda registry: registry.available(wanted))
        document = {"schema": 1, "address": wanted, "available": free}
        if free:
            text = f"{line(wanted)} is free. Next: `bulk-pec mailbox register FILE`."
            return Result(document, text, COMPLETE)
        return Result(document, f"{line(wanted)} is taken.", Exit.of(Reason.ATTENTION))


def _checked(address: str) -> str:
    """The address without blanks around it.

    Raises:
        UsageError: It is none.
    """
    from bulk_pec.recipients.addresses import fault

    wanted = address.strip()
    if (what := fault(wanted)) is not None:
        raise UsageError(f"{address!r}: {what.rstrip('.')}.", hint="Nobody was asked. Write an address.")
    return wanted
