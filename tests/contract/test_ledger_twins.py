"""Late twins: messages that left twice are marked, whatever showed it, in whatever order; others are not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.ledgers import (
    HOUR,
    IN_DOUBT,
    NOT_SENT,
    NOW,
    SENT,
    Desk,
    attempts,
    harvest,
    load,
    message,
    query,
    recount,
)

from bulk_pec.domain.inbox import InboxItem
from bulk_pec.domain.outcomes import Outcome
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.subjects import message_id_of
from bulk_pec.ledger.inbox.inbox import Mail
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.doubts import Decision, Operator

A, B = "2020082610003492", "2020082610009999"
SECOND = replace(SENT, message_id=B)
LATER = NOW + HOUR


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    """A worker with one message."""
    return Desk.of(ledger, load(ledger, 1))


def _receipt(desk: Desk, token: str, kind: ReceiptKind = ReceiptKind.ACCEPTED, at: int = LATER) -> Mail:
    reference = message(desk.ledger, desk.run.first_id)["reference"]
    subject = f"{kind.value}: Avviso [rif. {reference}] {token}"
    item = InboxItem(f"{token}{kind}", "posta@example.net", subject, f"day {at}", at)
    return Mail(item, kind, reference, message_id_of(subject))


def _read(desk: Desk, *mails: Mail) -> None:
    harvest(desk.ledger, desk.mailbox, mails, LATER + HOUR)
    recount(desk.ledger, desk.run)


def _twin(desk: Desk) -> bool:
    (row,) = query(desk.ledger, "SELECT twins FROM run_counts")
    marked = message(desk.ledger, desk.run.first_id)["twin_at"] is not None
    assert row["twins"] == marked
    return marked


def _given_up(desk: Desk, outcome: Outcome | None = SECOND) -> tuple[int, int | None]:
    """A first attempt in doubt whose absence is accepted; a second one with this outcome, or still open."""
    (pending,) = desk.pending()
    first = desk.sent(pending, IN_DOUBT)
    (doubt,) = desk.ledger.doubts.of(desk.run)
    assert desk.ledger.doubts.accept_absence(desk.run, doubt, {}, NOW + 5_000)
    harvest(desk.ledger, desk.mailbox, [], NOW + 6_000)
    (pending,) = desk.pending()
    second = desk.opened(pending)
    if outcome is not None:
        desk.close(second, pending.id, outcome)
    return first, second


def test_two_acceptances(desk: Desk) -> None:
    """In one walk or in two: two sendings, and both receipts stay with the message."""
    desk.sent(desk.pending()[0])
    _read(desk, _receipt(desk, A))
    assert not _twin(desk)
    _read(desk, _receipt(desk, B))
    assert _twin(desk)
    assert len(query(desk.ledger, "SELECT id FROM receipts WHERE message IS NOT NULL")) == 2


def test_two_acceptances_on_one_page(desk: Desk) -> None:
    """They are found out at once."""
    desk.sent(desk.pending()[0])
    _read(desk, _receipt(desk, A), _receipt(desk, B))
    assert _twin(desk)


def test_what_one_sending_brings_is_no_twin(desk: Desk) -> None:
    """One ACCETTAZIONE, seen again and listed with its date in another form, and several CONSEGNA."""
    desk.sent(desk.pending()[0])
    accepted = _receipt(desk, A)
    _read(desk, accepted)
    _read(desk, accepted, _receipt(desk, A, at=LATER + 1))
    for number in range(3):
        _read(desk, _receipt(desk, A, ReceiptKind.DELIVERED, LATER + number))
    assert not _twin(desk)


def test_the_receipt_of_an_attempt_whose_absence_was_accepted(desk: Desk) -> None:
    """The second attempt was answered as taken, and then the first one's receipt comes: a late twin."""
    _given_up(desk)
    assert not _twin(desk)
    _read(desk, _receipt(desk, A))
    assert _twin(desk)


def test_the_second_attempts_own_receipts_are_no_twin(desk: Desk) -> None:
    """The absence was rightly accepted."""
    _given_up(desk)
    _read(desk, _receipt(desk, B), _receipt(desk, B, ReceiptKind.DELIVERED))
    assert not _twin(desk)


def test_the_receipt_comes_while_the_second_attempt_is_on_its_way(desk: Desk) -> None:
    """Its answer shows the twin."""
    _, second = _given_up(desk, None)
    _read(desk, _receipt(desk, A))
    assert message(desk.ledger, desk.run.first_id)["state"] == "sent"
    assert second is not None
    desk.close(second, desk.run.first_id, SECOND)
    assert _twin(desk)


@pytest.mark.parametrize("outcome", [IN_DOUBT, NOT_SENT])
def test_a_second_attempt_that_does_not_say_it_was_taken(desk: Desk, outcome: Outcome) -> None:
    """Then nothing shows that it left too, until its own receipt does."""
    _, second = _given_up(desk, None)
    _read(desk, _receipt(desk, A))
    assert second is not None
    desk.close(second, desk.run.first_id, outcome)
    assert not _twin(desk)
    _read(desk, _receipt(desk, B))
    assert _twin(desk)


def test_a_late_answer_after_the_second_attempt_was_sent(ledger: Ledger) -> None:
    """A process that was thought dead wakes and says that the first attempt was taken."""
    desk = Desk.of(ledger, load(ledger, 1))
    (pending,) = desk.pending()
    first = desk.opened(pending)
    assert desk.die() == 1
    (doubt,) = ledger.doubts.of(desk.run)
    assert ledger.doubts.accept_absence(desk.run, doubt, {}, NOW + 5_000)
    harvest(ledger, desk.mailbox, [], NOW + 6_000)
    again = Desk.of(ledger, desk.run)
    again.sent(again.pending()[0], SECOND)
    desk.close(first, pending.id, SENT, at=LATER)
    assert _twin(desk)
    assert [one["outcome"] for one in attempts(ledger, pending.id)] == ["sent", "sent"]


def test_a_late_answer_while_the_second_attempt_is_on_its_way(ledger: Ledger) -> None:
    """The second answer shows it; the message is counted once."""
    desk = Desk.of(ledger, load(ledger, 1))
    (pending,) = desk.pending()
    first = desk.opened(pending)
    assert desk.die() == 1
    chosen = ledger.doubts.of(desk.run)
    assert ledger.doubts.decide(desk.run, chosen, Decision.RESEND, Operator("mario"), NOW + 5_000) == 1
    harvest(ledger, desk.mailbox, [], NOW + 6_000)
    again = Desk.of(ledger, desk.run)
    second = again.opened(again.pending()[0])
    desk.close(first, pending.id, SENT, at=LATER)
    assert not _twin(desk)
    again.close(second, pending.id, SECOND, at=LATER)
    assert _twin(desk)
    _read(desk, _receipt(desk, A), _receipt(desk, B))
    assert _twin(desk)


def test_an_answer_that_follows_its_own_receipt_is_no_twin(desk: Desk) -> None:
    """The usual race of a fast provider."""
    (pending,) = desk.pending()
    attempt = desk.opened(pending)
    _read(desk, _receipt(desk, A))
    desk.close(attempt, pending.id, SENT)
    assert not _twin(desk)


def test_the_export_says_what_it_is(desk: Desk) -> None:
    """The reason names the twin, before any other reason."""
    desk.sent(desk.pending()[0])
    _read(desk, _receipt(desk, A), _receipt(desk, B), _receipt(desk, B, ReceiptKind.UNDELIVERED))
    (row,) = desk.ledger.views.rows(desk.run)
    assert row.reason == "sent twice; not delivered"
