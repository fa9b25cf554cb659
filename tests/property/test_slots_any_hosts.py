"""Slots for any mailboxes, rates, hosts and pauses: none too near, none in a pause, none wasted."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_pec.domain.slots import (
    AFTER_PAUSE,
    AHEAD,
    CALM,
    HELD,
    LEAST_SHARE,
    LONGEST_PAUSE,
    SECOND,
    Box,
    Lane,
    Slot,
    Wanted,
    allot,
    interval,
    throttle,
)

NOW = 1_800_000_000 * SECOND
RATES = st.sampled_from([0.2, 1.0, 2.5, 20.0, 150.0])


@st.composite
def _days(draw: st.DrawFn) -> tuple[float, dict[int, Box], list[tuple[int, int, dict[int, int], int]]]:
    """A rate, mailboxes, and who asked for how many, each some time after the one before."""
    rate = draw(RATES)
    own = draw(st.lists(st.none() | RATES, min_size=1, max_size=3))
    boxes = {number: Box(min(rate, one or rate), 1000) for number, one in enumerate(own, 1)}
    asked = st.tuples(
        st.integers(0, 3 * SECOND),
        st.integers(0, 12),
        st.dictionaries(st.sampled_from(sorted(boxes)), st.integers(1, 5), max_size=2),
        st.integers(1, 12),
    )
    return rate, boxes, draw(st.lists(asked, min_size=1, max_size=25))


@settings(max_examples=200, deadline=None)
@given(_days())
def test_slots_are_an_interval_apart(
    day: tuple[float, dict[int, Box], list[tuple[int, int, dict[int, int], int]]],
) -> None:
    """Whoever asks, and whenever: over all, and for each mailbox, slots keep the distance of their rate.

    None lies in the past, and none further ahead than a slot may.
    """
    rate, boxes, asked = day
    api, lanes, now = Lane(), {box: Lane() for box in boxes}, NOW
    slots: list[Slot] = []
    for later, unbound, bound, most in asked:
        now += later
        found = allot(Wanted(unbound, bound, boxes, rate, most), api, lanes, now)
        api, lanes = found.api, found.lanes
        assert len(found.slots) <= min(most, unbound + sum(bound.values()))
        assert all(now <= slot.at <= now + AHEAD + 2 * interval(rate) for slot in found.slots)
        free = sum(1 for slot in found.slots if slot.box not in bound)
        assert free <= unbound
        slots += found.slots
    assert all(after.at - before.at >= interval(rate) for before, after in pairwise(slots))
    for box, terms in boxes.items():
        own = [slot.at for slot in slots if slot.box == box]
        assert all(after - before >= interval(terms.rate) for before, after in pairwise(own))


@given(RATES, st.integers(1, 40))
def test_a_lone_mailbox_wastes_nothing(rate: float, count: int) -> None:
    """Asked for as they come, slots follow each other exactly an interval apart."""
    api, lanes, now = Lane(), {1: Lane()}, NOW
    starts = []
    for _ in range(count):
        found = allot(Wanted(1, {}, {1: Box(rate)}, rate, 1), api, lanes, now)
        api, lanes = found.api, found.lanes
        now = found.slots[0].at
        starts.append(now)
    assert starts == [NOW + number * interval(rate) for number in range(count)]


@given(RATES, st.booleans())
def test_a_missed_slot_is_taken_back_only_if_it_was_the_last(rate: float, others: bool) -> None:
    """With nobody after it, whoever missed it starts at once; else what another one holds stands."""
    boxes = {1: Box(rate)}
    mine = allot(Wanted(1, {}, boxes, rate, 1), Lane(), {1: Lane()}, NOW)
    after = allot(Wanted(int(others), {}, boxes, rate, 1), mine.api, mine.lanes, NOW)
    now = NOW + SECOND // 20
    found = allot(Wanted(1, {}, boxes, rate, 1, unused=mine.slots[0]), after.api, after.lanes, now)
    taken = [slot.at for slot in after.slots]
    assert all(slot.at >= max(now, taken[0] + interval(rate)) for slot in found.slots if others)
    assert others or [slot.at for slot in found.slots] == [now]


@given(st.dictionaries(st.integers(1, 4), st.integers(0, 50), min_size=1), st.integers(1, 60))
def test_the_one_with_most_left_goes_first(left: dict[int, int], count: int) -> None:
    """Of mailboxes that are equally free the fullest purse pays: what is left is brought to one level."""
    boxes = {box: Box(20.0, float(rest)) for box, rest in left.items()}
    api, lanes, rest = Lane(), {box: Lane() for box in boxes}, dict(left)
    now = NOW
    for _ in range(count):
        boxes = {box: Box(20.0, float(one)) for box, one in rest.items()}
        found = allot(Wanted(1, {}, boxes, 20.0, 1), api, lanes, now)
        chosen = found.slots[0].box
        assert rest[chosen] == max(rest.values())
        rest[chosen] -= 1
        api, lanes, now = found.api, found.lanes, found.slots[0].at


@given(st.integers(1, 24 * 3600), st.integers(0, 3))
def test_the_api_is_never_held_for_a_mailbox_that_pauses(seconds: int, others: int) -> None:
    """A pause of one costs the others nothing, and itself no slot before it is over."""
    boxes = {box: Box(1.0) for box in range(1, others + 2)}
    lanes = {box: Lane() for box in boxes} | {1: Lane(paused_until=NOW + seconds * SECOND)}
    found = allot(Wanted(3, {1: 1}, boxes, 1.0, 9), Lane(), lanes, NOW)
    first = NOW + seconds * SECOND + AFTER_PAUSE
    assert all(slot.at >= first for slot in found.slots if slot.box == 1)
    assert sum(slot.box != 1 for slot in found.slots) == (min(3, 3) if others else 0)
    assert found.api.next_at <= NOW + 4 * interval(1.0) + HELD


@given(st.integers(0, 10**10), RATES)
def test_a_clock_that_steps_back_stops_nobody_for_long(back: int, rate: float) -> None:
    """However far it steps, the next slot is no further away than slots ever are."""
    first = allot(Wanted(5, {}, {1: Box(rate)}, rate, 5), Lane(), {1: Lane()}, NOW)
    now = NOW - back
    api, lanes = first.api, first.lanes
    found = allot(Wanted(1, {}, {1: Box(rate)}, rate, 1), api, lanes, now)
    at = found.slots[0].at if found.slots else found.again
    assert at is not None
    assert now <= at <= now + AHEAD + HELD + 2 * interval(rate) + interval(rate, LEAST_SHARE)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.integers(0, 90 * SECOND), st.none() | st.floats(0, 120), st.integers(0, 60 * SECOND)),
        min_size=1,
        max_size=40,
    )
)
def test_pauses_never_shorten_and_shares_stay_in_bounds(answers: list[tuple[int, float | None, int]]) -> None:
    """Any 429s in any order: a share is between a tenth and one and halves once a pause; none shrinks."""
    lane, now = Lane(), NOW
    for later, named, ago in answers:
        now += later
        before, lane = lane, throttle(lane, now, named, now - ago)
        assert lane.paused_until >= before.paused_until
        assert LEAST_SHARE <= lane.share <= 1.0
        if lane.pauses == before.pauses and lane.share != before.share:
            assert not before.paused_until > now
        if not named:
            assert lane.paused_until <= max(before.paused_until, now + round(LONGEST_PAUSE * SECOND))
        if before.paused_until > now:
            assert lane.share == before.share
        at = lane.paused_until + round(CALM * SECOND)
        assert lane.calm(at)
