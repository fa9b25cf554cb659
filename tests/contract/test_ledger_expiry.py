"""Expiry: a message whose time has passed is cancelled, and nothing is sent after it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from support.fault_server import FaultServer, answer
from support.ledgers import (
    HOUR,
    IN_DOUBT,
    NOW,
    THROTTLED,
    Desk,
    a_row,
    attempts,
    load,
    message,
    recount,
)
from support.sending import SENT, doing, room

from bulk_pec.clock import SystemClock
from bulk_pec.domain.states import RunState
from bulk_pec.ledger.ledger import Ledger

pytestmark = pytest.mark.anyio
FULL = answer(429, {"success": False, "message": "Too many requests"}, {"Retry-After": "1"})


def test_the_expired_are_cancelled_at_the_claim(ledger: Ledger) -> None:
    """At the very millisecond and after it; a message without an expiry waits for ever."""
    run = load(
        ledger,
        [a_row(1, expires_at=NOW - 1), a_row(2, expires_at=NOW), a_row(3, expires_at=NOW + 1), a_row(4)],
    )
    desk = Desk.of(ledger, run)
    assert [one.row for one in desk.pending()] == [3, 4]
    for place in (0, 1):
        kept = message(ledger, run.first_id + place)
        assert (kept["state"], kept["reason"]) == ("cancelled", "expired")
    recount(ledger, run)
    assert [one.row for one in desk.pending(NOW + 1)] == [4]
    assert [one.row for one in desk.pending(NOW + 10_000 * HOUR)] == [4]
    recount(ledger, run)


def test_what_left_or_may_have_left_does_not_expire(ledger: Ledger) -> None:
    """Sent, on its way and in doubt stay what they are; what was throttled is pending and expires."""
    run = load(ledger, [a_row(number, expires_at=NOW + HOUR) for number in range(1, 5)])
    desk = Desk.of(ledger, run)
    sent, doubted, underway, waiting = desk.pending()
    desk.sent(sent)
    desk.sent(doubted, IN_DOUBT)
    desk.opened(underway)
    desk.sent(waiting, THROTTLED)
    assert desk.pending(NOW + HOUR) == []
    states = [message(ledger, run.first_id + place)["state"] for place in range(4)]
    assert states == ["sent", "in_doubt", "sending", "cancelled"]
    recount(ledger, run)


@pytest.mark.parametrize(("late", "taken"), [(-1, True), (0, False), (1, False)])
def test_an_intent_after_the_expiry_is_refused(ledger: Ledger, late: int, taken: bool) -> None:
    """A message claimed in time and not sent in time is cancelled where its attempt would have begun."""
    run = load(ledger, [a_row(1, expires_at=NOW + HOUR), a_row(2)])
    desk = Desk.of(ledger, run)
    first, second = desk.pending()
    assert (desk.open(first, NOW + HOUR + late) is not None) is taken
    assert desk.state(first) == ("sending" if taken else "cancelled")
    assert len(attempts(ledger, first.id)) == int(taken)
    assert message(ledger, first.id)["reason"] == (None if taken else "expired")
    assert desk.open(second, NOW + HOUR + late) is not None


def test_a_refused_intent_cancels_nothing_else(ledger: Ledger) -> None:
    """An intent refused for another reason leaves its message pending, expiry or not."""
    run = load(ledger, [a_row(1, expires_at=NOW + HOUR), a_row(2)])
    desk = Desk.of(ledger, run)
    for pending in desk.pending():
        assert desk.open(pending, number=7) is None
        assert desk.state(pending) == "pending"


def test_a_run_whose_last_messages_expire_is_finished(ledger: Ledger) -> None:
    """Cancelled messages are settled: the run has nothing left to do (invariant 10)."""
    run = load(ledger, [a_row(1), a_row(2, expires_at=NOW + 1)])
    desk = Desk.of(ledger, run)
    first, second = desk.pending()
    desk.sent(first)
    assert desk.open(second, NOW + 1) is None
    assert ledger.runs.get("giugno").state is RunState.FINISHED


def test_a_doubt_that_is_settled_late_is_not_sent_again(ledger: Ledger) -> None:
    """Absence accepted after the expiry makes it pending for a moment only: the next claim cancels it."""
    run = load(ledger, [a_row(1, expires_at=NOW + HOUR)])
    desk = Desk.of(ledger, run)
    (first,) = desk.pending()
    desk.sent(first, IN_DOUBT)
    (doubt,) = ledger.doubts.of(run)
    assert ledger.doubts.accept_absence(run, doubt, {}, NOW + 2 * HOUR)
    desk.leave()
    assert Desk.of(ledger, run).pending(NOW + 2 * HOUR) == []
    assert message(ledger, first.id)["state"] == "cancelled"
    recount(ledger, run)


@dataclass
class _Jumping(SystemClock):
    """The machine's clock, which the provider's answer can put forward."""

    ahead: int = 0

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return super().now() + self.ahead

    def jump(self) -> None:
        """Let an hour pass at once."""
        self.ahead += HOUR


async def test_nothing_is_posted_after_the_expiry(ledger: Ledger) -> None:
    """A message that expires while the one before it is on its way is not posted, and the run finishes."""
    clock = _Jumping()
    now = clock.now()
    expiring = room(ledger, 3, expires={2: now + HOUR // 2, 3: now + 2 * HOUR}, clock=clock)
    async with FaultServer(doing(SENT, clock.jump), SENT) as server:
        await expiring.send(server.url, concurrency=1)
        assert len(server.seen) == 2
    assert clock.ahead == HOUR
    assert expiring.states() == {"sent": 2, "cancelled": 1}
    assert ledger.runs.get("avvisi").state is RunState.FINISHED


async def test_what_was_throttled_past_its_expiry_is_not_posted_again(ledger: Ledger) -> None:
    """A pause for the provider's sake does not stretch a deadline."""
    clock = _Jumping()
    now = clock.now()
    expiring = room(ledger, 1, expires={1: now + HOUR // 2}, clock=clock)
    async with FaultServer(doing(FULL, clock.jump), SENT) as server:
        await expiring.send(server.url, concurrency=1)
        assert len(server.seen) == 1
    assert expiring.states() == {"cancelled": 1}
    assert expiring.outcomes() == ["throttled"]


async def test_a_run_that_starts_too_late_posts_nothing(ledger: Ledger) -> None:
    """All of it expired before the first start: no request reaches the provider."""
    clock = _Jumping()
    expiring = room(ledger, 3, expires=dict.fromkeys((1, 2, 3), clock.now() + HOUR // 2), clock=clock)
    clock.jump()
    async with FaultServer(SENT) as server:
        await expiring.send(server.url)
        assert server.seen == []
    assert expiring.states() == {"cancelled": 3}
