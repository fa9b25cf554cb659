"""The next moment at which the local clock shows a time of day: what --until means."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from bulk_pec.domain.calendar import Calendar

ROME = Calendar("Europe/Rome")


def _utc(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000)


@pytest.mark.parametrize(
    ("now", "shown", "then"),
    [
        pytest.param("2026-11-23T20:00", time(5, 30), "2026-11-24T04:30", id="tomorrow morning"),
        pytest.param("2026-11-24T02:00", time(5, 30), "2026-11-24T04:30", id="this morning"),
        pytest.param("2026-11-24T04:30", time(5, 30), "2026-11-25T04:30", id="now is past already"),
        pytest.param("2026-11-24T04:29:59.999", time(5, 30), "2026-11-24T04:30", id="a millisecond ahead"),
        pytest.param("2027-03-28T00:30", time(5, 30), "2027-03-28T03:30", id="the night is an hour shorter"),
        pytest.param("2026-10-25T00:30", time(5, 30), "2026-10-25T04:30", id="the night is an hour longer"),
        pytest.param("2027-03-28T00:30", time(2, 30), "2027-03-28T01:00", id="a time that does not exist"),
        pytest.param("2026-10-25T00:00", time(2, 30), "2026-10-25T00:30", id="the first of two"),
        pytest.param("2026-10-25T00:31", time(2, 30), "2026-10-25T01:30", id="the second of two"),
        pytest.param("2026-10-25T01:30", time(2, 30), "2026-10-26T01:30", id="both are past"),
        pytest.param("2026-12-31T22:59", time(0, 0), "2026-12-31T23:00", id="midnight"),
    ],
)
def test_the_next_time(now: str, shown: time, then: str) -> None:
    """In Rome, by the zone's rules."""
    assert ROME.next_time(_utc(now), shown) == _utc(then)


@pytest.mark.parametrize("zone", ["Europe/Rome", "Australia/Lord_Howe", "America/St_Johns", "UTC"])
def test_it_is_shown_then_and_not_long_after(zone: str) -> None:
    """From any hour of a year on: a day and an hour ahead at most, and shown unless it does not exist."""
    calendar = Calendar(zone)
    at = _utc("2026-01-01T00:10")
    for hour in range(0, 366 * 24, 7):
        now = at + hour * 3_600_000
        found = calendar.next_time(now, time(2, 15))
        assert 0 < found - now <= 25 * 3_600_000
        local = calendar.local(found)
        naive = datetime.combine(local.date(), time(2, 15))
        exists = naive.replace(tzinfo=ZoneInfo(zone)).astimezone(ZoneInfo("UTC")).astimezone(ZoneInfo(zone))
        assert local.time() == time(2, 15) or exists.time() != time(2, 15)
