"""``sandbox``: a simulated provider on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "sandbox")
    def sandbox(
        session: Session,
        port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 = a free one.")] = 0,
        speed: Annotated[float, typer.Option("--speed", min=1, help="Sandbox seconds in a second.")] = 1.0,
        rate: Annotated[
            float | None, typer.Option("--rate", help="POSTs a second it takes; beyond, 429.")
        ] = None,
    ) -> Result:
        """Play the provider on localhost until stopped; prints its address first."""
        from bulk_pec.sandbox.options import SandboxOptions
        from bulk_pec.sandbox.server import serve

        session.more("Recipients' local parts choose the outcome: see docs/sandbox.md.")
        try:
            serve(SandboxOptions(port=port, speed=speed, rate=rate), lambda url: print(url, flush=True))
        except OSError as error:
            raise UsageError(
                f"Port {port} cannot be used: {error.strerror}.", hint="Try --port 0."
            ) from error
        return Result({"schema": 1}, "")
