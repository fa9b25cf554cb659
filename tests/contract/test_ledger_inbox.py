"""The inbox: what a walk read, what is known of it, and what its receipts say of the messages."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.ledgers import (
    HOUR,
    MAILBOX,
    NOW,
    REJECTED,
    Desk,
    end,
    harvest,
    load,
    mail,
    message,
    query,
    recount,
)
from support.walks import add_page, known_before

from bulk_pec.domain import references
from bulk_pec.domain.receipts import FINAL_AFTER, RECEIPTS, Evidence, ReceiptKind
from bulk_pec.domain.states import Delivery
from bulk_pec.ledger.inbox.inbox import Harvested, Mail
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.runs import Run

_NAMES = count(1)


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    """A worker that holds a run of three messages."""
    return Desk.of(ledger, load(ledger, 3))


def _delivery(ledger: Ledger, run: Run, place: int = 0) -> str:
    return str(message(ledger, run.first_id + place)["delivery"])


def _mails(number: int) -> list[Mail]:
    return [mail(ReceiptKind.FOREIGN, None) for _ in range(number)]


def test_a_mailbox_has_one_id_however_its_address_is_written(ledger: Ledger) -> None:
    """Addresses are compared without case, here as by the mail system."""
    assert ledger.inbox.mailbox_id("Ufficio@Example.COM") == ledger.inbox.mailbox_id("ufficio@example.com")
    assert ledger.inbox.mailbox_id("altro@example.com") != ledger.inbox.mailbox_id("ufficio@example.com")


def test_a_page_is_known_only_once_its_walk_is_complete(ledger: Ledger) -> None:
    """While the walk goes on, and to itself, nothing of it is known; to the next walk all of it is."""
    box, mails = ledger.inbox.mailbox_id(MAILBOX), _mails(3)
    walk = ledger.inbox.begin(box, NOW)
    add_page(ledger, walk, box, mails, NOW)
    assert known_before(ledger, walk, box, mails) == set()
    ledger.inbox.complete(walk, box, end(), NOW + 1)
    later = ledger.inbox.begin(box, NOW + 2)
    assert known_before(ledger, later, box, [*mails, *_mails(2)]) == {one.fingerprint for one in mails}


def test_what_a_dead_walk_read_is_not_known(ledger: Ledger) -> None:
    """A walk that died is walked again: its pages stop no later walk."""
    box, mails = ledger.inbox.mailbox_id(MAILBOX), _mails(3)
    add_page(ledger, ledger.inbox.begin(box, NOW), box, mails, NOW)
    later = ledger.inbox.begin(box, NOW + HOUR)
    assert known_before(ledger, later, box, mails) == set()


def test_the_pages_of_a_dead_walk_are_adopted_by_the_next(ledger: Ledger) -> None:
    """Mail that a dead walk recorded is not new, but becomes known with the walk that read it again."""
    box, mails = ledger.inbox.mailbox_id(MAILBOX), _mails(3)
    add_page(ledger, ledger.inbox.begin(box, NOW), box, mails, NOW)
    second = ledger.inbox.begin(box, NOW + HOUR)
    assert add_page(ledger, second, box, mails, NOW + HOUR) == Harvested(new=0, matched=0)
    ledger.inbox.complete(second, box, end(), NOW + HOUR + 1)
    third = ledger.inbox.begin(box, NOW + 2 * HOUR)
    assert known_before(ledger, third, box, mails) == {one.fingerprint for one in mails}


def test_a_walk_that_ended_after_this_one_began_makes_nothing_known_to_it(ledger: Ledger) -> None:
    """Known means known before this walk began: another host's that ends meanwhile cannot cut it short."""
    box, mails = ledger.inbox.mailbox_id(MAILBOX), _mails(3)
    other = ledger.inbox.begin(box, NOW)
    add_page(ledger, other, box, mails, NOW)
    mine = ledger.inbox.begin(box, NOW + 10)
    ledger.inbox.complete(other, box, end(), NOW + 20)
    assert known_before(ledger, mine, box, mails) == set()


