"""The inboxes: each mailbox harvested, what its receipts say folded, doubts settled after it.

One that cannot be read stops its mailbox, not the others: what it holds is not known, so nothing is sent
from it, its doubts stay and its messages are not called overdue. With none read the start ends. A ledger
that is an older copy is told from the inboxes that can be read: since a run is spread over its mailboxes,
what has left since will have left from those too.
"""

from __future__ import annotations

from collections.abc import Collection

from bulk_pec.domain.errors import BulkPecError, CredentialsRefused, ProviderUnavailable
from bulk_pec.domain.letters import Mailbox
from bulk_pec.domain.words import counted
from bulk_pec.nightly.done import Done
from bulk_pec.nightly.gauge import Gauge
from bulk_pec.nightly.parts import Parts, Provider
from bulk_pec.receipts.calls import Books, Call
from bulk_pec.receipts.harvest import Harvest, Harvester
from bulk_pec.receipts.settle import Settler


class Inboxes:
    """Reads the inboxes of a start's mailboxes.

    Args:
        parts: The job's.
        done: Told what became of the doubts.
        provider: Open.
        call: How the ledger is called; by it, and by nothing else, while an engine sends.

    Attributes:
        gauge: Reads quotas, and keeps them in the ledger.
        shares: How full each mailbox was when last read, by address.
        unread: Why a mailbox could not be read at the last look, by address. One whose credentials were
            refused is not asked again in this start: too many wrong passwords may lock it.
        read: How many walks ran to their end.
    """

    def __init__(self, parts: Parts, done: Done, provider: Provider, call: Call) -> None:
        self._parts = parts
        self._done = done
        self._listing = provider.listing
        self._call = call
        self.gauge = Gauge(provider.listing, parts.ledger.quotas, call, parts.clock)
        self.shares: dict[str, float] = {}
        self.unread: dict[str, BulkPecError] = {}
        self.read = 0

    async def harvest(self) -> int:
        """Harvest every mailbox and fold what its receipts say into the messages; settles nothing: 0.

        Raises:
            BulkPecError: No inbox could be read, or it is not one mailbox that failed.
        """
        self.unread = {one: why for one, why in self.unread.items() if isinstance(why, CredentialsRefused)}
        before = self.read
        for mailbox in self.readable():
            try:
                await self.walk(mailbox)
            except (CredentialsRefused, ProviderUnavailable) as error:
                self.miss(mailbox, error)
                if self.read == before and len(self._unavailable()) > 1:
                    break  # that is the provider, not a mailbox: it is not asked for all the others too
        if self.read == before:
            raise self.problem(self._unavailable() or list(self.unread)) from None
        return 0

    def readable(self) -> list[Mailbox]:
        """The mailboxes that may be asked."""
        return [mailbox for mailbox in self._parts.mailboxes if mailbox.address not in self.unread]

    async def walk(self, mailbox: Mailbox) -> None:
        """Walk one mailbox's inbox.

        Raises:
            BulkPecError: It could not be read to its end.
        """
        harvester = Harvester(self.gauge, self._parts.ledger.inbox, self._parts.clock, call=self._call)
        harvest = await harvester.harvest(mailbox)
        self.read += 1
        self.shares[mailbox.address] = harvest.quota_share
        self._tell(mailbox, harvest)

    def miss(self, mailbox: Mailbox, error: BulkPecError) -> None:
        """It could not be read: nothing more is sent from it in this start."""
        self.unread[mailbox.address] = error
        if len(self._parts.mailboxes) > 1:
            self._parts.say(f"Inbox of {mailbox.address} not read: {error.what} Nothing is sent from it.")

    def tell_later(self, mailbox: Mailbox, error: BulkPecError) -> None:
        """It could not be read beside sending; that goes on while room is known."""
        self._parts.say(
            f"Inbox of {mailbox.address} not read now: {error.what} "
            "Sending goes on as long as its quota can be read."
        )

    def _unavailable(self) -> list[str]:
        return [one for one, why in self.unread.items() if isinstance(why, ProviderUnavailable)]

    def problem(self, addresses: Collection[str]) -> BulkPecError:
        """What to end with when these inboxes, at least one, could not be read: the first of them, named."""
        first = next(one for one in self.unread if one in addresses)
        error = self.unread[first]
        return type(error)(f"{first}: {error.what}", hint=error.hint)

    async def reconcile(self) -> int:
        """Harvest, then settle what is in doubt; returns how many absences were accepted."""
        parts, rules = self._parts, self._parts.rules
        self._done.unread = rules.may_settle
        await self.harvest()
        mailboxes = self._by_id()
        unread = {box for box, mailbox in mailboxes.items() if mailbox.address in self.unread}
        overdue = parts.clock.now() - round(rules.overdue_after * 1000)
        await self._call(parts.ledger.inbox.mark_overdue, parts.run, overdue, parts.clock.now(), unread)
        settler = Settler(
            self._listing,
            parts.ledger.doubts,
            rules.settle,
            parts.clock,
            Books(parts.ledger.inbox, self._call),
        )
        self._done.settled = await settler.settle(parts.run, mailboxes, unread)
        self._done.unread = False
        self._done.accepted += self._done.settled.accepted
        return self._done.settled.accepted

    async def to_read_again(self) -> list[str]:
        """The mailboxes that are to be read again whole: mail was deleted while they were read."""
        inbox, found = self._parts.ledger.inbox, []
        for mailbox in self._parts.mailboxes:
            box = await self._call(inbox.mailbox_id, mailbox.address)
            if await self._call(inbox.whole_owed, box) is not None:
                found.append(mailbox.address)
        return found

    def refused_doubts(self) -> BulkPecError | None:
        """What to end with when there are doubts that only a refused mailbox's inbox could settle."""
        refused = {one for one, why in self.unread.items() if isinstance(why, CredentialsRefused)}
        if not refused:
            return None
        boxes, doubts = self._by_id(), self._parts.ledger.doubts.of(self._parts.run)
        held = {boxes[doubt.mailbox_id].address for doubt in doubts if doubt.mailbox_id in boxes} & refused
        return self.problem(held) if held else None

    def _by_id(self) -> dict[int, Mailbox]:
        inbox = self._parts.ledger.inbox
        return {inbox.mailbox_id(mailbox.address): mailbox for mailbox in self._parts.mailboxes}

    def _tell(self, mailbox: Mailbox, harvest: Harvest) -> None:
        self._parts.say(
            f"Inbox of {mailbox.address}: {counted(harvest.pages, 'page')} read, "
            f"{counted(harvest.new, 'new mail')}, {counted(harvest.matched, 'receipt')} matched, "
            f"{harvest.quota_share:.0%} full."
        )
        if harvest.shared:
            self._parts.say(
                f"{mailbox.address}: {harvest.shared:,} receipts cannot be matched: their message_id names "
                "several messages of that mailbox (docs/operating.md)."
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
