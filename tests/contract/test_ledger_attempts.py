"""Attempts: the intent, the outcome, and everything that refuses to be written.

The letters are those of the state diagram in docs/semantics.md.
"""

from __future__ import annotations

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
    expire,
    harvest,
    load,
    mail,
    message,
    recount,
)

from bulk_pec.domain.errors import LedgerError
from bulk_pec.domain.outcomes import Outcome, Verdict
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.attempts import Closing


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    """A worker that holds a run of three messages."""
    return Desk.of(ledger, load(ledger, 3))


def test_a_an_intent_makes_a_pending_message_sending(desk: Desk) -> None:
    """a: the intent is an attempt row, the message is bound to its mailbox, nothing has closed."""
    first = desk.pending()[0]
    attempt = desk.opened(first)
    row = message(desk.ledger, first.id)
    (made,) = attempts(desk.ledger, first.id)
    assert (row["state"], row["attempts"], row["mailbox_id"]) == ("sending", 1, desk.mailbox)
    assert (made["id"], made["number"], made["worker_id"]) == (attempt, 1, desk.worker.id)
    assert (made["digest"], made["quota_share"], made["opened_at"]) == (f"d{first.id}", 0.25, NOW)
    assert (made["closed_at"], made["outcome"]) == (None, None)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        pytest.param(SENT, "sent", id="b"),
        pytest.param(REJECTED, "rejected", id="c"),
        pytest.param(NOT_SENT, "pending", id="d-not-sent"),
        pytest.param(THROTTLED, "pending", id="d-throttled"),
        pytest.param(REFUSED, "pending", id="d-refused"),
        pytest.param(IN_DOUBT, "in_doubt", id="e"),
    ],
)
def test_b_to_e_an_outcome_moves_the_message(desk: Desk, outcome: Outcome, state: str) -> None:
    """b, c, d, e: the attempt closes with its outcome, the message goes where the verdict says."""
    first, second, third = desk.pending()
    desk.sent(first, outcome)
    (made,) = attempts(desk.ledger, first.id)
    assert desk.state(first) == state
    assert (made["outcome"], made["closed_at"]) == (outcome.verdict.value, NOW + 1_000)
    assert (made["status"], made["detail"]) == (outcome.status, outcome.detail)
    assert [desk.state(second), desk.state(third)] == ["pending", "pending"]


def test_a_sent_message_has_its_token_and_its_time(desk: Desk) -> None:
    """b: the provider's message_id and the moment of the answer are the message's; there is no reason."""
    first = desk.pending()[0]
    desk.sent(first, at=NOW + 5_000)
    row = message(desk.ledger, first.id)
    assert (row["message_id"], row["sent_at"], row["reason"]) == (MESSAGE_ID, NOW + 5_000, None)
    assert row["delivery"] == "none"


def test_a_rejected_message_says_why(desk: Desk) -> None:
    """c: the provider's words are the message's reason."""
    first = desk.pending()[0]
    desk.sent(first, REJECTED)
    assert message(desk.ledger, first.id)["reason"] == REJECTED.detail


def test_d_a_throttled_message_waits_and_its_next_intent_forgets_that(desk: Desk) -> None:
    """d: not_before is kept with the pending message, and gone once another attempt is made."""
    first = desk.pending()[0]
    attempt = desk.opened(first)
    desk.close(attempt, first.id, THROTTLED, wait=NOW + 60_000)
    (again,) = [one for one in desk.pending() if one.id == first.id]
    assert (again.not_before, again.attempts, again.mailbox_id) == (NOW + 60_000, 1, desk.mailbox)
    desk.opened(again)
    assert message(desk.ledger, first.id)["not_before"] is None


@pytest.mark.parametrize("outcome", [NOT_SENT, THROTTLED, REFUSED], ids=lambda one: one.verdict.value)
def test_what_did_not_leave_may_be_tried_again(desk: Desk, outcome: Outcome) -> None:
    """Invariant 3: the second attempt is number 2 of the same message, beside the first."""
    first = desk.pending()[0]
    desk.sent(first, outcome)
    again = next(one for one in desk.pending() if one.id == first.id)
    desk.sent(again)
    assert [(one["number"], one["outcome"]) for one in attempts(desk.ledger, first.id)] == [
        (1, outcome.verdict.value),
        (2, "sent"),
    ]
    assert desk.state(first) == "sent"


@pytest.mark.parametrize("outcome", [SENT, REJECTED, IN_DOUBT], ids=lambda one: one.verdict.value)
def test_what_left_or_may_have_left_is_not_tried_again(desk: Desk, outcome: Outcome) -> None:
    """Invariant 3: no second attempt after sent, rejected or in doubt, whatever number is asked for."""
    first = desk.pending()[0]
    desk.sent(first, outcome)
    assert [desk.open(first, number=number) for number in (1, 2, 3)] == [None, None, None]
    assert len(attempts(desk.ledger, first.id)) == 1
    assert first.id not in {one.id for one in desk.pending()}


