"""Obeying while messages leave: a signal's first coming ends a start in good order, its second at once."""

from __future__ import annotations

import signal

import anyio

from bulk_pec.cli.session import Session
from bulk_pec.cli.signals import obeyed
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.sending.stops import Stops


async def obey(stops: Stops, session: Session) -> None:
    """First signal: stop in good order. Second: leave at once; the ledger holds the intents.

    A pause or a cancellation that is being obeyed already is no signal: the first one after it is the first.
    """
    signalled = False
    with anyio.open_signal_receiver(*obeyed()) as signals:
        async for number in signals:
            if signalled:
                session.leave(Exit.of(Reason.SIGNAL))
            signalled = True
            stops.everything(Reason.SIGNAL)  # before the talk, which may find that nobody listens
            name = signal.Signals(number).name
            session.say(f"{name}: no new messages; those in flight may end. Again to leave at once.")
