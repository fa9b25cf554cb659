"""The engine: one process sends one run, several messages in flight, from one mailbox or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio

from bulk_pec.clock import Clock
from bulk_pec.composing import Composer, Uncomposable
from bulk_pec.domain.errors import first_cause
from bulk_pec.domain.exits import Reason
from bulk_pec.domain.outcomes import MAY_TRY_AGAIN, Outcome, Stop, Verdict
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.attempts import Refusal
from bulk_pec.ledger.outbox.claims import PendingMessage
from bulk_pec.ledger.outbox.workers import Worker
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.provider.client import PecClient
from bulk_pec.sending.allowance import Allowance
from bulk_pec.sending.boxes import Boxes
from bulk_pec.sending.committer import Committer, LedgerThread
from bulk_pec.sending.freight import Freight
from bulk_pec.sending.health import Health
from bulk_pec.sending.lease import Lease
from bulk_pec.sending.options import SendingMailbox, SendOptions, Sent, Stopped, Watcher
from bulk_pec.sending.pace import Pace
from bulk_pec.sending.poster import Posted, Poster, Unposted, Why
from bulk_pec.sending.room import Room
from bulk_pec.sending.source import Source
from bulk_pec.sending.space import Meter, Space
from bulk_pec.sending.stops import Stops
from bulk_pec.sending.timetable import Timetable
from bulk_pec.sending.writer import Draft, Writer

_RUN_STOPS: dict[Stop, Reason] = {Stop.CREDIT: Reason.CREDIT, Stop.ADDRESS: Reason.CONFIG}
_SKIPS_KEPT = 100
_ASIDE_MS = 5_000
"""A message that a mailbox was refused for waits so long for others to be sent first: then it is tried."""
_CROWD_MS = 500


class Engine:
    """Sends one run from one process.

    Args:
        ledger: Open for writing; nothing else uses it meanwhile, but through `thread`.
        run: Loaded and begun.
        client: The provider.
        boxes: The mailboxes to send from, at least one.
        composer: With the templates the run was loaded with.
        options: See `SendOptions`.
        clock: Where time comes from.
        stops: What may stop it.
        watch: Told of every outcome.
        health: What it judges the provider by; one that has seen the earlier outcomes of this start, if
            there were any. None: a new one.
        thread: The ledger's, where others use the ledger meanwhile. None: one of its own.
        meter: Reads quotas while it sends. None: none is read, and no mailbox fills.

    Attributes:
        space: Watches the mailboxes; None without a meter.
    """

    def __init__(
        self,
        ledger: Ledger,
        run: Run,
        client: PecClient,
        *,
        boxes: Sequence[SendingMailbox],
        composer: Composer,
        options: SendOptions,
        clock: Clock,
        stops: Stops,
        watch: Watcher,
        health: Health | None = None,
        thread: LedgerThread | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._ledger = ledger
        self._run = run
        self._client = client
        self._writer = Writer(composer, run)
        self._freight = Freight()
        self._options = options
        self._clock = clock
        self._stops = stops
        self._watch = watch
        self._boxes = Boxes(boxes, stops, clock)
        self._limits = options.limits(boxes)
        self._thread = thread or LedgerThread()
        shared = ledger.database.is_postgres
        timetable = Timetable(self._thread, ledger.paces, clock, shared=shared)
        self._pace = Pace(timetable, self._boxes, options.rate, stops)
        self._room = Room(self._thread, ledger.usage, self._boxes, self._limits, run=run, clock=clock)
        self.space = self._watching(meter)
        self._health = health or Health(options.max_failure_share)
        self._sent = Sent()
        self._stranded: dict[int, Stopped] = {}
        self._tried_before: set[int] = set()
        self._allowance = Allowance(options.max_messages, stops)

    def _watching(self, meter: Meter | None) -> Space | None:
        if meter is None:
            return None
        return Space(
            self._thread,
            self._ledger.quotas,
            self._boxes,
            meter,
            stops=self._stops,
            full_at=self._options.mailbox_full_at,
            horizon=self._options.receipts_within,
            lag=self._options.receipts_lag,
            clock=self._clock,
        )

    def refused(self, address: str, note: str) -> None:
        """A mailbox was refused elsewhere: nothing more is sent from it."""
        self._boxes.stop(self._boxes.id_of(address), Stopped(Reason.CREDENTIALS, note))

    async def look(self, address: str) -> None:
        """A mailbox's inbox could not be read: whether it is sent from further, its quota says."""
        if self.space is not None:
            await self.space.unread(self._boxes.id_of(address))

    async def harvested(self, address: str) -> None:
        """A mailbox's inbox has just been read, and its quota."""
        if self.space is not None:
            await self.space.harvested(self._boxes.id_of(address))

    async def run(self) -> Sent:
        """Send until nothing is left to claim or something stops it.

        Raises:
            LedgerError: A commit failed; attempts in flight then stay open for recovery.
        """
        lease_ms = round(self._options.lease * 1000)
        since = self._clock.running()
        worker = await self._thread.call(
            self._ledger.workers.register, self._run, lease_ms, self._clock.now()
        )
        committer = Committer(self._thread, self._ledger.attempts, worker, self._clock, self._limits)
        self._boxes.begin(self._options.mailbox_full_at)
        await self._room.look()
        if self.space is not None:
            await self.space.begin()
        try:
            await self._send_all(worker, self._lease(since), committer)
        except BaseExceptionGroup as group:
            raise first_cause(group) from None
        await self._thread.call(self._ledger.workers.end, worker, self._clock.now())
        self._say_why()
        self._sent.commits = committer.commits
        return self._sent

    def _say_why(self) -> None:
        """Why it stopped early; that messages wait for a mailbox which sends no more is a reason too.

        Not beside another: what is to be waited for first, with --wait, names the stop.
        """
        stopped = awaited = self._boxes.why()
        if self._stranded and not self._stops.asked:
            awaited = self._stranded
            self._stops.claims(*self._boxes.said(awaited))
        self._sent.stopped = {
            self._boxes.address(box): why for box, why in (self._stranded | stopped).items()
        }
        self._sent.awaited = tuple(map(self._boxes.address, awaited))
        self._sent.reason, self._sent.note = self._stops.reason, self._stops.note
        if self._sent.reason is Reason.CAP:
            ends = [why.until for why in awaited.values() if why.until is not None]
            self._sent.again_at = min(ends, default=self._clock.now())  # none: that period is over by now

    async def _send_all(self, worker: Worker, lease: Lease, committer: Committer) -> None:
        poster = Poster(
            self._client,
            self._boxes,
            committer,
            self._ledger.attempts,
            thread=self._thread,
            pace=self._pace,
            lease=lease,
            stops=self._stops,
            clock=self._clock,
            limits=self._limits,
            timeout=self._options.timeout,
        )
        async with anyio.create_task_group() as background:
            background.start_soon(committer.run)
            background.start_soon(self._pace.run)
            background.start_soon(lease.keep, worker, self._stops)
            background.start_soon(self._drain, poster)
            if self.space is not None:
                background.start_soon(self.space.run)
            await self._send_blocks(worker, committer, poster)
            while self._revived() and not self._stops.asked:
                await self._room.look()
                await self._send_blocks(worker, committer, poster)
            background.cancel_scope.cancel()

    async def _send_blocks(self, worker: Worker, committer: Committer, poster: Poster) -> None:
        """Claim block after block, send what is in them, and give them back."""
        source = Source(self._thread, self._ledger.claims, worker, stops=self._stops, clock=self._clock)
        async with anyio.create_task_group() as senders:
            for _ in range(self._options.concurrency):
                senders.start_soon(self._send_some, source, poster)
        await committer.settled()
        await source.give_back()

    def _revived(self) -> bool:
        """Whether a mailbox that messages were left for may send again: its cap's period is over."""
        back = [box for box in self._stranded if not self._boxes.stopped(box)]
        for box in back:
            del self._stranded[box]
            self._sent.stranded.pop(self._boxes.address(box), None)
        return bool(back)

    def _lease(self, since: float) -> Lease:
        return Lease(
            self._thread,
            self._ledger.workers,
            self._clock,
            seconds=self._options.lease,
            since=since,
            timed=self._ledger.database.is_postgres,
        )

    async def _send_some(self, source: Source, poster: Poster) -> None:
        """One of `concurrency` tasks: takes messages until there is none."""
        while (message := await source.next()) is not None:
            await self._send_one(message, source, poster)

    async def _send_one(self, message: PendingMessage, source: Source, poster: Poster) -> None:
        box = message.mailbox_id
        if box in self._boxes.by_id and not self._boxes.may_wait(box):
            self._strand(message, source)
            return
        wait = await self._aside(message)
        if wait:
            source.again(message, self._clock.now() + wait)
            return
        try:
            draft = self._draft(message)
            async with self._freight.carried(draft.weight):
                await self._send_draft(draft, source, poster)
        except Uncomposable as problem:
            if len(self._sent.skipped) < _SKIPS_KEPT:
                self._sent.skipped.append((message.row, str(problem)))
            source.done()

    async def _aside(self, message: PendingMessage) -> int:
        """Milliseconds for which others go first, if there is a reason to let them."""
        box = message.mailbox_id
        if box is None:
            return 0
        if message.id not in self._tried_before:
            self._tried_before.add(message.id)
            since = await self._thread.call(self._ledger.attempts.sent_since_refusal, message.id, box)
            if since is False:
                return _ASIDE_MS
        return _CROWD_MS if len(self._boxes.by_id) > 1 and self._pace.crowded(box) else 0

    def _strand(self, message: PendingMessage, source: Source) -> None:
        """The message's mailbox sends no more: it stays pending, and is told. Unless it goes on just now."""
        why = self._boxes.why().get(message.mailbox_id or 0)
        if why is None:
            source.again(message, self._clock.now())
            return
        box = message.mailbox_id or 0
        address = self._boxes.address(box)
        self._stranded[box] = why
        self._sent.stranded[address] = self._sent.stranded.get(address, 0) + 1
        source.done()

    async def _send_draft(self, draft: Draft, source: Source, poster: Poster) -> None:
        """Write the letter and post it.

        Raises:
            Uncomposable: It is not what was loaded; the message stays pending.
        """
        if self._stops.asked:  # it may have come while others were carried
            source.done()
            return
        message, letter = draft.message, await self._writer.letter(draft)
        if self.space is not None:
            self.space.carries(len(letter.body) + sum(len(one.base64) for one in letter.attachments))
        if not await self._allowance.take():
            source.done()
            return
        posted = await poster.post(message, letter)
        if isinstance(posted, Unposted):
            self._allowance.settle(used=False)
            await self._not_posted(message, posted, source)
            return
        self._account(posted)  # first: what it says of the provider outranks an allowance used up
        self._allowance.settle(used=True)
        if posted.outcome.verdict in MAY_TRY_AGAIN and not self._stops.asked:
            again = replace(message, attempts=message.attempts + 1, mailbox_id=posted.box)
            source.again(again, posted.not_before)
        else:
            source.done()

    async def _not_posted(self, message: PendingMessage, found: Unposted, source: Source) -> None:
        box, wait = found.box, 0.0
        if isinstance(found.why, Refusal) and box is not None:
            if found.why is Refusal.PAUSED:
                pause = await self._pace.look(box)
                wait = pause if message.mailbox_id is not None else 0.0  # the others may be free
            else:
                await self._room.short(found.why, box, found.units)
            if not self._stops.asked:
                source.again(message, self._clock.now() + round(wait * 1000))
                return
        elif found.why is Why.STRANDED and not self._stops.asked:
            self._strand(message, source)
            return
        self._sent.refused += found.why is Why.REFUSED and not self._stops.asked
        source.done()

    def _draft(self, message: PendingMessage) -> Draft:
        """What the message's letter needs, if this start may send it at all.

        Raises:
            Uncomposable: It may not; the message stays pending.
        """
        if message.mailbox_id is not None and message.mailbox_id not in self._boxes.by_id:
            raise Uncomposable("it is bound to the mailbox that first tried it, which is not configured now")
        return self._writer.draft(message)

    def _account(self, posted: Posted) -> None:
        outcome = posted.outcome
        self._sent.outcomes[outcome.verdict] = self._sent.outcomes.get(outcome.verdict, 0) + 1
        self._watch(outcome)
        if outcome.stop is Stop.MAILBOX:
            self._boxes.stop(posted.box, Stopped(Reason.CREDENTIALS, outcome.detail))
        elif outcome.stop is not None:
            self._stops.claims(_RUN_STOPS[outcome.stop], outcome.detail)
        elif not posted.held_back:
            self._judge(outcome)

    def _judge(self, outcome: Outcome) -> None:
        if outcome.verdict is Verdict.NOT_SENT and self._pace.down:
            return  # several in flight met the same failure: it counts once
        reason = self._health.see(outcome)
        if reason is not None:
            self._stops.claims(reason, outcome.detail)
        elif outcome.verdict is Verdict.NOT_SENT:
            self._pace.back_off(self._health.unreachable)

    async def _drain(self, poster: Poster) -> None:
        """Once everything is to stop, what is in flight has `drain_timeout` seconds to end."""
        await self._stops.held()
        await anyio.sleep(self._options.drain_timeout)
        poster.cut_off()
