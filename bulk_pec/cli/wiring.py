"""Putting the rooms together: from a configuration to the parts a command works with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import stamina
from aiolimiter import AsyncLimiter

from bulk_pec.clock import Clock, SystemClock
from bulk_pec.composing import Composer, Files, Folder, Templates
from bulk_pec.config import Config
from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.letters import Mailbox
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.planning import MailboxLimits, Speed
from bulk_pec.planning.holidays import italian_holidays
from bulk_pec.provider.client import PecClient
from bulk_pec.provider.lookups import LookUps
from bulk_pec.provider.transport import open_http
from bulk_pec.receipts.listing import PacedListing
from bulk_pec.receipts.settle import Policy, SettleOptions
from bulk_pec.recipients import ListOptions, RecipientList, open_list
from bulk_pec.reporting.status import Terms
from bulk_pec.sending.options import SendOptions


@dataclass(frozen=True, slots=True)
class Provider:
    """The provider as this process reaches it."""

    client: PecClient
    listing: PacedListing


def clock() -> Clock:
    """The machine's clocks."""
    return SystemClock()


def composer(config: Config) -> Composer:
    """The templates of the configuration, compiled, and the folder that attachments come from."""
    message = config.message()
    templates = Templates.read(
        subject=message.subject,
        body=message.body,
        body_file=config.resolve(message.body_file) if message.body_file else None,
        reference=message.reference,
        attachments=message.attachments,
    )
    if not message.attachments:
        return Composer(templates, None)
    folder = Folder(config.resolve(message.attachments_dir), private=config.private_files())
    return Composer(templates, Files(folder))


def recipient_list(config: Config, path: Path, letters: Composer) -> RecipientList:
    """The list, opened and its header checked; close it, or use it as a context manager."""
    recipients = config.settings.recipients
    options = ListOptions(
        address_column=recipients.address_column,
        key_column=recipients.key_column,
        encoding=recipients.encoding,
        separator=recipients.separator,
        own_addresses=frozenset(mailbox.address for mailbox in config.settings.mailboxes),
        required_columns=letters.required_columns,
        subject_columns=letters.subject_columns,
        optional_columns=letters.optional_columns,
        tax_code_column=recipients.tax_code_column,
        expires_at_column=recipients.expires_at_column,
        timezone=config.settings.sending.timezone,
        allow_multiple=recipients.allow_multiple,
    )
    return open_list(path, options)


def terms(config: Config) -> Terms:
    """What cost and end date are reckoned with."""
    return Terms(config.settings.budget.price_per_message, config.posts_per_second)


def zone(config: Config) -> ZoneInfo:
    """Where the operator's clock stands."""
    return ZoneInfo(config.settings.sending.timezone)


def send_options(config: Config, max_messages: int | None) -> SendOptions:
    """How the configuration wants a run sent."""
    sending = config.settings.sending
    return SendOptions(
        concurrency=sending.concurrency,
        rate=config.posts_per_second,
        timeout=config.settings.api.timeout,
        drain_timeout=sending.drain_timeout,
        lease=sending.lease,
        max_failure_share=sending.max_failure_share,
        max_messages=max_messages,
    )


def settle_options(config: Config) -> SettleOptions:
    """How the configuration wants doubts settled."""
    sending = config.settings.sending
    return SettleOptions(
        policy=Policy(sending.on_in_doubt),
        settle_after=sending.settle_after,
        mailbox_full_at=config.settings.receipts.mailbox_full_at,
    )


@asynccontextmanager
async def provider(config: Config) -> AsyncIterator[Provider]:
    """The provider's client, its connections closed at the end."""
    stamina.instrumentation.set_on_retry_hooks([])  # it would log by itself, in a form of its own
    api = config.settings.api
    connections = config.settings.sending.concurrency + 4  # a few for GETs beside the POSTs
    async with open_http(timeout=api.timeout, connections=connections) as http:
        client = PecClient(http, base_url=api.base_url, token=config.token())
        yield Provider(client, PacedListing(client, config.settings.receipts.max_per_second))


def calendar(config: Config) -> Calendar:
    """When the configuration allows sending."""
    sending = config.settings.sending
    holidays = italian_holidays() if sending.skip_holidays else None
    return Calendar(sending.timezone, sending.window, sending.days, holidays)


def speed(config: Config) -> Speed:
    """How fast POSTs may follow each other, over all mailboxes."""
    return Speed(config.settings.api.max_per_second, config.settings.sending.concurrency)


def mailbox_limits(config: Config, free: Mapping[str, int] | None = None) -> list[MailboxLimits]:
    """What each mailbox may send; `free`: what their inboxes can take, in bytes by address, where known."""
    return [
        MailboxLimits(
            mailbox.address,
            rate=mailbox.max_per_second,
            per_day=mailbox.max_per_day,
            per_month=mailbox.max_per_month,
            per_year=mailbox.max_per_year,
            free_bytes=(free or {}).get(mailbox.address),
        )
        for mailbox in config.settings.mailboxes
    ] or [MailboxLimits("")]


@asynccontextmanager
async def lookups(config: Config) -> AsyncIterator[tuple[LookUps, AsyncLimiter]]:
    """The services that are asked for addresses and domains, and the pace at which they may be."""
    stamina.instrumentation.set_on_retry_hooks([])
    api = config.settings.api
    async with open_http(timeout=api.timeout, connections=1) as http:
        asked = LookUps(
            http, company_url=api.company_url, registry_url=api.registry_url, token=config.token()
        )
        yield asked, AsyncLimiter(1, 1 / config.settings.receipts.max_per_second)


def by_id(ledger: Ledger, mailboxes: list[Mailbox]) -> dict[int, Mailbox]:
    """The mailboxes by the ledger's ids."""
    return {ledger.inbox.mailbox_id(mailbox.address): mailbox for mailbox in mailboxes}
