"""Putting the rooms together: from a configuration to the parts a command works with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aiolimiter import AsyncLimiter

from bulk_pec.cli import forecasting
from bulk_pec.cli.policy import settle_options
from bulk_pec.clock import Clock, SystemClock
from bulk_pec.composing import Composer, Files, Folder, Templates
from bulk_pec.config import Config, MailboxSettings
from bulk_pec.domain.caps import Caps
from bulk_pec.nightly import CanaryRules, Provider, Rules
from bulk_pec.provider.client import PecClient
from bulk_pec.provider.lookups import LookUps
from bulk_pec.provider.transport import open_http
from bulk_pec.receipts.errands import ErrandOptions
from bulk_pec.receipts.listing import PacedListing
from bulk_pec.sending.options import MailboxLimits, SendOptions

if TYPE_CHECKING:
    from bulk_pec.recipients import RecipientList


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
    from bulk_pec.recipients import ListOptions, open_list

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


def send_options(config: Config, max_messages: int | None) -> SendOptions:
    """How the configuration wants a run sent."""
    sending = config.settings.sending
    return SendOptions(
        concurrency=sending.concurrency,
        rate=config.settings.api.max_per_second,
        timeout=config.settings.api.timeout,
        drain_timeout=sending.drain_timeout,
        lease=sending.lease,
        max_failure_share=sending.max_failure_share,
        max_messages=max_messages,
        timezone=sending.timezone,
        price=config.settings.budget.price_per_message,
        max_cost=config.settings.budget.max_cost,
        mailbox_full_at=config.settings.receipts.mailbox_full_at,
        receipts_within=config.settings.receipts.overdue_after,
    )


def rules(config: Config) -> Rules:
    """How the configuration wants the nightly job done."""
    sending = config.settings.sending
    return Rules(
        service=config.settings.api.base_url,
        send=partial(send_options, config),
        settle=settle_options(config),
        may_settle=sending.on_in_doubt != "hold",
        overdue_after=config.settings.receipts.overdue_after,
        mailbox_full_at=config.settings.receipts.mailbox_full_at,
        calendar=forecasting.calendar(config),
        limits={mailbox.address: _limits(mailbox) for mailbox in config.settings.mailboxes},
        canary=CanaryRules(sending.canary, sending.canary_wait, sending.canary_min_delivered),
        harvest_every=config.settings.receipts.harvest_every,
        errands=_errands(config),
    )


def _errands(config: Config) -> ErrandOptions:
    """What the configuration wants done in the mailboxes after sending."""
    receipts = config.settings.receipts
    return ErrandOptions(
        archive=None if receipts.archive is None else config.resolve(receipts.archive),
        delete=receipts.delete_after_archive,
        late_after_acceptance=receipts.overdue_after,
    )


def _limits(mailbox: MailboxSettings) -> MailboxLimits:
    caps = Caps(mailbox.max_per_day, mailbox.max_per_month, mailbox.max_per_year)
    return MailboxLimits(mailbox.max_per_second, caps)


@asynccontextmanager
async def provider(config: Config) -> AsyncIterator[Provider]:
    """The provider's client, its connections closed at the end."""
    api = config.settings.api
    connections = config.settings.sending.concurrency + 4  # a few for GETs beside the POSTs
    async with open_http(timeout=api.timeout, connections=connections) as http:
        client = PecClient(http, base_url=api.base_url, token=config.token())
        yield Provider(client, PacedListing(client, config.settings.receipts.max_per_second))


@asynccontextmanager
async def lookups(config: Config) -> AsyncIterator[tuple[LookUps, AsyncLimiter]]:
    """The services that are asked for addresses and domains, and the pace at which they may be."""
    api = config.settings.api
    async with open_http(timeout=api.timeout, connections=1) as http:
        asked = LookUps(
            http, company_url=api.company_url, registry_url=api.registry_url, token=config.token()
        )
        yield asked, AsyncLimiter(1, 1 / config.settings.receipts.max_per_second)
