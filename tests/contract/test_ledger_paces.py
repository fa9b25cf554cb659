"""The rows of the pace: slots that no two processes get, pauses that all obey, over restarts."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
from support.ledgers import NOW, Desk, load, opened, query

from bulk_pec.domain.slots import SECOND, Box, Slot, Wanted, interval
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.attempts import Refusal

PACE_NOW = NOW * 1000
"""The same moment in microseconds; on Postgres the database's own clock counts."""
RATE = 20.0


def _wanted(count: int, boxes: tuple[int, ...] = (1,), rate: float = RATE) -> Wanted:
    return Wanted(count, {}, {box: Box(rate) for box in boxes}, rate, count)


def _gaps(slots: list[Slot]) -> list[int]:
    return [after.at - before.at for before, after in pairwise(sorted(slots, key=lambda slot: slot.at))]


def test_slots_go_on_over_a_restart(ledger_url: str) -> None:
    """What one process took, another one that opens the ledger later does not get again."""
    with opened(ledger_url) as first:
        slots = first.paces.allot(_wanted(5), PACE_NOW).allotment.slots
    with opened(ledger_url) as second:
        slots += second.paces.allot(_wanted(5), PACE_NOW).allotment.slots
    assert len(slots) == 10
    assert min(_gaps(slots)) >= interval(RATE)


def test_slots_are_not_before_they_can_be_used(ledger: Ledger) -> None:
    """Who cannot start before a time gets none before it, by the ledger's clock."""
    given = ledger.paces.allot(_wanted(2), PACE_NOW, ahead=SECOND)
    assert given.allotment.slots[0].at == given.now + SECOND
    if not ledger.database.is_postgres:
        assert given.now == PACE_NOW


def test_each_mailbox_has_its_own_row(ledger: Ledger) -> None:
    """Slots are shared out between two mailboxes; the API's row counts for both."""
    slots = ledger.paces.allot(_wanted(6, (1, 2)), PACE_NOW).allotment.slots
    assert sorted(slot.box for slot in slots) == [1, 1, 1, 2, 2, 2]
    assert min(_gaps(slots)) >= interval(RATE)
    assert {row["scope"] for row in query(ledger, "SELECT scope FROM paces")} == {
        "api",
        "mailbox:1",
        "mailbox:2",
    }


@pytest.mark.postgres
def test_two_hosts_that_race_get_different_slots(postgres_url: str) -> None:
    """Two connections that ask as fast as they can: every slot is an interval from every other one."""
    slots: list[list[Slot]] = [[], []]
    ready = threading.Barrier(2)

    def ask(number: int) -> None:
        with opened(postgres_url) as ledger:
            ready.wait()
            for _ in range(40):
                slots[number] += ledger.paces.allot(_wanted(3, (1, 2), 500.0), 0).allotment.slots

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(slots[0]) == len(slots[1]) == 120
    assert min(_gaps(slots[0] + slots[1])) >= interval(500.0)


def test_a_pause_is_obeyed_by_every_intent(ledger: Ledger) -> None:
    """Once one process was told 429, another one's intent for that mailbox is refused; others are not."""
    desk = Desk.of(ledger, load(ledger, 3))
    first, second, third = desk.pending()
    assert desk.open(first) is not None
    ledger.paces.throttle(desk.mailbox, 30.0, PACE_NOW, 0)
    tick = ledger.attempts.tick(desk.worker, [desk.intent(second)], [], NOW + 1)
    assert (tick.opened, tick.refused) == ({}, {second.id: Refusal.PAUSED})
    assert desk.state(second) == "pending"
    other = ledger.inbox.mailbox_id("altro@example.com")
    assert desk.open(third, mailbox_id=other) is not None


@pytest.mark.postgres
def test_a_pause_that_ends_meanwhile_is_still_the_reason(postgres_url: str) -> None:
    """Postgres's clock goes on between refusing an intent and asking why: a short pause is not forgotten.

    The message would be left for another start, as if somebody else had it.
    """
    with opened(postgres_url) as ledger:
        desk = Desk.of(ledger, load(ledger, 1))
        (pending,) = desk.pending()
        assert desk.open(pending) is not None
        ledger.paces.throttle(desk.mailbox, 0.001, PACE_NOW, 0)
        tick = ledger.attempts.tick(desk.worker, [desk.intent(pending)], [], NOW + 1)
    assert (tick.opened, tick.refused) == ({}, {pending.id: Refusal.PAUSED})


def test_after_a_pause_intents_are_taken_again(ledger: Ledger) -> None:
    """The row says until when; nothing has to clear it."""
    desk = Desk.of(ledger, load(ledger, 1))
    (pending,) = desk.pending()
    ledger.paces.throttle(desk.mailbox, 30.0, PACE_NOW, 0)
    _pause_ended(ledger)
    assert desk.open(pending, now=NOW + 31_000) is not None


def _pause_ended(ledger: Ledger) -> None:
    """Let the time of a pause be over, on Postgres too."""
    if ledger.database.is_postgres:
        with ledger.database.transaction() as connection:
            ledger.database.execute(connection, "UPDATE paces SET paused_until = paused_until - 30000000")


def test_pauses_grow_and_shares_halve_over_restarts(ledger_url: str) -> None:
    """A second 429 in a new process is the second in a row: twice the pause, a quarter of the rate."""
    with opened(ledger_url) as first:
        lane, shown = first.paces.throttle(1, None, PACE_NOW, 0)
        assert (lane.paused_until - shown, lane.share) == (SECOND, 0.5)
    with opened(ledger_url) as second:
        if second.database.is_postgres:
            with second.database.transaction() as connection:
                statement = (
                    "UPDATE paces SET paused_until = paused_until - 2000000, "
                    "throttled_at = throttled_at - 2000000"
                )
                second.database.execute(connection, statement)
        lane, shown = second.paces.throttle(1, None, PACE_NOW + 2 * SECOND, 0)
        assert (lane.paused_until - shown, lane.share) == (2 * SECOND, 0.25)


def test_a_clock_that_stepped_back_is_forgiven(ledger: Ledger) -> None:
    """A row from a future that never came does not stop sending for longer than a slot is ever ahead."""
    ledger.paces.allot(_wanted(1), PACE_NOW)
    with ledger.database.transaction() as connection:
        ledger.database.execute(connection, "UPDATE paces SET next_at = next_at + 86400000000")
    given = ledger.paces.allot(_wanted(1), PACE_NOW)
    (slot,) = given.allotment.slots
    assert slot.at - given.now <= 2 * interval(RATE)
