"""Decisions on doubts: recorded as the operator's, by compare-and-set, and never over what is known."""

from __future__ import annotations

import orjson
import pytest
from support.ledgers import (
    HOUR,
    IN_DOUBT,
    NOT_SENT,
    NOW,
    REJECTED,
    SENT,
    Desk,
    a_row,
    attempts,
    doubts,
    end,
    harvest,
    load,
    mail,
    message,
    query,
    recount,
)

from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.states import MessageState
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.doubts import Decision, Operator
from bulk_pec.ledger.runs.orders import Order, Word

LATER = NOW + 2 * HOUR
MARIO = Operator(
    "mario@host, pid 7", {"user": "mario", "host": "host", "pid": 7, "reason": "seen in webmail"}
)


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    """A worker with three messages, the first two of them in doubt."""
    desk = Desk.of(ledger, load(ledger, 3))
    for pending in desk.pending()[:2]:
        desk.sent(pending, IN_DOUBT)
    return desk


def _decide(desk: Desk, decision: Decision, count: int = 2, now: int = LATER) -> int:
    chosen = list(desk.ledger.doubts.of(desk.run))[:count]
    decided = desk.ledger.doubts.decide(desk.run, chosen, decision, MARIO, now)
    recount(desk.ledger, desk.run)
    return decided


def _states(desk: Desk) -> list[str]:
    return [row["state"] for row in query(desk.ledger, "SELECT state FROM messages ORDER BY id")]


def test_sent(desk: Desk) -> None:
    """The operator's word makes it sent (k), at the time it was tried; receipts may still come."""
    assert _decide(desk, Decision.SENT) == 2
    assert _states(desk) == ["sent", "sent", "pending"]
    one = message(desk.ledger, desk.run.first_id)
    (attempt,) = attempts(desk.ledger, desk.run.first_id)
    assert (one["sent_at"], one["delivery"]) == (attempt["opened_at"], "none")
    harvest(desk.ledger, desk.mailbox, [mail(ReceiptKind.DELIVERED, one["reference"])])
    assert message(desk.ledger, desk.run.first_id)["delivery"] == "delivered"
    recount(desk.ledger, desk.run)


def test_resend(desk: Desk) -> None:
    """It is tried again (g), yet only once a later harvest has ended that found nothing."""
    assert _decide(desk, Decision.RESEND) == 2
    assert _states(desk) == ["pending", "pending", "pending"]
    assert [one.row for one in desk.pending()] == [3]
    harvest(desk.ledger, desk.mailbox, [], LATER + HOUR)
    assert [(one.row, one.attempts) for one in desk.pending()] == [(1, 1), (2, 1), (3, 0)]
    assert desk.sent(desk.pending()[0])
    first, second = attempts(desk.ledger, desk.run.first_id)
    assert (first["settlement"], second["outcome"]) == ("operator", "sent")


def test_resend_and_a_receipt_after_all(desk: Desk) -> None:
    """The harvest it waits for finds the receipt: it is sent, and not tried again."""
    _decide(desk, Decision.RESEND)
    reference = message(desk.ledger, desk.run.first_id)["reference"]
    harvest(desk.ledger, desk.mailbox, [mail(ReceiptKind.ACCEPTED, reference)], LATER + HOUR)
    assert _states(desk) == ["sent", "pending", "pending"]
    assert [one.row for one in desk.pending()] == [2, 3]
    recount(desk.ledger, desk.run)


def test_resend_in_a_cancelled_run(desk: Desk) -> None:
    """G is followed by i: nothing of a cancelled run is tried again."""
    desk.ledger.orders.obey(Order(Word.CANCEL, "giugno", "mario", NOW), LATER)
    assert _decide(desk, Decision.RESEND) == 2
    assert _states(desk) == ["cancelled"] * 3
    assert message(desk.ledger, desk.run.first_id)["reason"] == "run cancelled"


def test_abandon(desk: Desk) -> None:
    """It is given up (h): never tried again; a receipt would still make it sent (j)."""
    assert _decide(desk, Decision.ABANDON) == 2
    assert _states(desk) == ["abandoned", "abandoned", "pending"]
    reference = message(desk.ledger, desk.run.first_id)["reference"]
    harvest(desk.ledger, desk.mailbox, [mail(ReceiptKind.ACCEPTED, reference)], LATER + HOUR)
    assert _states(desk) == ["sent", "abandoned", "pending"]
    recount(desk.ledger, desk.run)


@pytest.mark.parametrize("decision", Decision)
def test_who_decided_what_when_and_why_is_kept(desk: Desk, decision: Decision) -> None:
    """With the attempt, and as an order of the run; the doubts that were not chosen are untouched."""
    assert _decide(desk, decision, count=1) == 1
    first, second = desk.run.first_id, desk.run.first_id + 1
    (attempt,) = attempts(desk.ledger, first)
    assert (attempt["settlement"], attempt["settled_at"]) == ("operator", LATER)
    facts = {"decision": decision.value, "at": LATER, **MARIO.facts}
    assert orjson.loads(attempt["settled_facts"]) == facts
    (order,) = desk.ledger.orders.of(desk.run)
    reference = message(desk.ledger, first)["reference"]
    assert (order["kind"], order["given_at"], order["given_by"]) == ("settle", LATER, MARIO.name)
    assert order["facts"] == facts | {"references": [reference]}
    assert list(doubts(desk.ledger, desk.run)) == [second]


