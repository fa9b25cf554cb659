"""``mailbox register``: a new mailbox applied for. It costs, so it is asked for once and never repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bulk_pec import shipped
from bulk_pec.cli import paying, registrar
from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session
from bulk_pec.cli.streams import line
from bulk_pec.domain.addresses import canonical
from bulk_pec.domain.errors import RegistryRefused
from bulk_pec.domain.registrations import OVER, Registration
from bulk_pec.domain.words import counted

if TYPE_CHECKING:
    from bulk_pec.config import Config
    from bulk_pec.registry.faults import Fault

Application = Annotated[Path, typer.Argument(help="The vendor's fields, as TOML or JSON.", metavar="FILE")]
_SAMPLE = shipped.path("samples/registration.toml")
_HELP = f"""Check an application field by field, then register the mailbox. It costs; asks once.

\b
One to copy, which explains each field:
{_SAMPLE}
"""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "register", help=_HELP)
    def register_(
        session: Session, file: Application, yes: registrar.Yes = False, again: paying.Again = False
    ) -> Result:
        """Check an application field by field, then register the mailbox. It costs; asks once."""
        from bulk_pec.registry import application

        config = session.config()
        given, desk = application.read(file), _desk(config)
        if faults := application.faults(given, **desk):
            return _refused(file, faults)
        warnings = application.warnings(given, **desk)
        for warning in warnings:
            session.say(f"Warning: {line(warning.said())}")
        config.token()  # that it is missing is told before anybody is asked
        fields = application.prepared(given)
        address = str(fields["casella_pec"])
        errand = paying.Errand(session, "register", address, look="bulk-pec mailbox list", again=again)
        try:
            registrar.agreed(
                session, yes=yes, what="Registering a mailbox", look=lambda: _question(session, fields)
            )
        except _RegisteredAlready as error:
            return Result(registrar.document(error.mailbox), "", error.exit, error=error)
        told = errand.carried_out(
            lambda registry: registry.register(fields), done="Registered.", doing=f"registering {address}"
        )
        return replace(told, document=told.document | {"warnings": [_entry(each) for each in warnings]})


def _desk(config: Config) -> dict[str, Any]:
    """What the rules must know of the registry and of the day."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from bulk_pec.registry.desks import is_local, is_test

    url = config.settings.api.registry_url
    today = datetime.now(ZoneInfo(config.settings.sending.timezone)).date()
    return {"test_host": is_test(url), "local": is_local(url), "today": today}


def _question(session: Session, fields: dict[str, object]) -> str:
    """What is asked; not of an address that the account has already: it would be paid for twice.

    Raises:
        _RegisteredAlready: It has it; perhaps from a registration whose answer was in doubt.
    """
    from bulk_pec.registry.fields import AUTO_RENEW

    known = registrar.ask(session, lambda registry: registry.roll())
    registrar.remember(session, *(one for one in known if one.id and one.stato))
    for one in known:
        if canonical(one.address) == fields["casella_pec"] and one.state not in OVER:
            raise _RegisteredAlready(one)
    config = session.config()
    again = "each year again, by itself" if fields.get(AUTO_RENEW) else "for a year"
    return (
        f"Register {fields['casella_pec']} ({fields['tipo_casella']}) at {config.settings.api.registry_url}? "
        f"The fee is paid from the account's wallet, {again}."
    )


class _RegisteredAlready(RegistryRefused):
    """The account has a mailbox of this address, one that has not ended."""

    def __init__(self, mailbox: Registration) -> None:
        id_ = f"the id {mailbox.id}" if mailbox.id else "an id that is not told"
        state = registrar.state_words(mailbox.stato) if mailbox.stato else "in a state that is not told"
        look = f"`bulk-pec mailbox show {mailbox.id}`" if mailbox.id else "The vendor's website"
        super().__init__(
            f"{mailbox.address} is registered already, with {id_}: it is {state}. Nothing was sent.",
            hint=(registrar.coming(mailbox) if mailbox.id else "") or f"{look} tells more.",
        )
        self.mailbox = mailbox


def _refused(file: Path, faults: Sequence[Fault]) -> Result:
    """All faults at once; nothing was sent."""
    error = RegistryRefused(
        f"{file} has {counted(len(faults), 'fault')}; nothing was sent.",
        hint=f"Mend what is listed and try again; {_SAMPLE} explains each field.",
    )
    document = {"schema": 1, "file": str(file), "faults": [_entry(fault) for fault in faults]}
    return Result(document, "\n".join(line(str(fault)) for fault in faults), error.exit, error=error)


def _entry(fault: Fault) -> dict[str, str | None]:
    return {"field": fault.field, "value": fault.value or None, "what": fault.what, "hint": fault.hint}
