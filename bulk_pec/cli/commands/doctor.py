"""``doctor``: is everything there that a run needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulk_pec.checkup.findings import Finding
    from bulk_pec.config import Config

_SIGNS = {"ok": "ok", "warning": "WARNING", "failure": "FAILURE", "unknown": "unknown"}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "doctor")
    def doctor(session: Session) -> Result:
        """Check configuration, secrets, message, ledger, clock, hosts and mailboxes; sends nothing."""
        from bulk_pec.checkup.findings import failed
        from bulk_pec.config import load

        try:
            # Not the session's own: that one says warnings on stderr, and here each is a finding.
            config = load(session.config_path, environ=os.environ)
        except ConfigError as error:
            return told([failed("configuration", error)])  # without it there is nothing to check
        return told(_checked(config))


def _checked(config: Config) -> list[Finding]:
    """Every finding."""
    from functools import partial

    import anyio

    from bulk_pec.checkup.checkup import check_up
    from bulk_pec.cli import wiring

    return anyio.run(check_up, config, partial(wiring.composer, config))


def told(findings: Sequence[Finding]) -> Result:
    """All findings, and how they end together."""
    from bulk_pec.checkup.findings import ending

    document = {"schema": 1, "checks": [one.document for one in findings]}
    return Result(document, "\n".join(map(_line, findings)), ending(findings), closing=_closing(findings))


def _line(one: Finding) -> str:
    """A finding for people, its hint beneath."""
    where = one.name.replace("_", " ") + (f" ({one.about})" if one.about else "")
    told = f"{_SIGNS[one.verdict.value]:<8} {where}: {one.what}"
    return f"{told}\n         {one.hint}" if one.hint else told


def _closing(findings: Sequence[Finding]) -> str:
    failures = sum(one.reason is not None for one in findings)
    if not failures:
        warned = any(one.verdict.value == "warning" for one in findings)
        return f"Nothing stands in the way of a run{'; see the warnings' if warned else ''}."
    return "1 check failed." if failures == 1 else f"{failures} checks failed."
