"""Slots when mailboxes compete: who is bound to one is served within a bounded number, whatever is left."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_pec.domain.slots import SECOND, Box, Lane, Slot, Wanted, allot, interval

NOW = 1_800_000_000 * SECOND
PLENTY = 1000


@st.composite
def _crowds(draw: st.DrawFn) -> tuple[dict[int, Box], Counter[int], Counter[int]]:
    """Mailboxes as fast as the API, what is bound to each, and of how much of that the intent is open."""
    left = draw(st.lists(st.integers(0, PLENTY), min_size=2, max_size=5))
    bound = draw(st.lists(st.integers(0, 4), min_size=len(left), max_size=len(left)))
    opened = [draw(st.integers(0, count)) for count in bound]
    boxes = {number: Box(1.0, float(one)) for number, one in enumerate(left, 1)}
    return boxes, Counter(dict(enumerate(bound, 1))), Counter(dict(enumerate(opened, 1)))


def _slots(boxes: dict[int, Box], wanted: Wanted, rounds: int) -> list[Slot]:
    """So many slots, asked for one at a time while as much is wanted again each time."""
    api, lanes, now = Lane(), {box: Lane() for box in boxes}, NOW
    given: list[Slot] = []
    for _ in range(rounds):
        found = allot(wanted, api, lanes, now)
        api, lanes, now = found.api, found.lanes, found.slots[0].at
        given += found.slots
    return given


@settings(max_examples=200, deadline=None)
@given(_crowds())
def test_open_intents_are_served_before_anything_else(
    crowd: tuple[dict[int, Box], Counter[int], Counter[int]],
) -> None:
    """Among mailboxes equally free, every open intent has its slot before any other message has one."""
    boxes, bound, opened = crowd
    wanted = Wanted(PLENTY, bound, boxes, 1.0, PLENTY, open=opened)
    given = allot(wanted, Lane(), _free(boxes), NOW).slots
    first = given[: sum(opened.values())]
    assert first or not opened.total()
    assert Counter(slot.box for slot in first) <= opened


def _free(boxes: dict[int, Box]) -> dict[int, Lane]:
    return {box: Lane() for box in boxes}


@settings(max_examples=200, deadline=None)
@given(_crowds(), st.booleans())
def test_whoever_is_bound_has_a_slot_within_one_round_of_the_mailboxes(
    crowd: tuple[dict[int, Box], Counter[int], Counter[int]], intents: bool
) -> None:
    """However much another mailbox has left, and however many others wait without end."""
    boxes, bound, opened = crowd
    waits = +(opened if intents else bound)
    wanted = Wanted(PLENTY, bound if not intents else opened, boxes, 1.0, 1, open=opened if intents else {})
    given = _slots(boxes, wanted, 4 * len(boxes))
    for number in range(len(given) - len(waits) + 1):
        window = {slot.box for slot in given[number : number + len(waits)]}
        assert window == set(waits) or not waits


@given(st.integers(2, 20), st.floats(0.1, 0.9))
def test_a_slow_mailbox_misses_no_slot_that_it_could_use(count: int, rate: float) -> None:
    """Bound to one slower than the API: it gets the first slot after it is free, though another has more."""
    boxes = {1: Box(rate, 1.0), 2: Box(1.0, 1e6)}
    given = _slots(boxes, Wanted(PLENTY, {1: 1}, boxes, 1.0, 1), count * 10)
    own = [slot.at for slot in given if slot.box == 1]
    gaps = [after - before for before, after in pairwise(own)]
    assert gaps
    assert max(gaps) <= interval(rate) + interval(1.0)


@given(st.sampled_from([0.1, 0.25, 0.5]), st.integers(0, 4))
def test_a_missed_slot_does_not_keep_its_mailbox_waiting(rate: float, others: int) -> None:
    """One that is slower than the API has its next slot as soon as the API, which has gone on, is free."""
    boxes = {1: Box(rate), 2: Box(1.0)}
    mine = allot(Wanted(0, {1: 1}, boxes, 1.0, 1), Lane(), _free(boxes), NOW)
    after = allot(Wanted(0, {2: others}, boxes, 1.0, others), mine.api, mine.lanes, NOW) if others else mine
    now = NOW + SECOND // 10
    wanted = Wanted(PLENTY, {1: 1}, boxes, 1.0, 1, unused=mine.slots[0], open={1: 1})
    api, lanes = after.api, after.lanes
    found = allot(wanted, api, lanes, now)
    if not found.slots:
        assert found.again is not None
        found = allot(wanted, api, lanes, found.again)
    assert found.slots[0] == Slot(1, max(now, api.next_at if others else now))
