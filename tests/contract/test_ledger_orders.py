"""Orders: pausing, resuming, cancelling; what they change, what they leave, and who gave them."""

from __future__ import annotations

import pytest
from support.ledgers import (
    HOUR,
    IN_DOUBT,
    NOT_SENT,
    NOW,
    REJECTED,
    SENT,
    THROTTLED,
    Desk,
    doubts,
    load,
    message,
    opened,
    query,
    recount,
)

from bulk_pec.domain.errors import UsageError
from bulk_pec.domain.outcomes import Outcome
from bulk_pec.domain.states import RunState
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs import orders
from bulk_pec.ledger.runs.orders import Obeyed, Order, Word

LATER = NOW + HOUR


def _order(ledger: Ledger, word: Word, run: str = "giugno") -> Obeyed:
    obeyed = ledger.orders.obey(Order(word, run, "mario@host, pid 7", NOW), LATER)
    recount(ledger, obeyed.run)
    return obeyed


def _states(ledger: Ledger) -> list[str]:
    return [row["state"] for row in query(ledger, "SELECT state FROM messages ORDER BY id")]


def test_a_paused_run_takes_no_intent(ledger: Ledger) -> None:
    """Whatever the process that sends has heard: the ledger itself refuses, until it is resumed."""
    desk = Desk.of(ledger, load(ledger, 2))
    ledger.runs.begin(desk.run, NOW, "https://ws.example.com")
    assert _order(ledger, Word.PAUSE).run.state is RunState.PAUSED
    assert desk.open(desk.pending()[0]) is None
    assert _order(ledger, Word.RESUME).run.state is RunState.SENDING
    assert desk.open(desk.pending()[0]) is not None


def test_a_pause_lets_what_has_left_be_recorded(ledger: Ledger) -> None:
    """Outcomes are written in any state of the run."""
    desk = Desk.of(ledger, load(ledger, 2))
    pending = desk.pending()[0]
    attempt = desk.opened(pending)
    _order(ledger, Word.PAUSE)
    desk.close(attempt, pending.id, SENT)
    assert desk.state(pending) == "sent"


def test_beginning_does_not_undo_a_pause(ledger: Ledger) -> None:
    """A start that did not hear of the pause does not end it; resumed, a run never begun is `loaded`."""
    run = load(ledger, 1)
    _order(ledger, Word.PAUSE)
    ledger.runs.begin(run, NOW, "https://ws.example.com")
    assert ledger.runs.get("giugno").state is RunState.PAUSED
    assert ledger.runs.get("giugno").started_at is None
    assert _order(ledger, Word.RESUME).run.state is RunState.LOADED


def test_cancelling(ledger: Ledger) -> None:
    """What is pending is cancelled; what has left, is in doubt, rejected or on its way stays as it is."""
    desk = Desk.of(ledger, load(ledger, 6))
    for pending, outcome in zip(desk.pending()[:3], (SENT, IN_DOUBT, REJECTED), strict=True):
        desk.sent(pending, outcome)
    desk.opened(desk.pending()[0])
    obeyed = _order(ledger, Word.CANCEL)
    assert (obeyed.changed, obeyed.run.state) == (True, RunState.CANCELLED)
    assert _states(ledger) == ["sent", "in_doubt", "rejected", "sending", "cancelled", "cancelled"]
    assert message(ledger, desk.run.last_id)["reason"] == "run cancelled"
    assert desk.pending() == []


