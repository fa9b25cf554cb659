"""``mailbox form``: the activation form, as a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from bulk_pec.cli import registrar
from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session
from bulk_pec.cli.streams import line
from bulk_pec.domain.errors import BulkPecError, UsageError
from bulk_pec.domain.registrations import ACTIVATABLE


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "form")
    def form(
        session: Session,
        id_: registrar.Id,
        output: Annotated[Path, typer.Option("-o", "--output", help="form.pdf")],
        force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
    ) -> Result:
        """Write the activation form of a mailbox, a PDF, to be filled in and signed."""
        from bulk_pec.registry.papers import size
        from bulk_pec.reporting.placing import placed

        if str(output) == "-":
            raise UsageError("A form goes into a file, not to stdout.", hint="Name one, such as -o form.pdf.")
        _refuse_over(output, session.config().private_files())
        with placed(output, force=force, what="The form", example="form.pdf") as file:
            pdf = registrar.ask(session, lambda registry: registry.form(id_))
            file.write(pdf)
        return Result(
            {"schema": 1, "id": id_, "file": str(output), "bytes": len(pdf)},
            f"The activation form is in {output} ({size(len(pdf))}).\n{_next(session, id_)}",
        )


def _next(session: Session, id_: str) -> str:
    """What to do with the form, if its mailbox waits for one; that it cannot be told hides no form."""
    try:
        found = registrar.known(session, id_)
    except BulkPecError as error:
        return f"Whether it is awaited could not be asked: {error.what}"
    if found.state is not None and found.state not in ACTIVATABLE:
        return f"It is not awaited: {registrar.name(found)} is {line(registrar.state_words(found.stato))}."
    return (
        "Next: fill it in and sign it, put the applicant's identity document behind it in the same PDF, "
        f"then `bulk-pec mailbox activate {line(id_)} signed.pdf`."
    )


def _refuse_over(output: Path, private: list[Path]) -> None:
    """Not even --force writes over the configuration, a secret, the template or the ledger."""
    place = os.path.realpath(output)  # unlike Path.resolve it raises nothing for links in a circle
    if any(place == os.path.realpath(own) for own in private):
        raise UsageError(
            f"{output} is a file that bulk-pec lives on.", hint="Nothing was written. Name another file."
        )