def test_what_is_known_in_one_mailbox_is_not_in_another(ledger: Ledger) -> None:
    """The same text in two mailboxes is two mails; the same text in one is one, under any id."""
    one, other = ledger.inbox.mailbox_id(MAILBOX), ledger.inbox.mailbox_id("altro@example.com")
    (first,) = _mails(1)
    shifted = replace(first, item=replace(first.item, item_id="another id"))
    harvest(ledger, one, [first], NOW)
    walk = ledger.inbox.begin(other, NOW + HOUR)
    assert known_before(ledger, walk, other, [first]) == set()
    assert [add_page(ledger, walk, other, [mail], NOW + HOUR).new for mail in (first, shifted)] == [1, 0]
    again = ledger.inbox.begin(one, NOW + HOUR)
    assert known_before(ledger, again, one, [shifted]) == {first.fingerprint}
    assert query(ledger, "SELECT mailbox_id FROM receipts ORDER BY id") == [
        {"mailbox_id": one},
        {"mailbox_id": other},
    ]


def test_a_harvest_keeps_how_it_ended(ledger: Ledger) -> None:
    """Its pages, the box's size and fullness, and whether it could have seen everything."""
    box = ledger.inbox.mailbox_id(MAILBOX)
    assert ledger.inbox.last_total(box) is None
    walk = ledger.inbox.begin(box, NOW)
    ledger.inbox.complete(walk, box, end(pages=4, total=81, steady=False, quota_share=0.5), NOW + 9)
    (row,) = query(ledger, "SELECT * FROM harvests")
    assert (row["begun_at"], row["ended_at"], row["pages"], row["total"]) == (NOW, NOW + 9, 4, 81)
    assert (bool(row["complete"]), bool(row["both_ends"]), bool(row["steady"])) == (True, True, False)
    assert row["quota_share"] == 0.5
    assert ledger.inbox.last_total(box) == 81
    ledger.inbox.begin(box, NOW + HOUR)
    assert ledger.inbox.last_total(box) == 81


def test_a_total_beyond_belief_is_none(ledger: Ledger) -> None:
    """A figure that no column holds ends no harvest: it is kept as if it had not been said."""
    box = ledger.inbox.mailbox_id(MAILBOX)
    for total, kept in ((10**9, 10**9), (10**10, None), (-(10**30), None)):
        ledger.inbox.complete(ledger.inbox.begin(box, NOW), box, end(total=total), NOW + 9)
        assert ledger.inbox.last_total(box) == kept


def test_only_a_good_harvest_begun_after_can_show_an_absence(ledger: Ledger) -> None:
    """Complete, both ends met, steady, begun later, of that mailbox: the latest such one is shown."""
    box, other = ledger.inbox.mailbox_id(MAILBOX), ledger.inbox.mailbox_id("altro@example.com")
    for wrong in (end(both_ends=False), end(steady=False)):
        ledger.inbox.complete(ledger.inbox.begin(box, NOW + 5), box, wrong, NOW + 6)
    ledger.inbox.complete(ledger.inbox.begin(box, NOW), box, end(), NOW + 9)
    ledger.inbox.complete(ledger.inbox.begin(other, NOW + 5), other, end(), NOW + 6)
    ledger.inbox.begin(box, NOW + 7)
    assert ledger.doubts.harvest_since(box, NOW) is None
    good = [ledger.inbox.begin(box, NOW + at) for at in (1, 2)]
    for walk in good:
        ledger.inbox.complete(walk, box, end(), NOW + 20)
    found = ledger.doubts.harvest_since(box, NOW)
    assert found is not None
    assert (found.id, found.begun_at, found.ended_at, found.quota_share) == (good[1], NOW + 2, NOW + 20, 0.25)