@pytest.mark.parametrize("decision", Decision)
def test_a_receipt_that_came_first_wins(desk: Desk, decision: Decision) -> None:
    """What was settled between looking and deciding stays settled so; only the other doubt is decided."""
    chosen = desk.ledger.doubts.of(desk.run)
    reference = message(desk.ledger, desk.run.first_id)["reference"]
    harvest(desk.ledger, desk.mailbox, [mail(ReceiptKind.ACCEPTED, reference)])
    assert desk.ledger.doubts.decide(desk.run, chosen, decision, MARIO, LATER) == 1
    recount(desk.ledger, desk.run)
    (attempt,) = attempts(desk.ledger, desk.run.first_id)
    assert (_states(desk)[0], attempt["settlement"]) == ("sent", "receipt")
    assert desk.ledger.doubts.decide(desk.run, chosen, decision, MARIO, LATER) == 0
    assert len(desk.ledger.orders.of(desk.run)) == 1


@pytest.mark.parametrize(
    ("decision", "outcome", "state"),
    [
        (Decision.SENT, REJECTED, "sent"),
        (Decision.SENT, NOT_SENT, "sent"),
        (Decision.SENT, SENT, "sent"),
        (Decision.RESEND, SENT, "sent"),
        (Decision.RESEND, REJECTED, "pending"),
        (Decision.ABANDON, SENT, "sent"),
        (Decision.ABANDON, REJECTED, "abandoned"),
    ],
)
def test_a_late_answer_after_the_decision(
    ledger: Ledger, decision: Decision, outcome: object, state: str
) -> None:
    """A woken process's word that it was taken outranks the operator's; any other word does not."""
    desk = Desk.of(ledger, load(ledger, 1))
    (pending,) = desk.pending()
    attempt = desk.opened(pending)
    assert desk.die() == 1
    assert _decide(desk, decision, count=1) == 1
    desk.close(attempt, pending.id, outcome, at=LATER + HOUR)  # type: ignore[arg-type]  # one of the outcomes above
    assert desk.state(pending) == state


def test_policy_resend(desk: Desk) -> None:
    """At least once: recorded as the policy's, waiting for a harvest like every other second attempt."""
    doubt = desk.ledger.doubts.of(desk.run)[0]
    assert desk.ledger.doubts.resend(desk.run, doubt, LATER)
    assert not desk.ledger.doubts.resend(desk.run, doubt, LATER)
    recount(desk.ledger, desk.run)
    (attempt,) = attempts(desk.ledger, doubt.message)
    assert (attempt["settlement"], orjson.loads(attempt["settled_facts"])) == ("policy", {"policy": "resend"})
    assert [one.row for one in desk.pending()] == [3]
    harvest(desk.ledger, desk.mailbox, [], LATER + HOUR)
    assert [one.row for one in desk.pending()] == [1, 3]


def test_messages_are_found_by_key_and_by_reference(ledger: Ledger) -> None:
    """Each word finds its message; an address as key in any case; other runs' and unknown ones find none."""
    run = load(ledger, [a_row(1, "Pratica 7"), a_row(2), a_row(3, "pratica 7")])
    load(ledger, [a_row(1, "altro")], name="luglio")
    reference = message(ledger, run.first_id + 1)["reference"]
    words = ["Pratica 7", "pratica 7", reference, "PERSONA2@example.org", "altro", "nessuno"]
    found = ledger.doubts.find(run, words)
    assert {word: one.message - run.first_id for word, one in found.items()} == {
        "Pratica 7": 0,
        "pratica 7": 2,
        reference: 1,
        "PERSONA2@example.org": 1,
    }
    assert {one.state for one in found.values()} == {MessageState.PENDING}


def test_a_doubt_says_what_an_operator_needs(desk: Desk) -> None:
    """Key, row, mailbox and number of the attempt stand beside the reference."""
    one = desk.ledger.doubts.of(desk.run)[0]
    assert (one.key, one.row, one.number, one.mailbox) == (
        "persona1@example.org",
        1,
        1,
        "ufficio@example.com",
    )


def test_only_a_harvest_that_began_afterwards_lets_it_go_again(ledger: Ledger) -> None:
    """Whatever the clocks say: a walk begun before the decision may have passed the receipt's place."""
    desk = Desk.of(ledger, load(ledger, 1))
    (pending,) = desk.pending()
    desk.sent(pending, IN_DOUBT)
    walk = ledger.inbox.begin(desk.mailbox, NOW + HOUR)
    ledger.doubts.decide(desk.run, ledger.doubts.of(desk.run), Decision.RESEND, Operator("mario"), NOW)
    ledger.inbox.complete(walk, desk.mailbox, end(), NOW + 2 * HOUR)
    assert desk.pending(NOW + 3 * HOUR) == []
    other = ledger.inbox.mailbox_id("altro@example.com")
    harvest(ledger, other, [], NOW + 3 * HOUR)
    assert desk.pending(NOW + 3 * HOUR) == []
    harvest(ledger, desk.mailbox, [], NOW - HOUR)
    assert [one.id for one in desk.pending(NOW)] == [pending.id]
