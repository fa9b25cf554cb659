"""``archive``: the receipts' texts as they are kept."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulk_pec.cli.command import command
from bulk_pec.cli.session import COMPLETE, Result, Session
from bulk_pec.domain.errors import ConfigError
from bulk_pec.domain.exits import Exit, Reason

if TYPE_CHECKING:
    from bulk_pec.receipts.verifying import Checked


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="The archive of receipts.", no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(group, name="archive")

    @group.callback()
    def _group() -> None:
        """The archive of receipts."""

    @command(group, "verify")
    def verify(
        session: Session,
        directory: Annotated[
            Path | None,
            typer.Argument(help="An archive; the configuration's unless given.", metavar="[DIR]"),
        ] = None,
    ) -> Result:
        """Check every file and the chain of hashes, and say the first break; offline, changes nothing.

        The configuration's own archive is also held against the ledger, which knows how long each chain is. A
        folder that is named is checked by itself alone, so that lines missing at its end are not noticed.
        """
        from bulk_pec.receipts.verifying import verify as verify_archive

        if directory is not None:
            return _told(directory, verify_archive(directory), by_ledger=False)
        folder = session.config().settings.receipts.archive
        if folder is None:
            raise ConfigError(
                "The configuration names no archive.", hint="Set receipts.archive, or name the folder."
            )
        path = session.config().resolve(folder)
        return _told(path, verify_archive(path, _heads(session)), by_ledger=True)


def _heads(session: Session) -> dict[str, tuple[int, str]]:
    """How far the ledger knows each mailbox's chain, by the name of its folder."""
    from bulk_pec.receipts.papers import folder_of

    with session.ledger("read") as ledger:
        heads = ledger.archiving.heads()
    return {folder_of(address): (head.number, head.link) for address, head in heads.items()}


def _before(entries: int) -> str:
    """How much of a broken chain is sound."""
    if entries == 0:
        return "no entry holds up to there"
    return f"up to there {entries:,} {'entry holds' if entries == 1 else 'entries hold'}"


def _told(archive: Path, found: list[Checked], *, by_ledger: bool) -> Result:
    document = {
        "schema": 1,
        "archive": str(archive),
        "held_against_ledger": by_ledger,
        "mailboxes": [asdict(one) for one in found],
    }
    lines = [
        f"{one.folder}: {one.broken}; {_before(one.entries)}"
        if one.broken
        else f"{one.folder}: every entry holds, {one.entries:,} in all"
        for one in found
    ]
    if not any(one.broken for one in found):
        return Result(document, "\n".join(lines), COMPLETE)
    closing = "Do not add to this archive: keep a copy of it and of the ledger, and find out what changed it."
    return Result(document, "\n".join(lines), Exit.of(Reason.ATTENTION), closing=closing)
