"""One message to several addresses: delivered to each, or not; and what the answer said of fewer."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.ledgers import (
    HOUR,
    NOW,
    SENT,
    Desk,
    a_row,
    attempts,
    harvest,
    load,
    mail,
    message,
    query,
    recount,
)

from bulk_pec.domain.receipts import FINAL_AFTER, RECEIPTS, Evidence, Heard, ReceiptKind
from bulk_pec.ledger.inbox.inbox import Mail
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.doubts import Operator

THREE = "uno@example.org, due@example.org; Tre@Example.NET uno@example.org"
"""Three addresses, one of them twice, as a list may write them."""

_NAMES = count(1)


def _desk(ledger: Ledger, recipient: str = THREE) -> Desk:
    """A worker that holds a run of one message to these."""
    return Desk.of(ledger, load(ledger, [a_row(1, "una", recipient)], f"run {next(_NAMES)}"))


def _read(desk: Desk, *mails: Mail, now: int = NOW + HOUR) -> str:
    """Read these in one walk; the message's delivery state then. The counters must hold."""
    harvest(desk.ledger, desk.mailbox, mails, now)
    recount(desk.ledger, desk.run)
    return str(message(desk.ledger, desk.run.first_id)["delivery"])


def test_delivered_takes_a_delivery_for_each_address(ledger: Ledger) -> None:
    """One CONSEGNA an address; the same one read again is no other."""
    desk = _desk(ledger)
    first = desk.pending()[0]
    desk.sent(first)
    mails = [mail(ReceiptKind.DELIVERED, first.reference, at=NOW + hour * HOUR) for hour in (5, 2, 9)]
    assert _read(desk, mail(ReceiptKind.ACCEPTED, first.reference)) == "accepted"
    assert _read(desk, *mails[:2]) == "accepted"
    assert _read(desk, *mails[:2], *mails[:2]) == "accepted"
    assert message(ledger, first.id)["delivered_at"] is None
    assert _read(desk, mails[2]) == "delivered"
    assert message(ledger, first.id)["delivered_at"] == NOW + 9 * HOUR


def _twice(reference: str) -> tuple[Mail, Mail]:
    """A CONSEGNA that the provider lists twice, under two ids: as it does for two addresses of one second."""
    one = mail(ReceiptKind.DELIVERED, reference)
    return one, replace(one, item=replace(one.item, item_id="another id"))


def _ambiguous(desk: Desk) -> int:
    """How many messages of the run the balance tells as ambiguous; a person must look at each."""
    desk.ledger.balances.draw(desk.run, NOW)
    balance = desk.ledger.balances.last(desk.run)
    assert balance is not None
    told = {one["kind"]: one["count"] for one in balance["findings"]}
    assert balance["adds_up"] == (told == {})
    return int(told.get("ambiguous_deliveries", 0))


def test_mails_that_look_alike_count_once(ledger: Ledger) -> None:
    """One text, two ids: repeated by the provider, or of two addresses. A person looks."""
    desk = _desk(ledger, "uno@example.org, due@example.org")
    first = desk.pending()[0]
    desk.sent(first)
    one, other = _twice(first.reference)
    assert _read(desk, one, one) == "none"
    assert _ambiguous(desk) == 0
    assert _read(desk, one, other) == "none"
    assert len(query(ledger, "SELECT id FROM receipts")) == 2
    assert _ambiguous(desk) == 1
    assert ledger.inbox.mark_overdue(desk.run, NOW + HOUR, NOW + 30 * HOUR) == 1
    assert _ambiguous(desk) == 1
    assert _read(desk, mail(ReceiptKind.DELIVERED, first.reference, at=NOW + HOUR)) == "delivered"
    assert _ambiguous(desk) == 0


