"""URLs of the provider: what a base URL may be, and texts as segments of a path."""

from __future__ import annotations

import ipaddress
from urllib.parse import quote, urlsplit

from bulk_pec.domain.errors import ConfigError


def checked_base_url(base_url: str, setting: str = "base_url") -> str:
    """`base_url` without its trailing slash.

    Args:
        base_url: Of one of the provider's services.
        setting: Its name in [api].

    Raises:
        ConfigError: Not http(s), without a host, with credentials, query or fragment, or plain HTTP to
            another machine.
    """
    try:
        parts = urlsplit(base_url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    hint = f"Set {setting} in [api]; `bulk-pec init` shows the vendor's own."
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise ConfigError(f"{setting} is not an http(s) address of a host.", hint=hint)
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"{setting} holds a user name or a password.", hint=hint)
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigError(
            f"{setting} is plain HTTP to {host}, and every request carries credentials.",
            hint="Use https; plain http is allowed to this machine only (localhost, 127.0.0.1, ::1).",
        )
    return base_url.strip().rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def segment(text: str) -> str:
    """A text as one segment of a path, whatever it holds."""
    return quote(text, safe="").replace(".", "%2E") if set(text) == {"."} else quote(text, safe="")
