"""Which message a word means, and all there is of it, on both databases."""

from __future__ import annotations

import pytest
from support.dossiers import Person, loaded, sent
from support.ledgers import (
    IN_DOUBT,
    MAILBOX,
    MESSAGE_ID,
    NOW,
    Desk,
    a_row,
    harvest,
    load,
    mail,
    new_run,
    opened,
)
from support.plans import watched

from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.states import SetAside
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.doubts import Decision, Operator
from bulk_pec.ledger.proof.tracing import By, Match
from bulk_pec.ledger.runs.loading import NewRow, RefusedRow
from bulk_pec.ledger.runs.orders import Order, Word
from bulk_pec.ledger.runs.retries import Class
from bulk_pec.ledger.runs.runs import Run

ANNA = Person("0451", "Anna.Rossi@Example.org", "Anna")
BEA = Person("0452", "bea@example.org", "Bea")


@pytest.fixture
def run(ledger: Ledger) -> Run:
    """Two messages, posted and delivered."""
    run = loaded(ledger, [ANNA, BEA])
    sent(ledger, run)
    return ledger.runs.get(run.name)


def found(ledger: Ledger, word: str, run: Run | None = None) -> list[tuple[By, str, int]]:
    """What a word means: as what it fits, run and row."""
    matches = ledger.tracing.find(word, run, ledger.runs.find("last"))
    return [(match.by, match.run, match.row) for match in matches]


def one(ledger: Ledger, word: str) -> Match:
    """The only thing a word means."""
    (match,) = ledger.tracing.find(word, None, ledger.runs.find("last"))
    return match


def test_a_message_is_found_by_all_that_it_has(ledger: Ledger, run: Run) -> None:
    """Its key, its address in any spelling, its reference, its message_id, its row; each says as what."""
    reference = one(ledger, "0451").reference or ""
    for word, by in {
        "0451": By.KEY,
        " 0451 ": By.KEY,
        "anna.rossi@example.ORG": By.ADDRESS,
        reference: By.REFERENCE,
        reference.lower(): By.REFERENCE,
        f"{MESSAGE_ID}1": By.MESSAGE_ID,
        "1": By.ROW,
        "row:1": By.ROW,
        "key:0451": By.KEY,
    }.items():
        assert found(ledger, word) == [(by, "giugno", 1)], word
        assert found(ledger, word, run) == [(by, "giugno", 1)], word


@pytest.mark.parametrize(
    "word",
    ["045", "rossi@example.org", "%", "_451", "0453", "3", "row:9", "²", "", "row:", "key:", "' OR 1=1"],
)
def test_nothing_is_found_by_a_part(ledger: Ledger, run: Run, word: str) -> None:
    """Neither by a part of what it has nor by a pattern: a wrong message shown is worse than none."""
    assert found(ledger, word) == []
    assert found(ledger, word, run) == []


def test_near_misses_are_counted(ledger: Ledger, run: Run) -> None:
    """How many keys and addresses hold the text, in any case; a pattern's signs are plain text."""
    near = ledger.tracing.near("045", None)
    assert (near.keys, near.addresses) == (2, 0)
    assert ledger.tracing.near("EXAMPLE.org", run).addresses == 2
    assert ledger.tracing.near("%", run).keys == 0


def test_a_word_may_mean_several(ledger: Ledger, run: Run) -> None:
    """The same key and address in another run: both are found, and --run chooses."""
    other = loaded(ledger, [ANNA], "luglio")
    assert {(name, row) for _, name, row in found(ledger, "0451")} == {("giugno", 1), ("luglio", 1)}
    assert found(ledger, "0451", other) == [(By.KEY, "luglio", 1)]
    assert found(ledger, "anna.rossi@example.org", run) == [(By.ADDRESS, "giugno", 1)]
    assert found(ledger, "1") == [(By.ROW, "luglio", 1)]


def test_a_key_that_is_a_number_goes_before_a_row(ledger: Ledger) -> None:
    """Rows are meant only where nothing else fits; `row:` says that a row is meant."""
    load(ledger, [a_row(1, "2"), a_row(2, "1")])
    assert found(ledger, "1") == [(By.KEY, "giugno", 2)]
    assert found(ledger, "row:1") == [(By.ROW, "giugno", 1)]


