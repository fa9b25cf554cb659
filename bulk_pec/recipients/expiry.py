"""When a row expires, as its cell says it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

FORMS = "2026-12-31, 2026-12-31T18:00 (with Z or +01:00 where needed) or 31/12/2026"
"""What can be read, by examples."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END_OF_DAY = "23:59:59.999"
_FORM = re.compile(
    r"(?:(?P<iso>\d{4}-\d{2}-\d{2})|(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>\d{4}))"
    r"(?:[T ](?P<time>\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)\s?(?P<zone>Z|[+-]\d{2}:\d{2})?)?\Z",
    re.ASCII,
)


@lru_cache(maxsize=8192)
def moment(text: str, zone: ZoneInfo) -> int | None:
    """The last moment at which a row may be sent: ms since the epoch, UTC; None if it cannot be read.

    Args:
        text: A trimmed cell: an ISO 8601 date or date and time, or dd/mm/yyyy with or without a time.
        zone: Of what says none. A date means the end of that day there; of a time that comes twice, when
            the clock is put back, the first is meant.
    """
    found = _FORM.match(text)
    if found is None:
        return None
    date = found["iso"] or f"{found['year']}-{found['month']:0>2}-{found['day']:0>2}"
    hour, minutes = (found["time"] or _END_OF_DAY).split(":", 1)
    try:
        when = datetime.fromisoformat(f"{date}T{hour:0>2}:{minutes}{found['zone'] or ''}")
    except ValueError:
        return None
    return ((when if when.tzinfo else when.replace(tzinfo=zone)) - _EPOCH) // timedelta(milliseconds=1)
