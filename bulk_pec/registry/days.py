"""Days of a mailbox's life, as the clocks of Italy show them: there its provider and its contract are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime.fromtimestamp(0, UTC)
_ROME = ZoneInfo("Europe/Rome")


def day(milliseconds: int) -> str:
    """The day of a moment: ``2027-03-04``.

    Args:
        milliseconds: Since the epoch, UTC.
    """
    return f"{(_EPOCH + timedelta(milliseconds=milliseconds)).astimezone(_ROME):%Y-%m-%d}"
