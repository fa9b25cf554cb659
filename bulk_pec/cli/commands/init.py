"""``init``: a configuration, a template and a sample list to begin with."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from bulk_pec import shipped
from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.errors import LedgerError, UsageError

_FILES = {
    "config.toml": "config.example.toml",
    "avviso.html.j2": "samples/avviso.html.j2",
    "avvisi.csv": "samples/avvisi.csv",
}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "init")
    def init(
        session: Session,
        directory: Annotated[
            Path, typer.Argument(help="Where to; this folder unless given.", metavar="[DIR]")
        ] = Path(),
    ) -> Result:
        """Write a commented config.toml, a template and a sample list; overwrites nothing."""
        # lexists: nothing is written through a link; a folder that may not be entered is told below
        there = [name for name in _FILES if os.path.lexists(directory / name)]
        if there:
            raise UsageError(
                f"In {directory.absolute()} there is already: {', '.join(there)}.",
                hint="Nothing was written. Name another folder: `bulk-pec init DIR`.",
            )
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for name, source in _FILES.items():
                shutil.copyfile(shipped.path(source), directory / name)
        except OSError as error:
            raise LedgerError(
                f"{directory} cannot be written to: {error.strerror}.", hint="Check the folder's permissions."
            ) from error
        names = ", ".join(_FILES)
        return Result(
            {"schema": 1, "directory": str(directory), "files": list(_FILES)},
            f"Written to {directory.absolute()}: {names}.\n"
            "Next: set your mailbox in config.toml, put its secrets into BULK_PEC_TOKEN and "
            "BULK_PEC_PASSWORD. Then `bulk-pec plan avvisi.csv` checks every row and letter, "
            "and `bulk-pec run avvisi.csv` sends.",
        )
