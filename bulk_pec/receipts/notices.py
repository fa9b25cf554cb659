"""Notices of non-acceptance and of non-delivery: why, as their texts say."""

from __future__ import annotations

from collections.abc import Callable

from bulk_pec.domain.causes import Cause, cause_of
from bulk_pec.domain.letters import Mailbox
from bulk_pec.ledger.inbox.causes import Causes
from bulk_pec.ledger.inbox.kept import MOST_MISSES, Kept
from bulk_pec.receipts.calls import Call
from bulk_pec.receipts.texts import Texts


class Notices:
    """Reads the texts of notices whose cause is not known yet.

    Args:
        texts: Gets them.
        causes: The ledger's.
        call: How the ledger is called.
    """

    def __init__(self, texts: Texts, causes: Causes, call: Call) -> None:
        self._texts = texts
        self._causes = causes
        self._call = call

    async def read(self, mailbox_id: int, mailbox: Mailbox, most: int, until: Callable[[], bool]) -> int:
        """Read at most so many, the newest first, until told to end; how many causes are known now.

        A text that cannot be had is looked for again in later starts, `MOST_MISSES` times in all; then its
        cause is `OTHER`.

        Raises:
            BulkPecError: The provider refuses or fails; what was read is recorded.
        """
        left = self._texts.left
        unread = await self._call(self._causes.unread, mailbox_id, most + len(left))
        known = 0
        for notice in [one for one in unread if one.id not in left][:most]:
            if until():
                break
            if (cause := await self._cause(mailbox, notice)) is not None:
                known += await self._call(self._causes.record, notice, cause)
        return known

    async def _cause(self, mailbox: Mailbox, notice: Kept) -> Cause | None:
        if notice.misses >= MOST_MISSES:
            return Cause.OTHER
        text = await self._texts.of(mailbox, notice)
        return None if text is None else cause_of(text.body, notice.subject)
