"""Quotas in the ledger: readings kept and thinned out, and the receipts that are still to come counted."""

from __future__ import annotations

from support.ledgers import (
    HOUR,
    IN_DOUBT,
    MAILBOX,
    NOT_SENT,
    NOW,
    REJECTED,
    SENT,
    Desk,
    harvest,
    load,
    mail,
    query,
)

from bulk_pec.domain.growth import Due, Growth, learnt
from bulk_pec.domain.inbox import Quota
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.ledger.inbox.quotas import Quotas
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.claims import PendingMessage

DAY = 24 * HOUR


def _reference(ledger: Ledger, pending: PendingMessage) -> str:
    found = query(ledger, "SELECT reference FROM messages WHERE id = :id", id=pending.id)
    return str(found[0]["reference"])


def _due(ledger: Ledger, mailbox: int) -> int:
    return ledger.quotas.due(mailbox, 0, ledger.quotas.last_attempt()).receipts


def test_a_reading_between_harvests_tells_the_mails_of_the_one_before(ledger: Ledger) -> None:
    """A harvest's reading counts what was seen by then; one taken while a walk is under way does not."""
    desk = Desk.of(ledger, load(ledger, 3))
    one = desk.pending()[0]
    desk.sent(one)
    harvest(ledger, desk.mailbox, [mail(ReceiptKind.ACCEPTED, _reference(ledger, one))])
    ledger.quotas.note(MAILBOX, Quota(10, 100), NOW, harvested=True)
    harvest(ledger, desk.mailbox, [mail(ReceiptKind.DELIVERED, _reference(ledger, one))])
    ledger.quotas.note(MAILBOX.upper(), Quota(30, 100), NOW + 1, harvested=False)
    ledger.quotas.note(MAILBOX, Quota(30, 100), NOW + 2, harvested=True)
    found = ledger.quotas.readings(desk.mailbox)
    assert [(one.at, one.usage, one.capacity, one.seen) for one in found] == [
        (NOW, 10.0, 100.0, 1),
        (NOW + 1, 30.0, 100.0, 1),
        (NOW + 2, 30.0, 100.0, 2),
    ]
    assert ledger.quotas.readings(desk.mailbox, 1) == found[-1:]
    ledger.quotas.note("nobody@example.com", Quota(1, 2), NOW, harvested=True)
    assert len(query(ledger, "SELECT id FROM quotas")) == 3


def test_old_readings_are_thinned_out(ledger: Ledger) -> None:
    """All of the last day stay, one an hour of the last month, one a day of what is older: the first each."""
    desk = Desk.of(ledger, load(ledger, 1), claim=False)
    start = NOW // DAY * DAY
    minutes = range(0, 4 * 60, 20)
    for minute in minutes:
        ledger.quotas.note(MAILBOX, Quota(minute, 1000), start + minute * 60_000, harvested=True)
    assert len(ledger.quotas.readings(desk.mailbox)) == len(minutes)
    ledger.quotas.note(MAILBOX, Quota(500, 1000), start + 2 * DAY, harvested=True)
    kept = [one.usage for one in ledger.quotas.readings(desk.mailbox)]
    assert kept == [0.0, 60.0, 120.0, 180.0, 500.0]
    ledger.quotas.note(MAILBOX, Quota(600, 1000), start + 40 * DAY, harvested=True)
    assert [one.usage for one in ledger.quotas.readings(desk.mailbox)] == [0.0, 500.0, 600.0]


def test_two_receipts_a_message_are_due_until_they_are_seen(ledger: Ledger) -> None:
    """Sent, in doubt and on its way count; rejected and not sent do not; an address more is one more."""
    desk = Desk.of(ledger, load(ledger, 8))
    first, rejected, unsent, doubt, several, way, late, other = desk.pending()
    desk.sent(first)
    desk.sent(rejected, REJECTED)
    desk.sent(unsent, NOT_SENT)
    assert _due(ledger, desk.mailbox) == 2
    desk.sent(doubt, IN_DOUBT)
    desk.opened(way)
    desk.close(desk.opened(several, units=3), several.id, SENT)
    desk.sent(late)
    assert _due(ledger, desk.mailbox) == 2 + 2 + 2 + 4 + 2
    desk.opened(other, mailbox_id=ledger.inbox.mailbox_id("altro@example.com"))
    assert _due(ledger, desk.mailbox) == 12
    reference = _reference(ledger, first)
    harvest(ledger, desk.mailbox, [mail(ReceiptKind.ACCEPTED, reference)])
    assert _due(ledger, desk.mailbox) == 11
    harvest(ledger, desk.mailbox, [mail(ReceiptKind.DELIVERED, reference)])
    harvest(ledger, desk.mailbox, [mail(ReceiptKind.NOT_ACCEPTED, _reference(ledger, doubt))])
    assert _due(ledger, desk.mailbox) == 8
    ledger.inbox.mark_overdue(desk.run, NOW + DAY, NOW + DAY)
    assert _due(ledger, desk.mailbox) == 2, "what is on its way is all that is waited for"