def test_every_mail_seen_is_matched_foreign_or_unknown(desk: Desk) -> None:
    """Seen = matched + foreign + unknown, counted once each, whatever walk reads them again."""
    ledger, (first, second, _) = desk.ledger, desk.pending()
    mails = [
        mail(ReceiptKind.ACCEPTED, first.reference),
        mail(ReceiptKind.DELIVERED, second.reference),
        mail(ReceiptKind.FOREIGN, first.reference),
        mail(ReceiptKind.UNKNOWN, second.reference),
        mail(ReceiptKind.ACCEPTED, references.draw(1)[0]),
        mail(ReceiptKind.DELIVERED, None),
    ]
    assert harvest(ledger, desk.mailbox, mails) == 2
    assert harvest(ledger, desk.mailbox, mails, NOW + 2 * HOUR) == 0
    figures = ledger.views.figures(desk.run)
    assert (figures.seen, figures.values["receipts_matched"], figures.unknown) == (6, 2, 1)
    recount(ledger, desk.run)


@pytest.mark.parametrize("kind", [ReceiptKind.FOREIGN, ReceiptKind.UNKNOWN])
def test_what_is_no_receipt_moves_nothing(desk: Desk, kind: ReceiptKind) -> None:
    """Somebody's message that quotes our reference proves nothing."""
    first = desk.pending()[0]
    assert harvest(desk.ledger, desk.mailbox, [mail(kind, first.reference)]) == 0
    assert desk.state(first) == "pending"
    assert query(desk.ledger, "SELECT message FROM receipts") == [{"message": None}]


def test_a_reference_the_ledger_does_not_know_is_kept_unmatched(desk: Desk) -> None:
    """Another ledger's receipt is recorded, counted as seen, and belongs to nothing here."""
    stranger = references.draw(1)[0]
    assert harvest(desk.ledger, desk.mailbox, [mail(ReceiptKind.DELIVERED, stranger)]) == 0
    assert query(desk.ledger, "SELECT reference, message FROM receipts") == [
        {"reference": stranger, "message": None}
    ]
    assert desk.ledger.views.figures(desk.run).seen == 1
    recount(desk.ledger, desk.run)


def _naming(kind: ReceiptKind, *named: str) -> Mail:
    return replace(mail(kind, named[-1]), earlier=named[:-1])


def _page(desk: Desk, mails: list[Mail], now: int = NOW + HOUR) -> Harvested:
    walk = desk.ledger.inbox.begin(desk.mailbox, now)
    return add_page(desk.ledger, walk, desk.mailbox, mails, now)


def test_the_last_reference_that_the_ledger_knows_is_the_one(desk: Desk) -> None:
    """One that the text quotes stands before ours, an id that passes for one after it: neither is taken."""
    first, second, _ = desk.pending()
    one = _naming(ReceiptKind.DELIVERED, first.reference, second.reference, "0000000000000")
    assert _page(desk, [one]) == Harvested(new=1, matched=1, strange=0)
    assert (desk.state(first), desk.state(second)) == ("pending", "sent")
    assert query(desk.ledger, "SELECT reference, message FROM receipts") == [
        {"reference": second.reference, "message": second.id}
    ]
    recount(desk.ledger, desk.run)


def test_receipts_whose_references_are_unknown_are_counted_once(desk: Desk) -> None:
    """New receipts only, and only if none of their references is known; somebody's mail never counts."""
    first = desk.pending()[0]
    stranger, other = references.draw(2)
    mails = [
        _naming(ReceiptKind.ACCEPTED, stranger),
        _naming(ReceiptKind.DELIVERED, stranger, other),
        _naming(ReceiptKind.DELIVERED, first.reference, other),
        _naming(ReceiptKind.FOREIGN, other),
        _naming(ReceiptKind.UNKNOWN, other),
        mail(ReceiptKind.ACCEPTED, None),
    ]
    assert _page(desk, mails) == Harvested(new=6, matched=1, strange=2)
    assert _page(desk, mails) == Harvested(new=0, matched=0, strange=0)
    kept = {
        row["reference"] for row in query(desk.ledger, "SELECT reference FROM receipts WHERE message > 0")
    }
    assert kept == {first.reference}
    recount(desk.ledger, desk.run)


