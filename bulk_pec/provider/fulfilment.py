"""Whether a mailbox stands as the request that was answered wanted it: an answer 200 alone does not say so.

Source: the states in the vendor's samples of each call's answer (its OpenAPI document for pec.openapi.it):
``registrata`` after POST /pec, ``in_evasione`` after PATCH attivazione, ``evasa`` after GET rinnovo,
``revocata`` after DELETE.
"""

from __future__ import annotations

from collections.abc import Callable

from bulk_pec.domain.registrations import OVER, Registration, RegistryState

Shortfall = Callable[[Registration], str]
"""What a mailbox still lacks of what was asked, as a clause without secrets; "" if it lacks nothing."""

_ENDED = frozenset({RegistryState.REVOKED, RegistryState.CLOSED})
_EXAMINED = frozenset({RegistryState.IN_PROGRESS, RegistryState.ACTIVE})


def registered(found: Registration) -> str:
    """A new mailbox is not one that has ended."""
    return _stands(found) if found.state in OVER else ""


def activated(found: Registration) -> str:
    """Papers that were taken are looked at, or were; ``documenti_errati`` says that they were refused."""
    if found.state is RegistryState.WRONG_DOCUMENTS:
        return f"{_stands(found)}: the documents were refused, or these were not taken"
    return "" if found.state in _EXAMINED else _stands(found)


def renewal_of(before: Registration | None) -> Shortfall:
    """A renewed mailbox is active, and expires later than it did.

    Where an expiry is not told, only that a revoked mailbox is active again shows the renewal.

    Args:
        before: The mailbox as it was just before; None if nobody looked.
    """
    expiry = None if before is None else before.expires_at
    was_revoked = before is not None and before.state is RegistryState.REVOKED

    def renewed(found: Registration) -> str:
        if found.state is not RegistryState.ACTIVE:
            return _stands(found)
        if expiry is not None and found.expires_at is not None:
            return "" if found.expires_at > expiry else "the mailbox expires no later than before"
        return "" if was_revoked else "whether the mailbox expires later than before is not told"

    return renewed


def revoked(found: Registration) -> str:
    """A revoked mailbox is revoked or closed."""
    return "" if found.state in _ENDED else _stands(found)


def _stands(found: Registration) -> str:
    return f"the mailbox stands at “{found.stato}”"
