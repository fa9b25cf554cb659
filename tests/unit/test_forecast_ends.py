"""When one start would end: at a cap, the budget or --max-messages, not when the whole run does."""

from __future__ import annotations

import pytest
from unit.test_forecast_limits import ALWAYS, EXACT, NIGHTS, NOW, box, ms

from bulk_pec.planning import Work, forecast, start_ends
from bulk_pec.planning.limits import MailboxLimits

EVENING = ms(2026, 11, 23, 20)


@pytest.mark.parametrize(
    ("limits", "most", "ends"),
    [
        ({}, None, 5),
        ({"per_day": 3}, None, 2),
        ({"per_day": 3, "used_day": 1}, None, 1),
        ({"per_month": 2}, None, 1),
        ({"per_day": 3, "used_day": 3}, None, 0),
        ({}, 1, 0),
        ({"per_day": 3}, 5, 2),
        ({"per_day": 5}, 3, 2),
    ],
)
def test_a_start_ends_with_its_last_message(limits: dict[str, int], most: int | None, ends: int) -> None:
    """Six messages a second apart: the first limit ends it, though the run itself goes on next day."""
    found = forecast(Work(6), EXACT, ALWAYS, [box(**limits)], NOW)
    assert start_ends(found, waits=False, most=most) == NOW + ends * 1000


def test_the_budget_ends_it_even_if_it_waits() -> None:
    """Money does not come back with the morning."""
    found = forecast(Work(6, price=0.1, max_cost=0.3), EXACT, ALWAYS, [box()], NOW)
    for waits in (False, True):
        assert start_ends(found, waits=waits) == NOW + 2000


def test_waiting_it_goes_on_to_the_end() -> None:
    """--wait waits for the cap's next day; --max-messages ends it all the same."""
    found = forecast(Work(6), EXACT, ALWAYS, [box(per_day=3)], NOW)
    assert start_ends(found, waits=True) == found.end_ms == ms(2026, 11, 24, 0, 0, 2)
    assert start_ends(found, waits=True, most=4) == ms(2026, 11, 24)


def test_a_window_ends_it() -> None:
    """Closed: at once. Open: when it closes, midnight within it being no end."""
    closed = forecast(Work(100_000), EXACT, NIGHTS, [box()], NOW)
    assert start_ends(closed, waits=False) == NOW
    assert start_ends(closed, waits=True) == closed.end_ms
    found = forecast(Work(100_000), EXACT, NIGHTS, [box()], EVENING)
    assert start_ends(found, waits=False) == ms(2026, 11, 24, 6)


def test_a_cap_of_one_mailbox_ends_nothing() -> None:
    """The other sends the rest; once both have come to their cap it is over."""
    second = MailboxLimits("seconda@pec.example.com", per_day=4)
    found = forecast(Work(6), EXACT, ALWAYS, [box(per_day=2), second], NOW)
    assert start_ends(found, waits=False) == NOW + 5000
    more = forecast(Work(60), EXACT, ALWAYS, [box(per_day=2), second], NOW)
    assert start_ends(more, waits=False) == NOW + 5000


def test_nothing_to_send_has_no_end() -> None:
    """There is no start of which to say when it ends."""
    assert start_ends(forecast(Work(0), EXACT, ALWAYS, [box()], NOW), waits=False) is None
