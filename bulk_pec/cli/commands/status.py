"""``status``: where a run stands."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session
from bulk_pec.cli.streams import put
from bulk_pec.domain.errors import UsageError

_EVERY = 2.0
"""Seconds between two looks of ``--watch``."""
_ENDED = frozenset({"finished", "cancelled"})


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "status")
    def status(
        session: Session,
        run: Annotated[str, typer.Argument(help="A run's name, or `last`.", metavar="[RUN]")] = "last",
        watch: Annotated[
            bool, typer.Option("--watch", help="Show it again every 2 s, until it is finished or Ctrl-C.")
        ] = False,
    ) -> Result:
        """Show where a run stands; reads the ledger only."""
        if watch and session.as_json:
            raise UsageError("--watch and --json do not go together.", hint="Ask again with --json alone.")
        return _watched(session, run) if watch else _looked(session, run)


def _looked(session: Session, name: str) -> Result:
    from bulk_pec.cli import forecasting
    from bulk_pec.clock import SystemClock
    from bulk_pec.reporting import status as report

    with session.ledger("read") as ledger:
        run = ledger.runs.get(name)
        figures = ledger.views.figures(run)
        terms = forecasting.terms(session.config(), ledger, run, figures, SystemClock().now())
        document = report.document(run, figures, terms)
    return Result(document, report.text(document, forecasting.zone(session.config())))


def _watched(session: Session, name: str) -> Result:
    """Shown again and again; the last one is the answer."""
    found = _looked(session, name)
    name = found.document["run"]  # `last` must not become another while it is watched
    try:
        while found.document["state"] not in _ENDED:
            put(_screen(session, found.text))
            time.sleep(_EVERY)
            found = _looked(session, name)
    except KeyboardInterrupt:
        return Result(found.document, "")
    return Result(found.document, _screen(session, found.text).rstrip("\n"))


def _screen(session: Session, text: str) -> str:
    """On a terminal in the place of what was shown before; elsewhere one after the other."""
    import os
    import sys

    dumb = os.environ.get("TERM", "") in {"", "dumb"} or not session.color
    return f"{text}\n" if dumb or not sys.stdout.isatty() else f"\x1b[H\x1b[2J{text}"
