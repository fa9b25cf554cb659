"""``mailbox wait``: until a mailbox's state no longer changes by waiting."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bulk_pec.cli import registrar
from bulk_pec.cli.command import command
from bulk_pec.cli.session import COMPLETE, Result, Session
from bulk_pec.cli.streams import line
from bulk_pec.domain.errors import BulkPecError, UsageError
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.domain.registrations import Registration, RegistryState

if TYPE_CHECKING:
    from bulk_pec.provider.registry import Registry

SHORTEST = 0.1
"""Seconds between two questions, at least."""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "wait")
    def wait(
        session: Session,
        id_: registrar.Id,
        every: Annotated[
            str, typer.Option("--every", help="Until the second question; doubled each time, to 5 min.")
        ] = "5s",
    ) -> Result:
        """Ask how a mailbox stands until it is active; 3 if it will not become so by waiting."""
        from bulk_pec.cli.vigil import until_signal
        from bulk_pec.registry.waiting import Waiting

        seconds, watch = _seconds(every), _Watch(session, id_)

        async def waited() -> None:
            async with registrar.registry(session.config()) as opened:
                show = partial(watch.show, opened)
                await Waiting(show, every=seconds, seen=watch.seen, missed=watch.missed).settled()

        return watch.result(signalled=until_signal(waited))


def _seconds(every: str) -> float:
    from bulk_pec.config import parse_duration

    try:
        seconds = parse_duration(every)
    except ValueError as error:
        raise UsageError(f"--every {every!r}: {error}.", hint="Write 5s, 30s or 2m.") from None
    if seconds < SHORTEST:
        raise UsageError(f"--every {every!r} is too often.", hint=f"Give {SHORTEST:g}s at least.")
    return seconds


@dataclass(slots=True)
class _Watch:
    """What is seen while waiting: said, and remembered in the ledger.

    Attributes:
        session: Of the call.
        id: Of the mailbox.
        states: Those it was seen in.
        last: As it was seen last.
        owed: Seen, and not remembered yet: another process held the ledger.
    """

    session: Session
    id: str
    states: list[dict[str, Any]] = field(default_factory=list)
    last: Registration | None = None
    owed: list[Registration] = field(default_factory=list)

    async def show(self, registry: Registry) -> Registration:
        """Ask how it stands.

        Raises:
            RegistryRefused: The registry knows no such id.
        """
        found = await registry.show(self.id)
        if found is None:
            raise registrar.unknown(self.id)
        self.last = found
        if self.owed:
            await self._remembered(again=True)
        return found

    async def seen(self, found: Registration) -> None:
        """Say a state, with the time, and remember it."""
        from bulk_pec.cli.forecasting import zone
        from bulk_pec.clock import SystemClock
        from bulk_pec.reporting.moments import moment
        from bulk_pec.reporting.status import iso

        now, clock = SystemClock().now(), zone(self.session.config())
        when = f"{moment(now).astimezone(clock):%Y-%m-%d %H:%M:%S} ({clock})"
        self.session.say(f"{when}: {registrar.name(found)} is {line(registrar.state_words(found.stato))}.")
        if found.state is RegistryState.REGISTERED and not self.states:
            self.session.say(f"It waits for its form. {registrar.coming(found)}")
        self.states.append({"state": found.stato, "at": iso(now)})
        self.owed.append(found)
        await self._remembered(again=len(self.owed) > 1)

    async def _remembered(self, *, again: bool) -> None:
        import anyio.to_thread

        await anyio.to_thread.run_sync(partial(self._remember, again=again))

    def _remember(self, *, again: bool) -> None:
        if registrar.remember(self.session, *self.owed, source="wait", again=again):
            self.owed.clear()

    def missed(self, error: BulkPecError, seconds: float) -> None:
        """Say that an answer did not come."""
        self.session.say(f"{error.what} Waiting on; asked again in {seconds:g} s.")

    def result(self, *, signalled: bool) -> Result:
        """How it stands at the end; what is not remembered by then is tried once more."""
        self._remember(again=True)
        if self.last is None:
            return Result({"schema": 1, "states": []}, "", Exit.of(Reason.SIGNAL))
        document, words = registrar.document(self.last) | {"states": self.states}, registrar.text(self.last)
        if signalled:
            return Result(
                document, words, Exit.of(Reason.SIGNAL), "No longer waited for; it goes on by itself."
            )
        active = self.last.state is RegistryState.ACTIVE
        return Result(document, words, COMPLETE if active else Exit.of(Reason.ATTENTION))