def test_attempts_are_found_by_their_time(ledger: Ledger) -> None:
    """The id after which attempts were opened at a moment or later, whichever it is."""
    desk = Desk.of(ledger, load(ledger, 6))
    ids = [desk.opened(one, now=NOW + number * 1000) for number, one in enumerate(desk.pending())]
    assert ledger.quotas.before(NOW) < ids[0]
    assert ledger.quotas.before(NOW + 2500) == ids[2]
    assert ledger.quotas.before(NOW + 3000) == ids[2]
    assert ledger.quotas.before(NOW + 10_000) == ids[-1] == ledger.quotas.last_attempt()


def test_a_ledger_without_attempts_has_nothing_due(ledger: Ledger) -> None:
    """Before the first message nothing is counted."""
    load(ledger, 1)
    assert (ledger.quotas.last_attempt(), ledger.quotas.before(NOW)) == (0, 0)
    assert ledger.quotas.due(1, 0, 0) == Due()


def test_consegne_are_counted_by_the_readings(ledger: Ledger) -> None:
    """Each reading tells how many had been seen by then; the same to a process that begins to count later."""
    desk = Desk.of(ledger, load(ledger, 40))
    pending = desk.pending()
    for one in pending:
        desk.sent(one)
    references = [_reference(ledger, one) for one in pending]
    used = 0
    sizes = {ReceiptKind.ACCEPTED: 10, ReceiptKind.UNDELIVERED: 5, ReceiptKind.DELIVERED: 170}
    for kind, size in sizes.items():
        harvest(ledger, desk.mailbox, [mail(kind, one) for one in references])
        used += 40 * size
        ledger.quotas.note(MAILBOX, Quota(used, 1_000_000), NOW, harvested=True)
        ledger.quotas.note(MAILBOX, Quota(used + 1, 1_000_000), NOW, harvested=False)
        assert len(ledger.quotas.history(desk.mailbox)) > 0, "it is counted as it comes"
    counted = ledger.quotas.history(desk.mailbox)
    again = Quotas(ledger.database).history(desk.mailbox)
    assert [one.delivered for one in counted] == [0, 0, 0, 0, 40, 40]
    assert [one.delivered for one in again] == [0, 0, 0, 0, 40, 40]
    assert learnt(counted[:4]) == Growth(5.0, 5.0, sure=False)
    known = learnt(counted)
    assert known is not None
    assert (known.sure, known.final >= 169.9, known.accepted < 10) == (True, True, True)


def test_only_so_many_mails_are_counted(ledger: Ledger) -> None:
    """Of what came before them nothing is told; and what comes to another mailbox puts it in no disorder."""
    kept = Quotas(ledger.database, 30)
    desk = Desk.of(ledger, load(ledger, 1))
    other = ledger.inbox.mailbox_id("altro@example.com")
    for step in range(4):
        kind = ReceiptKind.DELIVERED if step % 2 else ReceiptKind.ACCEPTED
        harvest(ledger, desk.mailbox, [mail(kind, None) for _ in range(15)])
        harvest(ledger, other, [mail(ReceiptKind.DELIVERED, None) for _ in range(5)])
        ledger.quotas.note(MAILBOX, Quota(step, 100), NOW, harvested=True)
        if step == 1:
            kept.history(desk.mailbox)
    fresh = Quotas(ledger.database, 30).history(desk.mailbox)
    assert [one.delivered for one in fresh] == [None, 0, 0, 15]
    assert [one.delivered for one in kept.history(desk.mailbox)] == [0, 15, 15, 30]
