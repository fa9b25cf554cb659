"""What comes after a doubt: late answers, accepted absences, receipts; and who outranks whom.

The letters are those of the state diagram in docs/semantics.md.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.ledgers import (
    HOUR,
    IN_DOUBT,
    MESSAGE_ID,
    NOT_SENT,
    NOW,
    REFUSED,
    REJECTED,
    SENT,
    THROTTLED,
    Desk,
    attempts,
    doubts,
    harvest,
    load,
    mail,
    message,
    query,
    recount,
)

from bulk_pec.domain.outcomes import Outcome, Verdict
from bulk_pec.domain.receipts import RECEIPTS, ReceiptKind
from bulk_pec.domain.states import MessageState
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.claims import PendingMessage
from bulk_pec.ledger.runs import counts

LATER = Outcome(Verdict.SENT, "Sent", status=201, message_id="2020082699999999")


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    """A worker that holds a run of three messages."""
    return Desk.of(ledger, load(ledger, 3))


def _accept(desk: Desk, pending: PendingMessage, now: int = NOW + HOUR) -> bool:
    """Accept the absence of a message's unsettled doubt."""
    doubt = doubts(desk.ledger, desk.run)[pending.id]
    accepted = desk.ledger.doubts.accept_absence(desk.run, doubt, {"harvest": 7}, now)
    recount(desk.ledger, desk.run)
    return accepted


def _again(desk: Desk, pending: PendingMessage) -> PendingMessage:
    """The message as it may be tried again, after a harvest that ended since."""
    harvest(desk.ledger, desk.mailbox, [], NOW + 2 * HOUR)
    return next(one for one in desk.pending() if one.id == pending.id)


@pytest.mark.parametrize(
    ("late", "state"),
    [
        (SENT, "sent"),
        (REJECTED, "rejected"),
        (NOT_SENT, "pending"),
        (THROTTLED, "pending"),
        (REFUSED, "pending"),
    ],
    ids=lambda value: value.verdict.value if isinstance(value, Outcome) else "",
)
def test_f_a_late_answer_settles_what_recovery_put_in_doubt(desk: Desk, late: Outcome, state: str) -> None:
    """f: a woken host's answer closes its own attempt, though its worker was declared dead."""
    first = desk.pending()[0]
    attempt = desk.opened(first)
    desk.die()
    desk.close(attempt, first.id, late, at=NOW + 9_000, wait=None)
    (made,) = attempts(desk.ledger, first.id)
    assert desk.state(first) == state
    assert (made["outcome"], made["settlement"], made["settled_at"]) == (
        late.verdict.value,
        "late_answer",
        NOW + 9_000,
    )
    assert doubts(desk.ledger, desk.run) == {}


def test_f_a_late_answer_that_is_itself_in_doubt_changes_nothing(desk: Desk) -> None:
    """A cut-off request tells no more than the worker's death did."""
    first = desk.pending()[0]
    attempt = desk.opened(first)
    desk.die()
    before = message(desk.ledger, first.id), attempts(desk.ledger, first.id)
    desk.close(attempt, first.id, IN_DOUBT, at=NOW + 9_000)
    assert (message(desk.ledger, first.id), attempts(desk.ledger, first.id)) == before


def test_f_what_a_late_answer_says_did_not_leave_is_claimed_again(desk: Desk) -> None:
    """F to pending: its block was done; it is reopened, and another worker finds the message in it."""
    first, *others = desk.pending()
    attempt = desk.sent(first, IN_DOUBT)
    for pending in others:
        desk.sent(pending)
    desk.leave()
    assert Desk.of(desk.ledger, desk.run).blocks == []
    desk.close(attempt, first.id, NOT_SENT, at=NOW + 9_000)
    other = Desk.of(desk.ledger, desk.run)
    assert [one.id for one in other.pending()] == [first.id]


