"""``load``: a list becomes a run."""

from __future__ import annotations

import typer

from bulk_pec.cli.command import ListFile, Name, command
from bulk_pec.cli.names import run_name
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.exits import Exit, Reason


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "load")
    def load(session: Session, file: ListFile, name: Name = None) -> Result:
        """Check the list and freeze it in the ledger as a run; sends nothing."""
        from bulk_pec.cli import forecasting, wiring
        from bulk_pec.cli.loading import load as load_list
        from bulk_pec.cli.unchanged import check_same
        from bulk_pec.reporting import status
        from bulk_pec.reporting.ending import closing

        named = run_name(name, file)
        with session.ledger("write") as ledger:
            run = ledger.runs.find(named)
            if run is None:
                run, report = load_list(session, ledger, file, named)
                report.tell(session)
            else:
                check_same(session, run, file)
                session.say(f"The run {named!r} is loaded already: nothing was loaded.")
            figures = ledger.views.figures(run)
            terms = forecasting.terms(session.config(), ledger, run, figures, wiring.clock().now())
            document = status.document(run, figures, terms)
            ended = Exit.of(Reason.ATTENTION if document["rows"]["invalid"] else Reason.COMPLETE)
            words = status.text(document, forecasting.zone(session.config()))
            return Result(document, words, ended, closing(document, ended))
