"""Receipts without a reference: matched by the provider's message_id alone, where all that must hold does."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import permutations
from threading import Barrier

import pytest
from support.ledgers import (
    HOUR,
    IN_DOUBT,
    MAILBOX,
    MESSAGE_ID,
    NOW,
    SENT,
    Desk,
    attempts,
    end,
    expire,
    harvest,
    load,
    message,
    opened,
    query,
    recount,
)
from support.walks import add_page

from bulk_pec.domain import references
from bulk_pec.domain.inbox import InboxItem
from bulk_pec.domain.outcomes import Outcome, Verdict
from bulk_pec.domain.subjects import subject_digest
from bulk_pec.ledger.inbox.mails import Harvested, Mail
from bulk_pec.ledger.inbox.waiting import CLOCK_MARGIN, SHARED
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.attempts import Closing
from bulk_pec.ledger.outbox.claims import PendingMessage
from bulk_pec.receipts.reading import read

OURS = "Società: avviso n. 7"
MINUTE = 60_000
SENDER = "posta-certificata@example.net"


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    """A worker that holds a run of three messages whose subject carries no reference."""
    return Desk.of(ledger, load(ledger, 3))


def _outcome(message_id: str) -> Outcome:
    return replace(SENT, message_id=message_id)


def _posted(desk: Desk, pending: PendingMessage, message_id: str = MESSAGE_ID, subject: str = OURS) -> int:
    """Post a message with this subject; the provider takes it and names it. The attempt's id."""
    attempt = desk.opened(pending, subject_digest=subject_digest(subject))
    desk.close(attempt, pending.id, _outcome(message_id))
    return attempt


def _receipt(
    subject: str, words: str = "CONSEGNA", at: int | None = NOW + MINUTE, sender: str = SENDER
) -> Mail:
    """A receipt of a message with this subject, the provider's token at its end, as the inbox lists it."""
    text = f"{words}: {subject}"
    return read(InboxItem(f"id of {text}", sender, text, f"{at}", at))


def _walk(desk: Desk, mails: Iterable[Mail], now: int = NOW + HOUR) -> Harvested:
    """A whole walk that reads these mails, and the look at what waits that ends it."""
    assert harvest(desk.ledger, desk.mailbox, mails, now) == 0
    found = desk.ledger.inbox.match_waiting(desk.mailbox, now)
    while found.after is not None:
        part = desk.ledger.inbox.match_waiting(desk.mailbox, now, found.after)
        found = Harvested(0, found.matched + part.matched, 0, found.shared + part.shared, part.after)
        recount(desk.ledger, desk.run)
    recount(desk.ledger, desk.run)
    return found


def _delivery(desk: Desk, pending: PendingMessage) -> str:
    return str(message(desk.ledger, pending.id)["delivery"])


def _waiting(desk: Desk) -> list[str]:
    rows = query(desk.ledger, "SELECT token FROM receipts WHERE message IS NULL ORDER BY id")
    return [row["token"] for row in rows]


def test_a_receipt_is_matched_by_its_last_word(desk: Desk) -> None:
    """Acceptance and delivery find their message: id, subject and date fit. Once, however often read."""
    first, second, _ = desk.pending()
    _posted(desk, first)
    _posted(desk, second, "2020082610003493")
    mails = [_receipt(f"{OURS} {MESSAGE_ID}", words) for words in ("ACCETTAZIONE", "CONSEGNA")]
    assert _walk(desk, mails) == Harvested(0, 2)
    assert _walk(desk, mails, NOW + 2 * HOUR) == Harvested(0, 0)
    assert [_delivery(desk, one) for one in (first, second)] == ["delivered", "none"]
    rows = query(desk.ledger, "SELECT DISTINCT message, reference, token FROM receipts")
    assert rows == [{"message": first.id, "reference": None, "token": MESSAGE_ID}]
    assert message(desk.ledger, first.id)["accepted_at"] == NOW + MINUTE


@pytest.mark.parametrize(
    "shown",
    [
        OURS.replace("à", "\N{REPLACEMENT CHARACTER}"),
        OURS.replace(" ", "  "),
        "Societ\x61\u0300: avviso n. 7",
    ],
)
def test_our_subject_may_be_shown_otherwise(desk: Desk, shown: str) -> None:
    """Broken accents, other blanks and decomposed letters are the same subject."""
    first = desk.pending()[0]
    _posted(desk, first)
    assert _walk(desk, [_receipt(f"{shown} {MESSAGE_ID}")]).matched == 1