def test_g_an_accepted_absence_makes_the_message_pending_again(desk: Desk) -> None:
    """g: pending, with the facts kept; the attempt stays what it was, settled by absence."""
    first = desk.pending()[0]
    desk.sent(first, IN_DOUBT)
    assert _accept(desk, first)
    (made,) = attempts(desk.ledger, first.id)
    assert (desk.state(first), made["outcome"], made["settlement"]) == ("pending", "in_doubt", "absence")
    assert (made["settled_at"], made["settled_facts"]) == (NOW + HOUR, '{"harvest":7}')
    assert doubts(desk.ledger, desk.run) == {}


def test_g_an_absence_is_accepted_once(desk: Desk) -> None:
    """Two who accept the same absence: the second is told that nothing was changed."""
    first = desk.pending()[0]
    desk.sent(first, IN_DOUBT)
    doubt = doubts(desk.ledger, desk.run)[first.id]
    accept = desk.ledger.doubts.accept_absence
    assert accept(desk.run, doubt, {}, NOW + HOUR)
    desk.opened(_again(desk, first))
    assert not accept(desk.run, doubt, {}, NOW + 3 * HOUR)
    assert desk.state(first) == "sending"
    recount(desk.ledger, desk.run)


@pytest.mark.parametrize("how", ["receipt", "late answer"])
def test_g_an_absence_is_not_accepted_of_what_was_settled_meanwhile(desk: Desk, how: str) -> None:
    """A doubt read before a receipt or a late answer came is no longer one."""
    first = desk.pending()[0]
    attempt = desk.sent(first, IN_DOUBT)
    doubt = doubts(desk.ledger, desk.run)[first.id]
    if how == "receipt":
        harvest(desk.ledger, desk.mailbox, [mail(ReceiptKind.ACCEPTED, first.reference)])
    else:
        desk.close(attempt, first.id, SENT)
    before = message(desk.ledger, first.id), attempts(desk.ledger, first.id)
    assert not desk.ledger.doubts.accept_absence(desk.run, doubt, {}, NOW + HOUR)
    assert (message(desk.ledger, first.id), attempts(desk.ledger, first.id)) == before
    recount(desk.ledger, desk.run)


def test_what_was_accepted_as_absent_is_tried_again_with_the_same_reference(desk: Desk) -> None:
    """Same reference and same content, so that a late twin is seen and reported as what it is."""
    first = desk.pending()[0]
    desk.sent(first, IN_DOUBT)
    _accept(desk, first)
    again = _again(desk, first)
    assert (again.reference, again.attempts) == (first.reference, 1)
    assert desk.open(again, digest="another") is None
    desk.sent(again)
    assert [one["number"] for one in attempts(desk.ledger, first.id)] == [1, 2]


@pytest.mark.parametrize("late", [REJECTED, NOT_SENT, THROTTLED], ids=lambda one: one.verdict.value)
def test_a_late_answer_of_no_sending_comes_after_an_accepted_absence_to_no_effect(
    desk: Desk, late: Outcome
) -> None:
    """The absence already said that it did not leave; the message goes on as it is."""
    first = desk.pending()[0]
    attempt = desk.sent(first, IN_DOUBT)
    _accept(desk, first)
    before = message(desk.ledger, first.id), attempts(desk.ledger, first.id)
    desk.close(attempt, first.id, late, at=NOW + 2 * HOUR)
    assert (message(desk.ledger, first.id), attempts(desk.ledger, first.id)) == before


def _stays_pending(desk: Desk, pending: PendingMessage) -> None:
    """No second attempt yet."""


def _second_open(desk: Desk, pending: PendingMessage) -> None:
    desk.opened(_again(desk, pending))


