"""Validity: what ends before a run does: a mailbox, or the token. It is said, and stops nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import tzinfo

from bulk_pec.cli import forecasting
from bulk_pec.cli.registrar import STATES
from bulk_pec.cli.session import Result, Session
from bulk_pec.cli.space import known_room
from bulk_pec.cli.streams import line
from bulk_pec.clock import SystemClock
from bulk_pec.config import Config
from bulk_pec.domain.registrations import RegistryState
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.registry.registrations import Remembered
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.planning import Forecast, Work
from bulk_pec.registry.tokens import expires_at
from bulk_pec.reporting.moments import moment

_GONE = {
    RegistryState.REVOKED: "was revoked",
    RegistryState.CLOSED: "was closed",
    RegistryState.CANCELLED: "was never activated: its registration was cancelled",
}


def warn(session: Session, ledger: Ledger, run: Run) -> list[str]:
    """Say what ends before the forecast end of what is still to be sent of a run; the same, as sentences."""
    config, now = session.config(), SystemClock().now()
    if not _ends(config, ledger):
        return []
    pending = ledger.views.figures(run).values["pending"]
    if not pending:
        return []
    room = known_room(config, ledger, now)
    work = Work(pending, grown_bytes=room.grown)
    return tell(session, ledger, forecasting.foretold(config, ledger, run, work, now, room.sure))


def tell(session: Session, ledger: Ledger | None, found: Forecast) -> list[str]:
    """Say what ends before the end of a forecast; of one in which nothing can be sent, what has ended.

    Returns:
        The same, as sentences.
    """
    now = found.conditions.now_ms
    sentences = list(_sentences(session.config(), ledger, now, found.end_ms or now))
    for sentence in sentences:
        session.say(f"Warning: {sentence}")
    return sentences


def added(result: Result, sentences: list[str]) -> Result:
    """An answer that says them once more: what was said before a long run is far up by its end."""
    words = "\n".join([result.text, *repeated(sentences)])
    return replace(result, document=result.document | {"warnings": sentences}, text=words)


def repeated(sentences: list[str]) -> list[str]:
    """The sentences as lines of an answer."""
    return [f"Warning: {sentence}" for sentence in sentences]


def _ends(config: Config, ledger: Ledger) -> bool:
    """Whether an end, or a state to warn of, is known at all: most ledgers know none."""
    return expires_at(config.token()) is not None or any(map(_is_told, _remembered(config, ledger)))


def _is_told(known: Remembered) -> bool:
    return known.registration.expires_at is not None or _idle(known) is not None


def _remembered(config: Config, ledger: Ledger | None) -> list[Remembered]:
    """What the ledger knows of the configuration's mailboxes; of one not registered from here, nothing."""
    if ledger is None:
        return []
    known = ledger.registrations(config.settings.api.registry_url)
    found = (known.of_address(mailbox.address) for mailbox in config.settings.mailboxes)
    return [one for one in found if one is not None]


def _sentences(config: Config, ledger: Ledger | None, now: int, end: int) -> Iterator[str]:
    for known in _remembered(config, ledger):
        ends, state = known.registration.expires_at, _idle(known)
        if state is not None:
            yield _not_active(config, known, state)
        elif ends is not None and ends < end:
            yield _mailbox(config, known, now, end)
    ends = expires_at(config.token())
    if ends is not None and ends < end:
        yield f"The API token {_when(config, ends, now, end)}. A new one may be needed before then."


def _idle(known: Remembered) -> RegistryState | None:
    """The state, if it is one in which nothing can be sent; None too where its word is not documented."""
    state = known.registration.state
    return None if state is RegistryState.ACTIVE else state


def _not_active(config: Config, known: Remembered, state: RegistryState) -> str:
    found, seen = known.registration, _minute(known.last_seen_at, forecasting.zone(config))
    what = _GONE.get(state, f"is not active yet: {state.value}, {STATES[state]}")
    return f"The mailbox {line(found.address)} {what}, as the registry said on {seen}. {_look(found.id)}"


def _mailbox(config: Config, known: Remembered, now: int, end: int) -> str:
    found = known.registration
    said = f"The mailbox {line(found.address)} {_when(config, found.expires_at or 0, now, end)}."
    if found.auto_renew:
        return f"{said} It renews itself if the wallet has credit then. {_look(found.id)}"
    return f"{said} `bulk-pec mailbox renew {line(found.id)}` renews it, and costs. {_look(found.id)}"


def _when(config: Config, ends: int, now: int, end: int) -> str:
    """The two moments, on the operator's clock."""
    zone = forecasting.zone(config)
    if ends <= now:
        return f"expired on {_minute(ends, zone)} ({zone})"
    return f"expires on {_minute(ends, zone)}, before this run's forecast end, {_minute(end, zone)} ({zone})"


def _minute(milliseconds: int, zone: tzinfo) -> str:
    return f"{moment(milliseconds).astimezone(zone):%Y-%m-%d %H:%M}"


def _look(identity: str) -> str:
    return f"`bulk-pec mailbox show {line(identity)}` asks how it stands."
