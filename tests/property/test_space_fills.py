"""Mailbox space: what is learnt, and how far sending goes, over boxes that fill in every way."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bulk_pec.domain.space import (
    LAST_LOOK,
    LEAST_MAILS,
    MOST_UNKNOWN,
    UNKNOWN,
    Outlook,
    Reading,
    base,
    grown_by_sending,
    growth,
    stretch,
    unknown_receipts,
    when_full,
)

SIZES = st.floats(min_value=0.01, max_value=1e6)
STEPS = st.lists(st.tuples(st.integers(1, 500), SIZES), min_size=1, max_size=30)


def _filled(steps: list[tuple[int, float]], capacity: float = 1e9) -> list[Reading]:
    """Readings at the end of harvests, each of which found so many mails of a size."""
    found = [Reading(0, 7.0, capacity, 3)]
    for mails, size in steps:
        last = found[-1]
        found.append(Reading(last.at + 1000, last.usage + mails * size, capacity, last.seen + mails))
    return found


@given(STEPS)
def test_growth_lies_between_the_smallest_and_the_largest_mail(steps: list[tuple[int, float]]) -> None:
    """Whatever came, the growth a mail is that of a mail that could have come; few mails teach nothing."""
    found = growth(_filled(steps))
    if sum(mails for mails, _ in steps) < LEAST_MAILS:
        assert found is None
    else:
        assert found is not None
        sizes = [size for _, size in steps]
        assert min(sizes) * 0.999 <= found <= max(sizes) * 1.001


@given(STEPS, st.integers(1, 10_000))
def test_the_unit_does_not_matter(steps: list[tuple[int, float]], unit: int) -> None:
    """In megabytes or KiB as many more messages may be sent."""
    readings = _filled(steps)
    other = [replace(one, usage=one.usage * unit, capacity=one.capacity * unit) for one in readings]
    found, scaled = growth(readings), growth(other)
    assert (found is None) == (scaled is None)
    if found is not None and scaled is not None:
        assert math.isclose(scaled, found * unit, rel_tol=1e-6)


@given(STEPS, st.data())
def test_deletions_teach_nothing(steps: list[tuple[int, float]], data: st.DataObject) -> None:
    """A box that shrank somewhere is not thought to grow by less for it than its other mails show."""
    readings = _filled(steps)
    place = data.draw(st.integers(0, len(readings) - 1))
    at = readings[place]
    emptied = replace(at, at=at.at + 1, usage=0.0)
    later = [replace(one, usage=one.usage - at.usage) for one in readings[place + 1 :]]
    whole, cut = growth(readings), growth([*readings[: place + 1], emptied, *later])
    if cut is not None:
        assert whole is not None
        sizes = [size for _, size in steps]
        assert min(sizes) * 0.99 <= cut <= max(sizes) * 1.01 + 1e-6


@given(STEPS, st.lists(st.tuples(st.integers(0, 30), st.floats(0, 100)), max_size=20))
def test_readings_between_harvests_teach_nothing(
    steps: list[tuple[int, float]], between: list[tuple[int, float]]
) -> None:
    """Mail that has come and that no harvest has counted yet does not make mails seem larger."""
    readings = _filled(steps)
    places: dict[int, list[float]] = {}
    for place, part in between:
        places.setdefault(place, []).append(part / 100)
    mixed: list[Reading] = []
    for number, one in enumerate(readings):
        mixed.append(one)
        after = readings[number + 1].usage if number + 1 < len(readings) else one.usage + 50
        parts = sorted(places.get(number, []))
        mixed += [replace(one, at=one.at + 1, usage=one.usage + part * (after - one.usage)) for part in parts]
    assert growth(mixed) == growth(readings)
    assert base(mixed) == readings[-1]


OUTLOOKS = st.builds(
    Outlook,
    usage=st.floats(0, 1e6),
    capacity=st.floats(0, 1e6),
    base=st.floats(0, 1e6),
    due=st.integers(0, 10**6),
    growth=st.none() | st.floats(0, 1e3),
    full_at=st.floats(0.01, 1.0),
)


@given(OUTLOOKS)
def test_what_may_be_sent_never_fills_the_box(outlook: Outlook) -> None:
    """The receipts of as many messages as may be sent still leave it below the mark, and one more do not."""
    messages, grown = outlook.messages(), outlook.growth or 0.0
    room = outlook.mark - outlook.expected
    if messages is None:
        assert outlook.usage < outlook.mark
        assert 1e12 * grown <= room
        return
    assert outlook.full == (messages == 0)
    if messages:
        assert 2 * messages * grown <= room * (1 + 1e-9)
    assert outlook.usage >= outlook.mark or 2 * (messages + 1) * grown >= room * (1 - 1e-9)


@given(OUTLOOKS, st.integers(0, 40), st.none() | st.integers(-100, 4000))
def test_the_quota_is_read_before_the_room_can_be_used_up(
    outlook: Outlook, looks: int, unknown: int | None
) -> None:
    """The next look comes after half of what is left at the latest, and soon in any case."""
    ahead = stretch(looks, outlook, unknown)
    left = min((one for one in (outlook.receipts, unknown) if one is not None), default=None)
    if left is not None and left <= 0:
        assert (ahead.look, ahead.most) == (0, 0)
        return
    assert 1 <= ahead.look <= min(ahead.most, 2 * LAST_LOOK)
    if left is not None and left >= 2:
        assert ahead.look <= left // 2
        assert ahead.most == left


@given(st.floats(0, 1e9), st.none() | st.integers(0, 10**8), st.integers(0, 10**6))
def test_what_is_unknown_is_bounded_and_never_nothing(
    room: float, letter_bytes: int | None, ripe: int
) -> None:
    """A few messages may always be out, more in a box that would take four times as many."""
    found = unknown_receipts(room, letter_bytes, ripe)
    assert found >= max(2 * UNKNOWN, 2 * ripe)
    assert found <= max(2 * MOST_UNKNOWN, 2 * ripe)
    if found > max(2 * UNKNOWN, 2 * ripe):
        assert letter_bytes is not None
        assert found // 2 * (190 + letter_bytes / 1024) <= room / 4


@given(STEPS, st.floats(0.01, 0.99))
def test_when_it_is_full_lies_ahead(steps: list[tuple[int, float]], full_at: float) -> None:
    """The moment is never before the last reading, and at it already where the mark is passed."""
    readings = _filled(steps, capacity=1e8)
    found, last = when_full(readings, full_at), readings[-1]
    if last.share >= full_at:
        assert found == last.at
    else:
        assert found is not None
        assert found > last.at


def test_a_box_that_does_not_fill_is_never_full() -> None:
    """No reading, one reading, or ones that do not grow: nothing is foretold."""
    one = Reading(0, 10.0, 100.0, 5)
    assert when_full([], 0.9) is None
    assert when_full([one], 0.9) is None
    assert when_full([one, replace(one, at=9)], 0.9) is None


def test_when_it_is_full_follows_its_pace_since_it_shrank() -> None:
    """Ten units a second from 20 on, after it was emptied: 90 is reached seven seconds later."""
    readings = [
        Reading(0, 5.0, 100.0, 0),
        Reading(1000, 80.0, 100.0, 9),
        Reading(2000, 10.0, 100.0, 9),
        Reading(3000, 20.0, 100.0, 12),
    ]
    assert when_full(readings, 0.9) == 10_000


def test_growing_by_sending_is_held_against_what_had_the_time_to_come() -> None:
    """One stretch is enough; too few receipts, or a box that did not grow, show nothing."""
    assert grown_by_sending(500.0, 10) == 50.0
    assert grown_by_sending(500.0, 9) is None
    assert grown_by_sending(0.0, 1000) is None
    assert grown_by_sending(-5.0, 1000) is None
