"""Secrets: whether they are there, and what the token tells of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta, tzinfo
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from bulk_pec.checkup.findings import Finding, failed, failure, ok, unknown, warning
from bulk_pec.config import Config
from bulk_pec.domain.errors import ConfigError
from bulk_pec.domain.exits import Reason
from bulk_pec.registry import tokens
from bulk_pec.reporting.moments import moment

_SOON = timedelta(days=14)
"""A token that expires within this time is worth a warning: a long run may still be out then."""
_RENEW = "Make a new token in the vendor's console, and put it where token_env or token_file says."


_UNTOLD = unknown("scopes", "The token does not tell its scopes; what each host makes of it stands below.")


def configuration(config: Config) -> list[Finding]:
    """The configuration was read; each of its warnings is a finding of its own."""
    told = [warning("configuration", one, "") for one in config.warnings]
    return told or [ok("configuration", f"{config.path} is sound.")]


def secrets(config: Config) -> list[Finding]:
    """Whether the token and every mailbox's password can be read."""
    found = []
    try:
        config.token()
        found.append(ok("secrets", "The API token can be read.", about="token"))
    except ConfigError as error:
        found.append(failed("secrets", error, about="token"))
    try:
        number = len(config.mailbox_list())
        of = "the mailbox" if number == 1 else f"all {number} mailboxes"
        found.append(ok("secrets", f"The credentials of {of} can be read.", about="mailboxes"))
    except ConfigError as error:
        found.append(failed("secrets", error, about="mailboxes"))
    return found


def token(config: Config, now: int) -> list[Finding]:
    """What the token tells of itself: its expiry and its scopes, where it is a JWT that says so.

    Args:
        config: With the token.
        now: Milliseconds since the epoch.
    """
    try:
        secret = config.token()
    except ConfigError:
        return []  # `secrets` tells
    claims = tokens.claims(secret)
    if claims is None:
        return [unknown("token", "The token does not tell when it expires (it is no JWT)."), _UNTOLD]
    zone = ZoneInfo(config.settings.sending.timezone)
    return [_expiry(tokens.expires_at(secret), now, zone), *_scopes(claims, config)]


def _expiry(expires_at: int | None, now: int, zone: tzinfo) -> Finding:
    if expires_at is None:
        return unknown("token", "The token does not tell when it expires.")
    when = f"{moment(expires_at).astimezone(zone):%Y-%m-%d %H:%M} ({zone})"
    left = timedelta(milliseconds=expires_at - now)
    if left <= timedelta(0):
        return failure("token", f"The token expired on {when}.", _RENEW, Reason.CREDENTIALS)
    if left < _SOON:
        return warning("token", f"The token expires on {when}.", _RENEW)
    return ok("token", f"The token expires on {when}.")


def _scopes(claims: Mapping[str, object], config: Config) -> list[Finding]:
    """Whether each host stands in some scope; how scopes are written is not documented, so no more is judged.

    Where they stand: `scope`, words parted by blanks (RFC 8693, 4.2), or `scopes`.
    """
    said = claims.get("scope", claims.get("scopes"))
    if not isinstance(said, str | list):
        return [_UNTOLD]
    words = said.split() if isinstance(said, str) else [word for word in said if isinstance(word, str)]
    hosts = {
        urlsplit(url).hostname or "": None
        for url in (config.settings.api.base_url, config.settings.api.registry_url)
    }
    return [_scope(host, words) for host in hosts]


def _scope(host: str, words: Sequence[str]) -> Finding:
    if any(host in word for word in words):
        return ok("scopes", "The token's own scopes name this host.", about=host)
    what = "None of the token's own scopes names this host."
    return unknown("scopes", what, "What counts is what the host itself answers.", about=host)
