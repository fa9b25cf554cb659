"""One start's work with the provider at hand: look, send, look, and again while it helps or --wait waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from bulk_pec.domain.exits import Reason
from bulk_pec.domain.letters import Mailbox
from bulk_pec.nightly.beside import Beside
from bulk_pec.nightly.canary import CanaryWatch
from bulk_pec.nightly.chores import Chores
from bulk_pec.nightly.done import Done
from bulk_pec.nightly.inboxes import Inboxes
from bulk_pec.nightly.parts import Parts, Provider
from bulk_pec.nightly.timekeeper import Timekeeper
from bulk_pec.nightly.waiting import Waiting
from bulk_pec.sending.committer import LedgerThread
from bulk_pec.sending.engine import Engine
from bulk_pec.sending.health import Health
from bulk_pec.sending.options import MailboxLimits, SendingMailbox, Stopped
from bulk_pec.sending.orders import Orders
from bulk_pec.sending.stops import Stops


class Start:
    """Works on one run until nothing more can be done in this start.

    Args:
        parts: The job's.
        done: Told of everything that is done.
        provider: Open.
        stops: What may stop it.
        timekeeper: When it must stop.
        recover: Puts the open attempts of dead processes in doubt; asked again after each waiting.
        reconcile: Whether doubts are settled, and the inbox is read beside and after sending too.
        thread: The ledger's.

    Attributes:
        inboxes: What it has read.
    """

    def __init__(
        self,
        parts: Parts,
        done: Done,
        provider: Provider,
        *,
        stops: Stops,
        timekeeper: Timekeeper,
        recover: Callable[[], None],
        reconcile: bool,
        thread: LedgerThread,
    ) -> None:
        self._parts = parts
        self._done = done
        self._provider = provider
        self._stops = stops
        self._timekeeper = timekeeper
        self._recover = recover
        self._reconcile = reconcile
        self._thread = thread
        self.inboxes = Inboxes(parts, done, provider, thread.call)
        self._refused: dict[str, Stopped] = {}
        self._health: Health | None = None
        self._canary = CanaryWatch(parts, done, stops, self._look)
        self._chores = Chores(parts, done, provider, thread.call, self.inboxes)
        self._waiting = Waiting(parts, done, timekeeper, stops, self.inboxes.gauge, meanwhile=self._meanwhile)
        self._orders = Orders(parts.ledger, parts.run, parts.clock, parts.say)

    async def work(self) -> None:
        """Send and look until neither changes anything the other could use."""
        self._orders.look(self._stops)
        # Always before sending: an older copy of the ledger learns here what has left since.
        if not self._reconcile:
            await unless_held(self._stops, self._chores.before)
        await self._look()
        while await self._round():
            pass
        if self._reconcile and not self._parts.pending and not self._stops.asked:
            self._done.error = self._done.error or self.inboxes.refused_doubts()
        if self._reconcile:
            ends = self._chores.end_of(self._stops.reason, self._done.sent.again_at)
            over = self._timekeeper.over
            await unless_held(self._stops, lambda: self._chores.run(lambda: ends() or over()))
            if self._chores.deleted and self._stops.reason is Reason.MAILBOX_FULL:
                await unless_held(self._stops, self._room_made)

    async def _room_made(self) -> int:
        self._done.room_made = await self._waiting.has_room()
        return 0

    async def _meanwhile(self) -> bool:
        """While it waits for the window, a cap or room; whether that made room."""
        deleted = self._chores.deleted
        if self._reconcile:
            await self._chores.run()
        return self._chores.deleted > deleted

    async def _round(self) -> bool:
        """Send once, and look at what came of it; whether another round could do more."""
        posted = self._done.posted
        if await self._may_send():
            await self._send()
        accepted = await self._look() if self._reconcile and self._done.posted != posted else False
        if not self._parts.pending:
            return False
        canary_is_out = self._canary.sent_whole()
        if await self._waiting.over():
            self._recover()
            await self._look()
            return True
        return not self._stops.asked and (accepted or canary_is_out)

    async def _may_send(self) -> bool:
        """Whether there is something to send and nothing against it."""
        if not self._parts.pending or self._stops.asked or not self._timekeeper.open():
            return False
        # A canary may be awaited for hours; the window may have closed meanwhile.
        return await self._canary.lets_go() and self._timekeeper.open()

    async def _look(self) -> bool:
        """Look into the inboxes until no absence is accepted any more; whether one was.

        Its message waits for a harvest that ended after the absence was accepted.
        """
        once = self.inboxes.reconcile if self._reconcile else self.inboxes.harvest
        before = self._done.accepted
        if self._reconcile:
            await unless_held(self._stops, self._chores.before)
        while await unless_held(self._stops, once):
            pass
        self._orders.look(self._stops)
        return self._done.accepted > before

    async def _send(self) -> None:
        parts, rules = self._parts, self._parts.rules
        if parts.letters is None:
            raise ValueError("sending needs the templates")
        parts.ledger.runs.begin(parts.run, parts.clock.now(), rules.service)
        unread, posted = self._done.unread, self._done.posted
        self._done.unread = rules.may_settle  # a signal may end this start before the inbox is read again
        options = rules.send(self._messages_left())
        self._health = self._health or Health(options.max_failure_share)  # of this start, not of each round
        with parts.progress(parts.pending) as watch:
            engine = Engine(
                parts.ledger,
                parts.run,
                self._provider.client,
                boxes=[self._box(mailbox) for mailbox in parts.mailboxes],
                composer=parts.letters,
                options=options,
                clock=parts.clock,
                stops=self._stops,
                watch=watch,
                health=self._health,
                thread=self._thread,
                meter=self.inboxes.gauge,
            )
            await self._run(engine)
        stopped = self._done.sent.stopped.items()
        self._refused |= {one: why for one, why in stopped if why.reason is Reason.CREDENTIALS}
        if self._done.posted == posted:
            self._done.unread = unread  # no doubt has come that the last walk did not look for

    def _box(self, mailbox: Mailbox) -> SendingMailbox:
        return SendingMailbox(
            mailbox,
            self._parts.ledger.inbox.mailbox_id(mailbox.address),
            self.inboxes.shares.get(mailbox.address),
            self._parts.rules.limits.get(mailbox.address, MailboxLimits()),
            self._stopped(mailbox.address),
        )

    def _stopped(self, address: str) -> Stopped | None:
        """Why nothing may be sent from a mailbox, from what this start has seen of it."""
        unread = self.inboxes.unread.get(address)
        if unread is not None:
            return Stopped(unread.reason, f"its inbox was not read: {unread.what.rstrip('.')}")
        return self._refused.get(address)

    async def _run(self, engine: Engine) -> None:
        """Run the engine while the window is open; with `reconcile`, the inboxes are read beside it."""
        async with anyio.create_task_group() as keeping:
            keeping.start_soon(self._timekeeper.keep_the_window)
            if self._reconcile:
                keeping.start_soon(self._beside(engine).run)
            self._done.add(await engine.run())
            keeping.cancel_scope.cancel()

    def _beside(self, engine: Engine) -> Beside:
        return Beside(
            self.inboxes,
            engine,
            self._stops,
            every=self._parts.rules.harvest_every,
            noticed=lambda: self._orders.look_beside(self._thread.call, self._stops),
        )

    def _messages_left(self) -> int | None:
        limit = self._parts.limits.max_messages
        return None if limit is None else max(0, limit - self._done.sent.attempts)


async def unless_held(stops: Stops, look: Callable[[], Awaitable[int]]) -> int:
    """Look into the inbox, or work in it; a signal ends that between two requests."""
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
