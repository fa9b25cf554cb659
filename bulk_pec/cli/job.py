"""The nightly job as commands start it: `bulk_pec.nightly` with the configuration's parts, and its report."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import anyio

from bulk_pec.cli import forecasting, obeying, wiring
from bulk_pec.cli.progress import Progress
from bulk_pec.cli.session import Result, Session
from bulk_pec.cli.signals import interrupt
from bulk_pec.composing import Composer
from bulk_pec.domain.exits import Reason
from bulk_pec.domain.words import counted
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.nightly import CanaryRules, Done, Limits, Parts, Rounds
from bulk_pec.reporting import status
from bulk_pec.reporting.ending import closing, exit_of
from bulk_pec.sending.options import Watcher
from bulk_pec.sending.orders import Orders

__all__ = ["Job", "Limits"]


class Job:
    """Works on one run with one provider.

    Args:
        session: For talk and configuration.
        ledger: Open for writing.
        run: Loaded.
        letters: With the templates the run was loaded with.
        limits: See `Limits`.
        trial: Whether it is a person's own message to themselves: at any hour, and without a canary.
    """

    def __init__(
        self,
        session: Session,
        ledger: Ledger,
        run: Run,
        letters: Composer | None,
        limits: Limits,
        *,
        trial: bool = False,
    ) -> None:
        self._session = session
        self._config = config = session.config()
        self._ledger = ledger
        self._run = run
        self._clock = wiring.clock()
        rules = wiring.rules(config)
        if trial:
            rules = replace(rules, calendar=rules.calendar.unrestricted(), canary=CanaryRules())
        self._rounds = Rounds(
            Parts(
                ledger=ledger,
                run=run,
                letters=letters,
                mailboxes=config.mailbox_list(),
                provider=partial(wiring.provider, config),
                clock=self._clock,
                rules=rules,
                limits=limits,
                listeners=[
                    partial(obeying.obey, session=session),
                    Orders(ledger, run, self._clock, session.say).watch,
                ],
                progress=self._progress,
                say=session.say,
            )
        )

    def send(self, *, reconcile: bool) -> None:
        """Recover, then send; with `reconcile`, harvest and settle before, after and in between.

        Raises:
            BulkPecError: It failed before any attempt. A later failure is part of the outcome.
        """
        try:
            with _frozen():
                anyio.run(partial(self._rounds.send, reconcile=reconcile))
        finally:
            interrupt()  # the loop leaves the system's own handlers behind

    def reconcile(self) -> None:
        """Recover, harvest, settle."""
        with _frozen():
            anyio.run(self._rounds.reconcile)

    @contextmanager
    def _progress(self, total: int) -> Iterator[Watcher]:
        with Progress(self._session, total) as progress:
            yield progress.saw

    def outcome(self) -> Result:
        """The status, as a document and for people, and how the command ends."""
        done = self._rounds.done
        run = self._ledger.runs.get(self._run.name)
        figures = self._ledger.views.figures(run)
        terms = forecasting.terms(self._config, self._ledger, run, figures, self._clock.now())
        document = status.document(run, figures, terms)
        document["to_read_again"] = done.to_read_again
        document["skipped"] = [{"row": row, "why": why} for row, why in done.sent.skipped]
        text = "\n".join([status.text(document, forecasting.zone(self._config)), *_notes(done, document)])
        if done.error is not None:
            return Result(document, text, done.error.exit, error=done.error)
        ended = self._rounds.ended()
        how = exit_of(document, ended)
        document["closing"] = closing(
            document, how, ended, self._room_again() if how.reason is Reason.CAP else ""
        )
        return Result(document, text, how, document["closing"])

    def _room_again(self) -> str:
        """When a cap that was reached lets messages out again; by then the window must be open too."""
        calendar, now = forecasting.calendar(self._config), self._clock.now()
        room = self._rounds.done.sent.again_at or calendar.day_ends(now)
        opens = calendar.local(calendar.next_open(max(now, room)))
        return f"{opens:%Y-%m-%d %H:%M} ({calendar.timezone})"


@contextmanager
def _frozen() -> Iterator[None]:
    """What is loaded by now stays: to walk through it again and again cost a twelfth of a message.

    Of a receipt that is harvested it cost a fifth.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


_ORDERED = {Reason.PAUSED, Reason.CANCELLED, Reason.ATTENTION}
"""From such an order on the ledger refuses every intent."""


def _notes(done: Done, document: dict[str, Any]) -> list[str]:
    notes = []
    if done.sent.reason is not None:
        note = f": {done.sent.note}" if done.sent.note else ""
        notes.append(f"Sending stopped early ({done.sent.reason.value}){note}.")
    notes += done.stopped_mailboxes() + done.unsure_inboxes()
    for row, why in done.sent.skipped[:5]:
        notes.append(f"Row {row} was not sent: {why}. Restore what was changed, then start again.")
    if done.sent.refused and done.sent.reason not in _ORDERED:
        notes.append(
            f"Not sent: {counted(done.sent.refused, 'message')}. The ledger refused the intents, because "
            "another process was faster, or the content is not what the first attempt said."
        )
    if document["messages"]["in_doubt"]:
        notes += [f"In doubt: {count} ({why})." for why, count in (done.settled.why or {}).items()]
    return notes
