"""``ledger``: the database itself."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulk_pec.cli.command import command
from bulk_pec.cli.session import COMPLETE, Result, Session
from bulk_pec.domain.exits import Exit, Reason

if TYPE_CHECKING:
    from bulk_pec.ledger.proof.checking import Report

_WHAT_NOW = (
    "Do not send with this ledger and do not mend it by hand: keep a copy, and report this with these lines, "
    "which name nobody."
)


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
        from bulk_pec.ledger.store.schema import SCHEMA_VERSION

        with session.ledger("write", upgrade=True) as ledger:
            shown = ledger.database.shown
        document = {"schema": 1, "ledger": shown, "version": SCHEMA_VERSION}
        return Result(document, f"The ledger {shown} has schema {SCHEMA_VERSION}.")

    @command(group, "check")
    def check(session: Session) -> Result:
        """Ask the ledger whether every promise holds; changes nothing, and may run while others send."""
        from bulk_pec.ledger.proof.checking import Checking

        with session.ledger("read") as ledger:
            shown = ledger.database.shown
            report = Checking(ledger.database).report()
        return _told(shown, report)

    @command(group, "backup")
    def backup(
        session: Session,
        path: Annotated[Path, typer.Argument(help="A file that does not exist yet.", metavar="PATH")],
    ) -> Result:
        """Copy a SQLite ledger into a new file, also while a process sends. See the page on restoring."""
        from bulk_pec.ledger.store.copying import copy

        with session.ledger("read") as ledger:
            shown = ledger.database.shown
            copy(ledger.database, path)
        text = f"The ledger {shown} is copied to {path}. A copy knows nothing of what is sent after it."
        return Result({"schema": 1, "ledger": shown, "backup": str(path)}, text)


def _told(shown: str, report: Report) -> Result:
    """One line a violation, then how it ended."""
    document = {
        "schema": 1,
        "ledger": shown,
        "asked": report.asked,
        "violations": [asdict(one) for one in report.violations],
        "more": report.more,
    }
    if report.clean:
        return Result(document, f"The ledger {shown} holds in all {report.asked} questions.", COMPLETE)
    lines = [f"{one.invariant}: {one.what}" for one in report.violations]
    more = [f"… and {report.more} more"] if report.more else []
    return Result(document, "\n".join(lines + more), Exit.of(Reason.ATTENTION), closing=_WHAT_NOW)
