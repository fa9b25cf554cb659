"""The check-up itself: everything in order, and whatever one check finds, the others are made."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import httpx

from bulk_pec.checkup import database, hosts, mailboxes, settings
from bulk_pec.checkup.archive import archive
from bulk_pec.checkup.findings import Finding
from bulk_pec.checkup.hosts import Glimpse
from bulk_pec.checkup.message import message
from bulk_pec.composing import Composer
from bulk_pec.config import Config
from bulk_pec.domain.errors import BulkPecError, ConfigError
from bulk_pec.domain.inbox import Quota
from bulk_pec.domain.letters import Mailbox, Secret
from bulk_pec.provider.client import PecClient
from bulk_pec.provider.reading import Patience
from bulk_pec.provider.registry import Registry
from bulk_pec.provider.transport import open_http

TIMEOUT = 10.0
"""Seconds for one request; each is made once: who looks now wants to know how it is now."""


@dataclass(frozen=True, slots=True)
class Services:
    """What both hosts answered.

    Attributes:
        sending: What came of a look at the sending host.
        registry: The same of the registry.
        listed: Those of our mailboxes that the registry knows, or why that cannot be told; None: not asked.
        quotas: What GET /quota came to, by mailbox; those that were asked about.
    """

    sending: Glimpse | BulkPecError
    registry: Glimpse | BulkPecError
    listed: mailboxes.Listed
    quotas: dict[str, Quota | BulkPecError]


async def check_up(
    config: Config, letters: Callable[[], Composer], now: Callable[[], float] = time.time
) -> list[Finding]:
    """Check everything a run needs; nothing is sent, and nothing is left behind.

    Args:
        config: Read and valid already.
        letters: Makes the composer, the way a run does.
        now: Seconds since the epoch.
    """
    at = round(now() * 1000)
    found = [*settings.configuration(config), *settings.secrets(config), *settings.token(config, at)]
    found += [message(letters), *database.ledger(config, at), *archive(config)]
    return [*found, *told(config, await services(config, now), at)]


async def services(config: Config, now: Callable[[], float]) -> Services:
    """Ask both hosts all there is to ask, one after the other; one that is not there, nothing more."""
    api = config.settings.api
    async with open_http(timeout=min(TIMEOUT, api.timeout), connections=2) as http:
        within = _patience(config).timeout
        sending = await _glimpse(http, api.base_url, "base_url", now, within)
        registry = await _glimpse(http, api.registry_url, "registry_url", now, within)
        token = _token(config)
        listed: mailboxes.Listed = None
        quotas = dict[str, Quota | BulkPecError]()
        if token is not None and isinstance(registry, Glimpse):
            listed = await _listed(http, config, token)
        if token is not None and isinstance(sending, Glimpse):
            quotas = await _quotas(http, config, token)
    return Services(sending, registry, listed, quotas)


async def _glimpse(
    http: httpx.AsyncClient, url: str, setting: str, now: Callable[[], float], within: float
) -> Glimpse | BulkPecError:
    try:
        return await hosts.glimpse(http, url, setting, now, within)
    except BulkPecError as error:
        return error


def _token(config: Config) -> Secret | None:
    """The token, if there is one; `settings.secrets` tells that there is none."""
    try:
        return config.token()
    except ConfigError:
        return None


def _known(config: Config) -> list[Mailbox]:
    """The mailboxes whose secrets can be read, each looked at by itself."""
    found = []
    for index in range(len(config.settings.mailboxes)):
        with suppress(ConfigError):
            found.append(config.mailbox(index))
    return found


async def _listed(http: httpx.AsyncClient, config: Config, token: Secret) -> mailboxes.Listed:
    url, patience = config.settings.api.registry_url, _patience(config)
    own = {one.address.lower() for one in config.settings.mailboxes}
    try:
        registry = Registry(http, registry_url=url, token=token, patience=patience)
        found = await registry.all()
        # The list does not tell which are renewed by themselves.
        return [await registry.show(one.id) or one for one in found if one.address.lower() in own]
    except BulkPecError as error:
        return error


async def _quotas(http: httpx.AsyncClient, config: Config, token: Secret) -> dict[str, Quota | BulkPecError]:
    url, mailboxes = config.settings.api.base_url, _known(config)
    try:
        client = PecClient(http, base_url=url, token=token, patience=_patience(config))
    except ConfigError as error:
        return {one.address: error for one in mailboxes}
    return await client.quotas(mailboxes)


def _patience(config: Config) -> Patience:
    return Patience(attempts=1, timeout=min(TIMEOUT, config.settings.api.timeout))


def told(config: Config, found: Services, now: int) -> list[Finding]:
    """What the hosts' answers mean.

    Args:
        config: Names hosts and mailboxes.
        found: The answers.
        now: Milliseconds since the epoch.
    """
    api, full_at = config.settings.api, config.settings.receipts.mailbox_full_at
    findings = [
        hosts.reached("sending_host", api.base_url, found.sending),
        mailboxes.serving(hosts.reached("registry", api.registry_url, found.registry), found.listed),
        hosts.clock(found.sending),
        *mailboxes.tokens(found.listed, found.quotas),
    ]
    for address in (one.address for one in config.settings.mailboxes):
        answer = found.quotas.get(address)
        findings.append(mailboxes.registration(address, found.listed, now))
        findings.append(mailboxes.credentials(address, answer))
        findings.append(mailboxes.room(address, answer, full_at))
    return findings