def test_what_a_person_has_looked_at_is_asked_no_more(ledger: Ledger) -> None:
    """Acknowledged with author and reason; it holds for the receipts that were there."""
    desk = _desk(ledger, "uno@example.org, due@example.org")
    first = desk.pending()[0]
    desk.sent(first)
    one, other = _twice(first.reference)
    _read(desk, one, other, mail(ReceiptKind.UNDELIVERED, first.reference))
    (found,) = ledger.ambiguities.of(desk.run)
    assert (found.key, found.receipts, found.found, found.addresses) == ("una", 3, 2, 2)
    assert not found.acknowledged
    by = Operator("anna on host", {"user": "anna", "reason": "webmail"})
    assert ledger.ambiguities.acknowledge(desk.run, [], by, NOW) == 0
    assert ledger.ambiguities.acknowledge(desk.run, [found], by, NOW) == 1
    assert [one.acknowledged for one in ledger.ambiguities.of(desk.run)] == [True]
    assert _ambiguous(desk) == 0
    balance = ledger.balances.last(desk.run)
    assert balance is not None
    assert balance["acknowledged"] == {"undelivered": 1}
    (order,) = ledger.stories.orders(desk.run, first.reference)
    assert (order.given_by, order.named) == ("anna on host", 1)
    assert order.facts["reason"] == "webmail"
    assert ledger.stories.orders(desk.run, "another") == []
    _read(desk, mail(ReceiptKind.DELIVERED, first.reference, at=NOW + HOUR))
    assert _ambiguous(desk) == 1


@pytest.mark.parametrize(
    ("recipient", "ready"), [("uno@example.org, due@example.org", 0), ("uno@example.org", 1)]
)
def test_what_a_person_must_look_at_is_not_deleted(ledger: Ledger, recipient: str, ready: int) -> None:
    """Of several addresses' receipts nothing goes before all are delivered; of one address's it does."""
    desk = _desk(ledger, recipient)
    first = desk.pending()[0]
    desk.sent(first)
    _read(desk, mail(ReceiptKind.UNDELIVERED, first.reference))
    (receipt,) = query(ledger, "SELECT id FROM receipts")
    with ledger.database.transaction() as connection:
        ledger.database.execute(
            connection,
            "UPDATE receipts SET archived_at = 1, text_digest = 'd', cause = 'other', item_id = '7' "
            "WHERE id = :id",
            id=receipt["id"],
        )
    assert len(ledger.clearing.ready(desk.mailbox, None, 10)) == ready


@pytest.mark.parametrize("order", [1, -1])
def test_a_repeated_delivery_does_not_outweigh_a_notice(ledger: Ledger, order: int) -> None:
    """Twice delivered to one of two, and not to the other: undelivered, in any order, and told."""
    desk = _desk(ledger, "uno@example.org, due@example.org")
    first = desk.pending()[0]
    desk.sent(first)
    mails = [*_twice(first.reference), mail(ReceiptKind.UNDELIVERED, first.reference)]
    for one in ([mails[2]], mails[:2])[::order]:
        state = _read(desk, *one)
    assert state == "undelivered"
    assert message(ledger, first.id)["delivered_at"] is None
    assert _ambiguous(desk) == 1


def test_deliveries_of_two_sendings_do_not_add_up(ledger: Ledger) -> None:
    """It left twice: one address may have both copies, the other none."""
    desk = _desk(ledger, "uno@example.org, due@example.org")
    first = desk.pending()[0]
    desk.sent(first)
    copies = [
        mail(ReceiptKind.DELIVERED, first.reference, at=NOW + at, message_id=f"202608261000350{at}")
        for at in (1, 2)
    ]
    assert _read(desk, *copies) == "none"
    assert _ambiguous(desk) == 1


def test_undelivered_is_a_final_notice_for_one_of_them(ledger: Ledger) -> None:
    """It needs a person as soon as one surely has it not; that as many CONSEGNA come makes it ambiguous."""
    desk = _desk(ledger)
    first = desk.pending()[0]
    desk.sent(first)
    assert _read(desk, mail(ReceiptKind.DELIVERED, first.reference, at=NOW)) == "none"
    assert _read(desk, mail(ReceiptKind.UNDELIVERED, first.reference)) == "undelivered"
    assert message(ledger, first.id)["reason"] == "not delivered"
    assert _read(desk, mail(ReceiptKind.DELIVERED, first.reference, at=NOW + 1)) == "undelivered"
    assert _ambiguous(desk) == 0
    assert _read(desk, mail(ReceiptKind.DELIVERED, first.reference, at=NOW + 2)) == "undelivered"
    assert message(ledger, first.id)["reason"] == "not delivered"
    assert _ambiguous(desk) == 1


def test_one_address_is_as_it_was(ledger: Ledger) -> None:
    """A single address, however it is written and however often, takes one delivery."""
    desk = _desk(ledger, "uno@example.org;UNO@example.org")
    first = desk.pending()[0]
    desk.sent(first)
    assert _read(desk, mail(ReceiptKind.DELIVERED, first.reference)) == "delivered"


