"""``status``: where a run stands."""

from __future__ import annotations

from typing import Annotated

import typer

from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "status")
    def status(
        session: Session,
        run: Annotated[str, typer.Argument(help="A run's name, or `last`.", metavar="[RUN]")] = "last",
    ) -> Result:
        """Show where a run stands; reads the ledger only."""
        from zoneinfo import ZoneInfo

        from bulk_pec.clock import SystemClock
        from bulk_pec.reporting import status as report

        config = session.config()
        terms = report.Terms(config.settings.budget.price_per_message, config.posts_per_second)
        with session.ledger("read") as ledger:
            found = ledger.runs.get(run)
            document = report.document(found, ledger.views.figures(found), terms, SystemClock().now())
        return Result(document, report.text(document, ZoneInfo(config.settings.sending.timezone)))