@pytest.mark.parametrize("words", ["CONSEGNA", "ACCETTAZIONE"])
def test_our_subject_may_begin_like_a_receipt(desk: Desk, words: str) -> None:
    """Only the receipt's own words are taken away before the rest is compared."""
    first = desk.pending()[0]
    _posted(desk, first, subject=f"{words}: pacco")
    assert _walk(desk, [_receipt(f"{words}: pacco {MESSAGE_ID}", words)]).matched == 1


def test_one_id_may_be_the_beginning_of_another(desk: Desk) -> None:
    """Ids of 15 and 16 digits: the whole word is compared, never a part of it."""
    first, second, _ = desk.pending()
    _posted(desk, first, "202008261000349")
    _posted(desk, second, "2020082610003492")
    assert _walk(desk, [_receipt(f"{OURS} 2020082610003492")]).matched == 1
    assert [_delivery(desk, one) for one in (first, second)] == ["none", "delivered"]
    assert _walk(desk, [_receipt(f"{OURS} 202008261000349")], NOW + 2 * HOUR).matched == 1
    assert _walk(desk, [_receipt(f"{OURS} 20200826100034")], NOW + 3 * HOUR).matched == 0


def test_an_id_counts_in_its_own_mailbox_only(ledger: Ledger) -> None:
    """Two mailboxes may give one id to two messages: each receipt belongs to the mailbox it lies in."""
    desk = Desk.of(ledger, load(ledger, 3))
    other = ledger.inbox.mailbox_id("altro@example.com")
    first, second, _ = desk.pending()
    for pending, mailbox in ((first, desk.mailbox), (second, other)):
        attempt = desk.opened(pending, mailbox_id=mailbox, subject_digest=subject_digest(OURS))
        desk.close(attempt, pending.id, SENT)
    harvest(ledger, other, [_receipt(f"{OURS} {MESSAGE_ID}")])
    assert ledger.inbox.match_waiting(desk.mailbox, NOW + HOUR).matched == 0
    assert ledger.inbox.match_waiting(other, NOW + HOUR).matched == 1
    assert [_delivery(desk, one) for one in (first, second)] == ["none", "delivered"]
    third = ledger.inbox.mailbox_id("terzo@example.com")
    harvest(ledger, third, [_receipt(f"{OURS} {MESSAGE_ID}")])
    assert ledger.inbox.match_waiting(third, NOW + HOUR).matched == 0
    recount(ledger, desk.run)


def test_an_id_that_two_messages_share_matches_neither(desk: Desk) -> None:
    """It cannot be told whose the receipt is: it waits, is counted, and both messages say why."""
    first, second, third = desk.pending()
    _posted(desk, first)
    _posted(desk, second)
    _posted(desk, third, "2020082610003493")
    mails = [_receipt(f"{OURS} {MESSAGE_ID}"), _receipt(f"{OURS} 2020082610003493")]
    assert _walk(desk, mails) == Harvested(0, 1, 0, 1)
    assert _walk(desk, [], NOW + 2 * HOUR) == Harvested(0, 0, 0, 1)
    assert [_delivery(desk, one) for one in (first, second, third)] == ["none", "none", "delivered"]
    reasons = [message(desk.ledger, one.id)["reason"] for one in (first, second, third)]
    assert reasons == [SHARED, SHARED, None]
    assert _waiting(desk) == [MESSAGE_ID]


@pytest.mark.parametrize(
    "subject", ["Altro avviso", f"{OURS} bis", f"R: {OURS}", "", f"{OURS} [rif. X]", OURS[:-1]]
)
def test_the_rest_must_be_our_subject(desk: Desk, subject: str) -> None:
    """A receipt of somebody else's message with the same id is none of ours."""
    first = desk.pending()[0]
    _posted(desk, first)
    assert _walk(desk, [_receipt(f"{subject} {MESSAGE_ID}".strip())]).matched == 0
    assert _delivery(desk, first) == "none"


@pytest.mark.parametrize(
    ("at", "matched"),
    [(NOW - CLOCK_MARGIN - 1, 0), (NOW - CLOCK_MARGIN, 1), (NOW, 1), (NOW + 40 * 24 * HOUR, 1), (None, 0)],
)
def test_it_must_not_be_dated_before_the_attempt(desk: Desk, at: int | None, matched: int) -> None:
    """Within a margin for the provider's clock. Without a date nothing shows that it came later: it waits."""
    first = desk.pending()[0]
    _posted(desk, first)
    assert _walk(desk, [_receipt(f"{OURS} {MESSAGE_ID}", at=at)]).matched == matched


