"""Harvest: a walk over one mailbox's inbox.

The provider does not say whether pages begin at 0 or 1, which end is the newest, or how many there
truly are; new mail shifts pages while we read. So the walk goes forward from the first page until an empty
page or one wholly known before the walk began; then, unless it saw the whole box, backward from the last page
until it meets known mail there too. New mail at either end is so found, whichever end that is. A way back
that found new mail is followed by one more forward: what was pushed past it meanwhile stands near the first
page. If the box has grown by more than that, mail was put in between, and the walk reads the whole box.

A walk that dies is carried on: the next reads from the first page to what the dead one had recorded, then
from where that one had got to. That nothing stands in between is told by the page it goes on with, which must
begin with mail of the dead walk, and by the totals; where they do not tell, everything is read again.

When somebody deletes mail while a walk reads, other mail slides onto pages that were already read, between
mail that is known. The total that falls shows it: then a second walk reads the whole box.
"""

from __future__ import annotations

from dataclasses import dataclass

from bulk_pec.clock import Clock
from bulk_pec.domain.letters import Mailbox
from bulk_pec.ledger.inbox.inbox import Inbox
from bulk_pec.receipts.calls import Books, Call
from bulk_pec.receipts.walk import PAGE, SAME, Listing, Walk

__all__ = ["PAGE", "SAME", "Harvest", "Harvester", "Listing"]


@dataclass(frozen=True, slots=True)
class Harvest:
    """What a walk brought.

    Attributes:
        pages: Read.
        new: Mails never seen before.
        matched: Receipts that were matched to a message in the ledger.
        quota_share: How full the mailbox is.
        strange: Receipts among them with well-formed references that this ledger does not know. Many of
            them mean that the ledger is new or was lost, and that the list may have been sent before.
        shared: Receipts that wait because their `message_id` names several messages.
    """

    pages: int
    new: int
    matched: int
    quota_share: float
    strange: int
    shared: int = 0


class Harvester:
    """Walks one mailbox.

    Args:
        listing: The provider's inbox.
        inbox: The ledger's.
        clock: For the times written.
        call: How the ledger is called.
    """

    def __init__(self, listing: Listing, inbox: Inbox, clock: Clock, call: Call) -> None:
        self._listing = listing
        self._inbox = inbox
        self._clock = clock
        self._call = call

    async def harvest(self, mailbox: Mailbox) -> Harvest:
        """Walk the inbox once; its receipts are in the ledger, folded, when this returns.

        Raises:
            BulkPecError: The provider or the ledger failed; what was read so far is recorded, and the next
                harvest carries on from there.
        """
        walk, share = await self._walk(mailbox)
        walks = [walk]
        if await self._call(self._inbox.whole_due, walk.mailbox_id, self._clock.now()):
            again, share = await self._walk(mailbox, whole=True)
            walks.append(again)
        matched, shared = await self._match_waiting(walk.mailbox_id)
        return Harvest(
            pages=sum(one.pages for one in walks),
            new=sum(one.new for one in walks),
            matched=sum(one.matched for one in walks) + matched,
            quota_share=share,
            strange=sum(one.strange for one in walks),
            shared=shared,
        )

    async def _walk(self, mailbox: Mailbox, *, whole: bool = False) -> tuple[Walk, float]:
        """One walk, recorded with its end; and how full the box is."""
        outset = await self._call(self._inbox.set_out, mailbox.address, self._clock.now())
        walk = Walk(self._listing, mailbox, Books(self._inbox, self._call), self._clock, outset)
        await walk.read(whole=whole)
        quota = await self._listing.quota(mailbox)
        await walk.end(quota.share)
        return walk, quota.share

    async def _match_waiting(self, mailbox_id: int) -> tuple[int, int]:
        """Match what waits for its `message_id`: how many receipts were matched, how many cannot be."""
        matched, shared, after = 0, 0, None
        while True:
            part = await self._call(self._inbox.match_waiting, mailbox_id, self._clock.now(), after)
            matched, shared, after = matched + part.matched, shared + part.shared, part.after
            if after is None:
                return matched, shared
