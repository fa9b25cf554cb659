"""``sandbox``: a simulated provider on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session
from bulk_pec.cli.streams import put, talk
from bulk_pec.domain.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "sandbox", context_settings={"ignore_unknown_options": True})
    def sandbox(
        session: Session,
        port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 = a free one.")] = 0,
        words: Annotated[
            list[str] | None,
            typer.Argument(
                help="Any option that `python -m bulk_pec.sandbox --help` lists.", metavar="[OPTION]..."
            ),
        ] = None,
    ) -> Result:
        """Play the provider on localhost until stopped; prints its address first.

        Takes all options of `python -m bulk_pec.sandbox`, such as --speed, --rate, --credit and --mailbox;
        `python -m bulk_pec.sandbox --help` explains them. With --json the address is on stderr.
        """
        from bulk_pec.sandbox.arguments import parse
        from bulk_pec.sandbox.server import serve

        options = parse([*(words or ()), "--port", str(port)])
        session.more("Recipients' local parts choose the outcome: see docs/sandbox.md.")
        try:
            serve(options, talk if session.as_json else put)
        except OSError as error:
            raise UsageError(
                f"Port {port} cannot be used: {error.strerror}.", hint="Try --port 0."
            ) from error
        return Result({"schema": 1}, "")