def test_a_receipt_kept_unmatched_is_matched_when_it_is_read_again(desk: Desk) -> None:
    """One that was recorded under a token that is not ours is matched once, though it is not new."""
    first = desk.pending()[0]
    misread = mail(ReceiptKind.DELIVERED, "0000000000000")
    assert _page(desk, [misread]).matched == 0
    again = replace(misread, earlier=(first.reference,))
    assert _page(desk, [again], NOW + 2 * HOUR) == Harvested(new=0, matched=1)
    assert _page(desk, [again], NOW + 3 * HOUR) == Harvested(new=0, matched=0)
    assert desk.state(first) == "sent"
    recount(desk.ledger, desk.run)


def test_receipts_of_several_runs_on_one_page_go_to_their_own(ledger: Ledger) -> None:
    """One mailbox serves many runs: each receipt counts for the run its reference belongs to."""
    runs = [load(ledger, 2, name) for name in ("uno", "due", "tre")]
    box = ledger.inbox.mailbox_id(MAILBOX)
    mails = [
        mail(ReceiptKind.DELIVERED, message(ledger, run.first_id + place)["reference"])
        for run, places in zip(runs, ((0,), (0, 1), ()), strict=True)
        for place in places
    ]
    assert harvest(ledger, box, mails) == 3
    figures = [ledger.views.figures(run) for run in runs]
    assert [one.values["receipts_matched"] for one in figures] == [1, 2, 0]
    assert [one.seen for one in figures] == [3, 3, 3]
    for run in runs:
        recount(ledger, run)


def test_receipts_in_a_mailbox_the_run_was_not_loaded_with_add_up(ledger: Ledger) -> None:
    """When the sending mailbox was changed after the load, matched still is a part of seen."""
    run = load(ledger, 2)
    box = ledger.inbox.mailbox_id("nuova@example.com")
    harvest(ledger, box, _mails(2))
    reference = message(ledger, run.first_id)["reference"]
    harvest(ledger, box, [mail(ReceiptKind.DELIVERED, reference), *_mails(1)], NOW + 2 * HOUR)
    figures = ledger.views.figures(run)
    assert (figures.seen, figures.values["receipts_matched"]) == (2, 1)


def test_the_same_mail_twice_on_a_page_is_one(desk: Desk) -> None:
    """New mail shifts pages while they are read, so a mail may be listed twice."""
    first = desk.pending()[0]
    one = mail(ReceiptKind.ACCEPTED, first.reference)
    assert harvest(desk.ledger, desk.mailbox, [one, one]) == 1
    assert desk.ledger.views.figures(desk.run).seen == 1
    recount(desk.ledger, desk.run)


def test_a_mail_without_a_date_counts_from_when_it_was_read(desk: Desk) -> None:
    """A date nobody can read is no reason to drop the evidence."""
    first = desk.pending()[0]
    harvest(desk.ledger, desk.mailbox, [mail(ReceiptKind.ACCEPTED, first.reference, at=None)], NOW + HOUR)
    assert message(desk.ledger, first.id)["accepted_at"] == NOW + HOUR


def test_odd_subjects_and_senders_are_kept_as_they_were(ledger: Ledger) -> None:
    """Quotes, backslashes and every script survive the JSON batch."""
    box = ledger.inbox.mailbox_id(MAILBOX)
    odd = mail(ReceiptKind.UNKNOWN, None)
    item = replace(odd.item, sender='"O\'Brien" \\ <x@example.org>', subject="già 📬 \\u0041 \t\n", date="")
    harvest(ledger, box, [replace(odd, item=item)])
    (row,) = query(ledger, "SELECT sender, subject, date FROM receipts")
    assert row == {"sender": item.sender, "subject": item.subject, "date": ""}


