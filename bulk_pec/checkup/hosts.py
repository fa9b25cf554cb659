"""The hosts: does a service answer where the configuration says, and what time is it there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import anyio
import httpx

from bulk_pec.checkup.findings import Finding, failed, failure, ok, unknown, warning
from bulk_pec.domain.errors import BulkPecError, ProviderUnavailable
from bulk_pec.domain.exits import Reason
from bulk_pec.provider.address import checked_base_url

SKEW = 5.0
"""Seconds by which this machine's clock may differ from the provider's before somebody should look."""
FAR = 300.0
"""Seconds from which windows, caps and the dates of receipts cannot be trusted any more."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """An answer, whatever it was.

    Attributes:
        status: Of the answer.
        ahead: Seconds that this machine's clock is ahead of the host's; None: it did not tell the time.
        unsure: Seconds by which `ahead` may be wrong.
    """

    status: int
    ahead: float | None
    unsure: float


async def glimpse(
    http: httpx.AsyncClient, url: str, setting: str, now: Callable[[], float], within: float
) -> Glimpse:
    """GET the address itself, without any credentials: who answers at all is there.

    Args:
        http: From `transport.open_http`.
        url: A service's address.
        setting: Its name in [api].
        now: Seconds since the epoch.
        within: Seconds for all of it: the client's own timeout is for each step, and so has no end with a
            host that says one thing after the other.

    Raises:
        ConfigError: It is no service's address.
        ProviderUnavailable: Nobody answered.
    """
    address = checked_base_url(url, setting)
    begun, why = now(), f"no answer within {within:g} s"
    with anyio.move_on_after(within):
        try:
            async with http.stream("GET", f"{address}/", auth=None, follow_redirects=False) as answer:
                return Glimpse(answer.status_code, *_ahead(answer.headers.get("date"), begun, now()))
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            why = f"{type(error).__name__}{f': {error}' if str(error) else ''}"
    raise ProviderUnavailable(
        f"It could not be reached: {why}.",
        hint=f"Check the network, a proxy's settings and {setting} in [api].",
    )


def _ahead(date: str | None, begun: float, ended: float) -> tuple[float | None, float]:
    """How far this clock is ahead, by a Date header, which tells whole seconds (RFC 9110, 6.6.1)."""
    try:
        there = parsedate_to_datetime(date or "").timestamp() + 0.5
    except (ValueError, OverflowError):
        return None, 0.0
    return (begun + ended) / 2 - there, (ended - begun) / 2 + 0.5


def reached(name: str, url: str, found: Glimpse | BulkPecError) -> Finding:
    """Whether a host is there.

    Args:
        name: The finding's.
        url: The host's address.
        found: What came of `glimpse`.
    """
    if isinstance(found, BulkPecError):
        return failed(name, found, about=url)
    if found.status >= 500:
        # Of its root, which is nobody's business: whether it serves is told by what it is asked for.
        what = f"Something answers, with HTTP {found.status}."
        return warning(name, what, "If the next checks fail too, try again later.", about=url)
    return ok(name, "It answers.", about=url)


def clock(found: Glimpse | BulkPecError) -> Finding:
    """How this machine's clock stands against the sending host's."""
    if isinstance(found, BulkPecError) or found.ahead is None:
        return unknown("clock", "The sending host did not tell the time.")
    off, side = abs(found.ahead), "ahead of" if found.ahead > 0 else "behind"
    if off - found.unsure <= SKEW:
        return ok("clock", "This machine's clock agrees with the sending host's.")
    what = f"This machine's clock is {off:,.0f} s {side} the sending host's."
    hint = "Let it keep time by NTP: windows, caps and the dates of receipts rest on it."
    if off - found.unsure <= FAR:
        return warning("clock", what, hint)
    return failure("clock", what, hint, Reason.CONFIG)
