"""``mailbox activate``: the signed form and the identity document, as one PDF. Sent once, never repeated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bulk_pec.cli import changing, registrar
from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.errors import RegistryRefused
from bulk_pec.domain.registrations import ACTIVATABLE, Registration

_ONE_PAPER = frozenset({"PECMASSIVA", "DOMICILIODIGITALE"})
"""Kinds whose papers are one PDF (PATCH /pec/{id}/attivazione)."""

Papers = Annotated[
    Path,
    typer.Argument(help="One PDF: the signed form, then the identity document.", metavar="signed.pdf"),
]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "activate")
    def activate(session: Session, id_: registrar.Id, file: Papers, yes: registrar.Yes = False) -> Result:
        """Send the signed form and the identity document, in one PDF, to activate a mailbox. Asks once."""
        from bulk_pec.registry.papers import checked_pdf, size

        pdf = checked_pdf(file)
        sent = f"{file} ({size(len(pdf))})"

        before: Registration | None = None

        def question() -> str:
            nonlocal before
            found = before = _activatable(registrar.known(session, id_))
            return f"Send {sent} to have {registrar.name(found)} activated?"

        registrar.agreed(session, yes=yes, what="Activating a mailbox", look=question)
        answer = changing.change(session, lambda registry: registry.activate(id_, pdf, before))
        told = changing.ended(
            session,
            answer,
            done=f"{sent} was taken.",
            doing=f"activating {id_}",
            look=f"bulk-pec mailbox show {id_}",
        )
        return replace(told, document=told.document | {"file": str(file), "bytes": len(pdf)})


def _activatable(found: Registration) -> Registration:
    """The mailbox, if it awaits papers, and one PDF of them.

    Raises:
        RegistryRefused: It does not (the registry would answer 267), or its kind takes two files.
    """
    if found.state not in ACTIVATABLE:
        raise RegistryRefused(
            f"{registrar.name(found)} is {registrar.state_words(found.stato)}: papers are taken only "
            "while it is registrata or documenti_errati. Nothing was sent.",
            hint=registrar.coming(found) or f"`bulk-pec mailbox show {found.id}` tells its state.",
        )
    if found.kind and found.kind not in _ONE_PAPER:
        raise RegistryRefused(
            f"{registrar.name(found)} is a {found.kind} mailbox, for which the vendor wants the form and the "
            "identity document as two files. Nothing was sent.",
            hint="Activate it on the vendor's website; bulk-pec sends from PECMASSIVA mailboxes.",
        )
    return found