def test_addresses_are_found_however_they_are_spelled(ledger: Ledger) -> None:
    """One of several in a cell; a domain beyond ASCII in either form."""
    cell = a_row(1, "a", "uno@example.org, due@example.org")
    load(ledger, [cell, a_row(2, "b", "info@città.example")])
    assert found(ledger, "DUE@example.org") == [(By.ADDRESS, "giugno", 1)]
    for spelling in ("info@città.example", "info@xn--citt-3na.example", "INFO@CITTÀ.example"):
        assert found(ledger, spelling) == [(By.ADDRESS, "giugno", 2)], spelling


def test_a_row_that_never_became_a_message_is_found(ledger: Ledger) -> None:
    """By row, key or address; its story is its reason, and of a duplicate the row that is sent."""
    rows = [RefusedRow(2, "k2", "nobody", "pec: not an address", '["nobody"]')]
    with ledger.load(new_run(), NOW) as loading:
        loading.add([a_row(1, "k1", "uno@example.org")])
        loading.add([a_row(3, "k1", "tre@example.org")])
        loading.set_aside(rows)
    run = ledger.runs.get("giugno")
    assert found(ledger, "k2") == found(ledger, "k2", run) == [(By.KEY, "giugno", 2)]
    assert one(ledger, "tre@example.org").state == SetAside.DUPLICATE
    assert one(ledger, "2").message is None
    aside = ledger.stories.aside(run, 2)
    assert aside is not None
    assert (aside.state, aside.reason, aside.key) == ("invalid", "pec: not an address", "k2")
    assert ledger.stories.aside(run, 1) is None
    assert ledger.stories.row_of_key(run, "k1") == 1
    assert [[one.row for one in page] for page in ledger.stories.aside_pages(run)] == [[2, 3]]


def test_a_story_is_whole(ledger: Ledger, run: Run) -> None:
    """Message, attempt and receipts of the one that was asked for, and nothing of another."""
    match = one(ledger, "0452")
    story = ledger.stories.of(run, match.message or 0)
    assert (story.message.row, story.message.key, story.message.state) == (2, "0452", "sent")
    assert story.message.mailbox == MAILBOX
    (attempt,) = story.attempts
    assert (attempt.outcome, attempt.status, attempt.message_id) == ("sent", 201, f"{MESSAGE_ID}2")
    assert attempt.settled_facts == {}
    assert [receipt.kind for receipt in story.receipts] == ["accepted", "delivered"]
    assert all(story.message.reference in receipt.subject for receipt in story.receipts)
    assert (story.earlier, story.later) == (None, ())


def test_a_late_twin_is_found_by_either_message_id(ledger: Ledger) -> None:
    """The message has one message_id; the second copy's stands in its receipts alone."""
    run = load(ledger, [a_row(1, "k")])
    desk = Desk.of(ledger, run)
    (pending,) = desk.pending()
    desk.sent(pending)
    harvest(
        ledger, desk.mailbox, [mail(ReceiptKind.ACCEPTED, pending.reference, message_id="2020082610009999")]
    )
    with ledger.database.transaction() as connection:
        ledger.database.execute(connection, "UPDATE receipts SET token = '2020082610009999'")
    assert found(ledger, MESSAGE_ID) == [(By.MESSAGE_ID, "giugno", 1)]
    assert found(ledger, "2020082610009999") == [(By.MESSAGE_ID, "giugno", 1)]


def test_a_settlement_is_told_with_its_facts_and_its_author(ledger: Ledger) -> None:
    """The attempt keeps what decided it; the order names no other message's reference."""
    run = load(ledger, 2)
    desk = Desk.of(ledger, run)
    for pending in desk.pending():
        desk.sent(pending, IN_DOUBT)
    by = Operator("anna@host, pid 1", {"user": "anna", "reason": "seen in the webmail"})
    ledger.doubts.decide(run, ledger.doubts.of(run), Decision.SENT, by, NOW + 5)
    ledger.orders.obey(Order(Word.PAUSE, run.name, "anna@host, pid 2", NOW), NOW)
    story = ledger.stories.of(run, run.first_id)
    assert story.attempts[0].settlement == "operator"
    assert story.attempts[0].settled_facts["reason"] == "seen in the webmail"
    (settled,) = ledger.stories.orders(run, story.message.reference)
    assert (settled.kind, settled.named, settled.given_by) == ("settle", 2, by.name)
    assert story.message.reference not in str(settled)
    assert ledger.stories.orders(run, "0000000000000") == []


