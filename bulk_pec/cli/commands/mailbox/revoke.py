"""``mailbox revoke``: a mailbox's end. It harms, so it is asked for once and never repeated."""

from __future__ import annotations

import typer

from bulk_pec.cli import changing, registrar
from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.errors import RegistryRefused
from bulk_pec.domain.registrations import Registration, RegistryState


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "revoke")
    def revoke(session: Session, id_: registrar.Id, yes: registrar.Yes = False) -> Result:
        """Revoke a mailbox: it sends and receives no more, receipts included. Asks once."""
        before: Registration | None = None

        def question() -> str:
            nonlocal before
            found = before = _revocable(registrar.known(session, id_))
            return (
                f"Revoke {registrar.name(found)}? It sends and receives no more: receipts still to come are "
                "lost, and those in its inbox may be, unless `bulk-pec reconcile` has archived them."
            )

        registrar.agreed(session, yes=yes, what="Revoking a mailbox", look=question)
        answer = changing.change(session, lambda registry: registry.revoke(id_, before))
        return changing.ended(
            session,
            answer,
            done="Revoked.",
            doing=f"revoking {id_}",
            look=f"bulk-pec mailbox show {id_}",
        )


def _revocable(found: Registration) -> Registration:
    """The mailbox, if it is active; a state that is not documented is left to the registry.

    Raises:
        RegistryRefused: It is not (the registry would answer 303 or 304).
    """
    if found.state is None or found.state is RegistryState.ACTIVE:
        return found
    raise RegistryRefused(
        f"{registrar.name(found)} is {registrar.state_words(found.stato)}: only an active mailbox can be "
        "revoked. Nothing was sent.",
        hint="`bulk-pec mailbox list` shows which are active.",
    )
