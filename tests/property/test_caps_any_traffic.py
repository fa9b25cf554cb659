"""Caps and budgets for any traffic: what fits is taken, what does not is named, and no sum is wrong."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.caps import (
    Account,
    Caps,
    Charge,
    Limits,
    Short,
    Sums,
    begins,
    ends,
    fitting,
    millionths,
    standing,
)

AT = 1_800_000_000_000
CAPS = st.none() | st.integers(0, 30)
ALL_CAPS = st.builds(Caps, CAPS, CAPS, CAPS)
CALENDAR = Calendar("Europe/Rome")


@given(
    st.dictionaries(st.integers(1, 3), ALL_CAPS, max_size=3),
    st.none() | st.integers(0, 100),
    st.integers(0, 10),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4)), max_size=40),
    st.integers(0, 20),
)
def test_what_fits_is_taken_and_nothing_overruns(
    caps: dict[int, Caps], budget: int | None, price: int, wanted: list[tuple[int, int]], used_before: int
) -> None:
    """No account goes above its cap, and whatever was refused would have taken one above it."""
    limits = Limits(caps, CALENDAR.period, price, budget)
    charges = [Charge(number, box, units, AT) for number, (box, units) in enumerate(wanted)]
    sums = Sums(limits, 7)
    used = dict.fromkeys(sums.accounts(charges), used_before)
    taken, short = fitting(charges, used, sums)
    assert sorted([charge.message for charge in taken] + list(short)) == list(range(len(charges)))
    assert sums.over(used) == []
    counted: Counter[Account] = Counter()
    for charge in taken:
        counted.update(dict.fromkeys(limits.of_mailbox(charge.mailbox, AT), charge.units))
        counted.update(dict.fromkeys(limits.of_run(7), price))
    assert {account: added for account, added in sums.by_account.items() if added} == {
        account: added for account, added in counted.items() if added
    }
    for message, why in short.items():
        charge = charges[message]
        terms = limits.of_run(7) if why is Short.BUDGET else limits.of_mailbox(charge.mailbox, AT)
        cost = price if why is Short.BUDGET else charge.units
        assert any(cap is not None and used_before + counted[one] + cost > cap for one, cap in terms.items())


@given(ALL_CAPS, st.integers(0, 40))
def test_the_tightest_cap_tells_what_is_left(caps: Caps, used: int) -> None:
    """What may still be sent is the least of what the periods leave, and never less than nought."""
    limits = Limits({1: caps}, CALENDAR.period)
    found = standing(limits, 1, AT, dict.fromkeys(limits.of_mailbox(1, AT), used))
    known = [cap for cap in (caps.per_day, caps.per_month, caps.per_year) if cap is not None]
    if found is None:
        assert not known
    else:
        assert found.left == max(0, min(known) - used)
        assert found.ends > AT


@given(st.integers(946_684_800_000, 4_102_444_800_000), st.sampled_from(["Europe/Rome", "America/New_York"]))
def test_a_period_begins_and_ends_where_its_name_changes(at: int, zone: str) -> None:
    """The ends of a day, month and year are the first moments inside and outside, clock changes included."""
    limits = Limits({}, Calendar(zone).period)
    now = limits.period(at)
    for which in ("day", "month", "year"):
        name = getattr(now, which)
        first, after = begins(limits, name, at), ends(limits, name, at)
        assert first <= at < after
        assert getattr(limits.period(first), which) == name == getattr(limits.period(after - 1), which)
        assert getattr(limits.period(first - 1), which) != name != getattr(limits.period(after), which)


@given(st.integers(0, 10**7))
def test_money_is_counted_exactly(cents: int) -> None:
    """A price as a person writes it loses nothing: EUR 0.002 is 2,000 millionths."""
    assert millionths(cents / 1000) == cents * 1000
