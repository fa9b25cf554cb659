"""The inboxes: each mailbox harvested, what its receipts say folded, doubts settled after it."""

from __future__ import annotations

from bulk_pec.domain.letters import Mailbox
from bulk_pec.nightly.done import Done
from bulk_pec.nightly.parts import Parts, Provider
from bulk_pec.receipts.harvest import Harvest, Harvester
from bulk_pec.receipts.settle import Settler


class Inboxes:
    """Reads the inboxes of a start's mailboxes.

    Args:
        parts: The job's.
        done: Told what became of the doubts.

    Attributes:
        shares: How full each mailbox was when last read, by address.
    """

    def __init__(self, parts: Parts, done: Done) -> None:
        self._parts = parts
        self._done = done
        self.shares: dict[str, float] = {}

    async def harvest(self, provider: Provider) -> int:
        """Harvest every mailbox and fold what its receipts say into the messages; settles nothing: 0."""
        harvester = Harvester(provider.listing, self._parts.ledger.inbox, self._parts.clock)
        for mailbox in self._parts.mailboxes:
            harvest = await harvester.harvest(mailbox)
            self.shares[mailbox.address] = harvest.quota_share
            self._tell(mailbox, harvest)
        return 0

    async def reconcile(self, provider: Provider) -> int:
        """Harvest, then settle what is in doubt; returns how many absences were accepted."""
        parts, rules = self._parts, self._parts.rules
        self._done.unread = rules.may_settle
        await self.harvest(provider)
        overdue = parts.clock.now() - round(rules.overdue_after * 1000)
        parts.ledger.inbox.mark_overdue(parts.run, overdue, parts.clock.now())
        settler = Settler(
            provider.listing, parts.ledger.doubts, rules.settle, parts.clock, parts.ledger.inbox
        )
        self._done.settled = await settler.settle(parts.run, self._by_id())
        self._done.unread = False
        self._done.accepted += self._done.settled.accepted
        return self._done.settled.accepted

    def _by_id(self) -> dict[int, Mailbox]:
        inbox = self._parts.ledger.inbox
        return {inbox.mailbox_id(mailbox.address): mailbox for mailbox in self._parts.mailboxes}

    def _tell(self, mailbox: Mailbox, harvest: Harvest) -> None:
        self._parts.say(
            f"Inbox of {mailbox.address}: {harvest.pages} pages read, {harvest.new} new mails, "
            f"{harvest.matched} receipts matched, {harvest.quota_share:.0%} full."
        )
        self._tell_strange(mailbox, harvest.strange)

    def _tell_strange(self, mailbox: Mailbox, strange: int) -> None:
        """Before the first message of all this is a warning: perhaps they are about to be sent twice."""
        if not strange:
            return
        first = self._done.sends and self._parts.run.started_at is None and not self._done.sent.attempts
        self._parts.say(
            f"{'Warning: ' if first else ''}{mailbox.address}: {strange:,} receipts carry references this "
            "ledger does not know: another ledger sends from this mailbox too, or this is not the ledger you "
            "think."
        )
