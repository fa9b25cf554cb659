"""The nightly job's steps after loading: recover, reconcile, send, reconcile, and again while it helps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio

from bulk_pec.cli import obeying, wiring
from bulk_pec.cli.progress import Progress
from bulk_pec.cli.session import Result, Session
from bulk_pec.cli.signals import interrupt
from bulk_pec.composing import Composer
from bulk_pec.domain.errors import BulkPecError, first_cause
from bulk_pec.domain.exits import Reason
from bulk_pec.domain.letters import Mailbox
from bulk_pec.domain.outcomes import Verdict
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs import Run
from bulk_pec.receipts.harvest import Harvest, Harvester
from bulk_pec.receipts.settle import Settled, Settler
from bulk_pec.reporting import status
from bulk_pec.reporting.ending import Ended, closing, exit_of
from bulk_pec.sending.engine import Engine
from bulk_pec.sending.options import SendingMailbox, Sent
from bulk_pec.sending.stops import Stops


@dataclass(frozen=True, slots=True)
class Limits:
    """What this start may do at most: attempts, seconds; None for no limit."""

    max_messages: int | None = None
    max_duration: float | None = None


@dataclass(slots=True)
class Done:
    """What the steps did, for the report.

    Attributes:
        recovered: Attempts of dead processes put in doubt.
        unread: Whether the inbox was left to a later command, which may settle the doubts.
        accepted: Absences accepted.
        settled: What became of the doubts when they were last looked at.
        sent: What sending came to.
        error: What ended this start after it had made attempts.
    """

    recovered: int = 0
    unread: bool = False
    accepted: int = 0
    settled: Settled = field(default_factory=Settled)
    sent: Sent = field(default_factory=Sent)
    error: BulkPecError | None = None

    @property
    def posted(self) -> int:
        """Attempts of which something may have left."""
        return self.sent.attempts - self.sent.outcomes.get(Verdict.NOT_SENT, 0)


class Job:
    """Works on one run with one provider.

    Args:
        session: For talk and configuration.
        ledger: Open for writing.
        run: Loaded.
        letters: With the templates the run was loaded with.
        limits: See `Limits`.
    """

    def __init__(
        self, session: Session, ledger: Ledger, run: Run, letters: Composer | None, limits: Limits
    ) -> None:
        self._session = session
        self._config = session.config()
        self._ledger = ledger
        self._run = run
        self._letters = letters
        self._limits = limits
        self._clock = wiring.clock()
        ledger.runs.check_service(run, self._config.settings.api.base_url)
        self._mailboxes: list[Mailbox] = self._config.mailbox_list()
        self._shares: dict[str, float] = {}
        self._sends = False
        self.done = Done()

    def send(self, *, reconcile: bool) -> None:
        """Recover, then send; with `reconcile`, harvest and settle before, after and in between.

        Raises:
            BulkPecError: It failed before any attempt. A later failure is part of the outcome.
        """
        self._sends = True
        attempts = self._figure("attempts")
        try:
            anyio.run(self._send, reconcile)
        except BaseExceptionGroup as group:
            self._keep(first_cause(group), attempts)
        except BulkPecError as error:
            self._keep(error, attempts)
        finally:
            interrupt()  # the loop leaves the system's own handlers behind

    def _keep(self, error: BaseException, attempts: int) -> None:
        """Keep an error for the report, if there is one to give: attempts were made in this start."""
        if not isinstance(error, BulkPecError):
            raise error from None
        try:
            if self._figure("attempts") == attempts:
                raise error from None
            self._finish()
        except BulkPecError:  # the ledger cannot be read now: nothing can be reported
            raise error from None
        self.done.error = error

    def reconcile(self) -> None:
        """Recover, harvest, settle."""
        anyio.run(self._reconcile_alone)

    def recover(self) -> None:
        """Put the open attempts of dead processes in doubt."""
        self.done.recovered = self._ledger.workers.recover(self._clock.now())
        if self.done.recovered:
            self._session.say(
                f"An earlier process died with {self.done.recovered} messages on their way: they are in "
                "doubt until a receipt, or its accepted absence, settles them."
            )

    async def _reconcile_alone(self) -> None:
        self.recover()
        async with wiring.provider(self._config) as provider:
            await self._reconcile(provider)
        self._finish()

    async def _send(self, reconcile: bool) -> None:
        self.recover()
        async with wiring.provider(self._config) as provider, anyio.create_task_group() as background:
            stops = Stops()
            self.done.unread = self._may_settle
            background.start_soon(obeying.obey, stops, self._session)
            background.start_soon(obeying.end_after, stops, self._limits.max_duration)
            await self._rounds(provider, stops, reconcile=reconcile)
            background.cancel_scope.cancel()
        if self.done.sent.reason is None:
            self.done.sent.reason, self.done.sent.note = stops.reason, stops.note
        self._finish()

    async def _rounds(self, provider: wiring.Provider, stops: Stops, *, reconcile: bool) -> None:
        """Send and reconcile until neither changes anything the other could use."""
        look = partial(self._look, stops, partial(self._reconcile if reconcile else self._harvest, provider))
        # Always before sending: an older copy of the ledger learns here what has left since.
        await look()
        while True:
            posted = self.done.posted
            if self._pending() and not stops.asked:
                await self._send_once(provider, stops)
            if not reconcile or self.done.posted == posted:
                return
            accepted = await look()
            if stops.asked or not (accepted and self._pending()):
                return

    async def _look(self, stops: Stops, once: Callable[[], Awaitable[int]]) -> bool:
        """Look into the inbox until no absence is accepted any more; whether one was.

        Its message waits for a harvest that ended after the absence was accepted.
        """
        before = self.done.accepted
        while await obeying.unless_held(stops, once):
            pass
        return self.done.accepted > before

    @property
    def _may_settle(self) -> bool:
        """Whether reading the inbox may settle doubts without the operator."""
        return self._config.settings.sending.on_in_doubt != "hold"

    def _pending(self) -> int:
        return self._figure("pending")

    def _figure(self, name: str) -> int:
        return self._ledger.views.figures(self._run).values[name]

    async def _harvest(self, provider: wiring.Provider) -> int:
        """Harvest every mailbox and fold what its receipts say into the messages; settles nothing: 0."""
        harvester = Harvester(provider.listing, self._ledger.inbox, self._clock)
        for mailbox in self._mailboxes:
            harvest = await harvester.harvest(mailbox)
            self._shares[mailbox.address] = harvest.quota_share
            self._tell_harvest(mailbox, harvest)
        return 0

    async def _reconcile(self, provider: wiring.Provider) -> int:
        """Harvest, then settle what is in doubt; returns how many absences were accepted."""
        self.done.unread = self._may_settle
        await self._harvest(provider)
        overdue = self._clock.now() - round(self._config.settings.receipts.overdue_after * 1000)
        self._ledger.inbox.mark_overdue(self._run, overdue, self._clock.now())
        settler = Settler(
            provider.listing,
            self._ledger.doubts,
            wiring.settle_options(self._config),
            self._clock,
            self._ledger.inbox,
        )
        self.done.settled = await settler.settle(self._run, wiring.by_id(self._ledger, self._mailboxes))
        self.done.unread = False
        self.done.accepted += self.done.settled.accepted
        return self.done.settled.accepted

    def _tell_harvest(self, mailbox: Mailbox, harvest: Harvest) -> None:
        self._session.say(
            f"Inbox of {mailbox.address}: {harvest.pages} pages read, {harvest.new} new mails, "
            f"{harvest.matched} receipts matched, {harvest.quota_share:.0%} full."
        )
        self._tell_strange(mailbox, harvest.strange)

    def _tell_strange(self, mailbox: Mailbox, strange: int) -> None:
        """Before the first message of all this is a warning: perhaps they are about to be sent twice."""
        if not strange:
            return
        first = self._sends and self._run.started_at is None and not self.done.sent.attempts
        self._session.say(
            f"{'Warning: ' if first else ''}{mailbox.address}: {strange:,} receipts carry references this "
            "ledger does not know: another ledger sends from this mailbox too, or this is not the ledger you "
            "think."
        )

    async def _send_once(self, provider: wiring.Provider, stops: Stops) -> None:
        mailbox = self._mailboxes[0]
        share = self._shares.get(mailbox.address)
        if self._letters is None:
            raise ValueError("sending needs the templates")
        if share is not None and share >= self._config.settings.receipts.mailbox_full_at:
            stops.claims(Reason.MAILBOX_FULL, f"{mailbox.address} is {share:.0%} full")
            return
        self._ledger.runs.begin(self._run, self._clock.now(), self._config.settings.api.base_url)
        unread, posted = self.done.unread, self.done.posted
        self.done.unread = self._may_settle  # a signal may end this start before the inbox is read again
        with Progress(self._session, self._pending()) as progress:
            engine = Engine(
                self._ledger,
                self._run,
                provider.client,
                boxes=[SendingMailbox(mailbox, self._ledger.inbox.mailbox_id(mailbox.address), share)],
                composer=self._letters,
                options=wiring.send_options(self._config, self._messages_left()),
                clock=self._clock,
                stops=stops,
                watch=progress.saw,
            )
            self._add(await engine.run())
        if self.done.posted == posted:
            self.done.unread = unread  # no doubt has come that the last walk did not look for

    def _messages_left(self) -> int | None:
        limit = self._limits.max_messages
        return None if limit is None else max(0, limit - self.done.sent.attempts)

    def _add(self, sent: Sent) -> None:
        total = self.done.sent
        for verdict, count in sent.outcomes.items():
            total.outcomes[verdict] = total.outcomes.get(verdict, 0) + count
        total.skipped = sent.skipped
        total.refused += sent.refused
        total.reason, total.note = sent.reason, sent.note
        total.commits += sent.commits

    def _finish(self) -> None:
        self._ledger.runs.close_if_done(self._run, self._clock.now())

    def outcome(self) -> Result:
        """The status, as a document and for people, and how the command ends."""
        run = self._ledger.runs.get(self._run.name)
        figures = self._ledger.views.figures(run)
        document = status.document(run, figures, wiring.terms(self._config), self._clock.now())
        document["skipped"] = [{"row": row, "why": why} for row, why in self.done.sent.skipped]
        text = "\n".join([status.text(document, wiring.zone(self._config)), *self._notes(document)])
        if self.done.error is not None:
            return Result(document, text, self.done.error.exit, error=self.done.error)
        ended = Ended(
            stopped=self.done.sent.reason,
            skipped=bool(self.done.sent.skipped),
            waiting=self.done.unread or self.done.settled.waiting > 0,
            others=self._ledger.workers.living(run) > 0,
            accepted=self.done.accepted > 0,
            sends=self._sends,
        )
        how = exit_of(document, ended)
        return Result(document, text, how, closing(document, how))

    def _notes(self, document: dict[str, Any]) -> list[str]:
        done, notes = self.done, []
        if done.sent.reason is not None:
            note = f": {done.sent.note}" if done.sent.note else ""
            notes.append(f"Sending stopped early ({done.sent.reason.value}){note}.")
        for row, why in done.sent.skipped[:5]:
            notes.append(f"Row {row} was not sent: {why}. Restore what was changed, then start again.")
        if done.sent.refused:
            notes.append(
                f"{done.sent.refused} messages were not sent: the ledger refused their intents, because "
                "another process has them or they would not say what their first attempt said."
            )
        if document["messages"]["in_doubt"]:
            notes += [f"In doubt: {count} ({why})." for why, count in (done.settled.why or {}).items()]
        return notes
