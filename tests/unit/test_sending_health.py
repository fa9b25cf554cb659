"""Health: when a provider is too ill to go on."""

from __future__ import annotations

import pytest

from bulk_pec.domain.exits import Reason
from bulk_pec.domain.outcomes import Outcome, Verdict
from bulk_pec.sending.health import JUDGED_FROM, UNREACHABLE_AFTER, WINDOW, Health


def _see(health: Health, verdict: Verdict, times: int = 1) -> list[Reason | None]:
    return [health.see(Outcome(verdict, "")) for _ in range(times)]


@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.IN_DOUBT])
def test_it_is_judged_from_fifty_on(verdict: Verdict) -> None:
    """However bad the first 49 are, it takes fifty to tell."""
    seen = _see(Health(0.2), verdict, JUDGED_FROM)
    assert seen == [None] * (JUDGED_FROM - 1) + [Reason.BREAKER]


def test_a_share_is_allowed() -> None:
    """A fifth of failures is not more than a fifth; one more is."""
    health = Health(0.2)
    for _ in range(60):
        assert _see(health, Verdict.SENT, 4) + _see(health, Verdict.REJECTED) == [None] * 5
    assert Reason.BREAKER in _see(health, Verdict.REJECTED, 2)


def test_only_the_last_two_hundred_count() -> None:
    """A day of successes does not hide that nothing works any more."""
    health = Health(0.2)
    _see(health, Verdict.SENT, 10_000)
    seen = _see(health, Verdict.IN_DOUBT, WINDOW)
    assert seen.index(Reason.BREAKER) == WINDOW * 0.2


def test_old_failures_are_forgotten() -> None:
    """After two hundred successes what was before no longer counts."""
    health = Health(0.2)
    _see(health, Verdict.SENT, 100)
    assert set(_see(health, Verdict.REJECTED, 20) + _see(health, Verdict.SENT, WINDOW)) == {None}
    assert set(_see(health, Verdict.REJECTED, 40)) == {None}


def test_throttles_do_not_count() -> None:
    """429 says that we were too fast, not that the provider is ill."""
    health = Health(0.2)
    assert set(_see(health, Verdict.THROTTLED, 1_000)) == {None}
    assert set(_see(health, Verdict.SENT, 40) + _see(health, Verdict.REJECTED, 10)) == {None}


def test_not_reaching_it_eight_times_in_a_row_ends_it() -> None:
    """Posts that could not be sent, one after the other."""
    assert _see(Health(1.0), Verdict.NOT_SENT, UNREACHABLE_AFTER) == [None] * 7 + [Reason.UNAVAILABLE]


@pytest.mark.parametrize("between", [Verdict.SENT, Verdict.THROTTLED, Verdict.IN_DOUBT, Verdict.REJECTED])
def test_any_answer_begins_the_row_again(between: Verdict) -> None:
    """Whatever got there shows that it can be reached."""
    health = Health(1.0)
    _see(health, Verdict.NOT_SENT, UNREACHABLE_AFTER - 1)
    _see(health, between)
    assert _see(health, Verdict.NOT_SENT, UNREACHABLE_AFTER)[:-1] == [None] * 7


@pytest.mark.parametrize(("limit", "stops"), [(0.0, True), (1.0, False)])
def test_the_limits_of_the_limit(limit: float, stops: bool) -> None:
    """0 stops at the first failure among fifty, 1 never."""
    health = Health(limit)
    _see(health, Verdict.SENT, 0 if limit else JUDGED_FROM)
    assert (Reason.BREAKER in _see(health, Verdict.REJECTED, WINDOW)) is stops
