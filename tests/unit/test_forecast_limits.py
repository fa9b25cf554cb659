"""Each limit of a forecast, one at a time, in figures that can be checked by hand."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bulk_pec.config.values import Window
from bulk_pec.domain.calendar import Calendar
from bulk_pec.planning import Forecast, Limit, MailboxLimits, Speed, Work, forecast, sentence
from bulk_pec.planning.holidays import italian_holidays
from bulk_pec.planning.limits import (
    ACCEPTANCE_BYTES,
    DELIVERY_BYTES,
    KIB,
    free_bytes,
)
from bulk_pec.planning.walk import HORIZON_DAYS

ROME = ZoneInfo("Europe/Rome")
NIGHT = Window(time(20), time(6))
WORKDAYS = ["mon", "tue", "wed", "thu", "fri"]
ALWAYS = Calendar("Europe/Rome")
NIGHTS = Calendar("Europe/Rome", NIGHT)
EXACT = Speed(rate=1.01)
"""Starts exactly a second apart, margin included."""


def ms(*shown: int) -> int:
    """A moment on Rome's clock: year, month, day, and what follows of the time."""
    year, month, day, hour, minute, second = [*shown, 0, 0, 0][:6]
    return int(datetime(year, month, day, hour, minute, second, tzinfo=ROME).timestamp()) * 1000


def box(**limits: int | None) -> MailboxLimits:
    """A mailbox with these limits."""
    return MailboxLimits("ufficio@pec.example.com", **limits)  # type: ignore[arg-type] # rate is left out


def by_night(found: Forecast) -> list[tuple[date, int, Limit | None]]:
    """What a forecast says of each night."""
    return [(night.date, night.messages, night.binding) for night in found.nights]


NOW = ms(2026, 11, 23, 12)


def test_the_sentence_of_the_documentation() -> None:
    """1.2M messages at the vendor's rate, at night on working days, holidays left out, from 19 November."""
    calendar = Calendar("Europe/Rome", NIGHT, WORKDAYS, italian_holidays())
    found = forecast(Work(1_200_000, price=0.05), Speed(), calendar, [box()], ms(2026, 11, 19, 9))
    assert sentence(found) == (
        "1,200,000 messages at 1/s in 20:00–06:00 on working days: "
        "34 nights, until 12 January; the rate binds."
    )
    # Ten hours hold 35,644 starts 1.01 s apart: ceil(36,000 / 1.01). 33 such nights, and what is left.
    assert [night.messages for night in found.nights] == [35_644] * 33 + [1_200_000 - 33 * 35_644]
    assert found.start_ms == ms(2026, 11, 19, 20)
    assert found.end_ms == ms(2027, 1, 11, 20) + (23_748 - 1) * 1010
    assert found.cost == 60_000.0
    assert not {date(2026, 12, 8), date(2026, 12, 25), date(2027, 1, 1), date(2027, 1, 6)} & {
        night.date for night in found.nights
    }


def test_second_by_second_over_one_night() -> None:
    """A literal simulation of one night at one a second: the same count, and the same last second."""
    calls = [
        at
        for at in range(ms(2026, 11, 23, 19), ms(2026, 11, 24, 7), 1000)
        if datetime.fromtimestamp(at / 1000, ROME).hour in {20, 21, 22, 23, 0, 1, 2, 3, 4, 5}
    ]
    found = forecast(Work(len(calls)), EXACT, NIGHTS, [box()], NOW)
    assert (found.start_ms, found.end_ms) == (calls[0], calls[-1])
    more = forecast(Work(len(calls) + 1), EXACT, NIGHTS, [box()], NOW)
    assert by_night(more) == [(date(2026, 11, 23), 36_000, Limit.RATE), (date(2026, 11, 24), 1, None)]


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 28), 9), (date(2026, 10, 24), 11), (date(2026, 10, 23), 10)]
)
def test_a_night_of_a_clock_change_holds_what_its_hours_hold(day: date, hours: int) -> None:
    """Nine hours in spring, eleven in autumn."""
    noon = ms(day.year, day.month, day.day, 12)
    found = forecast(Work(100_000), EXACT, NIGHTS, [box()], noon)
    assert found.nights[0].messages == hours * 3600


