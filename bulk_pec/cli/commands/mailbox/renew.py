"""``mailbox renew``: some years more. It costs, so it is asked for once and never repeated."""

from __future__ import annotations

from typing import Annotated

import typer

from bulk_pec.cli import paying, registrar
from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.errors import RegistryRefused
from bulk_pec.domain.registrations import MOST_YEARS, RENEWABLE, Registration


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "renew")
    def renew(
        session: Session,
        id_: registrar.Id,
        years: Annotated[
            int, typer.Option("--years", min=1, max=MOST_YEARS, help="How many.", metavar="N")
        ] = 1,
        yes: registrar.Yes = False,
        again: paying.Again = False,
    ) -> Result:
        """Renew a mailbox, or bring a revoked one back. It costs; asks once."""
        span = "1 year" if years == 1 else f"{years} years"
        look = f"bulk-pec mailbox show {id_}"

        def question() -> str:
            found = errand.before = _renewable(registrar.known(session, id_))
            return (
                f"Renew {registrar.name(found)} for {span}? It is paid from the account's wallet, and "
                f"{registrar.expiry(found)}."
            )

        errand = paying.Errand(session, "renew", id_, look=look, again=again)
        registrar.agreed(session, yes=yes, what="Renewing a mailbox", look=question)
        return errand.carried_out(
            lambda registry: registry.renew(id_, years, errand.before),
            done=f"Renewed for {span}.",
            doing=f"renewing {id_} for {span}",
        )


def _renewable(found: Registration) -> Registration:
    """The mailbox, if its state allows a renewal; a state that is not documented is left to the registry.

    Raises:
        RegistryRefused: It does not (the registry would answer 203).
    """
    if found.state is None or found.state in RENEWABLE:
        return found
    raise RegistryRefused(
        f"{registrar.name(found)} is {registrar.state_words(found.stato)}: only an active or a revoked "
        "mailbox can be renewed. Nothing was sent.",
        hint=registrar.coming(found) or "Register a new mailbox.",
    )
