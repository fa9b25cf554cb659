"""A restored or copied ledger: a receipt for what never left here stops every run until `settle`."""

from __future__ import annotations

import orjson
import pytest
from support.ledgers import (
    HOUR,
    IN_DOUBT,
    NOT_SENT,
    NOW,
    REFUSED,
    THROTTLED,
    Desk,
    harvest,
    load,
    mail,
    message,
    query,
    recount,
)

from bulk_pec.domain.outcomes import Outcome
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.states import RunState
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.doubts import Decision, Operator
from bulk_pec.ledger.runs.runs import Restored

LATER = NOW + HOUR


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    """A worker with a run of fourteen messages, the last of which nobody has tried."""
    return Desk.of(ledger, load(ledger, 14))


def _read(desk: Desk, *places: int, kind: ReceiptKind = ReceiptKind.ACCEPTED, at: int = LATER) -> None:
    references = [message(desk.ledger, desk.run.first_id + place)["reference"] for place in places]
    harvest(desk.ledger, desk.mailbox, [mail(kind, one, at=at) for one in references], at)
    recount(desk.ledger, desk.run)


def test_it_is_noticed_and_nothing_more_is_sent(desk: Desk) -> None:
    """The run is marked, the rows are named, and the ledger takes no intent of it, nor of any other run."""
    other = Desk.of(desk.ledger, load(desk.ledger, 1, name="luglio"))
    _read(desk, *range(12))
    assert desk.ledger.runs.get("giugno").restored_at == LATER
    assert desk.ledger.runs.restored(desk.run) == Restored(12, tuple(range(1, 11)))
    assert desk.open(desk.pending()[0]) is None
    assert other.open(other.pending()[0]) is None
    assert desk.ledger.runs.restored(other.run) is None
    assert desk.ledger.runs.copies() == {"giugno": Restored(12, tuple(range(1, 11)))}
    assert desk.ledger.orders.state(other.run) == (RunState.LOADED, True)


def test_every_run_that_shows_it_is_acknowledged(desk: Desk) -> None:
    """The word for one run does not stand for another: it is given where the rows were shown."""
    other = Desk.of(desk.ledger, load(desk.ledger, 2, name="luglio"))
    third = Desk.of(desk.ledger, load(desk.ledger, 1, name="agosto"))
    _read(desk, 0)
    _read(other, 1, at=LATER + 1)
    assert list(desk.ledger.runs.copies()) == ["giugno", "luglio"]
    for one in (desk, other):
        assert third.open(third.pending()[0]) is None
        assert desk.ledger.doubts.acknowledge(one.run, Operator("mario"), LATER + 2)
    assert desk.ledger.runs.copies() == {}
    assert third.open(third.pending()[0]) is not None


@pytest.mark.parametrize("outcome", [NOT_SENT, THROTTLED, REFUSED])
def test_an_attempt_that_did_not_leave_is_no_attempt(desk: Desk, outcome: Outcome) -> None:
    """Its receipt can only be of another copy's sending."""
    first, *_ = desk.pending()
    desk.sent(first, outcome)
    _read(desk, 0)
    assert desk.ledger.runs.restored(desk.run) == Restored(1, (1,))
    assert desk.open(desk.pending()[0]) is None


@pytest.mark.parametrize("decision", Decision)
def test_what_a_person_decided_is_no_sign(desk: Desk, decision: Decision) -> None:
    """The attempt may have left, whatever was said of it."""
    first, *_ = desk.pending()
    desk.sent(first, IN_DOUBT)
    desk.ledger.doubts.decide(desk.run, desk.ledger.doubts.of(desk.run), decision, Operator("mario"), LATER)
    _read(desk, 0)
    assert desk.ledger.runs.copies() == {}


def test_what_was_tried_is_no_sign(desk: Desk) -> None:
    """A receipt for a message with an attempt, in doubt or not, is what every run sees."""
    first, second, *_ = desk.pending()
    desk.sent(first)
    desk.sent(second, IN_DOUBT)
    _read(desk, 0, 1)
    assert desk.ledger.runs.restored(desk.run) is None
    assert desk.open(desk.pending()[0]) is not None


def test_the_operator_acknowledges_it(desk: Desk) -> None:
    """Then the rest may be sent; who said so is kept. Further receipts of the same messages are no news."""
    _read(desk, 0)
    mario = Operator("mario@host, pid 7", {"user": "mario"})
    assert desk.ledger.doubts.acknowledge(desk.run, mario, LATER + 1)
    assert not desk.ledger.doubts.acknowledge(desk.run, mario, LATER + 2)
    (order,) = query(desk.ledger, "SELECT * FROM orders")
    assert (order["kind"], order["given_by"], order["given_at"]) == ("settle", mario.name, LATER + 1)
    assert orjson.loads(order["facts"]) == {"acknowledged": "restored", "restored_at": LATER, "user": "mario"}
    _read(desk, 0, kind=ReceiptKind.DELIVERED, at=LATER + HOUR)
    assert desk.ledger.runs.restored(desk.run) is None
    assert desk.open(desk.pending()[0]) is not None


def test_it_is_noticed_again_while_the_other_copy_goes_on(desk: Desk) -> None:
    """An acknowledgement is of what was known then: the next such receipt stops the run again."""
    _read(desk, 0)
    assert desk.ledger.doubts.acknowledge(desk.run, Operator("mario"), LATER + 1)
    _read(desk, 1, at=LATER + HOUR)
    assert desk.ledger.runs.restored(desk.run) == Restored(2, (1, 2))
    assert desk.open(desk.pending()[0]) is None
