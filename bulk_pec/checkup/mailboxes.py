"""The mailboxes: the token with both hosts, and each mailbox's state, expiry, credentials and room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from bulk_pec.checkup.findings import Finding, Verdict, failed, failure, ok, unknown, warning
from bulk_pec.domain.errors import BulkPecError, CredentialsRefused
from bulk_pec.domain.exits import Reason
from bulk_pec.domain.inbox import Quota
from bulk_pec.domain.registrations import OVER, Registration, RegistryState
from bulk_pec.registry import days

SOON = timedelta(days=30)
"""A mailbox that expires within this time is worth a warning: its renewal takes a decision and money."""

Listed = Sequence[Registration] | BulkPecError | None
"""What the registry lists, or why it does not; None: it was not asked."""
Quotas = Mapping[str, Quota | BulkPecError]
"""What GET /quota came to, by mailbox."""


def serving(reached: Finding, registry: Listed) -> Finding:
    """Whether the registry does its work: it is there, and answers what it is asked.

    Args:
        reached: Whether it is there.
        registry: What it lists. That it refuses the token is another finding.
    """
    broken = isinstance(registry, BulkPecError) and not isinstance(registry, CredentialsRefused)
    if broken and reached.verdict is Verdict.OK and isinstance(registry, BulkPecError):
        return failed(reached.name, registry, about=reached.about)
    return reached


def tokens(registry: Listed, quotas: Quotas) -> list[Finding]:
    """Whether each host takes the token, as far as its answers tell.

    The sending host asks for a mailbox's credentials with every call, so that a refusal of all of them leaves
    open which of the two is wrong. A token that it takes is good: then the registry's refusal can only mean
    that the token was not made for the registry, which no sending needs.
    """
    taken = any(isinstance(one, Quota) for one in quotas.values())
    return [_with_sending_host(registry, quotas, taken=taken), _with_registry(registry, taken=taken)]


def _with_sending_host(registry: Listed, quotas: Quotas, *, taken: bool) -> Finding:
    about = "sending host"
    if taken:
        said = "The sending host takes the token; that it may send as well is told by sending only."
        return ok("token", said, about=about)
    refused = [address for address, one in quotas.items() if isinstance(one, CredentialsRefused)]
    if refused:
        what = "The sending host refused every mailbox: the token, or the credentials, are wrong"
        what += ", or no mailbox is active." if _none_active(registry, refused) else "."
        hint = "Check the token first; see what is said of the registry and of each mailbox."
        return failure("token", what, hint, Reason.CREDENTIALS, about=about)
    return unknown("token", "Whether the sending host takes the token could not be found out.", about=about)


def _none_active(registry: Listed, addresses: Sequence[str]) -> bool:
    """Whether the registry knows all of these mailboxes, and none of them as active."""
    if registry is None or isinstance(registry, BulkPecError):
        return False
    known = [(one.address.lower(), one.state) for one in registry]
    asked = {address.lower() for address in addresses}
    active = any(state is RegistryState.ACTIVE for address, state in known if address in asked)
    return not active and asked <= {address for address, _ in known}


def _with_registry(registry: Listed, *, taken: bool) -> Finding:
    about = "registry"
    if registry is not None and not isinstance(registry, BulkPecError):
        return ok("token", "The registry takes the token.", about=about)
    if not isinstance(registry, CredentialsRefused):
        return unknown("token", "Whether the registry takes the token could not be found out.", about=about)
    if not taken:
        return failed("token", registry, about=about)
    what = "The registry refused the token, which the sending host takes: it was not made for the registry."
    hint = "Sending does not need it; for `bulk-pec mailbox`, make a token with the registry's scopes too."
    return warning("token", what, hint, about=about)


def registration(address: str, registry: Listed, now: int) -> Finding:
    """How a mailbox stands at the registry.

    Args:
        address: The mailbox's.
        registry: What the registry lists.
        now: Milliseconds since the epoch.
    """
    if registry is None or isinstance(registry, BulkPecError):
        return unknown("mailbox", "The registry could not be asked for its state and expiry.", about=address)
    own = [one for one in registry if one.address.lower() == address.lower()]
    own.sort(key=lambda one: one.state in OVER)  # an address may have been registered anew
    if not own:
        what = (
            "The registry does not know it: it was bought on the vendor's website, say. That is no fault; "
            "its state and expiry are not told here."
        )
        return ok("mailbox", what, about=address)
    return _standing(own[0], address, now)


def _standing(found: Registration, address: str, now: int) -> Finding:
    show = f"`bulk-pec mailbox show {found.id}` tells more."
    if found.state is None:
        what = f"The registry calls its state {found.stato!r}, which is not documented."
        return unknown("mailbox", what, show, about=address)
    if found.state is not RegistryState.ACTIVE:
        what = f"It is not active: its state at the registry is {found.stato}."
        return failure("mailbox", what, show, Reason.CREDENTIALS, about=address)
    return _expiry(found, address, now)


def _expiry(found: Registration, address: str, now: int) -> Finding:
    if found.expires_at is None:
        return ok("mailbox", "It is active; when it expires is not told.", about=address)
    day = days.day(found.expires_at)
    left, renew = timedelta(milliseconds=found.expires_at - now), f"`bulk-pec mailbox renew {found.id}`"
    if left <= timedelta(0):
        what, hint = f"It expired on {day}.", f"Renew it, which costs: {renew}."
        return failure("mailbox", what, hint, Reason.CREDENTIALS, about=address)
    if found.auto_renew:
        return ok("mailbox", f"It is active until {day}, and is renewed by itself.", about=address)
    if left < SOON:
        hint = f"Renew it in time, which costs: {renew}."
        return warning("mailbox", f"It expires on {day}, and is not renewed by itself.", hint, about=address)
    return ok("mailbox", f"It is active until {day}.", about=address)


def credentials(address: str, answer: Quota | BulkPecError | None) -> Finding:
    """Whether the sending host takes a mailbox's user name and password, by GET /quota; None: not asked."""
    if isinstance(answer, Quota):
        return ok("credentials", "The sending host takes its credentials.", about=address)
    if answer is None:
        return unknown("credentials", "Whether they are right could not be asked.", about=address)
    return failed("credentials", answer, about=address)


def room(address: str, answer: Quota | BulkPecError | None, full_at: float) -> Finding:
    """How full a mailbox is.

    Args:
        address: The mailbox's.
        answer: Of GET /quota; None: not asked.
        full_at: The share from which nothing is sent from it.
    """
    if not isinstance(answer, Quota):
        return unknown("quota", "How full it is could not be asked.", about=address)
    what = f"It is {answer.share:.1%} full; nothing is sent from {full_at:.0%} on."
    if answer.share < full_at:
        return ok("quota", what, about=address)
    hint = "Make room: archive its receipts and delete them (docs/operating.md), or ask for a larger mailbox."
    return warning("quota", what, hint, about=address)