@pytest.mark.parametrize(
    ("subject", "sender"),
    [
        (f"POSTA CERTIFICATA: CONSEGNA: {OURS} {MESSAGE_ID}", SENDER),
        (f"CONSEGNA: {OURS} {MESSAGE_ID}", '"Per conto di: mario@example.org" '),
        (f"R: CONSEGNA: {OURS} {MESSAGE_ID}", SENDER),
        (f"REM DeliveryAcceptance: {OURS} {MESSAGE_ID}", SENDER),
        (f"{OURS} {MESSAGE_ID}", SENDER),
    ],
)
def test_what_is_no_receipt_is_never_matched(desk: Desk, subject: str, sender: str) -> None:
    """Somebody's mail, a forward and a form we do not know are kept and counted; nothing of them waits."""
    first = desk.pending()[0]
    _posted(desk, first)
    mail = read(InboxItem("1", sender, subject, "a day", NOW + MINUTE))
    assert _walk(desk, [mail]) == Harvested(0, 0)
    assert _waiting(desk) == [None]
    assert desk.ledger.views.figures(desk.run).seen == 1


def test_a_message_with_a_reference_is_never_matched_by_its_id(desk: Desk) -> None:
    """Where the subject carries a reference the receipt repeats it: one without it is not that message's."""
    first = desk.pending()[0]
    desk.sent(first)
    assert _walk(desk, [_receipt(f"{OURS} {MESSAGE_ID}")]).matched == 0
    reference = _receipt(f"{OURS} [rif. {first.reference}] {MESSAGE_ID}")
    assert harvest(desk.ledger, desk.mailbox, [reference]) == 1


def test_a_receipt_waits_until_its_message_id_is_known(desk: Desk) -> None:
    """The answer came late, after recovery had put the attempt in doubt: the next harvest's end matches."""
    first = desk.pending()[0]
    attempt = desk.opened(first, subject_digest=subject_digest(OURS))
    assert _walk(desk, [_receipt(f"{OURS} {MESSAGE_ID}")]).matched == 0
    expire(desk.ledger, desk.worker)
    desk.ledger.workers.recover(NOW + 2_000)
    assert _walk(desk, [], NOW + 2 * HOUR).matched == 0
    assert (desk.state(first), _waiting(desk)) == ("in_doubt", [MESSAGE_ID])
    desk.ledger.attempts.tick(
        desk.worker, [], [Closing(attempt, first.id, SENT, NOW + 3 * HOUR)], NOW + 3 * HOUR
    )
    assert _walk(desk, [], NOW + 4 * HOUR).matched == 1
    assert (desk.state(first), _delivery(desk, first)) == ("sent", "delivered")
    assert attempts(desk.ledger, first.id)[0]["settlement"] == "late_answer"


def test_a_doubt_is_never_ended_by_a_message_id(desk: Desk) -> None:
    """No answer, no id: its receipt waits, and only the operator can say that it was sent."""
    first = desk.pending()[0]
    attempt = desk.opened(first, subject_digest=subject_digest(OURS))
    desk.close(attempt, first.id, IN_DOUBT)
    assert _walk(desk, [_receipt(f"{OURS} {MESSAGE_ID}")]).matched == 0
    assert desk.state(first) == "in_doubt"


def test_a_subject_may_hold_what_passes_for_a_reference(desk: Desk) -> None:
    """Codes of thirteen characters, or ids of thirteen digits, pass once in 32 times: still ours."""
    code, token = references.draw(1)[0], "0000000000000"
    first, second, _ = desk.pending()
    _posted(desk, first, subject=f"Pratica {code}")
    _posted(desk, second, token)
    mails = [_receipt(f"Pratica {code} {MESSAGE_ID}"), _receipt(f"{OURS} {token}")]
    assert _walk(desk, mails).matched == 2
    assert [_delivery(desk, one) for one in (first, second)] == ["delivered", "delivered"]


