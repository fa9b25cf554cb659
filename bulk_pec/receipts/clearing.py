"""Clearing: archived receipts are deleted from their mailbox, each after it was read once more.

A delete cannot be undone and goes by an id that may be a mere place in the box. So nothing is deleted unless
the id shows, right before, the very receipt that the archive holds, text and all, and its file is there. It
goes from the highest id down, because a delete shifts, if any, only the ids above it. A delete that fails, or
of which nobody can say whether it happened, ends the clearing of its mailbox for this start; nothing is asked
twice. A receipt whose text has no word in it is never deleted: nobody knows what it said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bulk_pec.clock import Clock
from bulk_pec.domain.errors import BulkPecError, LedgerError
from bulk_pec.domain.letters import Mailbox
from bulk_pec.ledger.inbox.clearing import MOVED
from bulk_pec.ledger.inbox.kept import Kept
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.receipts.archive import Holds
from bulk_pec.receipts.calls import Call
from bulk_pec.receipts.papers import digest
from bulk_pec.receipts.texts import Box, Texts, is_blank, same

_CLOCKS = 3_600_000
"""Milliseconds by which the clocks of two providers, each of which dates its own receipts, may differ."""

BATCH = 2_000
"""Receipts that are asked of the ledger at a time."""

SURE_FOR = 50
"""Receipts for which the ledger's word holds that nothing speaks against deleting: then it is asked anew."""

_ANOTHER = "shows another mail than it did"


@dataclass(slots=True)
class Cleared:
    """What came of it.

    Attributes:
        deleted: Receipts.
        why: Why it ended before all was done; "": it did not, or was told to end.
    """

    deleted: int = 0
    why: str = ""

    @property
    def how_long(self) -> str:
        """For how long nothing more is deleted: an id that showed two mails ends it for good."""
        return "any more" if self.why == MOVED or self.why.endswith(_ANOTHER) else "now"


class Clearer:
    """Deletes what is archived and final. One start's: a mailbox that it left is not tried again.

    Args:
        box: The provider's inbox.
        texts: Finds a receipt wherever it is shown.
        ledger: Open for writing.
        call: How the ledger is called.
        clock: For the times written.
    """

    def __init__(self, box: Box, texts: Texts, ledger: Ledger, call: Call, clock: Clock) -> None:
        self._box = box
        self._texts = texts
        self._clearing = ledger.clearing
        self._keeping = ledger.keeping
        self._call = call
        self._clock = clock
        self._stopped: dict[int, str] = {}

    async def look_anew(self, mailbox_id: int, mailbox: Mailbox) -> None:
        """See what became of deletes whose end is not known; for between two walks, best before the next.

        Raises:
            BulkPecError: The provider refuses or fails.
        """
        for receipt in await self._call(self._clearing.leaving, mailbox_id):
            there = await self._texts.there(mailbox, receipt)
            await self._call(self._clearing.still_there if there else self._clearing.gone, receipt)

    async def clear(
        self, mailbox_id: int, mailbox: Mailbox, holds: Holds, until: Callable[[], bool]
    ) -> Cleared:
        """Delete what may be, until told to end. Never while a walk over that mailbox is under way.

        Args:
            mailbox_id: The ledger's.
            mailbox: The same.
            holds: Of the archive, which is held meanwhile, so that no other process clears this mailbox too.
            until: Asked between two receipts; true ends it.

        Raises:
            LedgerError: The ledger failed.
            BulkPecError: A receipt could not be read. What was deleted before is recorded.
        """
        cleared = Cleared(why=self._stopped.get(mailbox_id, ""))
        if not cleared.why:
            await self.look_anew(mailbox_id, mailbox)
        below: str | None = None
        while not cleared.why and not until():
            batch = await self._call(self._clearing.ready, mailbox_id, below, BATCH)
            if not batch:
                break
            cleared.why = not_plain(batch)
            below = batch[-1].item_id
            for start in range(0, len(batch), SURE_FOR):
                if cleared.why or until():
                    break
                cleared.why = await self._call(self._clearing.held_by, mailbox_id, self._clock.now())
                await self._clear(mailbox, batch[start : start + SURE_FOR], holds, until, cleared)
        if cleared.why:
            self._stopped[mailbox_id] = cleared.why
        return cleared

    async def _clear(
        self,
        mailbox: Mailbox,
        batch: Sequence[Kept],
        holds: Holds,
        until: Callable[[], bool],
        cleared: Cleared,
    ) -> None:
        for receipt in batch:
            if until() or cleared.why:
                return
            text = await self._box.text(mailbox, receipt.item_id)
            if text is None:
                continue  # somebody else has deleted it
            if not same(receipt, text):
                await self._call(self._keeping.ids_moved, receipt.mailbox_id, self._clock.now())
                cleared.why = f"the id {receipt.item_id} {_ANOTHER}"
            elif not await holds(receipt):
                cleared.why = f"the archive has lost the file of receipt {receipt.id}"
            elif not is_blank(text) and digest(text.body) == receipt.text_digest:
                await self._delete(mailbox, receipt, cleared)

    async def _delete(self, mailbox: Mailbox, receipt: Kept, cleared: Cleared) -> None:
        if not await self._call(self._clearing.begin, receipt, self._clock.now()):
            return
        try:
            was_there = await self._box.delete(mailbox, receipt.item_id)
        except LedgerError:
            raise
        except BulkPecError as error:
            cleared.why = f"a delete did not end well: {error.what}"
            return
        if not was_there:  # though it was read a moment ago
            cleared.why = f"a delete did not find receipt {receipt.id}, which was there right before"
            return
        await self._call(self._clearing.gone, receipt)
        cleared.deleted += 1


def not_plain(batch: Sequence[Kept]) -> str:
    """Why the ids of these receipts, highest first, are no numbers that grow with time; "" if they are."""
    ids = [receipt.item_id for receipt in batch]
    if not all(one.isascii() and one.isdecimal() and not one.startswith("0") for one in ids):
        return "its mails' ids are not plain numbers"
    if len(set(ids)) < len(ids):
        return "two of its mails were shown under one id"
    first, last = batch[0].at, batch[-1].at
    if first is not None and last is not None and first < last - _CLOCKS:
        return "its mails' ids do not grow with their dates"
    return ""
