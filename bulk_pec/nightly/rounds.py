"""The nightly job's frame: recover, work with the provider, and say how it ended."""

from __future__ import annotations

import anyio

from bulk_pec.domain.errors import BulkPecError, first_cause
from bulk_pec.domain.words import counted
from bulk_pec.nightly.chores import Chores
from bulk_pec.nightly.done import Done
from bulk_pec.nightly.inboxes import Inboxes
from bulk_pec.nightly.parts import Parts
from bulk_pec.nightly.start import Start
from bulk_pec.nightly.timekeeper import Timekeeper
from bulk_pec.reporting.ending import Ended
from bulk_pec.sending.committer import LedgerThread
from bulk_pec.sending.orders import Orders
from bulk_pec.sending.stops import Stops

_OUTSTANDING = ("in_doubt", "delivery_none", "delivery_accepted", "delivery_overdue")
"""Counters of messages that a receipt in the inbox may yet say something of."""


class Rounds:
    """Works on one run with one provider.

    Args:
        parts: See `Parts`.

    Attributes:
        done: What came of it.
    """

    def __init__(self, parts: Parts) -> None:
        parts.ledger.runs.check_service(parts.run, parts.rules.service)
        self._parts = parts
        self._thread = LedgerThread()
        self.done = Done()

    async def send(self, *, reconcile: bool) -> None:
        """Recover, then send; with `reconcile`, harvest and settle before, after and in between.

        Raises:
            BulkPecError: It failed before any attempt. A later failure is part of the outcome.
        """
        self.done.sends = True
        attempts = self._parts.figure("attempts")
        try:
            await self._send(reconcile)
        except BaseExceptionGroup as group:
            self._keep(first_cause(group), attempts)
        except BulkPecError as error:
            self._keep(error, attempts)

    async def reconcile(self) -> None:
        """Recover, harvest, settle. That one inbox of several was not read is part of the outcome.

        Raises:
            BulkPecError: None could be read.
        """
        self._recover()
        parts = self._parts
        orders = Orders(parts.ledger, parts.run, parts.clock, parts.say)
        try:
            async with parts.provider() as provider, anyio.create_task_group() as background:
                background.start_soon(orders.watch, Stops())  # written down; there is nothing to stop
                inboxes = Inboxes(parts, self.done, provider, self._thread.call)
                chores = Chores(parts, self.done, provider, self._thread.call, inboxes)
                await chores.before()
                await inboxes.reconcile()
                await chores.run()
                await self._balance()
                await self._look_back(inboxes)
                background.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise first_cause(group) from None
        orders.take()
        self._finish()
        if inboxes.unread:
            self.done.error = inboxes.problem(inboxes.unread)

    def _keep(self, error: BaseException, attempts: int) -> None:
        """Keep an error for the report, if there is one to give: attempts were made in this start."""
        if not isinstance(error, BulkPecError):
            raise error from None
        try:
            if self._parts.figure("attempts") == attempts:
                raise error from None
            self._finish()
        except BulkPecError:  # the ledger cannot be read now: nothing can be reported
            raise error from None
        self.done.error = error

    def _recover(self) -> None:
        """Put the open attempts of dead processes in doubt."""
        recovered = self._parts.ledger.workers.recover(self._parts.clock.now())
        self.done.recovered += recovered
        if recovered:
            self._parts.say(
                f"An earlier process died with {counted(recovered, 'message')} on the way: in doubt until a "
                "receipt, or its accepted absence, settles the matter."
            )

    async def _send(self, reconcile: bool) -> None:
        parts, stops = self._parts, Stops()
        self._recover()
        timekeeper = Timekeeper(
            parts.rules.calendar,
            parts.clock,
            stops,
            until=parts.limits.until,
            duration=parts.limits.max_duration,
        )
        async with parts.provider() as provider, anyio.create_task_group() as background:
            self.done.unread = parts.rules.may_settle
            for listener in parts.listeners:
                background.start_soon(listener, stops)
            background.start_soon(timekeeper.keep_the_end)
            start = Start(
                parts,
                self.done,
                provider,
                stops=stops,
                timekeeper=timekeeper,
                recover=self._recover,
                reconcile=reconcile,
                thread=self._thread,
            )
            await start.work()
            if reconcile and start.inboxes.read and not stops.held_back:
                await self._balance()
            await self._look_back(start.inboxes)
            background.cancel_scope.cancel()
        self.done.sent.reason, self.done.sent.note = stops.reason, stops.note
        self._finish()

    async def _balance(self) -> None:
        """Hold input rows, attempts and receipts against each other, and keep what comes of it."""
        await self._thread.call(self._parts.ledger.balances.draw, self._parts.run, self._parts.clock.now())

    async def _look_back(self, inboxes: Inboxes) -> None:
        """Whether receipts that are outstanding may lie where the inboxes must be read again."""
        outstanding = sum(map(self._parts.figure, _OUTSTANDING))
        self.done.to_read_again = await inboxes.to_read_again() if outstanding else []

    def _finish(self) -> None:
        self._parts.ledger.runs.close_if_done(self._parts.run, self._parts.clock.now())

    def ended(self) -> Ended:
        """What is known of this start's end, for its exit code."""
        done = self.done
        return Ended(
            stopped=done.sent.reason,
            skipped=bool(done.sent.skipped),
            waiting=done.unread or done.settled.waiting > 0,
            others=self._parts.ledger.workers.living(self._parts.run) > 0,
            accepted=done.accepted > 0,
            sends=done.sends,
            bad_canary=done.bad_canary,
            room_made=done.room_made,
        )
