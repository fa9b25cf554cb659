"""``settle``: the operator's decision on doubts, recorded."""

from __future__ import annotations

from typing import Annotated

import typer

from bulk_pec.cli.command import Run, command
from bulk_pec.cli.session import Result, Session

Keys = Annotated[
    list[str] | None, typer.Argument(help="Keys or references; without any, all doubts.", metavar="[KEY]...")
]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "settle")
    def settle(
        session: Session,
        run: Run,
        keys: Keys = None,
        sent: Annotated[bool, typer.Option("--sent", help="They left.")] = False,
        resend: Annotated[bool, typer.Option("--resend", help="Send them again.")] = False,
        abandon: Annotated[bool, typer.Option("--abandon", help="Give them up.")] = False,
        acknowledge: Annotated[
            bool,
            typer.Option(
                "--acknowledge",
                help="I have looked: at the ambiguous deliveries of these KEYs; without any, at all of them, "
                "or else at an older copy, which may then send.",
            ),
        ] = False,
        reason: Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")] = "",
    ) -> Result:
        """List a run's doubts or, with a flag, decide them; the flag itself is the decision."""
        from bulk_pec.cli.settling import Desk, check_acknowledging, decision_of

        decision = decision_of(sent=sent, resend=resend, abandon=abandon)
        if acknowledge:
            check_acknowledging(decision)
        desk = Desk(session, keys or [], decision, reason, acknowledge=acknowledge)
        with session.ledger("read") as ledger:
            found = ledger.runs.get(run)
            desk.choose(ledger, found)
            if not desk.decides:
                return desk.told(ledger, found)
        with session.ledger("write") as ledger:
            desk.choose(ledger, found)  # again: a receipt may have come in between
            desk.decide(ledger, found)
            return desk.told(ledger, ledger.runs.get(found.name))