def test_a_second_intent_for_an_open_message_is_refused(desk: Desk) -> None:
    """Invariant 2: at most one open attempt a message."""
    first = desk.pending()[0]
    desk.opened(first)
    assert [desk.open(first), desk.open(first, number=2)] == [None, None]
    assert len(attempts(desk.ledger, first.id)) == 1


def test_two_intents_for_one_message_in_one_tick_are_a_failure_and_nothing_is_kept(desk: Desk) -> None:
    """Both callers would think the one attempt theirs and post twice; so neither gets it."""
    first, second, _ = desk.pending()
    both = [desk.intent(first), desk.intent(second), desk.intent(first)]
    with pytest.raises(LedgerError):
        desk.ledger.attempts.tick(desk.worker, both, [], NOW)
    assert [desk.state(first), desk.state(second)] == ["pending", "pending"]
    recount(desk.ledger, desk.run)


@pytest.mark.parametrize("number", [0, 2, 3])
def test_an_intent_with_a_wrong_number_is_refused(desk: Desk, number: int) -> None:
    """The number says which attempts the worker knows of: if it is wrong the worker knows an old story."""
    first = desk.pending()[0]
    assert desk.open(first, number=number) is None
    assert desk.state(first) == "pending"


def test_an_intent_in_a_block_that_is_not_held_is_refused(desk: Desk) -> None:
    """The block's holder is the fence: one that was given back, or never was, takes no intent."""
    first, second, _ = desk.pending()
    assert desk.open(first, block=first.block + 1_000) is None
    desk.ledger.claims.give_back(desk.worker, desk.blocks)
    assert desk.open(second) is None


def test_an_intent_for_a_message_outside_its_block_is_refused(ledger: Ledger) -> None:
    """Holding one block is no right to the messages of another."""
    run = load(ledger, 501)
    desk = Desk.of(ledger, run)
    *_, last = desk.pending()
    assert desk.open(last, block=desk.blocks[0].id) is None
    desk.opened(last)


def test_an_intent_of_a_worker_that_does_not_hold_the_block_is_refused(desk: Desk) -> None:
    """Another living worker's block is not ours."""
    other = Desk.of(desk.ledger, desk.run)
    assert other.blocks == []
    assert other.open(desk.pending()[0]) is None


def test_an_intent_of_an_ended_worker_is_refused(desk: Desk) -> None:
    """What a worker fetched before its end is no longer its to send."""
    first = desk.pending()[0]
    desk.ledger.workers.end(desk.worker, NOW)
    assert desk.open(first) is None
    assert desk.ledger.workers.renew(desk.worker, HOUR, NOW) is False


def test_an_intent_under_an_expired_lease_is_refused(desk: Desk) -> None:
    """On Postgres a lease ends by the database's clock; on SQLite the file lock is the lease."""
    first = desk.pending()[0]
    expire(desk.ledger, desk.worker)
    lives = not desk.ledger.database.is_postgres
    assert (desk.open(first) is not None) is lives
    assert desk.ledger.workers.renew(desk.worker, HOUR, NOW) is lives


def test_an_intent_from_another_mailbox_is_refused(desk: Desk) -> None:
    """A message is bound to one mailbox by its first intent: its receipts come there."""
    first = desk.pending()[0]
    desk.sent(first, NOT_SENT)
    again = next(one for one in desk.pending() if one.id == first.id)
    other = desk.ledger.inbox.mailbox_id("altro@example.com")
    assert desk.open(again, mailbox_id=other) is None
    desk.opened(again)


def test_an_intent_that_says_something_else_is_refused(desk: Desk) -> None:
    """Invariant 8: recipient, subject, body and attachments are the same over all attempts."""
    first = desk.pending()[0]
    desk.sent(first, NOT_SENT)
    again = next(one for one in desk.pending() if one.id == first.id)
    assert desk.open(again, digest="another") is None
    desk.opened(again)


def test_refused_intents_do_not_hold_the_others_back(desk: Desk) -> None:
    """One tick takes what it may and leaves what it may not."""
    first, second, third = desk.pending()
    desk.opened(second)
    wanted = [desk.intent(first), desk.intent(second), desk.intent(third, number=7)]
    tick = desk.ledger.attempts.tick(desk.worker, wanted, [], NOW)
    assert list(tick.opened) == [first.id]
    recount(desk.ledger, desk.run)


def test_one_tick_records_outcomes_and_intents_together(desk: Desk) -> None:
    """What came back and what goes out share a commit; each attempt id belongs to its message."""
    first, second, third = desk.pending()
    attempt = desk.opened(first)
    closing = Closing(attempt, first.id, SENT, NOW + 9)
    tick = desk.ledger.attempts.tick(desk.worker, [desk.intent(third), desk.intent(second)], [closing], NOW)
    assert [desk.state(one) for one in (first, second, third)] == ["sent", "sending", "sending"]
    for one in (second, third):
        assert attempts(desk.ledger, one.id)[0]["id"] == tick.opened[one.id]
    recount(desk.ledger, desk.run)


