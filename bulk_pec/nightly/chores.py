"""Chores: what is done in the mailboxes once sending is over and their inboxes were read.

Causes, stragglers, archive, deleting (`bulk_pec.receipts.errands`): never beside a walk, and never in the
time of sending. With ``--wait`` they are done while the start waits, and end with the waiting; else when
nothing more is sent. Where messages are left they end when the window opens or the cap makes room again,
and where nothing says when that is, after a quarter of an hour: another start may be waiting for the ledger.
"""

from __future__ import annotations

from collections.abc import Callable

from bulk_pec.domain.errors import BulkPecError, LedgerError
from bulk_pec.domain.exits import Reason
from bulk_pec.domain.letters import Mailbox
from bulk_pec.nightly.done import Done
from bulk_pec.nightly.inboxes import Inboxes
from bulk_pec.nightly.parts import Parts, Provider
from bulk_pec.receipts.calls import Call
from bulk_pec.receipts.errands import Errands, ErrandsDone

LONGEST = 900.0
"""Seconds for which they go on where messages are left and nothing says when sending does."""


class Chores:
    """Runs the errands of one start.

    Args:
        parts: The job's.
        done: Told what must be known of them.
        provider: Open.
        call: How the ledger is called.
        inboxes: The start's: one that could not be read is left alone.

    Attributes:
        deleted: Receipts deleted so far.
    """

    def __init__(self, parts: Parts, done: Done, provider: Provider, call: Call, inboxes: Inboxes) -> None:
        self._parts = parts
        self._done = done
        self._call = call
        self._inboxes = inboxes
        self.deleted = 0
        self._failed: BulkPecError | None = None
        self._errands = Errands(
            provider.listing,
            parts.ledger,
            call,
            parts.clock,
            options=parts.rules.errands,
            say=parts.say,
        )

    async def before(self) -> int:
        """Before the inboxes are read: what became of deletes of which that is not known; 0.

        An archive that cannot be written ends the start with 74 as it would later, and stops nothing.

        Raises:
            LedgerError: The ledger failed.
        """
        found = await self._errands.look_anew(await self._mailboxes())
        if found.problems:
            self._note(found)
        return 0

    async def run(self, until: Callable[[], bool] = lambda: False) -> int:
        """Do what there is to do, of the inboxes that were read; 0. It may be cancelled at any moment.

        Args:
            until: Asked again and again; true ends it.

        Raises:
            LedgerError: The ledger failed.
        """
        if not self._inboxes.read:
            return 0
        found = await self._errands.run(self._parts.run, await self._mailboxes(), until)
        self.deleted += found.deleted
        self._note(found)
        return 0

    def _note(self, found: ErrandsDone) -> None:
        """Whether the archive can be written, as it was last seen: if not, nobody else would notice."""
        failed = found.error if isinstance(found.error, LedgerError) else None
        if self._done.error is self._failed:
            self._done.error = failed
        self._failed = failed

    def end_of(self, reason: Reason | None, again_at: int | None) -> Callable[[], bool]:
        """When they must end, sending having stopped for a reason.

        Args:
            reason: None: nothing is left to send.
            again_at: When a cap makes room again, milliseconds since the epoch, if that is known.
        """
        clock, calendar = self._parts.clock, self._parts.rules.calendar
        if reason is None and not self._parts.pending:
            return lambda: False
        if reason is Reason.MAILBOX_FULL and self._parts.rules.errands.delete:
            return lambda: False  # it is their deletes that make room: no other start could send before
        if reason is Reason.WINDOW:
            return lambda: calendar.is_open(clock.now())
        if reason is Reason.CAP and again_at is not None:
            return lambda: clock.now() >= again_at
        ends = clock.running() + LONGEST
        return lambda: clock.running() >= ends

    async def _mailboxes(self) -> dict[int, Mailbox]:
        inbox, found = self._parts.ledger.inbox, {}
        for mailbox in self._inboxes.readable():
            found[await self._call(inbox.mailbox_id, mailbox.address)] = mailbox
        return found