def _second_ends(outcome: Outcome) -> Callable[[Desk, PendingMessage], None]:
    def make(desk: Desk, pending: PendingMessage) -> None:
        desk.sent(_again(desk, pending), outcome, at=NOW + 3 * HOUR)

    return make


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(_stays_pending, id="pending"),
        pytest.param(_second_open, id="sending"),
        pytest.param(_second_ends(NOT_SENT), id="pending-again"),
        pytest.param(_second_ends(IN_DOUBT), id="in_doubt"),
        pytest.param(_second_ends(REJECTED), id="rejected"),
    ],
)
def test_a_late_sent_after_an_accepted_absence_makes_the_message_sent(
    desk: Desk, meanwhile: Callable[[Desk, PendingMessage], None]
) -> None:
    """The provider took it after all: whatever a second attempt is doing, no third one may follow."""
    first = desk.pending()[0]
    attempt = desk.sent(first, IN_DOUBT)
    _accept(desk, first)
    meanwhile(desk, first)
    desk.close(attempt, first.id, LATER, at=NOW + 4 * HOUR)
    assert desk.state(first) == "sent"
    assert message(desk.ledger, first.id)["message_id"] == LATER.message_id
    assert attempts(desk.ledger, first.id)[0]["settlement"] == "late_answer"
    assert doubts(desk.ledger, desk.run) == {}
    assert first.id not in {one.id for one in desk.pending()}


@pytest.mark.parametrize("outcome", [SENT, NOT_SENT, REJECTED, IN_DOUBT], ids=lambda one: one.verdict.value)
def test_the_twin_of_a_late_sent_cannot_take_it_back(desk: Desk, outcome: Outcome) -> None:
    """A second attempt that was open meanwhile closes with its own outcome; the message stays sent."""
    first = desk.pending()[0]
    attempt = desk.sent(first, IN_DOUBT)
    _accept(desk, first)
    second = desk.opened(_again(desk, first))
    desk.close(attempt, first.id, LATER, at=NOW + 3 * HOUR)
    desk.close(second, first.id, outcome, at=NOW + 4 * HOUR)
    assert desk.state(first) == "sent"
    assert message(desk.ledger, first.id)["message_id"] == LATER.message_id
    assert attempts(desk.ledger, first.id)[1]["outcome"] == outcome.verdict.value
    assert doubts(desk.ledger, desk.run) == {}


def test_a_late_answer_for_another_message_is_not_written(desk: Desk) -> None:
    """An attempt closes the message it was made for, whatever the caller names."""
    first, second, _ = desk.pending()
    attempt = desk.opened(first)
    desk.die()
    desk.close(attempt, second.id, SENT)
    assert [desk.state(first), desk.state(second)] == ["in_doubt", "pending"]


def _pending(desk: Desk, pending: PendingMessage) -> None:
    """As loaded: a restored ledger may meet receipts of what it never sent."""


def _sending(desk: Desk, pending: PendingMessage) -> None:
    desk.opened(pending)


def _closed(outcome: Outcome) -> Callable[[Desk, PendingMessage], None]:
    def make(desk: Desk, pending: PendingMessage) -> None:
        desk.sent(pending, outcome)

    return make


def _set(state: MessageState) -> Callable[[Desk, PendingMessage], None]:
    def make(desk: Desk, pending: PendingMessage) -> None:
        with desk.ledger.database.transaction() as connection:
            desk.ledger.database.execute(
                connection, "UPDATE messages SET state = :s WHERE id = :id", s=state, id=pending.id
            )
            moved = counts.Changes()
            moved.move(MessageState.PENDING, state)
            counts.apply(desk.ledger.database, connection, desk.run.id, moved, NOW)

    return make


STATES = [
    pytest.param(_pending, id="pending"),
    pytest.param(_sending, id="sending"),
    pytest.param(_closed(SENT), id="sent"),
    pytest.param(_closed(REJECTED), id="rejected"),
    pytest.param(_closed(IN_DOUBT), id="in_doubt"),
    pytest.param(_closed(THROTTLED), id="throttled"),
    pytest.param(_set(MessageState.CANCELLED), id="cancelled"),
    pytest.param(_set(MessageState.ABANDONED), id="abandoned"),
]