@pytest.mark.parametrize(
    "outcome", [SENT, REJECTED, NOT_SENT, THROTTLED, REFUSED, IN_DOUBT], ids=lambda one: one.verdict.value
)
def test_closing_twice_changes_nothing(desk: Desk, outcome: Outcome) -> None:
    """The same outcome written again, in the same tick or later, leaves everything as it was."""
    first = desk.pending()[0]
    attempt = desk.opened(first)
    closing = Closing(attempt, first.id, outcome, NOW + 1_000)
    desk.ledger.attempts.tick(desk.worker, [], [closing, closing], NOW)
    recount(desk.ledger, desk.run)
    before = message(desk.ledger, first.id), attempts(desk.ledger, first.id)
    desk.close(attempt, first.id, outcome, at=NOW + 77_000)
    assert (message(desk.ledger, first.id), attempts(desk.ledger, first.id)) == before


@pytest.mark.parametrize("late", [REJECTED, NOT_SENT, IN_DOUBT, SENT], ids=lambda one: one.verdict.value)
@pytest.mark.parametrize("outcome", [SENT, REJECTED, NOT_SENT], ids=lambda one: one.verdict.value)
def test_a_closed_attempt_takes_no_other_outcome(desk: Desk, outcome: Outcome, late: Outcome) -> None:
    """The first definite outcome stands: what comes after it for the same attempt is not written."""
    first = desk.pending()[0]
    attempt = desk.sent(first, outcome)
    before = message(desk.ledger, first.id), attempts(desk.ledger, first.id)
    desk.close(attempt, first.id, late, at=NOW + 77_000)
    assert (message(desk.ledger, first.id), attempts(desk.ledger, first.id)) == before


def test_an_attempt_nobody_made_cannot_be_closed(desk: Desk) -> None:
    """An outcome for an unknown attempt moves nothing."""
    first = desk.pending()[0]
    desk.close(999_999, first.id, SENT)
    assert desk.state(first) == "pending"


def test_e_recovery_puts_a_dead_workers_open_attempts_in_doubt(desk: Desk) -> None:
    """Invariant 11: what was open is in doubt, never simply pending; what was not begun stays pending."""
    first, second, third = desk.pending()
    desk.opened(first)
    desk.sent(second)
    assert desk.die() == 1
    assert [desk.state(one) for one in (first, second, third)] == ["in_doubt", "sent", "pending"]
    (made,) = attempts(desk.ledger, first.id)
    assert (made["outcome"], made["closed_at"], made["settlement"]) == ("in_doubt", NOW + 2_000, None)
    assert message(desk.ledger, first.id)["reason"] == made["detail"]
    assert desk.ledger.workers.recover(NOW + 3_000) == 0
    assert set(doubts(desk.ledger, desk.run)) == {first.id}


def test_recovery_covers_every_run(ledger: Ledger) -> None:
    """A process that died may have worked on another run than the one being started."""
    desks = [Desk.of(ledger, load(ledger, 2, name)) for name in ("uno", "due")]
    for desk in desks:
        desk.opened(desk.pending()[0])
        expire(ledger, desk.worker)
    assert ledger.workers.recover(NOW) == 2
    for desk in desks:
        recount(ledger, desk.run)
        assert len(doubts(ledger, desk.run)) == 1


def test_recovery_leaves_the_open_attempts_of_a_living_worker(desk: Desk) -> None:
    """On Postgres another host's lease protects what it has in flight; on SQLite nobody else can live."""
    first = desk.pending()[0]
    desk.opened(first)
    found = desk.ledger.workers.recover(NOW)
    assert found == (0 if desk.ledger.database.is_postgres else 1)
    assert desk.state(first) == ("sending" if desk.ledger.database.is_postgres else "in_doubt")
    recount(desk.ledger, desk.run)


def test_recovery_settles_what_a_receipt_has_settled_already(desk: Desk) -> None:
    """A receipt that came while the attempt was open made the message sent: its death is no doubt."""
    first = desk.pending()[0]
    desk.opened(first)
    harvest(desk.ledger, desk.mailbox, [mail(ReceiptKind.ACCEPTED, first.reference)])
    desk.die()
    (made,) = attempts(desk.ledger, first.id)
    assert (desk.state(first), made["outcome"], made["settlement"]) == ("sent", "in_doubt", "receipt")
    assert doubts(desk.ledger, desk.run) == {}


@pytest.mark.parametrize(
    "words",
    ["città “già” però", 'quote " and \\ and \\u0000', "two\nlines\tand a tab", "emoji 📬", "\x01\x1f"],
)
def test_the_providers_words_are_kept_as_they_were(desk: Desk, words: str) -> None:
    """Whatever characters an answer held, its detail and token come back unchanged."""
    first = desk.pending()[0]
    desk.sent(first, Outcome(Verdict.REJECTED, words, status=400))
    assert message(desk.ledger, first.id)["reason"] == words
    assert attempts(desk.ledger, first.id)[0]["detail"] == words
