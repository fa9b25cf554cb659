"""Mailbox space: how far sending goes, over boxes that fill in every way."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bulk_pec.domain.growth import Due, Growth, Reading
from bulk_pec.domain.space import (
    LAST_LOOK,
    MOST_UNKNOWN,
    UNKNOWN,
    Outlook,
    base,
    stretch,
    unknown_addresses,
    when_full,
)

GROWTHS = st.builds(Growth, accepted=st.floats(0, 1e3), final=st.floats(0, 1e3))
OUTLOOKS = st.builds(
    Outlook,
    usage=st.floats(0, 1e6),
    capacity=st.floats(0, 1e6),
    base=st.floats(0, 1e6),
    due=st.builds(Due, accepted=st.integers(0, 10**6), final=st.integers(0, 10**6)),
    growth=st.none() | GROWTHS,
    full_at=st.floats(0.01, 1.0),
)


@given(OUTLOOKS)
def test_what_may_be_sent_never_fills_the_box(outlook: Outlook) -> None:
    """The receipts of as many messages as may be sent still leave it below the mark, and one more do not."""
    messages = outlook.addresses
    grown = 0.0 if outlook.growth is None else outlook.growth.message
    room = outlook.mark - outlook.expected
    if messages is None:
        assert outlook.usage < outlook.mark
        assert 1e12 * grown <= room
        return
    assert outlook.full == (messages == 0)
    if messages:
        assert messages * grown <= room * (1 + 1e-9)
    assert outlook.usage >= outlook.mark or (messages + 1) * grown >= room * (1 - 1e-9)


@given(OUTLOOKS, st.integers(0, 1000))
def test_a_message_to_several_takes_no_more_than_one_to_each(outlook: Outlook, addresses: int) -> None:
    """So what is counted is addresses, whatever messages they are in."""
    if outlook.growth is not None:
        several = outlook.growth.of(Due(min(addresses, 1), addresses))
        assert several <= addresses * outlook.growth.message * (1 + 1e-9)


@given(OUTLOOKS, st.integers(0, 40), st.none() | st.integers(-100, 4000))
def test_the_quota_is_read_before_the_room_can_be_used_up(
    outlook: Outlook, looks: int, unknown: int | None
) -> None:
    """The next look comes after half of what is left at the latest, and soon in any case."""
    ahead = stretch(looks, outlook, unknown)
    left = min((one for one in (outlook.addresses, unknown) if one is not None), default=None)
    if left is not None and left <= 0:
        assert (ahead.look, ahead.most) == (0, 0)
        return
    assert 1 <= ahead.look <= min(ahead.most, LAST_LOOK)
    if left is not None and left >= 2:
        assert ahead.look <= left // 2
        assert ahead.most == left


@given(st.floats(0, 1e9), st.none() | st.integers(0, 10**8), st.integers(0, 10**6))
def test_what_is_unknown_is_bounded_and_never_nothing(
    room: float, letter_bytes: int | None, ripe: int
) -> None:
    """A few messages may always be out, more in a box that would take four times as many."""
    found = unknown_addresses(room, letter_bytes, ripe)
    assert found >= max(UNKNOWN, 2 * ripe)
    assert found <= max(MOST_UNKNOWN, 2 * ripe)
    if found > max(UNKNOWN, 2 * ripe):
        assert letter_bytes is not None
        assert found * (190 + letter_bytes / 1024) <= room / 4


STEPS = st.lists(st.tuples(st.integers(1, 500), st.floats(0.01, 1e6)), min_size=1, max_size=30)


def _filled(steps: list[tuple[int, float]], capacity: float) -> list[Reading]:
    """Readings at the end of harvests, each of which found so many mails of a size."""
    found = [Reading(0, 7.0, capacity, 3)]
    for mails, size in steps:
        last = found[-1]
        found.append(Reading(last.at + 1000, last.usage + mails * size, capacity, last.seen + mails))
    return found


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


def test_what_is_due_is_counted_from_the_last_harvest() -> None:
    """Readings since then tell the mails it had seen: the first of them is the harvest's own."""
    first, harvest = Reading(0, 1.0, 100.0, 5), Reading(9, 20.0, 100.0, 7)
    assert base([first, harvest, replace(harvest, at=12, usage=30.0)]) == harvest
    assert base([first]) == first


def test_when_it_is_full_follows_its_pace_since_it_shrank() -> None:
    """Ten units a second from 20 on, after it was emptied: 90 is reached seven seconds later."""
    readings = [
        Reading(0, 5.0, 100.0, 0),
        Reading(1000, 80.0, 100.0, 9),
        Reading(2000, 10.0, 100.0, 9),
        Reading(3000, 20.0, 100.0, 12),
    ]
    assert when_full(readings, 0.9) == 10_000
