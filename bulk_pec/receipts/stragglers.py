"""Stragglers: the receipts of messages that should have them by now, asked for one message at a time.

GET /send/{message_id} files mail under the provider's token, which may repeat between mailboxes and be the
beginning of another. So a token that two messages of the mailbox share is not asked, and of what comes back
only a receipt whose subject carries the message's own reference is taken. "Result empty" says nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from bulk_pec.clock import Clock
from bulk_pec.domain.letters import Mailbox
from bulk_pec.domain.receipts import RECEIPTS
from bulk_pec.ledger.inbox.harvests import WalkEntry
from bulk_pec.ledger.inbox.inbox import Inbox, Recorded
from bulk_pec.ledger.inbox.mails import Mail
from bulk_pec.ledger.inbox.sightings import Page
from bulk_pec.ledger.inbox.stragglers import STRIDE, Straggler, Stragglers, Waits
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.receipts.calls import Call
from bulk_pec.receipts.reading import read
from bulk_pec.receipts.texts import Box

_HOUR = 3_600_000
_DAY = 24 * _HOUR
LONGEST = 10 * _DAY
"""Milliseconds after sending from which nothing is asked any more: what has not come by then, does not."""


class StragglerDesk:
    """Asks for what is late.

    Args:
        box: The provider's.
        stragglers: The ledger's.
        inbox: The ledger's, for the receipts that come back.
        call: How the ledger is called.
        clock: For "now".
        after_sending: Seconds after which a message without any receipt is late.
        after_acceptance: Seconds after which an accepted message without a delivery is late.
    """

    def __init__(
        self,
        box: Box,
        stragglers: Stragglers,
        inbox: Inbox,
        call: Call,
        clock: Clock,
        *,
        after_sending: float,
        after_acceptance: float,
    ) -> None:
        self._box = box
        self._stragglers = stragglers
        self._inbox = inbox
        self._call = call
        self._clock = clock
        self._after_sending = round(after_sending * 1000)
        self._after_acceptance = round(after_acceptance * 1000)

    async def ask(
        self, run: Run, mailbox_id: int, mailbox: Mailbox, most: int, until: Callable[[], bool]
    ) -> tuple[int, int]:
        """Ask for at most so many, each at most once a day; how many were asked, and receipts matched.

        Raises:
            BulkPecError: The provider refuses or fails; what came before is recorded.
        """
        late = await self._late(run, mailbox_id, most)
        shared = await self._shared(mailbox_id, late)
        asked, matched, walk = 0, 0, None
        for straggler in late:
            if until():
                break
            if straggler.message_id not in shared:
                found = await self._receipts(mailbox, straggler)
                if found:
                    recorded = await self._record(mailbox_id, walk, found)
                    walk, matched = recorded.walk, matched + recorded.added.matched
                asked += 1
            await self._call(self._stragglers.asked, straggler.message, self._clock.now())
        return asked, matched

    async def _record(self, mailbox_id: int, walk: WalkEntry | None, found: list[Mail]) -> Recorded:
        """As after a search: under a walk that never becomes complete, for nothing is said of the inbox."""
        if walk is None:
            harvest = await self._call(self._inbox.begin, mailbox_id, self._clock.now())
            walk = WalkEntry(harvest, mailbox_id, (harvest,))
        page, now = Page(0, tuple(found)), self._clock.now()
        return await self._call(self._inbox.record, walk, [page], now, past_known=True, searched=True)

    async def _late(self, run: Run, mailbox_id: int, most: int) -> list[Straggler]:
        now = self._clock.now()
        waits = Waits(now - self._after_sending, now - self._after_acceptance, now - LONGEST, now - _DAY)
        late: list[Straggler] = []
        for after in range(run.first_id - 1, run.last_id, STRIDE):
            left = most - len(late)
            if left <= 0:
                break
            late += await self._call(self._stragglers.among, run, mailbox_id, after, waits, left)
        return late

    async def _shared(self, mailbox_id: int, late: list[Straggler]) -> set[str]:
        """The tokens among them that more than one message of the mailbox, of whichever run, has."""
        if not late:
            return set()
        tokens, seen = [one.message_id for one in late], Counter[str]()
        for after in range(0, await self._call(self._stragglers.last), STRIDE):
            seen.update(await self._call(self._stragglers.named, mailbox_id, after, tokens))
        return {token for token, count in seen.items() if count > 1}

    async def _receipts(self, mailbox: Mailbox, straggler: Straggler) -> list[Mail]:
        items = await self._box.sending(mailbox, straggler.message_id)
        mails = [read(item) for item in items]
        return [mail for mail in mails if mail.kind in RECEIPTS and straggler.reference in mail.references]
