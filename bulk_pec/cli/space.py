"""How much the mailboxes can still take: as the ledger knows it, and asked where a plan may ask anybody."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bulk_pec.cli.session import Session
from bulk_pec.clock import SystemClock
from bulk_pec.config import Config
from bulk_pec.domain.errors import BulkPecError, UsageError
from bulk_pec.domain.growth import Reading
from bulk_pec.domain.inbox import Quota
from bulk_pec.domain.letters import Mailbox, Secret
from bulk_pec.domain.space import when_full
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.planning.limits import KIB, free_bytes
from bulk_pec.reporting.status import Filling

if TYPE_CHECKING:
    from bulk_pec.provider.reading import Patience

_DAY = 86_400_000
_FORESEEABLE = 366 * _DAY
"""Milliseconds beyond which a mailbox that fills is not foretold to be full."""
_TIMEOUT = 10.0
"""Seconds for one try: a plan is worth something without it, so nobody waits for a provider not there."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of room in the mailboxes.

    Attributes:
        free: Bytes that each can take, receipts still to come left out, by its address; those of which there
            is a reading of the last day.
        grown: Bytes that a mail was seen to take: the most of any of them; 0: nothing is known of it.
    """

    free: dict[str, int] = field(default_factory=dict)
    grown: int = 0

    @property
    def sure(self) -> dict[str, int]:
        """`free` where it says how many messages of unknown size fit: of a full mailbox, that none does."""
        return self.free if self.grown else {one: free for one, free in self.free.items() if not free}


def known_room(config: Config, ledger: Ledger | None, now: int) -> Known:
    """What the ledger knows, in bytes as the provider's figures are read (KiB); nothing without a ledger."""
    receipts = config.settings.receipts
    if ledger is None:
        return Known()
    since = now - round(receipts.overdue_after * 1000)
    boxes = ledger.quotas.boxes()
    free, grown = {}, 0.0
    for mailbox in config.settings.mailboxes:
        box = boxes.get(mailbox.address.lower())
        outlook = None if box is None else ledger.quotas.outlook(box, receipts.mailbox_full_at, since)
        if box is None or outlook is None:
            continue
        grown = max(grown, 0.0 if outlook.growth is None else outlook.growth.mean)
        if ledger.quotas.readings(box, 1)[-1].at >= now - _DAY and not receipts.delete_after_archive:
            free[mailbox.address] = math.floor(max(0.0, outlook.mark - outlook.expected)) * KIB
    return Known(free, math.ceil(grown * KIB))


def fillings(config: Config, ledger: Ledger, now: int) -> tuple[Filling, ...]:
    """How full the mailboxes were when last read, and where that leads; those of which there is a reading.

    Args:
        config: Which mailboxes, and what counts as full.
        ledger: With the readings.
        now: Milliseconds since the epoch. Nothing is foretold from a reading that is older than a day.
    """
    mark, boxes, found = config.settings.receipts.mailbox_full_at, ledger.quotas.boxes(), []
    for mailbox in config.settings.mailboxes:
        box = boxes.get(mailbox.address.lower())
        readings = [] if box is None else ledger.quotas.readings(box)
        if readings:
            last = readings[-1]
            when = foretold_full(readings, mark, now)
            found.append(Filling(mailbox.address, last.share, last.at, mark, when))
    return tuple(found)


def foretold_full(readings: Sequence[Reading], mark: float, now: int) -> int | None:
    """When a mailbox comes to a mark that it has not come to, if that can be foretold within a year.

    Args:
        readings: Of one mailbox, oldest first; at least one.
        mark: A share of the capacity.
        now: Milliseconds since the epoch. Nothing is foretold from a reading that is older than a day.
    """
    full = when_full(readings, mark) if readings[-1].at >= now - _DAY else None
    return full if full is not None and now < full < now + _FORESEEABLE else None


def known_here(session: Session) -> Known:
    """The same of the configuration's ledger, if there is one."""
    try:
        ledger = session.ledger("read")
    except UsageError:
        return Known()
    with ledger:
        return known_room(session.config(), ledger, SystemClock().now())


def free_by_mailbox(session: Session) -> dict[str, int]:
    """Bytes that each mailbox can take before sending would stop, by its address. Asking is free.

    One that cannot be asked about is left out, and why is said: no secret, say, or no provider.
    """
    import anyio

    from bulk_pec.provider.reading import Patience

    config, patience = session.config(), Patience(attempts=1, timeout=_TIMEOUT)
    try:
        answers = anyio.run(quotas, config, config.mailbox_list(), config.token(), patience)
    except BulkPecError as error:
        session.say(f"How much room the mailboxes have could not be asked: {error.what}")
        return {}
    mark, free = config.settings.receipts.mailbox_full_at, dict[str, int]()
    for address, answer in answers.items():
        if isinstance(answer, BulkPecError):
            session.say(f"How much room {address} has could not be asked: {answer.what}")
        else:
            free[address] = free_bytes(round(answer.usage), round(answer.limit), mark)
    return free


async def quotas(
    config: Config, mailboxes: Sequence[Mailbox], token: Secret, patience: Patience
) -> dict[str, Quota | BulkPecError]:
    """What GET /quota comes to for each mailbox, by its address; one that fails hides no other.

    Args:
        config: Names the sending host.
        mailboxes: With their credentials.
        token: The account's.
        patience: How long each is asked.

    Raises:
        ConfigError: The host's address, or the token, is none.
    """
    from bulk_pec.provider.client import PecClient
    from bulk_pec.provider.transport import open_http

    async with open_http(timeout=patience.timeout, connections=1) as http:
        base_url = config.settings.api.base_url
        client = PecClient(http, base_url=base_url, token=token, patience=patience)
        return await client.quotas(mailboxes)
