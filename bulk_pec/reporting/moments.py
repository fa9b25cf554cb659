"""Times for people and for programs: UTC, and the clock where the operator stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

_EPOCH = datetime.fromtimestamp(0, UTC)


def moment(milliseconds: int) -> datetime:
    """A time of the ledger, UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def local_iso(milliseconds: int | None, zone: tzinfo) -> str | None:
    """The same as ISO 8601 with the zone's offset, to the second."""
    return None if milliseconds is None else moment(milliseconds).astimezone(zone).isoformat("T", "seconds")


def both(milliseconds: int, zone: tzinfo) -> str:
    """``2026-11-23 20:15:03 (Europe/Rome), 2026-11-23T19:15:03Z``."""
    at = moment(milliseconds)
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S} ({zone}), {at:%Y-%m-%dT%H:%M:%SZ}"