def test_two_acceptances_by_one_id_are_no_twin_and_by_two_are(desk: Desk) -> None:
    """The token that names the sending tells twins without a reference too."""
    first, second, _ = desk.pending()
    _posted(desk, first)
    once = [_receipt(f"{OURS} {MESSAGE_ID}", "ACCETTAZIONE", NOW + at) for at in (MINUTE, HOUR)]
    assert _walk(desk, once).matched == 2
    assert message(desk.ledger, first.id)["twin_at"] is None
    attempt = desk.opened(second, subject_digest=subject_digest(OURS))
    desk.close(attempt, second.id, Outcome(Verdict.NOT_SENT, "refused"))
    again = replace(second, attempts=1)
    _posted(desk, again, "2020082610003495")
    late = [_receipt(f"{OURS} 2020082610003495", "ACCETTAZIONE")]
    assert _walk(desk, late, NOW + 2 * HOUR).matched == 1
    assert message(desk.ledger, second.id)["twin_at"] is None


def test_many_are_matched_in_parts(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait, each transaction looks at some of them, and none is left out."""
    monkeypatch.setattr("bulk_pec.ledger.inbox.waiting._MOST", 2)
    desk = Desk.of(ledger, load(ledger, 5))
    mails = []
    for number, pending in enumerate(desk.pending()):
        _posted(desk, pending, f"20200826100034{number}")
        mails += [
            _receipt(f"{OURS} 20200826100034{number}", words, NOW + number)
            for words in ("ACCETTAZIONE", "CONSEGNA", "AVVENUTA CONSEGNA")
        ]
    mails += [_receipt(f"Altro {OURS} 20200826100034{number}") for number in (1, 3)]
    assert _walk(desk, mails) == Harvested(0, 15)
    assert ledger.views.figures(desk.run).values["delivery_delivered"] == 5


def test_the_order_of_receipts_and_answers_changes_nothing(ledger: Ledger) -> None:
    """Receipts before or after their answer, in one walk or two: the message ends in the same state."""
    kept = ("state", "delivery", "message_id", "accepted_at", "delivered_at", "reason")
    ends = set()
    for number, order in enumerate(permutations(("answer", "ACCETTAZIONE", "CONSEGNA"))):
        desk = Desk.of(ledger, load(ledger, 1, f"giro {number}"))
        first, token = desk.pending()[0], f"20200826100034{number}"
        attempt = desk.opened(first, subject_digest=subject_digest(OURS))
        for event in order:
            if event == "answer":
                desk.close(attempt, first.id, _outcome(token))
            else:
                _walk(desk, [_receipt(f"{OURS} {token}", event)])
        ledger.inbox.match_waiting(desk.mailbox, NOW + HOUR)
        recount(ledger, desk.run)
        row = message(ledger, first.id)
        assert row["message_id"] == token
        ends.add(tuple(row[name] for name in kept if name != "message_id"))
    assert len(ends) == 1


def test_without_such_messages_nothing_is_looked_at(ledger: Ledger) -> None:
    """A ledger whose runs carry references looks for none, whatever waits in its mailboxes."""
    desk = Desk.of(ledger, load(ledger, 1))
    desk.sent(desk.pending()[0])
    walk = ledger.inbox.begin(desk.mailbox, NOW)
    add_page(ledger, walk, desk.mailbox, [_receipt(f"{OURS} {MESSAGE_ID}")], NOW)
    ledger.inbox.complete(walk, desk.mailbox, end(), NOW + 1)
    assert ledger.inbox.match_waiting(desk.mailbox, NOW) == Harvested(0, 0)
    assert ledger.inbox.match_waiting(ledger.inbox.mailbox_id(MAILBOX), NOW) == Harvested(0, 0)


@pytest.mark.postgres
def test_two_hosts_that_look_at_once_match_each_receipt_once(postgres_url: str) -> None:
    """Both walked the mailbox and look at what waits in the same moment: nothing is counted twice."""
    with opened(postgres_url) as one, opened(postgres_url) as other, ThreadPoolExecutor(2) as hosts:
        desk = Desk.of(one, load(one, 40))
        mails = []
        for number, pending in enumerate(desk.pending()):
            _posted(desk, pending, f"202008261000{number:04d}")
            mails += [
                _receipt(f"{OURS} 202008261000{number:04d}", words) for words in ("ACCETTAZIONE", "CONSEGNA")
            ]
        assert harvest(one, desk.mailbox, mails) == 0
        begin = Barrier(2)

        def look(ledger: Ledger) -> int:
            begin.wait()
            return ledger.inbox.match_waiting(desk.mailbox, NOW + HOUR).matched

        assert sum(hosts.map(look, (one, other))) == 80
        recount(one, desk.run)
        assert one.views.figures(desk.run).values["delivery_delivered"] == 40
