"""The one request that changes a mailbox: made once, kept in the ledger, and told whatever comes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from bulk_pec.cli import registrar
from bulk_pec.cli.session import COMPLETE, Result, Session
from bulk_pec.cli.signals import deafen, hear
from bulk_pec.cli.streams import line
from bulk_pec.domain.errors import RegistryRefused
from bulk_pec.domain.exits import Exit, ExitCode, Reason
from bulk_pec.domain.registrations import Answer, Done, InDoubt, Refused, Registration

if TYPE_CHECKING:
    from bulk_pec.ledger.ledger import Ledger
    from bulk_pec.provider.registry import Registry

IN_DOUBT = Exit(ExitCode.ATTENTION, Reason.IN_DOUBT)
"""How a command ends whose one request may or may not have been carried out: nobody repeats it unasked."""


def change(session: Session, request: Callable[[Registry], Awaitable[Answer]]) -> Answer:
    """Make the one request that changes something. Ended by a signal, it is in doubt: never "run it again".

    Unless the signal comes before the request is begun: then nothing has left, and it is one like any other.

    Once there is an answer no signal ends the command: what was paid for is kept and told.

    Args:
        session: Whose configuration names the registry.
        request: Called once, with the registry.

    Raises:
        BulkPecError: Nothing was changed: it could not be asked, or took neither token nor wallet.
        KeyboardInterrupt: Nothing was asked.
    """
    answers: list[Answer] = []
    begun = False

    async def once(opened: Registry) -> None:
        nonlocal begun
        begun = True
        answers.append(await request(opened))
        deafen()

    try:
        registrar.ask(session, once)
    except KeyboardInterrupt:
        if not begun:
            raise
        deafen()
        answers.append(InDoubt("it was interrupted before an answer had come"))
    except Exception:
        if not answers:  # else only closing the connection failed
            raise
    return answers[0]


def kept(
    session: Session,
    *found: Registration,
    create: bool = False,
    also: Callable[[Ledger], None] | None = None,
    changed: bool = True,
) -> None:
    """`remember` what came of a request that changes something: nothing ends the command, no signal either.

    A signal ends the waiting for a ledger that somebody else has locked.
    """
    try:
        try:
            hear()
            registrar.remember(session, *found, create=create, also=also, changed=changed)
        finally:
            deafen()
    except KeyboardInterrupt:
        session.say(f"Not remembered in the ledger: it was interrupted. {registrar.NOT_AGAIN}")


def ended(
    session: Session,
    answer: Answer,
    *,
    done: str,
    doing: str,
    look: str,
    create: bool = False,
    before: Registration | None = None,
    also: Callable[[Ledger], None] | None = None,
) -> Result:
    """What a command answers when its one request has been made. A mailbox it learns of is remembered.

    Args:
        session: Of the call.
        answer: What came of the request.
        done: The sentence when it was done: "Renewed for 1 year."
        doing: What was asked, for the other sentences: "renewing a@example.com".
        look: The command that shows how things stand: "bulk-pec mailbox show ID".
        create: Make a new ledger where there is none.
        before: The mailbox as it was, where its expiry tells what became of an answer in doubt.
        also: What else is kept in the ledger, whatever the answer.
    """
    learnt = [answer.registration] if isinstance(answer, Done) else []
    kept(session, *learnt, create=create, also=also)
    if isinstance(answer, Done):
        told = f"{done} Do not repeat it. {_in_a_line(answer.registration)}"
        words = f"{done}\n{registrar.text(answer.registration)}"
        return Result(registrar.document(answer.registration), words, COMPLETE, unread=told)
    if isinstance(answer, Refused):
        error = RegistryRefused(_refusal(answer, doing), hint=answer.hint, code=answer.code)
        return Result({"schema": 1, "code": answer.code}, "", error.exit, error=error)
    return _in_doubt(answer, doing, look, before)


def _refusal(answer: Refused, doing: str) -> str:
    code = "" if answer.code is None else f" (code {answer.code})"
    return f"Refused, {doing}: {answer.sentence.rstrip('.')}{code}. Nothing changed."


def _in_doubt(answer: InDoubt, doing: str, look: str, before: Registration | None) -> Result:
    what = (
        f"The answer is in doubt: {doing} may or may not have been carried out ({answer.cause.rstrip('.')})."
    )
    hint = f"It is not repeated by itself. Look first: `{look}`"
    doubt: dict[str, Any] = {"what": what, "hint": f"{hint}.", "look": look}
    if before is not None:
        doubt["hint"] = f"{hint}; before, {_expired(before)}."
        doubt["expires_at_before"] = registrar.moment(before.expires_at)
    words = f"{what} {doubt['hint']}"
    return Result({"schema": 1, "in_doubt": doubt}, "", IN_DOUBT, closing=words, unread=words)


def _in_a_line(found: Registration) -> str:
    state = line(registrar.state_words(found.stato))
    return f"{registrar.name(found)} has the id {line(found.id)} and is {state}."


def _expired(before: Registration) -> str:
    if before.expires_at is None:
        return "its expiry was not told"
    return f"its expiry was {registrar.day(before.expires_at)}"
