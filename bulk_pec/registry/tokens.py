"""Tokens: what an API token says of itself, if it is one that says something (a JWT).

Source: RFC 7519 (the claims; `exp` in section 4.1.4) and RFC 7515, 3.1 (three parts in base64url, parted by
dots). No signature is checked: what is read here only warns, and decides nothing.
"""

from __future__ import annotations

import base64
import binascii
import math

import orjson

from bulk_pec.domain.letters import Secret

_LATEST = 253_402_300_800
"""The year 10000, in seconds since the epoch: beyond it a number is no date."""


def claims(token: Secret) -> dict[str, object] | None:
    """The claims of a token; None if it is not a JWT. They may hold personal data: not for any log."""
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return None
    head, body = _decoded(parts[0]), _decoded(parts[1])
    return body if head is not None and "alg" in head else None


def expires_at(token: Secret) -> int | None:
    """When a token ends, in milliseconds since the epoch; None if it does not say."""
    said = (claims(token) or {}).get("exp")
    if isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said):
        return None
    return round(said * 1000) if 0 < said < _LATEST else None


def _decoded(part: str) -> dict[str, object] | None:
    """A part of a token: the JSON object it is, if it is one."""
    try:
        found = orjson.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return None
    return found if isinstance(found, dict) else None
