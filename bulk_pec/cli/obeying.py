"""Obeying while messages leave: a signal's first coming ends a start in good order, its second at once."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable

import anyio

from bulk_pec.cli.session import Session
from bulk_pec.cli.signals import obeyed
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.sending.stops import Stops


async def obey(stops: Stops, session: Session) -> None:
    """First signal: stop in good order. Second: leave at once; the ledger holds the intents."""
    with anyio.open_signal_receiver(*obeyed()) as signals:
        async for number in signals:
            if stops.held_back:
                session.leave(Exit.of(Reason.SIGNAL))
            stops.everything(Reason.SIGNAL)  # before the talk, which may find that nobody listens
            name = signal.Signals(number).name
            session.say(f"{name}: no new messages; those in flight may end. Again to leave at once.")


async def end_after(stops: Stops, seconds: float | None) -> None:
    """Claim nothing more once so many seconds have passed; None: never."""
    if seconds is not None:
        await anyio.sleep(seconds)
        stops.claims(Reason.MAX_DURATION)


async def unless_held(stops: Stops, look: Callable[[], Awaitable[int]]) -> int:
    """Look into the inbox; a signal ends that between two pages, and the next walk reads them again."""
    found = 0
    async with anyio.create_task_group() as both:

        async def give_up_when_held() -> None:
            await stops.held()
            both.cancel_scope.cancel()

        both.start_soon(give_up_when_held)
        if not stops.held_back:
            found = await look()
        both.cancel_scope.cancel()
    return found