def test_a_night_that_a_clock_change_parts_is_one_night() -> None:
    """20:00-02:30 opens twice on 24 October 2026: 6.5 h, and half an hour more, in one line."""
    calendar = Calendar("Europe/Rome", Window(time(20), time(2, 30)))
    found = forecast(Work(100_000), EXACT, calendar, [box()], ms(2026, 10, 24, 12))
    assert found.nights[0].messages == 7 * 3600
    assert found.nights[0].closes_ms - found.nights[0].opens_ms == 7.5 * 3_600_000
    assert found.nights[1].date == date(2026, 10, 25)


def test_the_day_cap_counts_calendar_days_not_nights() -> None:
    """A night touches two days: the first gives the cap before midnight, and the cap again after it."""
    found = forecast(Work(17_500), EXACT, NIGHTS, [box(per_day=3500)], NOW)
    assert by_night(found) == [
        (date(2026, 11, 23), 7000, Limit.DAY_CAP),
        (date(2026, 11, 24), 3500, Limit.DAY_CAP),
        (date(2026, 11, 25), 3500, Limit.DAY_CAP),
        (date(2026, 11, 26), 3500, None),
    ]
    assert found.binding is Limit.DAY_CAP
    assert found.end_ms == ms(2026, 11, 27, 0, 58, 19), "the 3,500th second after midnight"


def test_what_the_day_has_used_counts_for_that_day_only() -> None:
    """3,400 of 3,500 are used today: a hundred are left before midnight."""
    found = forecast(Work(5000), EXACT, NIGHTS, [box(per_day=3500, used_day=3400)], NOW)
    assert by_night(found) == [(date(2026, 11, 23), 3600, Limit.DAY_CAP), (date(2026, 11, 24), 1400, None)]


def test_a_cap_that_is_overused_lets_nothing_out() -> None:
    """A cap lowered below what is used already gives no room, and no negative one."""
    found = forecast(Work(10), EXACT, NIGHTS, [box(per_day=5, used_day=50)], NOW)
    assert by_night(found) == [(date(2026, 11, 23), 5, Limit.DAY_CAP), (date(2026, 11, 24), 5, None)]


def test_the_month_cap_begins_again_at_the_months_end() -> None:
    """In the night of 30 November the cap is new from midnight on."""
    found = forecast(Work(1000), EXACT, NIGHTS, [box(per_month=600, used_month=500)], ms(2026, 11, 30, 12))
    assert by_night(found) == [
        (date(2026, 11, 30), 700, Limit.MONTH_CAP),
        (date(2026, 12, 31), 300, None),
    ]
    assert found.end_ms == ms(2027, 1, 1, 0, 4, 59)


def test_the_year_cap_begins_again_with_the_year() -> None:
    """Ten of the year are left, and the new year's come at midnight of the same night."""
    calendar = Calendar("Europe/Rome", NIGHT, holidays=lambda day: day == date(2027, 1, 1))
    found = forecast(Work(50), EXACT, calendar, [box(per_year=100, used_year=90)], ms(2026, 12, 31, 12))
    assert by_night(found) == [(date(2026, 12, 31), 50, None)]
    assert found.end_ms == ms(2027, 1, 1, 0, 0, 39)
    assert found.binding is Limit.YEAR_CAP


def test_the_leap_day_has_a_cap_of_its_own() -> None:
    """February 2028 sends 29 times its day cap."""
    found = forecast(Work(290), EXACT, ALWAYS, [box(per_day=10)], ms(2028, 2, 1))
    assert [night.date.day for night in found.nights] == list(range(1, 30))


def test_a_message_to_several_addresses_counts_each() -> None:
    """Ten messages to thirty addresses: a cap of twelve lets four messages out a day."""
    found = forecast(Work(10, addresses=30, price=0.05), EXACT, ALWAYS, [box(per_day=12)], NOW)
    assert [night.messages for night in found.nights] == [4, 4, 2]
    assert found.cost == 0.5, "the price is a message's"


def test_money_ends_the_run() -> None:
    """EUR 0.30 pay three messages of EUR 0.10, though the floats' quotient is below three."""
    assert 0.3 / 0.1 < 3
    found = forecast(Work(5, price=0.1, max_cost=0.3), EXACT, NIGHTS, [box()], NOW)
    assert (found.messages, found.left, found.cost, found.binding) == (5, 2, 0.3, Limit.COST)
    assert by_night(found) == [(date(2026, 11, 23), 3, Limit.COST)]


