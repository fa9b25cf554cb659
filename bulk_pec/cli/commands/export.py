"""``export``: every row and what became of it, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bulk_pec.cli.command import Run, command
from bulk_pec.cli.session import Result, Session


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "export")
    def export(
        session: Session,
        run: Run,
        output: Annotated[Path, typer.Option("-o", "--output", help="results.csv, .parquet or .jsonl")],
        excel: Annotated[bool, typer.Option("--excel", help="CSV as Italian Excel reads it.")] = False,
    ) -> Result:
        """Write one line for every input row, in input order."""
        from bulk_pec.reporting.export import write
        from bulk_pec.reporting.replacing import refuse_foreign, refuse_over

        with session.ledger("read") as ledger:
            found = ledger.runs.get(run)
            refuse_over(output, found.list_digest, _ledger_file(session))
            refuse_foreign(output)
            count = write(output, found.columns, ledger.views.rows(found), excel=excel)
        document = {"schema": 1, "run": found.name, "rows": count, "file": str(output)}
        return Result(document, f"{count:,} rows of {found.name} written to {output}.")


def _ledger_file(session: Session) -> Path | None:
    """The ledger's file; None where it is a server's."""
    scheme, _, path = session.config().ledger_url().partition(":///")
    return Path(path) if scheme == "sqlite" else None