def test_what_is_unanswered_for_too_long_is_overdue(desk: Desk) -> None:
    """From acceptance, else from sending; delivered, undelivered and unsent messages never are.

    Nor are those of a mailbox whose inbox could not be read.
    """
    ledger, (first, second, third) = desk.ledger, desk.pending()
    desk.sent(first, at=NOW)
    desk.sent(second, at=NOW)
    desk.sent(third, REJECTED, at=NOW)
    harvest(ledger, desk.mailbox, [mail(ReceiptKind.ACCEPTED, second.reference, at=NOW + HOUR)])
    mark = ledger.inbox.mark_overdue
    assert mark(desk.run, NOW, NOW + 30 * HOUR) == 0
    assert mark(desk.run, NOW + 1, NOW + 30 * HOUR, {desk.mailbox, desk.mailbox + 1}) == 0
    assert mark(desk.run, NOW + 1, NOW + 30 * HOUR) == 1
    assert [_delivery(ledger, desk.run, n) for n in (0, 1)] == ["overdue", "accepted"]
    recount(ledger, desk.run)
    assert mark(desk.run, NOW + HOUR + 1, NOW + 30 * HOUR) == 1
    assert mark(desk.run, NOW + HOUR + 1, NOW + 30 * HOUR) == 0
    recount(ledger, desk.run)


@pytest.mark.parametrize(
    ("kind", "delivery"),
    [
        (ReceiptKind.ACCEPTED, "overdue"),
        (ReceiptKind.EARLY_WARNING, "overdue"),
        (ReceiptKind.DELIVERED, "delivered"),
        (ReceiptKind.UNDELIVERED, "undelivered"),
        (ReceiptKind.NOT_ACCEPTED, "not_accepted"),
    ],
)
def test_a_final_receipt_ends_the_overdue(desk: Desk, kind: ReceiptKind, delivery: str) -> None:
    """What is final still comes through after the time is up; an early notice does not make it less late."""
    first = desk.pending()[0]
    desk.sent(first, at=NOW)
    desk.ledger.inbox.mark_overdue(desk.run, NOW + 1, NOW + 30 * HOUR)
    harvest(desk.ledger, desk.mailbox, [mail(kind, first.reference)], NOW + 31 * HOUR)
    assert _delivery(desk.ledger, desk.run) == delivery
    recount(desk.ledger, desk.run)


_RECEIPTS = st.lists(
    st.tuples(st.sampled_from(sorted(RECEIPTS)), st.sampled_from([0, 1, FINAL_AFTER - 1, FINAL_AFTER, 99])),
    min_size=1,
    max_size=6,
)
_COLUMNS = (
    "state",
    "delivery",
    "accepted_at",
    "not_accepted_at",
    "delivered_at",
    "undelivered_at",
    "late_at",
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(receipts=_RECEIPTS, data=st.data())
def test_any_order_and_repetition_of_receipts_gives_the_same_delivery(
    ledger: Ledger, receipts: list[tuple[ReceiptKind, int]], data: st.DataObject
) -> None:
    """One page or many, in any order, some twice: the fold is what the evidence says, and the sums hold."""
    run = load(ledger, 2, f"run {next(_NAMES)}")
    box, ends = ledger.inbox.mailbox_id(MAILBOX), []
    for identity in (run.first_id, run.last_id):
        reference = message(ledger, identity)["reference"]
        mails = [mail(kind, reference, at=NOW + at) for kind, at in receipts]
        shuffled = data.draw(st.permutations(mails + data.draw(st.lists(st.sampled_from(mails), max_size=3))))
        cut = data.draw(st.integers(0, len(shuffled)))
        for page in (shuffled[:cut], shuffled[cut:]):
            harvest(ledger, box, page)
            recount(ledger, run)
        ends.append({name: message(ledger, identity)[name] for name in _COLUMNS})
    evidence = Evidence()
    for kind, at in receipts:
        evidence = evidence.with_receipts([(kind, NOW + at)])
    assert ends[0] == ends[1]
    assert (ends[0]["state"], ends[0]["delivery"]) == ("sent", evidence.delivery.value)
    assert evidence.delivery in set(Delivery)