@pytest.mark.parametrize("before", STATES)
def test_j_a_receipt_outranks_every_state(
    ledger: Ledger, before: Callable[[Desk, PendingMessage], None]
) -> None:
    """j: whatever the ledger thought, a receipt of any kind with its reference says that it left."""
    desk = Desk.of(ledger, load(ledger, len(RECEIPTS)))
    messages = desk.pending()
    for pending in messages:
        before(desk, pending)
        recount(ledger, desk.run)
    for pending, kind in zip(messages, sorted(RECEIPTS), strict=True):
        assert harvest(ledger, desk.mailbox, [mail(kind, pending.reference)]) == 1
        row = message(ledger, pending.id)
        assert (row["state"], row["message_id"]) == ("sent", MESSAGE_ID)
        assert (row["not_before"], row["harvest_after"]) == (None, None)
        assert row["mailbox_id"] == desk.mailbox
        recount(ledger, desk.run)
    assert doubts(ledger, desk.run) == {}
    assert desk.pending() == []


@pytest.mark.parametrize(
    "outcome", [SENT, REJECTED, NOT_SENT, THROTTLED, REFUSED, IN_DOUBT], ids=lambda one: one.verdict.value
)
def test_a_receipt_that_outruns_the_answer_is_not_taken_back(desk: Desk, outcome: Outcome) -> None:
    """`sent` never leaves: the answer closes its attempt and the message stays as the receipt made it."""
    first = desk.pending()[0]
    attempt = desk.opened(first)
    harvest(desk.ledger, desk.mailbox, [mail(ReceiptKind.DELIVERED, first.reference)])
    desk.close(attempt, first.id, outcome)
    row, (made,) = message(desk.ledger, first.id), attempts(desk.ledger, first.id)
    assert (row["state"], row["delivery"]) == ("sent", "delivered")
    assert made["outcome"] == outcome.verdict.value
    assert doubts(desk.ledger, desk.run) == {}


def test_an_answer_adds_the_token_that_a_receipt_did_not_show(desk: Desk) -> None:
    """A receipt without the provider's token came first: the answer's token is kept with the message."""
    first = desk.pending()[0]
    attempt = desk.opened(first)
    harvest(desk.ledger, desk.mailbox, [mail(ReceiptKind.ACCEPTED, first.reference, message_id=None)])
    assert message(desk.ledger, first.id)["message_id"] is None
    desk.close(attempt, first.id, SENT)
    assert message(desk.ledger, first.id)["message_id"] == MESSAGE_ID


def test_sent_never_leaves(desk: Desk) -> None:
    """Invariant 4: intents, outcomes, recovery, receipts of every kind and overdue leave it sent."""
    first = desk.pending()[0]
    attempt = desk.sent(first)
    for outcome in (REJECTED, NOT_SENT, IN_DOUBT):
        desk.close(attempt, first.id, outcome)
    for number in (1, 2):
        assert desk.open(first, number=number) is None
    for kind in ReceiptKind:
        harvest(desk.ledger, desk.mailbox, [mail(kind, first.reference)])
        assert desk.state(first) == "sent"
        recount(desk.ledger, desk.run)
    desk.ledger.inbox.mark_overdue(desk.run, NOW + 99 * HOUR, NOW + 99 * HOUR)
    desk.die()
    assert desk.state(first) == "sent"


def test_a_doubt_says_what_settling_needs(desk: Desk) -> None:
    """Row, reference, mailbox, moment of the close and fullness, oldest first."""
    first, second, _ = desk.pending()
    for pending, at in ((first, NOW + 5), (second, NOW + 3)):
        desk.sent(pending, IN_DOUBT, at=at)
    one, other = desk.ledger.doubts.of(desk.run)
    assert (one.message, one.row, one.reference, one.mailbox_id) == (
        first.id,
        1,
        first.reference,
        desk.mailbox,
    )
    assert (one.closed_at, one.quota_share, other.message) == (NOW + 5, 0.25, second.id)
    assert query(desk.ledger, "SELECT COUNT(*) AS n FROM attempts WHERE settlement IS NOT NULL") == [{"n": 0}]