def test_money_spent_before_is_gone() -> None:
    """The budget is the run's, over all its nights."""
    found = forecast(Work(5, price=0.1, max_cost=0.3, spent=0.2), EXACT, NIGHTS, [box()], NOW)
    assert found.left == 4
    none = forecast(Work(5, price=0.1, max_cost=0.3, spent=0.3), EXACT, NIGHTS, [box()], NOW)
    assert (none.left, none.nights, none.start_ms, none.end_ms) == (5, (), None, None)
    assert none.binding is Limit.COST


def test_a_budget_that_is_enough_binds_nothing() -> None:
    """Exactly enough is enough."""
    found = forecast(Work(5, price=0.1, max_cost=0.5), EXACT, ALWAYS, [box()], NOW)
    assert (found.left, found.binding) == (0, Limit.RATE)


def test_what_the_receipts_need() -> None:
    """One ACCETTAZIONE a message, one CONSEGNA an address, which holds the message."""
    work = Work(10, addresses=20, letter_bytes=7800)
    assert work.receipt_bytes == 10 * ACCEPTANCE_BYTES + 20 * (DELIVERY_BYTES + 7800)


def test_mailbox_space_ends_the_run() -> None:
    """Room for the receipts of 100 messages: the 101st is not sent, and the plan says so."""
    each = Work(1).receipt_bytes
    found = forecast(Work(150), EXACT, ALWAYS, [box(free_bytes=100 * each + each - 1)], NOW)
    assert (found.left, found.binding) == (50, Limit.SPACE)
    assert by_night(found) == [(date(2026, 11, 23), 100, Limit.SPACE)]
    assert (found.needed_bytes, found.free_bytes) == (150 * each, 101 * each - 1)


def test_space_is_known_only_if_it_is_known_of_every_mailbox() -> None:
    """One that does not tell may be full."""
    known, unknown = box(free_bytes=10**9), box()
    assert forecast(Work(10), EXACT, ALWAYS, [known, unknown], NOW).free_bytes is None
    assert forecast(Work(10), EXACT, ALWAYS, [known, known], NOW).free_bytes == 2 * 10**9


def test_free_space_from_the_quota() -> None:
    """A box of 1 GiB, half full, that may fill to nine tenths; a fuller one has no room."""
    assert free_bytes(usage=524_288, limit=1_048_576, full_at=0.9) == (943_718 - 524_288) * KIB
    assert free_bytes(usage=1_000_000, limit=1_048_576, full_at=0.9) == 0


def test_a_window_can_bind() -> None:
    """Four hours' work asked for at noon: only the window keeps it from ending in the afternoon."""
    found = forecast(Work(4 * 3600), EXACT, NIGHTS, [box()], NOW)
    assert found.binding is Limit.WINDOW
    assert forecast(Work(200_000), EXACT, NIGHTS, [box()], NOW).binding is Limit.RATE


def test_answers_that_are_slow_bind_when_the_rate_is_high() -> None:
    """16 requests in flight that take 5 s each are 3.2 a second, whatever is permitted."""
    speed = Speed(rate=20, concurrency=16, answer_seconds=5)
    found = forecast(Work(3201), speed, ALWAYS, [box()], NOW)
    assert found.end_ms == NOW + 1_000_000
    assert found.binding is Limit.CONCURRENCY
    assert forecast(Work(3201), Speed(1, 16, 5), ALWAYS, [box()], NOW).binding is Limit.RATE


def test_a_mailbox_slower_than_the_api_sets_the_pace() -> None:
    """Half a message a second from the only mailbox."""
    slow = MailboxLimits("ufficio@pec.example.com", rate=0.505)
    found = forecast(Work(11), EXACT, ALWAYS, [slow], NOW)
    assert found.end_ms == NOW + 20_000
    assert found.binding is Limit.RATE


def test_two_slow_mailboxes_share_a_faster_api() -> None:
    """Each starts every two seconds, together one a second on average."""
    slow = [MailboxLimits(f"{name}@pec.example.com", rate=0.505) for name in "ab"]
    found = forecast(Work(7200), EXACT, Calendar("Europe/Rome", NIGHT), slow, NOW)
    assert found.end_ms is not None
    assert abs(found.end_ms - (ms(2026, 11, 23, 22) - 1000)) <= 2000


