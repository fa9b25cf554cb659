"""How much the mailboxes can still take: asked for a plan, and only where it may ask anybody."""

from __future__ import annotations

import anyio

from bulk_pec.cli.session import Session
from bulk_pec.domain.errors import BulkPecError
from bulk_pec.domain.letters import Mailbox, Secret
from bulk_pec.planning.limits import free_bytes
from bulk_pec.provider.client import PecClient
from bulk_pec.provider.reading import Patience
from bulk_pec.provider.transport import open_http

_PATIENCE = Patience(attempts=1, timeout=10.0)
"""A plan is worth something without it, so nobody waits for a provider that is not there."""


def free_by_mailbox(session: Session) -> dict[str, int]:
    """Bytes that each mailbox can take before sending would stop, by its address. Asking is free.

    One that cannot be asked about is left out, and why is said: no secret, say, or no provider.
    """
    try:
        mailboxes, token = session.config().mailbox_list(), session.config().token()
        return anyio.run(_asked, session, mailboxes, token)
    except BulkPecError as error:
        session.say(f"How much room the mailboxes have could not be asked: {error.what}")
        return {}


async def _asked(session: Session, mailboxes: list[Mailbox], token: Secret) -> dict[str, int]:
    settings = session.config().settings
    free: dict[str, int] = {}
    async with open_http(timeout=_PATIENCE.timeout, connections=1) as http:
        client = PecClient(http, base_url=settings.api.base_url, token=token, patience=_PATIENCE)
        for mailbox in mailboxes:
            quota = await client.quota(mailbox)
            free[mailbox.address] = free_bytes(
                round(quota.usage), round(quota.limit), settings.receipts.mailbox_full_at
            )
    return free
