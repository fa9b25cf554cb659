"""Retries: what failed becomes a run of its own, once, and the old run does not change."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from support.ledgers import (
    HOUR,
    IN_DOUBT,
    NOW,
    REJECTED,
    SENT,
    Desk,
    a_row,
    harvest,
    load,
    mail,
    message,
    new_run,
    query,
    recount,
)

from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.doubts import Decision, Operator
from bulk_pec.ledger.runs.loading import NewRun
from bulk_pec.ledger.runs.orders import Order, Word
from bulk_pec.ledger.runs.retries import Class
from bulk_pec.ledger.runs.runs import Run

LATER = NOW + 3 * HOUR
ROWS = {Class.REJECTED: 1, Class.UNDELIVERED: 2, Class.NOT_ACCEPTED: 3, Class.OVERDUE: 4, Class.ABANDONED: 5}
DELIVERED, LEFT = 6, 7


@pytest.fixture
def old(ledger: Ledger) -> Run:
    """A run in which messages have failed in every way there is, one was delivered, one is not sent yet."""
    desk = Desk.of(ledger, load(ledger, 7))
    for pending in desk.pending():
        if pending.row != LEFT:
            desk.sent(pending, {1: REJECTED, 5: IN_DOUBT}.get(pending.row) or SENT)
    (doubt,) = ledger.doubts.of(desk.run)
    ledger.doubts.decide(desk.run, [doubt], Decision.ABANDON, Operator("mario"), NOW + 2_000)
    kinds = {2: ReceiptKind.UNDELIVERED, 3: ReceiptKind.NOT_ACCEPTED, DELIVERED: ReceiptKind.DELIVERED}
    references = {row: message(ledger, desk.run.first_id + row - 1)["reference"] for row in kinds}
    harvest(ledger, desk.mailbox, [mail(kind, references[row]) for row, kind in kinds.items()])
    ledger.inbox.mark_overdue(desk.run, NOW + HOUR, NOW + HOUR)
    desk.leave()
    return ledger.runs.get("giugno")


def _new(run: Run, name: str) -> NewRun:
    base = new_run(name)
    return NewRun(
        base.name,
        base.list_name,
        base.list_digest,
        base.template_digest,
        run.columns,
        base.mailboxes,
        base.words_digest,
        retry_of=run.id,
    )


def _retry(ledger: Ledger, run: Run, classes: Collection[Class], name: str = "giugno.retry-1") -> Run:
    with ledger.retries.begin(_new(run, name), LATER) as loading:
        for page in loading.failed(run, classes):
            loading.add(
                [(f.row, f.key, f.recipient, f.fields, b"d" * 32, f.expires_at, f.looked_up) for f in page]
            )
    made = ledger.runs.get(name)
    recount(ledger, made)
    return made


def _rows(ledger: Ledger, run: Run) -> list[int]:
    found = query(ledger, 'SELECT "row" AS place FROM messages WHERE run_id = :run ORDER BY id', run=run.id)
    return [one["place"] for one in found]


@pytest.mark.parametrize("one", Class)
def test_each_class_alone(ledger: Ledger, old: Run, one: Class) -> None:
    """Its rows, and no others, with everything the list said of them and a reference of their own."""
    assert ledger.retries.count(old, [one]) == (1, 0)
    made = _retry(ledger, old, [one])
    assert (_rows(ledger, made), made.retry_of, made.input_rows) == ([ROWS[one]], "giugno", 1)
    before, after = message(ledger, old.first_id + ROWS[one] - 1), message(ledger, made.first_id)
    same = ("row", "key", "recipient", "fields", "expires_at", "looked_up")
    assert [after[name] for name in same] == [before[name] for name in same]
    assert before["reference"] != after["reference"]
    assert (after["state"], after["attempts"], after["mailbox_id"]) == ("pending", 0, None)


def test_several_classes_and_the_old_run(ledger: Ledger, old: Run) -> None:
    """All of them are one run that can be sent; not a byte of the old one has changed."""
    before = query(ledger, "SELECT * FROM messages WHERE run_id = :run ORDER BY id", run=old.id)
    made = _retry(ledger, old, list(Class))
    assert _rows(ledger, made) == [1, 2, 3, 4, 5]
    assert query(ledger, "SELECT * FROM messages WHERE run_id = :run ORDER BY id", run=old.id) == before
    assert ledger.runs.get("giugno") == old
    assert [one.row for one in Desk.of(ledger, made).pending()] == [1, 2, 3, 4, 5]


def test_what_a_retry_has_taken_up_is_not_taken_up_again(ledger: Ledger, old: Run) -> None:
    """A second retry of the same run holds only the rest; nobody gets it a third time by that."""
    _retry(ledger, old, [Class.REJECTED, Class.OVERDUE])
    assert ledger.retries.count(old, list(Class)) == (3, 2)
    assert _rows(ledger, _retry(ledger, old, list(Class), "giugno.retry-2")) == [2, 3, 5]
    assert ledger.retries.count(old, list(Class)) == (0, 5)


def test_what_was_cancelled_in_a_retry_may_be_taken_up_again(ledger: Ledger, old: Run) -> None:
    """A cancelled retry never sent it."""
    _retry(ledger, old, [Class.REJECTED])
    ledger.orders.obey(Order(Word.CANCEL, "giugno.retry-1", "mario", LATER), LATER)
    assert ledger.retries.count(old, [Class.REJECTED]) == (1, 0)
    assert _rows(ledger, _retry(ledger, old, [Class.REJECTED], "giugno.retry-2")) == [1]


def test_suppressed_addresses_stay_out(ledger: Ledger, old: Run) -> None:
    """Who asked not to be written to since is not written to by a retry either."""
    ledger.suppressions.add(["persona1@example.org"], "asked", LATER)
    made = _retry(ledger, old, [Class.REJECTED, Class.OVERDUE])
    assert _rows(ledger, made) == [4]
    (row, _) = ledger.views.rows(made)
    assert (row.row, row.state) == (1, "suppressed")


def test_nothing_left_to_send_makes_no_run(ledger: Ledger, old: Run) -> None:
    """All of it or nothing."""
    ledger.suppressions.add(["persona1@example.org"], "asked", LATER)
    with pytest.raises(ListRefused):
        _retry(ledger, old, [Class.REJECTED])
    assert ledger.runs.names() == ["giugno"]


def test_a_run_of_many_pages(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are read a page at a time, in order, each once."""
    monkeypatch.setattr("bulk_pec.ledger.runs.retries._PAGE", 3)
    desk = Desk.of(ledger, load(ledger, [a_row(number) for number in range(1, 9)]))
    for pending in desk.pending():
        desk.sent(pending, REJECTED)
    assert _rows(ledger, _retry(ledger, desk.run, [Class.REJECTED])) == list(range(1, 9))


