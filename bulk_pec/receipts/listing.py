"""The provider's inbox at the rate we may ask for it."""

from __future__ import annotations

import math

from aiolimiter import AsyncLimiter

from bulk_pec.domain.inbox import InboxItem, InboxPage, Quota
from bulk_pec.domain.letters import Mailbox
from bulk_pec.provider.client import PecClient
from bulk_pec.provider.parsing import MailText


class PacedListing:
    """Pages, texts and quotas, at most `rate` calls a second (one at a time, evenly; never a burst).

    Args:
        client: The provider.
        rate: GET and DELETE calls a second; ``math.inf`` for no limit.
    """

    def __init__(self, client: PecClient, rate: float) -> None:
        self._client = client
        self._limiter = None if math.isinf(rate) else AsyncLimiter(1, 1 / rate)

    async def page(self, mailbox: Mailbox, number: int, query: str | None = None) -> InboxPage:
        """One page of the inbox, or of a search in it."""
        await self._turn()
        return await self._client.inbox_page(mailbox, number, query)

    async def quota(self, mailbox: Mailbox) -> Quota:
        """How full the mailbox is."""
        await self._turn()
        return await self._client.quota(mailbox)

    async def text(self, mailbox: Mailbox, item_id: str) -> MailText | None:
        """One mail with its text; None if there is none of that id."""
        await self._turn()
        return await self._client.inbox_item(mailbox, item_id)

    async def sending(self, mailbox: Mailbox, message_id: str) -> tuple[InboxItem, ...]:
        """What the provider has filed under one sending, without ids; nothing yet is an empty tuple."""
        await self._turn()
        return await self._client.sending(mailbox, message_id)

    async def delete(self, mailbox: Mailbox, item_id: str) -> bool:
        """Delete one mail, asked once; whether it was there."""
        await self._turn()
        return await self._client.delete_inbox_item(mailbox, item_id)

    async def _turn(self) -> None:
        if self._limiter is not None:
            await self._limiter.acquire()
