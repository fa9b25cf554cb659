"""What counts against caps and budgets: kept with the intents, never overrun, given back when due."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from support.ledgers import (
    IN_DOUBT,
    NOT_SENT,
    NOW,
    REFUSED,
    REJECTED,
    SENT,
    THROTTLED,
    Desk,
    a_row,
    load,
    opened,
    query,
    recount,
)

from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.caps import Account, Caps, Limits
from bulk_pec.domain.outcomes import Outcome
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.attempts import Closing, Refusal, Tick
from bulk_pec.ledger.outbox.claims import PendingMessage

PERIOD = Calendar("Europe/Rome").period
DAY = 86_400_000
PRICE = 50_000


def _limits(desk: Desk, budget: int | None = None, **caps: int) -> Limits:
    return Limits({desk.mailbox: Caps(**caps)}, PERIOD, PRICE, budget)


def _open(desk: Desk, wanted: list[PendingMessage], limits: Limits, now: int = NOW, **changed: Any) -> Tick:
    tick = desk.ledger.attempts.tick(
        desk.worker, [desk.intent(one, **changed) for one in wanted], [], now, limits
    )
    recount(desk.ledger, desk.run)
    return tick


def _close(desk: Desk, tick: Tick, outcome: Outcome, limits: Limits, at: int = NOW + 1000) -> None:
    closings = [Closing(attempt, message, outcome, at) for message, attempt in tick.opened.items()]
    desk.ledger.attempts.tick(desk.worker, [], closings, at, limits)
    recount(desk.ledger, desk.run)


def _used(ledger: Ledger) -> dict[str, int]:
    """What is used, by period; there is one mailbox."""
    return {row["period"]: row["used"] for row in query(ledger, "SELECT period, used FROM usage")}


def _periods(units: int, cost: int, at: int = NOW) -> dict[str, int]:
    period = PERIOD(at)
    return {period.day: units, period.month: units, period.year: units, "cost": cost}


def test_what_counts_is_kept_without_any_cap(ledger: Ledger) -> None:
    """A cap that is set tomorrow must know of today: the rows are kept whether or not anything is limited."""
    desk = Desk.of(ledger, load(ledger, 3))
    _open(desk, desk.pending(), replace(_limits(desk), caps={}))
    assert _used(ledger) == _periods(3, 3 * PRICE)


def test_each_address_of_a_message_counts_and_it_costs_once(ledger: Ledger) -> None:
    """A message to three addresses counts three against a cap, and is paid for as one."""
    desk = Desk.of(ledger, load(ledger, 1))
    _open(desk, desk.pending(), _limits(desk), units=3)
    assert _used(ledger) == _periods(3, PRICE)
    assert [row["units"] for row in query(ledger, "SELECT units FROM attempts")] == [3]


@pytest.mark.parametrize("caps", [{"per_day": 4}, {"per_month": 4}, {"per_year": 4}])
def test_a_cap_takes_what_fits(ledger: Ledger, caps: dict[str, int]) -> None:
    """Of a batch those are taken for which there is room; the others stay pending and are told why."""
    desk = Desk.of(ledger, load(ledger, 6))
    pending, limits = desk.pending(), _limits(desk, **caps)
    tick = _open(desk, pending, limits)
    assert len(tick.opened) == 4
    assert tick.refused == {one.id: Refusal.CAP for one in pending[4:]}
    assert [desk.state(one) for one in pending] == ["sending"] * 4 + ["pending"] * 2
    assert _used(ledger) == _periods(4, 4 * PRICE)
    assert _open(desk, pending[4:], limits).opened == {}


@pytest.mark.parametrize("room", [{"per_day": 1}, {"budget": PRICE}], ids=["cap", "budget"])
def test_what_is_not_opened_leaves_its_room_to_the_next(ledger: Ledger, room: dict[str, int]) -> None:
    """Of three intents the first two cannot be opened: the last one of the same commit has the one place."""
    rows = [a_row(1, expires_at=NOW + 1), a_row(2), a_row(3), a_row(4)]
    desk = Desk.of(ledger, load(ledger, rows))
    expired, other, third, fourth = desk.pending()
    limits = _limits(desk, **room)
    intents = [desk.intent(expired), desk.intent(other, number=7), desk.intent(third), desk.intent(fourth)]
    tick = ledger.attempts.tick(desk.worker, intents, [], NOW + 1, limits)
    recount(ledger, desk.run)
    assert set(tick.opened) == {third.id}
    assert set(tick.refused) == {fourth.id}
    assert [desk.state(one) for one in (expired, other)] == ["cancelled", "pending"]
    assert _used(ledger) == _periods(1, PRICE)


def test_a_budget_takes_what_it_can_pay(ledger: Ledger) -> None:
    """Money is counted for the run, whatever the mailbox: 0.15 EUR pay for three of 0.05."""
    desk = Desk.of(ledger, load(ledger, 5))
    tick = _open(desk, desk.pending(), _limits(desk, budget=3 * PRICE))
    assert len(tick.opened) == 3
    assert set(tick.refused.values()) == {Refusal.BUDGET}


@pytest.mark.parametrize(
    "outcome", [NOT_SENT, THROTTLED, REFUSED, REJECTED], ids=lambda one: one.verdict.value
)
def test_what_was_not_taken_gives_back(ledger: Ledger, outcome: Outcome) -> None:
    """It made no use of the mailbox: there is room for another one at once, in the same transaction."""
    desk = Desk.of(ledger, load(ledger, 2))
    first, second = desk.pending()
    limits = _limits(desk, budget=PRICE, per_day=1)
    tick = _open(desk, [first], limits)
    closing = Closing(tick.opened[first.id], first.id, outcome, NOW + 1)
    both = ledger.attempts.tick(desk.worker, [desk.intent(second)], [closing], NOW + 1, limits)
    recount(ledger, desk.run)
    assert set(both.opened) == {second.id}
    assert _used(ledger) == _periods(1, PRICE)


@pytest.mark.parametrize("outcome", [SENT, IN_DOUBT], ids=lambda one: one.verdict.value)
def test_what_left_or_may_have_left_counts(ledger: Ledger, outcome: Outcome) -> None:
    """Sent and in-doubt attempts stay counted."""
    desk = Desk.of(ledger, load(ledger, 2))
    limits = _limits(desk, per_day=2)
    _close(desk, _open(desk, desk.pending(), limits), outcome, limits)
    assert _used(ledger) == _periods(2, 2 * PRICE)


def test_a_dead_workers_attempt_counts_until_its_late_answer(ledger: Ledger) -> None:
    """Recovery leaves it counted; when the woken process says it was rejected, it is given back."""
    desk = Desk.of(ledger, load(ledger, 1))
    limits = _limits(desk, per_day=1)
    tick = _open(desk, desk.pending(), limits)
    desk.die()
    assert _used(ledger) == _periods(1, PRICE)
    _close(desk, tick, REJECTED, limits)
    assert _used(ledger) == _periods(0, 0)
    _close(desk, tick, REJECTED, limits)
    assert _used(ledger) == _periods(0, 0), "given back once"


def test_it_is_given_back_to_the_period_it_was_taken_from(ledger: Ledger) -> None:
    """An intent of the last minute of a day, answered the next day, frees room in the first."""
    desk = Desk.of(ledger, load(ledger, 2))
    first, second = desk.pending()
    limits = _limits(desk, per_day=1)
    tick = _open(desk, [first], limits)
    assert set(_open(desk, [second], limits, NOW + DAY).opened) == {second.id}
    _close(desk, tick, NOT_SENT, limits, NOW + DAY)
    used = _used(ledger)
    assert (used[PERIOD(NOW).day], used[PERIOD(NOW + DAY).day]) == (0, 1)


def test_a_cost_is_given_back_as_it_was_booked(ledger: Ledger) -> None:
    """The price changed between intent and answer: what was booked for the attempt goes, and nothing else."""
    desk = Desk.of(ledger, load(ledger, 2))
    first, second = desk.pending()
    dear = replace(_limits(desk), price=3 * PRICE)
    tick = _open(desk, [first], _limits(desk))
    _open(desk, [second], dear)
    _close(desk, tick, NOT_SENT, dear)
    assert _used(ledger) == _periods(1, 3 * PRICE)


def test_a_new_day_begins_with_nought(ledger: Ledger) -> None:
    """The month goes on counting."""
    desk = Desk.of(ledger, load(ledger, 4))
    pending, limits = desk.pending(), _limits(desk, per_day=2, per_month=3)
    assert len(_open(desk, pending, limits).opened) == 2
    tick = _open(desk, pending[2:], limits, NOW + DAY)
    assert len(tick.opened) == 1
    assert _used(ledger)[PERIOD(NOW + DAY).day] == 1


def test_a_ledger_older_than_its_accounts_is_counted_once(ledger_url: str) -> None:
    """Where a mailbox has no row yet, what its attempts hold is the beginning; after that rows are kept.

    Such attempts have no cost of their own: they count at today's price.
    """
    with opened(ledger_url) as ledger:
        desk = Desk.of(ledger, load(ledger, 8))
        limits = _limits(desk)
        pending = desk.pending()
        _close(desk, _open(desk, pending[:3], limits, NOW - DAY), SENT, limits, NOW - DAY)
        _close(desk, _open(desk, pending[3:5], limits), IN_DOUBT, limits)
        _close(desk, _open(desk, pending[5:6], limits), REJECTED, limits)
        desk.leave()
        with ledger.database.transaction() as connection:
            ledger.database.execute(connection, "DELETE FROM usage")
            ledger.database.execute(connection, "UPDATE attempts SET cost = NULL")
    with opened(ledger_url) as ledger:
        desk = Desk.of(ledger, desk.run)
        _open(desk, desk.pending()[:1], limits)
        used = _used(ledger)
    period = PERIOD(NOW)
    assert (used[period.day], used[period.year], used["cost"]) == (3, 6, 6 * PRICE)


def test_a_refused_intent_counts_nothing(ledger: Ledger) -> None:
    """Whatever else the ledger refuses an intent for: what is not opened is not counted."""
    desk = Desk.of(ledger, load(ledger, 2))
    first, second = desk.pending()
    tick = ledger.attempts.tick(
        desk.worker, [desk.intent(first, number=7), desk.intent(second)], [], NOW, _limits(desk, per_day=5)
    )
    assert (set(tick.opened), tick.refused) == ({second.id}, {})
    assert _used(ledger) == _periods(1, PRICE)


def test_how_a_mailbox_stands(ledger: Ledger) -> None:
    """The tightest cap tells what is left and when it ends; a mailbox without a cap tells nothing."""
    desk = Desk.of(ledger, load(ledger, 3))
    limits = _limits(desk, per_day=5, per_month=4)
    _open(desk, desk.pending(), limits)
    found = ledger.usage.standings(limits, [desk.mailbox, 99], NOW)
    assert found[99] is None
    month = found[desk.mailbox]
    assert month is not None
    assert (month.left, month.cap, month.period) == (1, 4, PERIOD(NOW).month)
    assert PERIOD(month.ends).month != month.period == PERIOD(month.ends - 1).month
    account = Account(f"mailbox:{desk.mailbox}", PERIOD(NOW).year)
    assert ledger.usage.used([account, Account("mailbox:77", "2027")]) == {account: 3}


@pytest.mark.postgres
def test_two_hosts_that_race_never_overrun(postgres_url: str) -> None:
    """Two hosts, each with messages enough for all of it, open intents as fast as they can: exactly the cap.

    Every tick also gives some back, so that both add to and take from the same rows.
    """
    cap, opened_by = 60, [0, 0]
    ready = threading.Barrier(2)
    with opened(postgres_url) as ledger:
        for name in ("one", "other"):
            load(ledger, 80, name)

    def host(number: int) -> None:
        with opened(postgres_url) as ledger:
            desk = Desk.of(ledger, ledger.runs.get(("one", "other")[number]))
            limits = _limits(desk, per_day=cap, per_year=cap)
            ready.wait()
            for count, pending in enumerate(desk.pending()):
                tick = ledger.attempts.tick(desk.worker, [desk.intent(pending)], [], NOW, limits)
                outcome = REJECTED if count % 5 == 0 else SENT
                closings = [
                    Closing(attempt, message, outcome, NOW) for message, attempt in tick.opened.items()
                ]
                ledger.attempts.tick(desk.worker, [], closings, NOW, limits)
                opened_by[number] += outcome is SENT and bool(tick.opened)

    threads = [threading.Thread(target=host, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with opened(postgres_url) as ledger:
        (sent,) = query(ledger, "SELECT COUNT(*) AS n FROM attempts WHERE outcome = 'sent'")
        used = _used(ledger)
    assert sum(opened_by) == sent["n"] == used[PERIOD(NOW).day] == used[PERIOD(NOW).year] == cap