def test_a_retry_knows_its_kin(ledger: Ledger) -> None:
    """The message of the first run names the one that took it up, and the other way round."""
    run = load(ledger, 1)
    desk = Desk.of(ledger, run)
    (pending,) = desk.pending()
    desk.sent(pending, IN_DOUBT)
    ledger.doubts.decide(run, ledger.doubts.of(run), Decision.ABANDON, Operator("anna"), NOW)
    new = new_run("giugno.retry-1")
    new = type(new)(**{name: getattr(new, name) for name in type(new).__slots__} | {"retry_of": run.id})
    with ledger.retries.begin(new, NOW) as loading:
        for page in loading.failed(run, [Class.ABANDONED]):
            rows: list[NewRow] = [(1, page[0].key, page[0].recipient, page[0].fields, b"x" * 32, None, None)]
            loading.add(rows)
    retry = ledger.runs.get("giugno.retry-1")
    (later,) = ledger.stories.of(run, run.first_id).later
    assert (later.run, later.row, later.state) == ("giugno.retry-1", 1, "pending")
    earlier = ledger.stories.of(retry, retry.first_id).earlier
    assert earlier is not None
    assert (earlier.run, earlier.state, earlier.reference) == ("giugno", "abandoned", pending.reference)


def test_a_run_is_read_in_pages_and_in_order(ledger: Ledger) -> None:
    """Every message once, a thousand at a time, each with its own attempts."""
    run = load(ledger, 2_500)
    pages = list(ledger.stories.pages(run))
    assert [len(page) for page in pages] == [1_000, 1_000, 500]
    assert [story.message.row for page in pages for story in page] == list(range(1, 2_501))


def test_it_reads_beside_a_process_that_writes(ledger: Ledger, ledger_url: str, run: Run) -> None:
    """A second, reading connection finds everything while the first holds the ledger."""
    with opened(ledger_url, "read") as reader:
        match = one(reader, "0451")
        assert reader.stories.of(run, match.message or 0).message.key == "0451"
        assert reader.stories.suppressed("bea@example.org") is None
    ledger.suppressions.add(["bea@example.org"], "asked to", NOW)
    assert ledger.stories.suppressed("uno@example.org, BEA@example.org") == "asked to"


def test_reading_looks_at_no_more_than_it_tells(ledger: Ledger) -> None:
    """Messages, attempts, receipts and kin by key ranges: a run of a million costs as much a message."""
    for name in ("giugno", "luglio"):
        load(ledger, 3_000, name)
    statements = [
        "UPDATE runs SET retry_of = 1 WHERE name = 'luglio'",
        "INSERT INTO attempts (message, number, run_id, mailbox_id, worker_id, digest, opened_at) "
        "SELECT id, 1, run_id, 1, 1, 'd', 1 FROM messages",
        "INSERT INTO receipts (mailbox_id, fingerprint, harvest_id, item_id, kind, sender, subject, date, "
        "message) SELECT 1, reference, 1, 'i', 'accepted', 's', 's', 'd', id FROM messages",
        "ANALYZE",
    ]
    with ledger.database.transaction() as connection:
        for statement in statements:
            ledger.database.execute(connection, statement)
    retry = ledger.runs.get("luglio")
    with watched(ledger) as explained:
        story = ledger.stories.of(retry, retry.first_id + 1_500)
        if (
            not ledger.database.is_postgres
        ):  # there a third of so small a table is read faster from end to end
            assert len(next(ledger.stories.pages(retry))) == 1_000
    assert story.earlier is not None
    assert (len(story.attempts), len(story.receipts)) == (1, 1)
    assert explained.scans() == []
    assert len(explained.statements) >= 5
