"""Harvests beside sending: receipts and room are known during a long night, and the last harvest is short.

A walk every `harvest_every`, sooner where a mailbox waits for one, at the GET rate, its ledger calls between
those of the sending. Nothing is settled by absence meanwhile, and nothing is called overdue: that comes after
sending. Whatever asks to stop ends a walk between two pages; the next one goes on where it ended.

An inbox that cannot be read now was read when sending began, so an older copy of the ledger would have been
told then. What sending needs to know meanwhile is room: so the quota is asked, and decides (an unreadable
one stops the mailbox). A mailbox that was refused stops at once and is not asked again.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import anyio

from bulk_pec.domain.errors import BulkPecError, CredentialsRefused, ProviderUnavailable
from bulk_pec.domain.letters import Mailbox
from bulk_pec.nightly.inboxes import Inboxes
from bulk_pec.sending.engine import Engine
from bulk_pec.sending.stops import Stops

SOON = 60.0
"""Seconds until the first walk beside sending, and then twice as many and so on, while it is not known yet
what a CONSEGNA makes a mailbox grow by: only a walk can show it."""


class Beside:
    """Reads the inboxes while an engine sends.

    Args:
        inboxes: The start's.
        engine: That sends; told what was found.
        stops: The start's; whatever asks to stop ends the reading.
        every: Seconds from the end of one walk over the mailboxes to the next.
        noticed: Called after each walk: what receipts showed may stop every run of this ledger.
    """

    def __init__(
        self,
        inboxes: Inboxes,
        engine: Engine,
        stops: Stops,
        *,
        every: float,
        noticed: Callable[[], Awaitable[None]],
    ) -> None:
        self._inboxes = inboxes
        self._engine = engine
        self._stops = stops
        self._every = every
        self._noticed = noticed
        self._soon = SOON

    async def run(self) -> None:
        """Walk again and again, until cancelled or a stop is asked."""
        async with anyio.create_task_group() as both:

            async def end_with_the_claims() -> None:
                await self._stops.rest(math.inf)
                both.cancel_scope.cancel()

            both.start_soon(end_with_the_claims)
            while True:
                await self._rest()
                for mailbox in self._inboxes.readable():
                    await self._walk(mailbox)

    async def _rest(self) -> None:
        """Until it is time for the next walk, or a mailbox waits for one."""
        space = self._engine.space
        if space is None:
            await anyio.sleep(self._pause())
            return
        space.walks = True
        with anyio.move_on_after(self._pause()):
            await space.asked.wait()
        space.asked = anyio.Event()

    def _pause(self) -> float:
        space = self._engine.space
        if space is None or space.learnt:
            return self._every
        pause, self._soon = self._soon, 2 * self._soon
        return min(pause, self._every)

    async def _walk(self, mailbox: Mailbox) -> None:
        """One mailbox; what goes wrong is told, and stops what it must. What is in flight ends in order."""
        try:
            await self._read(mailbox)
        except BulkPecError as error:  # the ledger, or an address that is wrong for all
            self._stops.claims(error.reason, error.what)

    async def _read(self, mailbox: Mailbox) -> None:
        try:
            await self._inboxes.walk(mailbox)
        except CredentialsRefused as error:
            self._inboxes.miss(mailbox, error)
            self._engine.refused(mailbox.address, f"its inbox was not read: {error.what.rstrip('.')}")
        except ProviderUnavailable as error:
            self._inboxes.tell_later(mailbox, error)
            await self._engine.look(mailbox.address)
        else:
            await self._engine.harvested(mailbox.address)
            await self._noticed()