def test_cancelling_a_long_run(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is done some thousands at a time; the sums hold, and nothing of another run is touched."""
    monkeypatch.setattr(orders, "_SLICE", 4)
    load(ledger, 3, name="maggio")
    load(ledger, 10)
    load(ledger, 3, name="luglio")
    _order(ledger, Word.CANCEL)
    assert _states(ledger) == ["pending"] * 3 + ["cancelled"] * 10 + ["pending"] * 3
    for name in ("maggio", "luglio"):
        recount(ledger, ledger.runs.get(name))


def test_a_cancellation_cut_short_is_completed_by_the_next(ledger: Ledger) -> None:
    """The run is cancelled before its messages are: a death in between leaves nothing that could be sent."""
    desk = Desk.of(ledger, load(ledger, 2))
    with ledger.database.transaction() as connection:
        ledger.database.execute(connection, "UPDATE runs SET state = 'cancelled'")
    assert desk.open(desk.pending()[0]) is None
    obeyed = _order(ledger, Word.CANCEL)
    assert (obeyed.changed, _states(ledger)) == (False, ["cancelled", "cancelled"])


@pytest.mark.parametrize("outcome", [NOT_SENT, THROTTLED])
def test_what_comes_back_to_a_cancelled_run(ledger: Ledger, outcome: Outcome) -> None:
    """A message that was on its way and did not leave is cancelled when that is recorded (d, then i)."""
    desk = Desk.of(ledger, load(ledger, 1))
    (pending,) = desk.pending()
    attempt = desk.opened(pending)
    _order(ledger, Word.CANCEL)
    desk.close(attempt, pending.id, outcome, wait=LATER)
    row = message(ledger, pending.id)
    assert (row["state"], row["reason"], row["not_before"]) == ("cancelled", "run cancelled", None)


def test_a_late_answer_in_a_cancelled_run(ledger: Ledger) -> None:
    """A doubt whose attempt turns out not to have left is cancelled too (f, then i)."""
    desk = Desk.of(ledger, load(ledger, 1))
    (pending,) = desk.pending()
    attempt = desk.opened(pending)
    assert desk.die() == 1
    _order(ledger, Word.CANCEL)
    desk.close(attempt, pending.id, NOT_SENT, at=LATER)
    assert desk.state(pending) == "cancelled"


def test_an_accepted_absence_in_a_cancelled_run(ledger: Ledger) -> None:
    """It is recorded with its facts, and the message is cancelled (g, then i)."""
    desk = Desk.of(ledger, load(ledger, 1))
    (pending,) = desk.pending()
    desk.sent(pending, IN_DOUBT)
    _order(ledger, Word.CANCEL)
    (doubt,) = doubts(ledger, desk.run).values()
    assert ledger.doubts.accept_absence(desk.run, doubt, {"searched": "x"}, LATER)
    recount(ledger, desk.run)
    row = message(ledger, pending.id)
    assert (row["state"], row["harvest_after"]) == ("cancelled", None)


def test_a_cancelled_run_is_not_finished(ledger: Ledger) -> None:
    """Invariant 10, and it can be neither paused nor resumed."""
    load(ledger, 1)
    _order(ledger, Word.CANCEL)
    assert ledger.runs.get("giugno").state is RunState.CANCELLED
    for word in (Word.PAUSE, Word.RESUME):
        with pytest.raises(UsageError, match="cancelled"):
            _order(ledger, word)


@pytest.mark.parametrize("word", Word)
def test_a_finished_run_is_left_alone(ledger: Ledger, word: Word) -> None:
    """There is nothing to pause, resume or cancel in it, and nothing is recorded."""
    desk = Desk.of(ledger, load(ledger, 1))
    desk.sent(desk.pending()[0])
    obeyed = _order(ledger, word)
    assert (obeyed.changed, obeyed.run.state) == (False, RunState.FINISHED)
    assert ledger.orders.of(desk.run) == []


def test_orders_are_kept_for_the_record(ledger: Ledger) -> None:
    """Each with its author, its time and the figures it found; what changed nothing is not recorded."""
    run = load(ledger, 2)
    for word in (Word.PAUSE, Word.PAUSE, Word.RESUME, Word.RESUME, Word.CANCEL, Word.CANCEL):
        _order(ledger, word)
    kept = ledger.orders.of(run)
    assert [one["kind"] for one in kept] == ["pause", "resume", "cancel"]
    assert {(one["given_by"], one["given_at"]) for one in kept} == {("mario@host, pid 7", LATER)}
    assert kept[0]["facts"]["ordered_at"] == NOW
    assert kept[0]["facts"]["messages"]["pending"] == 2


@pytest.mark.parametrize("word", Word)
@pytest.mark.parametrize(
    ("given_at", "loaded_at"), [(NOW - 1, None), (NOW - 1, NOW - HOUR), (NOW + 1, NOW - HOUR)]
)
def test_an_order_for_an_earlier_run_of_the_name(
    ledger: Ledger, word: Word, given_at: int, loaded_at: int | None
) -> None:
    """What was left beside a ledger that is gone is not obeyed by the one in its place."""
    run = load(ledger, 2)
    with pytest.raises(UsageError, match="another run of that name"):
        ledger.orders.obey(Order(word, "giugno", "mario", given_at, loaded_at), LATER)
    assert (_states(ledger), ledger.orders.of(run)) == (["pending"] * 2, [])
    assert ledger.runs.get("giugno").state is RunState.LOADED


def test_an_order_that_names_its_run_is_obeyed_whatever_the_clock_says(ledger: Ledger) -> None:
    """The clock may have been set back since the run was loaded."""
    run = load(ledger, 1)
    obeyed = ledger.orders.obey(Order(Word.PAUSE, "giugno", "mario", NOW - HOUR, run.created_at), LATER)
    assert obeyed.run.state is RunState.PAUSED


def test_no_such_run(ledger: Ledger) -> None:
    """An order for a run that is not there is refused."""
    with pytest.raises(UsageError, match="maggio"):
        _order(ledger, Word.PAUSE, "maggio")


@pytest.mark.postgres
def test_another_host_is_held_back_at_once(postgres_url: str) -> None:
    """A run cancelled over one connection takes no intent, and keeps nothing pending, over another."""
    with opened(postgres_url) as here, opened(postgres_url) as there:
        desk = Desk.of(here, load(here, 3))
        first, second, _ = desk.pending()
        attempt = desk.opened(first)
        _order(there, Word.CANCEL)
        assert desk.open(second) is None
        desk.close(attempt, first.id, NOT_SENT)
        assert _states(there) == ["cancelled"] * 3