def test_what_was_overdue_is_delivered_by_the_last_of_them(ledger: Ledger) -> None:
    """Two of three in time leave it overdue; the third ends that."""
    desk = _desk(ledger)
    first = desk.pending()[0]
    desk.sent(first, at=NOW)
    mails = [mail(ReceiptKind.DELIVERED, first.reference, at=NOW + hour * HOUR) for hour in (1, 2, 40)]
    assert _read(desk, mails[0]) == "none"
    assert ledger.inbox.mark_overdue(desk.run, NOW + 1, NOW + 30 * HOUR) == 1
    assert _read(desk, mails[1]) == "overdue"
    assert _read(desk, mails[2]) == "delivered"


def test_fewer_than_asked_is_reported(ledger: Ledger) -> None:
    """The provider says it sent to two of three: counted, said in the reason, kept with the attempt."""
    desk = _desk(ledger)
    first = desk.pending()[0]
    answer = replace(SENT, detail="Sent to 2 of 3 addresses", sent_to=2, fewer=True)
    attempt = desk.opened(first, units=3)
    desk.close(attempt, first.id, answer)
    assert ledger.views.figures(desk.run).fewer == 1
    assert attempts(ledger, first.id)[0]["sent_to"] == 2
    assert message(ledger, first.id)["reason"] == "Sent to 2 of 3 addresses"
    assert _read(desk, mail(ReceiptKind.DELIVERED, first.reference, at=NOW)) == "none"
    assert message(ledger, first.id)["reason"] == "Sent to 2 of 3 addresses"
    assert _read(desk, mail(ReceiptKind.UNDELIVERED, first.reference)) == "undelivered"
    assert message(ledger, first.id)["reason"] == "not delivered; Sent to 2 of 3 addresses"


def test_as_many_as_asked_is_nothing_to_report(ledger: Ledger) -> None:
    """The usual answer counts all of them, or does not count."""
    desk = _desk(ledger)
    attempt = desk.opened(desk.pending()[0], units=3)
    desk.close(attempt, desk.run.first_id, replace(SENT, sent_to=3))
    assert ledger.views.figures(desk.run).fewer == 0
    assert message(ledger, desk.run.first_id)["reason"] is None


_RECEIPTS = st.lists(
    st.tuples(
        st.sampled_from(sorted(RECEIPTS) + [ReceiptKind.DELIVERED] * 3),
        st.sampled_from([0, 1, FINAL_AFTER - 1, FINAL_AFTER, 99]),
    ),
    min_size=1,
    max_size=7,
)
_COLUMNS = (
    "state",
    "delivery",
    "accepted_at",
    "not_accepted_at",
    "delivered_at",
    "undelivered_at",
    "late_at",
    "reason",
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(receipts=_RECEIPTS, addresses=st.sampled_from([1, 2, 3]), data=st.data())
def test_any_order_and_repetition_gives_the_same(
    ledger: Ledger, receipts: list[tuple[ReceiptKind, int]], addresses: int, data: st.DataObject
) -> None:
    """Shuffled, repeated, on one page or several: the state is what the set of receipts says."""
    recipient = ", ".join(f"persona{number}@example.org" for number in range(addresses))
    ends = []
    for _ in range(2):
        desk = _desk(ledger, recipient)
        first = desk.pending()[0]
        desk.sent(first, at=NOW)
        mails = [mail(kind, first.reference, at=NOW + at) for kind, at in receipts]
        shuffled = data.draw(st.permutations(mails + data.draw(st.lists(st.sampled_from(mails), max_size=3))))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=2)))
        for begin, stop in zip([0, *cuts], [*cuts, len(shuffled)], strict=True):
            _read(desk, *shuffled[begin:stop])
        row = message(ledger, first.id)
        ends.append({name: row[name] for name in _COLUMNS})
    said = [(kind, NOW + at) for kind, at in receipts]
    heard = [Heard(kind, at) for kind, at in said]
    evidence = Evidence.of_several(heard, addresses) if addresses > 1 else Evidence().with_receipts(said)
    assert ends[0] == ends[1]
    assert (ends[0]["delivery"], ends[0]["delivered_at"]) == (evidence.delivery.value, evidence.delivered_at)
