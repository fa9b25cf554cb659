"""Orders: what operators ask of a run that is being sent, noticed within seconds and obeyed like a signal."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import anyio.to_thread

from bulk_pec.clock import Clock
from bulk_pec.domain.errors import LedgerError, UsageError
from bulk_pec.domain.exits import Reason
from bulk_pec.domain.states import RunState
from bulk_pec.domain.words import counted
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.control import Slip
from bulk_pec.ledger.runs.runs import Restored, Run
from bulk_pec.sending.stops import Stops

LedgerCall = Callable[[Callable[[], tuple[RunState, bool]]], Awaitable[tuple[RunState, bool]]]
"""Runs a ledger call where the sending's own run."""
EVERY = 1.0
"""Seconds between two looks."""


class Orders:
    """Looks for orders, and stops the start they are meant for.

    On Postgres whoever gives an order writes it into the ledger. On SQLite this process holds the ledger's
    lock, so orders lie beside it (`bulk_pec.ledger.runs.control`) and this process writes them into it.

    Args:
        ledger: Open for writing. Its transactions wait for each other, so a look from a thread of its own
            comes between those of the sending.
        run: What this start sends.
        clock: For the times written.
        say: Talk for people.
    """

    def __init__(self, ledger: Ledger, run: Run, clock: Clock, say: Callable[[str], None]) -> None:
        self._ledger = ledger
        self._run = run
        self._clock = clock
        self._say = say
        self._refused: set[str] = set()

    async def watch(self, stops: Stops) -> None:
        """Look again and again until cancelled. A ledger that fails is the sending's own business."""
        while True:
            await anyio.sleep(EVERY)
            if self._ledger.control is not None and not self._waiting():
                continue
            with suppress(LedgerError):
                self._heed(await anyio.to_thread.run_sync(self._read), stops)

    def look(self, stops: Stops) -> None:
        """Look once, before anything is sent: what was ordered meanwhile, and what harvests found.

        Raises:
            LedgerError: The ledger failed.
        """
        self._heed(self._read(), stops)

    async def look_beside(self, call: LedgerCall, stops: Stops) -> None:
        """Look once while messages leave, by the sending's own way to the ledger: how the run stands there.

        What lies beside the ledger is left to `watch`, or both would take it.

        Raises:
            LedgerError: The ledger failed.
        """
        self._heed(await call(lambda: self._ledger.orders.state(self._run)), stops)

    def _read(self) -> tuple[RunState, bool]:
        """Write what lies beside the ledger into it; how the run stands; whether that is an older copy."""
        self.take()
        return self._ledger.orders.state(self._run)

    def take(self) -> None:
        """Write what lies beside the ledger into it, whichever run it is for.

        Raises:
            LedgerError: The ledger failed; the order stays where it is.
        """
        for slip in self._waiting():
            self._obey(slip)

    def _waiting(self) -> list[Slip]:
        control = self._ledger.control
        found = control.waiting() if control is not None else []
        return [slip for slip in found if slip.path.name not in self._refused]

    def _obey(self, slip: Slip) -> None:
        """Obey one order, of whichever run, and remove it; what cannot be removed is not obeyed twice."""
        if slip.order is None:
            self._say(
                f"{slip.path.name} beside the ledger is no order of this user's: it is ignored and removed."
            )
        else:
            try:
                self._ledger.orders.obey(slip.order, self._clock.now())
            except UsageError as error:
                self._say(f"An order to {slip.order.word} is refused: {error.what}")
            else:
                self._say(f"Ordered by {slip.order.given_by}: {slip.order.word} {slip.order.run!r}.")
        if self._ledger.control is not None and not self._ledger.control.done(slip):
            self._refused.add(slip.path.name)

    def _heed(self, found: tuple[RunState, bool], stops: Stops) -> None:
        state, restored = found
        if stops.held_back:
            return
        if state is RunState.CANCELLED:
            stops.everything(Reason.CANCELLED, "the run is cancelled")
        elif restored:
            stops.everything(Reason.ATTENTION, self._what_was_restored())
        elif state is RunState.PAUSED:
            name = shlex.quote(self._run.name)
            stops.everything(Reason.PAUSED, f"`bulk-pec resume {name}` lets it go on")

    def _what_was_restored(self) -> str:
        copies = self._ledger.runs.copies()
        if not copies:
            return "the ledger was an older copy"
        named = " and ".join(
            f"{counted(found.count, 'message')} of {name!r} {_rows(found)}" for name, found in copies.items()
        )
        settle = " and ".join(f"`bulk-pec settle {shlex.quote(name)}`" for name in copies)
        return (
            f"receipts name {named} that never left this ledger: another copy of it has sent them, and this "
            f"one is restored from a backup, or copied. {settle} shows more; no run is sent from it before "
            "`--acknowledge`"
        )


def _rows(found: Restored) -> str:
    """The first of its rows, in brackets."""
    return f"(rows {', '.join(map(str, found.rows))}{' …' if found.count > len(found.rows) else ''})"