def test_mailboxes_add_their_caps_under_one_rate() -> None:
    """Two caps of 3,500 are 7,000 a day; the API's rate stands above both."""
    two = forecast(Work(14_000), EXACT, ALWAYS, [box(per_day=3500)] * 2, ms(2026, 11, 23))
    assert [night.messages for night in two.nights] == [7000, 7000]
    many = forecast(Work(90_000), EXACT, ALWAYS, [box(per_day=50_000)] * 2, ms(2026, 11, 23))
    assert by_night(many)[0] == (date(2026, 11, 23), 86_400, Limit.RATE)


def test_the_mailbox_with_more_left_sends_more() -> None:
    """One with a month's cap is spared while another can send, so nothing is lost on the second day."""
    boxes = [box(per_day=100), box(per_day=100, per_month=100)]
    window = Window(time(10), time(10, 2))  # 120 starts
    found = forecast(Work(240), EXACT, Calendar("Europe/Rome", window), boxes, ms(2026, 11, 3, 9))
    assert [night.messages for night in found.nights] == [120, 120]


def test_without_any_pace_all_leaves_at_once() -> None:
    """An unlimited rate has no duration."""
    found = forecast(Work(1_000_000), Speed(math.inf), NIGHTS, [box()], NOW)
    assert found.start_ms == found.end_ms == ms(2026, 11, 23, 20)
    assert found.binding is Limit.WINDOW


def test_nothing_to_send() -> None:
    """An empty list costs nothing, takes no night, and is bound by nothing."""
    found = forecast(Work(0, price=0.05, max_cost=1.0), EXACT, NIGHTS, [box(free_bytes=5)], NOW)
    assert (found.cost, found.left, found.nights, found.binding) == (0.0, 0, (), None)
    assert (found.start_ms, found.end_ms) == (None, None)
    assert sentence(found) == "Nothing to send."


def test_one_message_now_is_bound_by_nothing() -> None:
    """It leaves at once."""
    found = forecast(Work(1), EXACT, ALWAYS, [box(per_day=10)], NOW)
    assert (found.start_ms, found.end_ms, found.binding) == (NOW, NOW, None)


def test_a_run_of_a_lifetime_ends_at_the_horizon() -> None:
    """A cap of one a year: the forecast gives up after five years and says how many are left."""
    found = forecast(Work(1000), EXACT, NIGHTS, [box(per_year=1)], NOW)
    assert found.left == 1000 - 6
    assert found.end_ms is not None
    assert found.end_ms < NOW + timedelta(days=HORIZON_DAYS) // timedelta(milliseconds=1)
    assert found.binding is Limit.YEAR_CAP


def test_a_calendar_that_never_opens_sends_nothing() -> None:
    """It is a forecast like any other, bound by the window."""
    found = forecast(Work(5), EXACT, Calendar("Europe/Rome", holidays=lambda _: True), [box()], NOW)
    assert (found.left, found.nights, found.binding) == (5, (), Limit.WINDOW)


def test_two_reasons_to_send_nothing_are_one_answer() -> None:
    """A message counts more than the cap, and the mailbox is full: lifting neither alone would help."""
    found = forecast(Work(6, addresses=60), EXACT, ALWAYS, [box(per_day=7, free_bytes=1)], NOW)
    assert (found.left, found.nights, found.binding) == (6, (), Limit.SPACE)


def test_two_equal_caps_bind_as_the_one_that_lasts() -> None:
    """When lifting neither alone would help, the longer-lived one is named."""
    found = forecast(Work(5000), EXACT, ALWAYS, [box(per_day=10, per_month=10, per_year=10)], NOW)
    assert found.binding is Limit.YEAR_CAP


def test_what_cannot_be_is_refused() -> None:
    """Fewer addresses than messages, or no mailbox."""
    with pytest.raises(ValueError, match="at least one address"):
        Work(5, addresses=4)
    with pytest.raises(ValueError, match="at least one mailbox"):
        forecast(Work(5), EXACT, ALWAYS, [], NOW)
