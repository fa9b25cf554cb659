"""``suppress``: addresses never to be written to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session
from bulk_pec.cli.streams import line
from bulk_pec.domain.errors import UsageError
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.domain.words import counted

if TYPE_CHECKING:
    from bulk_pec.config import RecipientsSettings
    from bulk_pec.recipients import ListOptions

Addresses = Annotated[list[str], typer.Argument(help="Certified addresses.", metavar="ADDRESS…")]
Why = Annotated[str, typer.Option("--reason", help="Why; kept with the day it was added.")]
_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Addresses never to be written to.", no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(group, name="suppress")

    @command(group, "add")
    def add(session: Session, addresses: Addresses, reason: Why = "") -> Result:
        """Never write to these addresses again; what is pending for them is cancelled when its turn comes."""
        _check(addresses)
        with session.ledger("write") as ledger:
            added = ledger.suppressions.add(addresses, reason, _now())
        known = len(_folded(addresses)) - added
        text = f"{added:,} added, {known:,} {_were(known)} there already."
        return Result({"schema": 1, "added": added, "known": known}, text)

    @command(group, "remove")
    def remove(session: Session, addresses: Addresses) -> Result:
        """Allow these addresses again; nothing cancelled comes back by that."""
        with session.ledger("write") as ledger:
            removed = ledger.suppressions.remove(addresses)
        missing = sorted(_folded(addresses) - set(removed))
        text = f"{len(removed):,} removed."
        if missing:
            were = f"{len(missing):,} {_were(len(missing))}"
            text += f" {were} not on the list; `bulk-pec suppress list` shows what is."
        return Result({"schema": 1, "removed": len(removed), "unknown": len(missing)}, text)

    @command(group, "list")
    def list_(session: Session) -> Result:
        """Show every suppressed address, its reason and its day."""
        from bulk_pec.reporting.status import iso

        with session.ledger("read") as ledger:
            known = list(ledger.suppressions.all())
        rows = [
            {"address": one.address, "reason": one.reason, "added_at": iso(one.added_at)} for one in known
        ]
        lines = [f"{row['address']}\t{row['added_at'][:10]}\t{line(row['reason'])}" for row in rows]
        return Result({"schema": 1, "suppressions": rows}, "\n".join(lines) or "No address is suppressed.")

    @command(group, "import")
    def import_(
        session: Session,
        # What cannot be read is refused by reading it, with a document; typer would refuse it without one.
        file: Annotated[
            Path, typer.Argument(help="CSV or Parquet with a column of addresses.", readable=False)
        ],
        column: Annotated[
            str | None,
            typer.Option("--column", help="The addresses' column; else the configured one, or found."),
        ] = None,
        reason: Why = "imported",
    ) -> Result:
        """Suppress every address of a list; rows without a valid address are named and left out.

        The list is read as the configuration's [recipients] says.
        """
        from bulk_pec.domain.addresses import canonicals
        from bulk_pec.recipients import open_list

        problems: list[str] = []
        rows = added = refused = 0
        options = _options(session.config().settings.recipients, column)
        with open_list(file, options) as known, session.ledger("write") as ledger:
            for guess in known.guesses:
                session.say(guess)
            for batch in known.batches():
                rows += len(batch.rows)
                refused += len(batch.set_aside)
                addresses = (one for row in batch.rows for one in canonicals(row[2]))
                added += ledger.suppressions.add(addresses, reason, _now())
                problems += [f"row {row.row}: {row.problems[0].what}" for row in batch.set_aside][:_SHOWN]
        _tell(session, problems[:_SHOWN], refused)
        document = {"schema": 1, "rows": rows + refused, "added": added, "invalid": refused}
        ended = Exit.of(Reason.ATTENTION if refused else Reason.COMPLETE)
        text = f"{added:,} added of {counted(rows + refused, 'row')}"
        without = f"; {refused:,} {_has(refused)} no valid address" if refused else ""
        return Result(document, f"{text}{without}.", ended)


def _options(recipients: RecipientsSettings, column: str | None) -> ListOptions:
    """How to read a list of addresses: as the run's, but that it need not have the run's columns."""
    from bulk_pec.recipients import ListOptions

    return ListOptions(
        address_column=column,
        address_preferred=recipients.address_column,
        address_flag="--column",
        encoding=recipients.encoding,
        separator=recipients.separator,
        allow_multiple=recipients.allow_multiple,
    )


def _tell(session: Session, first: list[str], refused: int) -> None:
    """Name the first rows that are left out, and count the others."""
    for problem in first:
        session.say(f"Left out, {problem}")
    if refused > len(first):
        session.say(f"Left out, and {counted(refused - len(first), 'more row')}.")


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _has(count: int) -> str:
    return "has" if count == 1 else "have"


def _folded(addresses: list[str]) -> set[str]:
    """The addresses as they are compared, each once."""
    from bulk_pec.domain.addresses import canonical

    return set(map(canonical, addresses))


def _now() -> int:
    from bulk_pec.clock import SystemClock

    return SystemClock().now()


def _check(addresses: list[str]) -> None:
    """Refuse what is no address before anything is written.

    Raises:
        UsageError: One of them is none.
    """
    from bulk_pec.recipients.addresses import fault

    for address in addresses:
        if (what := fault(address.strip())) is not None:
            raise UsageError(
                f"{address!r}: {what.rstrip('.')}.", hint="Nothing was added. Write certified addresses."
            )
