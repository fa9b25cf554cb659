"""Which registry it is, as its address tells: live, one of the vendor's for tests, or a rehearsal's."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a registration is handed in.

    Attributes:
        test: It is one of the vendor's test hosts (``test.…``), which take any address.
        local: It is on this machine, as the sandbox is: a rehearsal.
        today: There.
    """

    test: bool
    local: bool
    today: date


def is_test(registry_url: str) -> bool:
    """Whether it is a test host of the vendor's, such as ``test.pec.openapi.it``."""
    return _host(registry_url).startswith("test.")


def is_local(registry_url: str) -> bool:
    """Whether it is on this machine, as the sandbox is."""
    host = _host(registry_url)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
