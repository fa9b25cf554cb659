"""The judge of the pace: it finds a request too many however windows lie, and waste where there is some."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.pace import WINDOW, share_used, too_many


def test_a_steady_pace_is_used_and_never_too_fast() -> None:
    """Starts 1.01/rate apart: 99 % used, none too many."""
    for rate in (1, 20):
        moments = [number * 1.01 / rate for number in range(200)]
        assert too_many(moments, rate) == 0
        assert share_used(moments, rate) == pytest.approx(1 / 1.01)


def test_a_burst_is_found_wherever_it_lies() -> None:
    """Two at 1/s within less than a window are one too many; a whole window apart they are none."""
    assert too_many([0.0, 5.0, 5.94, 20.0], 1) == 1
    assert too_many([0.0, 5.0, 5.0 + WINDOW, 20.0], 1) == 0
    assert too_many([number / 40 for number in range(80)], 20) == 38 - 20


def test_waste_is_seen() -> None:
    """Half the requests that were permitted: half is used; one alone tells nothing."""
    assert share_used([0.0, 2.0, 4.0], 1) == 0.5
    assert share_used([1.0], 1) == 0.0


@given(gaps=st.lists(st.floats(0.0, 2.0), min_size=1, max_size=40), rate=st.integers(1, 5))
def test_the_fullest_window_is_what_counting_finds(gaps: list[float], rate: int) -> None:
    """The same as laying a window at every request and counting."""
    moments, at = [], 0.0
    for gap in gaps:
        at += gap
        moments.append(at)
    assert all(one <= other for one, other in pairwise(moments))
    counted = max(sum(first <= one < first + WINDOW for one in moments) for first in moments)
    assert too_many(moments, rate) == max(0, counted - rate)
