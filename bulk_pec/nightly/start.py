"""One start's work with the provider at hand: look, send, look, and again while it helps or --wait waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from bulk_pec.domain.exits import Reason
from bulk_pec.domain.letters import Mailbox
from bulk_pec.nightly.canary import CanaryWatch
from bulk_pec.nightly.done import Done
from bulk_pec.nightly.inboxes import Inboxes
from bulk_pec.nightly.parts import Parts, Provider
from bulk_pec.nightly.timekeeper import Timekeeper
from bulk_pec.nightly.waiting import Waiting
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
        reconcile: Whether doubts are settled, and the inbox is read after sending too.
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
    ) -> None:
        self._parts = parts
        self._done = done
        self._provider = provider
        self._stops = stops
        self._timekeeper = timekeeper
        self._recover = recover
        self._reconcile = reconcile
        self._inboxes = Inboxes(parts, done)
        self._refused: dict[str, Stopped] = {}
        self._health: Health | None = None
        self._canary = CanaryWatch(parts, done, stops, self._look)
        self._waiting = Waiting(parts, done, timekeeper, stops, provider)
        self._orders = Orders(parts.ledger, parts.run, parts.clock, parts.say)

    async def work(self) -> None:
        """Send and look until neither changes anything the other could use."""
        self._orders.look(self._stops)
        # Always before sending: an older copy of the ledger learns here what has left since.
        await self._look()
        while await self._round():
            pass
        if self._reconcile and not self._parts.pending and not self._stops.asked:
            self._done.error = self._inboxes.refused_doubts()

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
        once = self._inboxes.reconcile if self._reconcile else self._inboxes.harvest
        before = self._done.accepted
        while await _unless_held(self._stops, lambda: once(self._provider)):
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
            self._inboxes.shares.get(mailbox.address),
            self._parts.rules.limits.get(mailbox.address, MailboxLimits()),
            self._stopped(mailbox.address),
        )

    def _stopped(self, address: str) -> Stopped | None:
        """Why nothing may be sent from a mailbox, from what this start has seen of it."""
        unread = self._inboxes.unread.get(address)
        if unread is not None:
            return Stopped(unread.reason, f"its inbox was not read: {unread.what.rstrip('.')}")
        return self._refused.get(address)

    async def _run(self, engine: Engine) -> None:
        """Run the engine while the window is open."""
        async with anyio.create_task_group() as keeping:
            keeping.start_soon(self._timekeeper.keep_the_window)
            self._done.add(await engine.run())
            keeping.cancel_scope.cancel()

    def _messages_left(self) -> int | None:
        limit = self._parts.limits.max_messages
        return None if limit is None else max(0, limit - self._done.sent.attempts)


async def _unless_held(stops: Stops, look: Callable[[], Awaitable[int]]) -> int:
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
