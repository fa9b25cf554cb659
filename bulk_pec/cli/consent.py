"""Consent: a question at the terminal, where there is one and somebody sits there."""

from __future__ import annotations

from bulk_pec.cli.session import Session
from bulk_pec.cli.signals import interrupt
from bulk_pec.cli.streams import talk


def said_yes(session: Session, question: str) -> bool:
    """Ask at the terminal; without one, or with ``--json``, nobody is asked and nobody says yes.

    No answer, the end of the input and a signal are a no.
    """
    if not can_ask(session):
        return False
    try:
        interrupt()
        talk(f"{question} [y/N] ", end="")
        answer = _line()
    except KeyboardInterrupt:
        answer = ""
    if not answer.endswith("\n"):
        talk("")  # what follows begins a line of its own
        return False
    return answer.strip().lower() in {"y", "yes", "s", "si", "sì"}


def can_ask(session: Session) -> bool:
    """Whether somebody can be asked at all."""
    return not session.as_json and _on_terminal()


def _on_terminal() -> bool:
    import sys

    return sys.stdin is not None and sys.stdin.isatty()


def _line() -> str:
    """A line from the terminal; "" at its end.

    Asked for only once it is there: a signal that comes right before a read would otherwise wait for the
    read's end, for ever.
    """
    import select
    import sys

    while not select.select([sys.stdin], [], [], 0.2)[0]:
        pass
    return sys.stdin.readline()
