"""Which messages expire before their turn, as a forecast has it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from bulk_pec.planning.forecast import Forecast


def expiring(forecast: Forecast, expiries: Iterable[tuple[int, int]]) -> int:
    """How many messages expire before they can leave. Sending keeps the order of the list.

    A message leaves no sooner than the pace lets it after its night opens, so this is never too many; those
    that a cap holds back within their night may be more. What cannot be sent at all is not counted.

    Args:
        forecast: Of all messages.
        expiries: Of each message that expires: its place among all of them, from 0, and the last moment at
            which it may leave, in milliseconds since the epoch.
    """
    nights = forecast.nights
    ends = list(accumulate(night.messages for night in nights))
    interval = forecast.conditions.speed.interval
    late = 0
    for place, moment in expiries:
        index = bisect_right(ends, place)
        if index == len(nights):
            continue
        before = place - (ends[index] - nights[index].messages)
        late += moment <= nights[index].opens_ms + before * interval
    return late
