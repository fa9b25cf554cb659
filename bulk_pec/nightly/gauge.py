"""The gauge: quotas as they are read, each reading kept in the ledger, from which growth is learnt."""

from __future__ import annotations

from bulk_pec.clock import Clock
from bulk_pec.domain.inbox import InboxPage, Quota
from bulk_pec.domain.letters import Mailbox
from bulk_pec.ledger.inbox.quotas import Quotas
from bulk_pec.receipts.calls import Call
from bulk_pec.receipts.harvest import Listing


class Gauge:
    """A listing whose quotas are kept.

    Args:
        listing: The provider's inbox, at the GET rate.
        quotas: The ledger's.
        call: How the ledger is called.
        clock: For the times written.
    """

    def __init__(self, listing: Listing, quotas: Quotas, call: Call, clock: Clock) -> None:
        self._listing = listing
        self._quotas = quotas
        self._call = call
        self._clock = clock

    async def page(self, mailbox: Mailbox, number: int, query: str | None = None) -> InboxPage:
        """One page of the inbox, or of a search in it."""
        return await self._listing.page(mailbox, number, query)

    async def quota(self, mailbox: Mailbox) -> Quota:
        """How full the mailbox is, as a harvest asks when it has read everything."""
        return await self._read(mailbox, harvested=True)

    async def look(self, mailbox: Mailbox) -> Quota:
        """How full the mailbox is, asked between two harvests, or while one is under way."""
        return await self._read(mailbox, harvested=False)

    async def has_room(self, mailbox: Mailbox, full_at: float, within: float) -> bool:
        """Whether a message may be sent from a mailbox, as the ledger knows it after the last reading.

        Args:
            mailbox: Which.
            full_at: The share of the quota that receipts must not fill it beyond.
            within: Seconds after which a receipt is not waited for any more.
        """
        since = self._clock.now() - round(within * 1000)
        box = (await self._call(self._quotas.boxes)).get(mailbox.address.lower())
        outlook = None if box is None else await self._call(self._quotas.outlook, box, full_at, since)
        return outlook is None or not outlook.full

    async def _read(self, mailbox: Mailbox, *, harvested: bool) -> Quota:
        quota = await self._listing.quota(mailbox)
        await self._call(self._quotas.note, mailbox.address, quota, self._clock.now(), harvested=harvested)
        return quota
