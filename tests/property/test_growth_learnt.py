"""What receipts make a mailbox grow by: learnt by kind, so that no CONSEGNA is thought too small."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bulk_pec.domain.growth import (
    LEAST_DELIVERED,
    LEAST_MAILS,
    Due,
    Growth,
    Letters,
    Reading,
    learnt,
    stand_in,
    with_letters,
)

COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=30)
SIZES = st.tuples(st.floats(0.01, 1e4), st.floats(0.01, 1e6)).map(lambda both: (min(both), max(both)))
KIB, MIB = 1024, 1 << 20


def _filled(steps: Sequence[tuple[int, int]], sizes: tuple[float, float]) -> list[Reading]:
    """Readings at the end of harvests, each of which found so many ACCETTAZIONI and CONSEGNE."""
    found = [Reading(0, 7.0, 1e12, 3, 1)]
    for accepted, delivered in steps:
        last, came = found[-1], accepted + delivered
        usage = last.usage + accepted * sizes[0] + delivered * sizes[1]
        assert last.delivered is not None
        found.append(Reading(last.at + 1000, usage, 1e12, last.seen + came, last.delivered + delivered))
    return found


@given(COUNTS, SIZES)
def test_a_consegna_is_never_thought_smaller_than_it_is(
    steps: list[tuple[int, int]], sizes: tuple[float, float]
) -> None:
    """However many ACCETTAZIONI came before; and no other mail is thought larger than it is."""
    found = learnt(_filled(steps, sizes))
    delivered, other = sum(one[1] for one in steps), sum(one[0] for one in steps)
    if delivered + other < LEAST_MAILS:
        assert found is None
        return
    assert found is not None
    assert found.sure == (delivered >= max(LEAST_DELIVERED, other / 20))
    if found.sure:
        assert found.final >= sizes[1] * 0.999
        assert found.accepted <= sizes[0] * 1.001
    assert found.accepted >= 0


@given(st.integers(10, 1000), st.integers(20, 1000), st.integers(10, 1000), SIZES)
def test_where_stretches_differ_the_two_are_told_apart(
    first: int, early: int, late: int, sizes: tuple[float, float]
) -> None:
    """ACCETTAZIONI came first and CONSEGNE later: what is due is not thought to be much more than it is."""
    assume(early >= LEAST_MAILS and late >= (first + early) / 20)
    found = learnt(_filled([(early, 0), (first, late)], sizes))
    assert found is not None
    assert found.sure
    # A twentieth of what the ACCETTAZIONI took is put down to the CONSEGNE, for caution.
    most = sizes[1] + 0.051 * sizes[0] * (first + early) / late
    newest = sizes[1] + 0.051 * sizes[0] * first / late
    assert found.final <= max(most, newest) * 1.001


@given(COUNTS, SIZES, st.integers(1, 10_000))
def test_the_unit_does_not_matter(
    steps: list[tuple[int, int]], sizes: tuple[float, float], unit: int
) -> None:
    """In megabytes or KiB the same is learnt."""
    readings = _filled(steps, sizes)
    other = [replace(one, usage=one.usage * unit, capacity=one.capacity * unit) for one in readings]
    found, scaled = learnt(readings), learnt(other)
    assert (found is None) == (scaled is None)
    if found is not None and scaled is not None:
        assert math.isclose(scaled.final, found.final * unit, rel_tol=1e-5)
        assert math.isclose(scaled.accepted, found.accepted * unit, rel_tol=1e-3, abs_tol=1e-3 * unit)


@given(COUNTS, st.data())
def test_deletions_teach_nothing(steps: list[tuple[int, int]], data: st.DataObject) -> None:
    """A box that shrank somewhere is not thought to grow by less for it."""
    readings = _filled(steps, (10.0, 174.0))
    place = data.draw(st.integers(0, len(readings) - 1))
    at = readings[place]
    emptied = replace(at, at=at.at + 1, usage=0.0)
    later = [replace(one, usage=one.usage - at.usage) for one in readings[place + 1 :]]
    cut = learnt([*readings[: place + 1], emptied, *later])
    if cut is not None and cut.sure:
        assert cut.final >= 173.9


@given(COUNTS, st.lists(st.tuples(st.integers(0, 30), st.floats(0, 100)), max_size=20))
def test_readings_between_harvests_teach_nothing(
    steps: list[tuple[int, int]], between: list[tuple[int, float]]
) -> None:
    """Mail that has come and that no harvest has counted yet does not make mails seem larger."""
    readings = _filled(steps, (10.0, 174.0))
    mixed: list[Reading] = []
    for number, one in enumerate(readings):
        after = readings[number + 1].usage if number + 1 < len(readings) else one.usage + 50
        parts = sorted(part / 100 for place, part in between if place == number)
        mixed.append(one)
        mixed += [replace(one, at=one.at + 1, usage=one.usage + part * (after - one.usage)) for part in parts]
    assert learnt(mixed) == learnt(readings)


def test_mails_whose_kind_is_not_known_teach_nothing() -> None:
    """What came before the mails that were counted says nothing of either kind."""
    readings = [Reading(0, 0.0, 100.0, 0), Reading(1, 50.0, 100.0, 500), Reading(2, 60.0, 100.0, 600, 50)]
    assert learnt(readings) is None
    assert learnt([*readings, Reading(3, 70.0, 100.0, 700, 100)]) == Growth(0.0, 0.2)


LETTERS = st.integers(0, 20 * MIB)


@given(st.sampled_from([KIB, MIB]), st.integers(2 * KIB, 100 * KIB), LETTERS, st.integers(20, 3000))
def test_consegne_nobody_has_seen_hold_the_letter(unit: int, small: int, letter: int, mails: int) -> None:
    """ACCETTAZIONI alone have come: a CONSEGNA is thought to take as much and the letter."""
    readings = [
        Reading(0, 0.0, (1 << 30) / unit, 0, 0),
        Reading(1, mails * small / unit, (1 << 30) / unit, mails, 0),
    ]
    found = learnt(readings)
    assert found is not None
    assert not found.sure
    known = with_letters(found, letter, (1 << 30) / unit)
    assert math.isclose(known.accepted * unit, small, rel_tol=1e-6)
    assert math.isclose(known.final * unit, small + letter, rel_tol=1e-6)


@given(st.integers(2, 20), st.integers(33, 4096), st.sampled_from(["came", "late"]))
def test_what_stands_in_is_no_less_than_what_is_still_to_come(small: int, letter: int, they: str) -> None:
    """No harvest yet, figures in KiB: with the CONSEGNE or without, a message is not thought to take less."""
    whole, ripe = 2 * small + letter, Due(50, 50)
    assume(small > 0.5 + 1.1 * letter / 1024)  # else it may be megabytes, and nobody can tell
    found = stand_in(50.0 * (whole if they == "came" else small), ripe, letter * 1024)
    assert found is not None
    assert found.message >= whole * 0.999
    assert not found.sure
    assert found.message <= 2.2 * whole


def test_what_stands_in_needs_receipts_and_growth() -> None:
    """Too few receipts, or a box that did not grow, show nothing."""
    assert stand_in(500.0, Due(5, 5), 0) == Growth(100.0, 100.0, sure=False)
    assert stand_in(500.0, Due(0, 10), 0) == Growth(50.0, 50.0, sure=False)
    assert stand_in(500.0, Due(4, 5), 0) is None
    assert stand_in(0.0, Due(500, 500), 0) is None
    assert stand_in(-5.0, Due(500, 500), 0) is None


@pytest.mark.parametrize("capacity", [1_048_576.0, 1_024.0])
def test_letters_larger_than_those_seen_count_for_more(capacity: float) -> None:
    """Where the figures are surely KiB; where they may be megabytes, what was seen is all there is."""
    found = with_letters(Growth(0.0, 20.0), 300 * 1024, capacity)
    assert found.final == (300.0 if capacity > 65_536 else 20.0)
    assert with_letters(Growth(0.0, 400.0), 300 * 1024, capacity).final == 400.0


def test_the_usual_letter() -> None:
    """The mean of all, or of those of late if these are larger."""
    letters = Letters()
    assert (letters.largest, letters.usual) == (None, 0.0)
    for size in (100, 300):
        letters.add(size)
    assert (letters.largest, letters.usual) == (300, 200.0)
    for _ in range(1000):
        letters.add(10)
    assert letters.usual < 12
    for _ in range(200):
        letters.add(1000)
    assert letters.usual > 900
