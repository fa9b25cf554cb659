"""The registrar: what the mailbox commands share. The registry opened, a yes asked for, its answer told.

Light to import: what is heavy is imported where it is used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from bulk_pec.cli.consent import can_ask, said_yes
from bulk_pec.cli.session import Session
from bulk_pec.cli.streams import line
from bulk_pec.domain.errors import BulkPecError, RegistryRefused, UsageError
from bulk_pec.domain.registrations import Registration, RegistryState

if TYPE_CHECKING:
    from bulk_pec.config import Config
    from bulk_pec.ledger.ledger import Ledger
    from bulk_pec.provider.registry import Registry

T = TypeVar("T")

Id = Annotated[str, typer.Argument(help="The registry's id, as `mailbox register` told it.", metavar="ID")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

_TRIES = 3
"""How often a question is asked at most: somebody waits for the answer."""

STATES: dict[RegistryState, str] = {
    RegistryState.REGISTERED: "registered; the signed form is awaited",
    RegistryState.IN_PROGRESS: "the documents are being examined",
    RegistryState.ACTIVE: "active",
    RegistryState.WRONG_DOCUMENTS: "the documents were refused",
    RegistryState.REVOKED: "revoked",
    RegistryState.CLOSED: "closed",
    RegistryState.CANCELLED: "the registration was cancelled",
}
"""What each state means, in plain words."""


_NEXT: dict[RegistryState, str] = {
    RegistryState.REGISTERED: "Next: `bulk-pec mailbox form {id} -o form.pdf`, sign it, put the identity "
    "document behind it in the same PDF, then `bulk-pec mailbox activate {id} signed.pdf`.",
    RegistryState.IN_PROGRESS: "Next: `bulk-pec mailbox wait {id}`.",
    RegistryState.ACTIVE: "Next: set its address and password_file or password_env in config.toml, then "
    "`bulk-pec doctor`.",
    RegistryState.WRONG_DOCUMENTS: "Next: mend the PDF, then `bulk-pec mailbox activate {id} signed.pdf`.",
    RegistryState.REVOKED: "`bulk-pec mailbox renew {id}` would bring it back; it costs.",
}
"""What is to be done in each state; in the others nothing is."""


@asynccontextmanager
async def registry(config: Config) -> AsyncIterator[Registry]:
    """The registry of the configuration; its connections are closed at the end.

    Raises:
        ConfigError: The token is missing, or `api.registry_url` is no service's address.
    """
    from bulk_pec.provider.reading import Patience
    from bulk_pec.provider.registry import Registry
    from bulk_pec.provider.transport import open_http

    api = config.settings.api
    async with open_http(timeout=api.timeout, connections=1) as http:
        patience = Patience(attempts=_TRIES, timeout=api.timeout)  # for what only asks
        yield Registry(http, registry_url=api.registry_url, token=config.token(), patience=patience)


def ask(session: Session, question: Callable[[Registry], Awaitable[T]]) -> T:
    """Open the registry, ask it this, and close it.

    Args:
        session: Whose configuration names it.
        question: Called once, with the registry.

    Raises:
        BulkPecError: As the question does, or as `registry`.
    """
    import anyio

    config = session.config()

    async def asked() -> T:
        async with registry(config) as opened:
            return await question(opened)

    return anyio.run(asked)


def known(session: Session, id_: str) -> Registration:
    """What the registry says of a mailbox now; it is remembered.

    Raises:
        RegistryRefused: It knows no such id.
        BulkPecError: As `Registry.show`.
    """
    found = ask(session, lambda opened: opened.show(id_))
    if found is None:
        raise unknown(id_)
    remember(session, found)
    return found


def unknown(id_: str) -> RegistryRefused:
    """The error to raise of an id that the registry does not know."""
    return RegistryRefused(
        f"The registry knows no mailbox with the id {line(id_)!r}.",
        hint="`bulk-pec mailbox list` shows those it knows; one bought on the vendor's website is not among "
        "them.",
    )


def agreed(session: Session, *, yes: bool, what: str, look: Callable[[], str]) -> None:
    """Have a yes for a request that costs or harms, before anything is sent.

    Args:
        session: Whose terminal is asked.
        yes: ``--yes`` was given.
        what: What needs it: "Renewing a mailbox".
        look: Makes the question, such as "Renew a@example.com for 1 year?". Called once, also with
            ``--yes``, since it may refuse; not where nobody can be asked.

    Raises:
        UsageError: Nobody said yes.
    """
    refused = UsageError(f"{what} needs a yes; nothing was sent.", hint="Answer the question, or give --yes.")
    if not yes and not can_ask(session):
        raise refused
    question = look()
    if not yes and not said_yes(session, question):
        raise refused


def remember(
    session: Session,
    *found: Registration,
    source: str = "command",
    create: bool = False,
    again: bool = False,
    also: Callable[[Ledger], None] | None = None,
    changed: bool = False,
) -> bool:
    """Keep what was learnt of mailboxes in the ledger, if there is one that can be written.

    That it cannot, for whatever reason, is said on stderr and ends nothing: what the registry did is done.

    Args:
        session: Whose ledger.
        *found: What the registry said.
        source: Who saw it: "command", "wait", "callback".
        create: Make a new ledger where there is none.
        again: It was tried before, and said that it cannot.
        also: What else is kept there.
        changed: It comes of a request that changed something: nobody is told to start that again.

    Returns:
        Whether nothing is left to be tried again.
    """
    if not found and also is None:
        return True
    try:
        if not create and not has_ledger(session):
            return True
        with session.ledger("write") as ledger:
            _remembered(session, ledger, found, source)
            if also is not None:
                also(ledger)
    except Exception as error:  # noqa: BLE001 - nothing that fails here undoes what was learnt
        if not again:
            session.say(f"Not remembered in the ledger: {_why(error, changed=changed)}")
        return False
    return True


NOT_AGAIN = "The request itself was answered: do not repeat it."
"""What is said after a request that changes something: its answer could not be kept, and yet it was made."""


def _why(error: Exception, *, changed: bool) -> str:
    """Why something could not be kept; of an unforeseen error not the text, which may show a row."""
    if isinstance(error, BulkPecError):
        return f"{error.what} {NOT_AGAIN}" if changed else str(error)
    said = (isinstance(error, OSError) and error.strerror) or type(error).__name__
    return f"{said}. {NOT_AGAIN}" if changed else f"{said}."


def has_ledger(session: Session) -> bool:
    """Whether there is a ledger already.

    Raises:
        BulkPecError: It cannot be opened, or its schema is another version's.
    """
    try:
        session.ledger("read").close()
    except UsageError:
        return False
    return True


def _remembered(session: Session, ledger: Ledger, found: tuple[Registration, ...], source: str) -> None:
    from bulk_pec.cli.identity import operator
    from bulk_pec.clock import SystemClock
    from bulk_pec.ledger.registry.registrations import News

    now, service = SystemClock().now(), session.config().settings.api.registry_url
    memory, changes, who = ledger.registrations(service), ledger.changes(service), operator().name
    for one in found:
        changes.seen(one, by=who, at=now)
        if memory.remember(one, now, source) is News.OVERTAKEN:
            session.say(
                f"Not remembered in the ledger: {name(one)} is {line(state_words(one.stato))}. The registry "
                "dates this before what it said earlier."
            )


def history(session: Session, id_: str) -> list[dict[str, Any]]:
    """The states of a mailbox that were seen from here, oldest first; none without a ledger."""
    from bulk_pec.reporting.status import iso

    try:
        with session.ledger("read") as ledger:
            seen = ledger.registrations(session.config().settings.api.registry_url).history(id_)
    except BulkPecError:
        return []  # `remember` has said what is wrong with it
    return [{"state": one.stato, "at": iso(one.at), "source": one.source} for one in seen]


def mailbox(found: Registration) -> dict[str, Any]:
    """A mailbox in ``--json``."""
    return {
        "id": found.id or None,
        "address": found.address or None,
        "kind": found.kind or None,
        "state": found.stato or None,
        "expires_at": moment(found.expires_at),
        "changed_at": moment(found.changed_at),
        "auto_renew": found.auto_renew,
    }


def document(found: Registration) -> dict[str, Any]:
    """The ``--json`` document about one mailbox."""
    return {"schema": 1, "mailbox": mailbox(found)}


def text(found: Registration) -> str:
    """A mailbox for people: some lines, the last of them what comes next, where something does."""
    rows = [
        ("id", found.id),
        ("address", found.address or "not told"),
        ("kind", found.kind or "not told"),
        ("state", state_words(found.stato)),
        ("expires", day(found.expires_at)),
        ("renewed by itself", {True: "yes", False: "no", None: "not told"}[found.auto_renew]),
    ]
    lines = [f"  {name:<18} {line(value)}" for name, value in rows]
    return "\n".join([*lines, *filter(None, [coming(found)])])


def state_words(stato: str) -> str:
    """A state as the registry writes it, and what it means."""
    if not stato:
        return "not told"
    try:
        return f"{stato} ({STATES[RegistryState(stato)]})"
    except ValueError:
        return f"{stato} (a state that is not documented)"


def name(found: Registration) -> str:
    """A mailbox in a sentence: its address, or its id where the registry tells no address."""
    return line(found.address or found.id)


def expiry(found: Registration) -> str:
    """When it expires, as a clause."""
    return "its expiry is not told" if found.expires_at is None else f"it expires on {day(found.expires_at)}"


def coming(found: Registration) -> str:
    """What to do next, as a sentence with the command; "" where nothing is to be done."""
    sentence = _NEXT.get(found.state) if found.state is not None else None
    return "" if sentence is None else sentence.format(id=line(found.id))


def moment(milliseconds: int | None) -> str | None:
    """A time in ``--json``; None if it was not told."""
    from bulk_pec.reporting.status import iso

    return None if milliseconds is None else iso(milliseconds)


def day(milliseconds: int | None) -> str:
    """A day as Italy's clocks show it."""
    from bulk_pec.registry import days

    return "not told" if milliseconds is None else days.day(milliseconds)