@pytest.mark.parametrize(
    ("one", "kind", "why"),
    [
        (Class.ABANDONED, ReceiptKind.DELIVERED, "the first has arrived"),
        (Class.ABANDONED, ReceiptKind.ACCEPTED, "the first has left"),
        (Class.REJECTED, ReceiptKind.ACCEPTED, "the first has left"),
        (Class.UNDELIVERED, ReceiptKind.DELIVERED, "the first has arrived"),
        (Class.OVERDUE, ReceiptKind.DELIVERED, "the first has arrived"),
    ],
)
def test_what_did_not_fail_after_all_is_not_sent_again(
    ledger: Ledger, old: Run, one: Class, kind: ReceiptKind, why: str
) -> None:
    """A receipt that comes between the retry and its sending cancels the second copy, and only that one."""
    made = _retry(ledger, old, list(Class))
    first = message(ledger, old.first_id + ROWS[one] - 1)
    desk = Desk.of(ledger, made)
    harvest(ledger, desk.mailbox, [mail(kind, first["reference"])], LATER)
    rest = [place for place in range(1, 6) if place != ROWS[one]]
    assert [pending.row for pending in desk.pending(LATER)] == rest
    recount(ledger, made)
    second = message(ledger, made.first_id + ROWS[one] - 1)
    assert (second["state"], second["reason"]) == ("cancelled", why)


def test_a_retry_of_a_retry_looks_at_the_first_of_all(ledger: Ledger, old: Run) -> None:
    """The first copy arrives while the second retry waits."""
    middle = _retry(ledger, old, [Class.ABANDONED])
    desk = Desk.of(ledger, middle)
    desk.sent(desk.pending(LATER)[0], REJECTED)
    last = _retry(ledger, middle, [Class.REJECTED], "giugno.retry-2")
    waiting = Desk.of(ledger, last)
    assert len(waiting.pending(LATER)) == 1
    first = message(ledger, old.first_id + ROWS[Class.ABANDONED] - 1)
    harvest(ledger, desk.mailbox, [mail(ReceiptKind.DELIVERED, first["reference"])], LATER)
    assert waiting.pending(LATER) == []
    assert message(ledger, last.first_id)["reason"] == "the first has arrived"
    recount(ledger, last)


def test_a_notice_that_comes_late_takes_nothing_away(ledger: Ledger, old: Run) -> None:
    """What is still failed, whatever else is said of it, is sent again."""
    made = _retry(ledger, old, list(Class))
    references = [message(ledger, old.first_id + place - 1)["reference"] for place in range(1, 6)]
    desk = Desk.of(ledger, made)
    harvest(ledger, desk.mailbox, [mail(ReceiptKind.UNDELIVERED, one) for one in references], LATER)
    assert [pending.row for pending in desk.pending(LATER)] == [1, 2, 3, 4, 5]
