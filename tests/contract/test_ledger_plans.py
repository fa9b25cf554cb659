"""Plans: on a ledger of 100,000 messages no statement of the daily work reads a big table from end to end.

The statements are those really executed, caught on their way to the driver and then explained.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.ledgers import (
    HOUR,
    IN_DOUBT,
    NOW,
    SENT,
    Desk,
    a_row,
    database_on,
    end,
    mail,
    new_run,
    open_ledger,
)
from support.plans import BIG, watched
from support.walks import add_page, known_before

from bulk_pec.domain.inbox import InboxItem
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.subjects import subject_digest
from bulk_pec.ledger.inbox.mails import Harvested
from bulk_pec.ledger.outbox.attempts import Closing
from bulk_pec.ledger.outbox.claims import PendingMessage
from bulk_pec.ledger.runs.repeats import Repeats
from bulk_pec.receipts.reading import read

SIZE = 100_000
BATCH = 5_000
TRIED = 20_000
"""Messages that had an attempt; all but a hundred have a receipt, and these are in doubt."""


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A worker on a run of 100,000 messages, a fifth of them tried; the database knows its own size."""
    if request.param == "postgres":
        with database_on(request.getfixturevalue("postgres_server")) as url:
            yield from _filled(url)
    else:
        yield from _filled(f"sqlite:///{tmp_path_factory.mktemp('plans') / 'ledger.db'}")


def _filled(url: str) -> Iterator[Desk]:
    with open_ledger(url) as ledger:
        with ledger.load(new_run(), NOW) as loading:
            for first in range(1, SIZE + 1, BATCH):
                loading.add([a_row(number) for number in range(first, first + BATCH)])
        desk = Desk.of(ledger, ledger.runs.get("giugno"), claim=False)
        for night in range(TRIED // BATCH):
            _try(desk, _fetch(desk, BATCH), NOW + night * 24 * HOUR)
        with ledger.database.transaction() as connection:
            ledger.database.execute(connection, "ANALYZE")
        yield desk


def _fetch(desk: Desk, size: int) -> list[PendingMessage]:
    """Claim blocks until so many messages are at hand."""
    fetched: list[PendingMessage] = []
    while len(fetched) < size:
        block = desk.ledger.claims.take(desk.worker, 0)
        assert block is not None
        fetched += desk.ledger.claims.pending(desk.worker, block, NOW)
    return fetched


def _try(desk: Desk, batch: list[PendingMessage], now: int) -> None:
    """One attempt for each; most are answered and acknowledged, the last 25 are in doubt."""
    ledger = desk.ledger
    tick = ledger.attempts.tick(desk.worker, [desk.intent(one) for one in batch], [], now)
    outcomes = [(one, SENT) for one in batch[:-25]] + [(one, IN_DOUBT) for one in batch[-25:]]
    closings = [Closing(tick.opened[one.id], one.id, outcome, now + 1) for one, outcome in outcomes]
    ledger.attempts.tick(desk.worker, [], closings, now + 1)
    walk = ledger.inbox.begin(desk.mailbox, now)
    mails = [mail(ReceiptKind.ACCEPTED, one.reference) for one in batch[:-25]]
    add_page(ledger, walk, desk.mailbox, mails, now + 2)
    ledger.inbox.complete(walk, desk.mailbox, end(), now + 3)


def test_the_guard_sees_a_scan(desk: Desk) -> None:
    """A statement that must read everything is caught: otherwise the tests below would prove nothing."""
    with watched(desk.ledger) as explained, desk.ledger.database.transaction() as connection:
        for statement in (
            "SELECT COUNT(*) FROM messages m WHERE m.reason = 'x'",
            "UPDATE attempts SET detail = 'x' WHERE detail = 'y'",
            "SELECT r.id FROM runs q JOIN receipts r ON r.subject = q.name",
        ):
            desk.ledger.database.execute(connection, statement)
    assert len(explained.scans()) == 3


def test_claiming_a_block_and_reading_it(desk: Desk) -> None:
    """A claim costs the same at the start of a run and at its end: key ranges, never a state."""
    with watched(desk.ledger) as explained:
        block = desk.ledger.claims.take(desk.worker, 0)
        assert block is not None
        assert len(desk.ledger.claims.pending(desk.worker, block, NOW)) == 500
        desk.ledger.claims.give_back(desk.worker, [block])
    assert explained.scans() == []
    assert len(explained.statements) >= 3


def test_an_intent_and_its_outcome(desk: Desk) -> None:
    """The hot path finds messages and attempts by their keys, also when a message is tried again."""
    (pending, *_) = _fetch(desk, 1)
    with watched(desk.ledger) as explained:
        attempt = desk.ledger.attempts.tick(desk.worker, [desk.intent(pending)], [], NOW).opened[pending.id]
        closing = Closing(attempt, pending.id, IN_DOUBT, NOW)
        desk.ledger.attempts.tick(desk.worker, [], [closing], NOW)
        late = Closing(attempt, pending.id, SENT, NOW)
        desk.ledger.attempts.tick(desk.worker, [], [late], NOW)
    assert explained.scans() == []
    assert len(explained.statements) >= 8


def test_a_page_of_receipts(desk: Desk) -> None:
    """Known mail, new mail, adopted mail and the fold: by fingerprint, by reference, by message."""
    (doubted, *_) = desk.ledger.doubts.of(desk.run)
    page = [mail(ReceiptKind.DELIVERED, doubted.reference), mail(ReceiptKind.FOREIGN, None)]
    walk = desk.ledger.inbox.begin(desk.mailbox, NOW + HOUR)
    with watched(desk.ledger) as explained:
        known_before(desk.ledger, walk, desk.mailbox, page)
        assert add_page(desk.ledger, walk, desk.mailbox, page, NOW + HOUR).matched == 1
        desk.ledger.inbox.complete(walk, desk.mailbox, end(), NOW + HOUR)
        desk.ledger.inbox.last_total(desk.mailbox)
    assert explained.scans() == []
    assert len(explained.statements) >= 9


def test_settling_a_doubt(desk: Desk) -> None:
    """Doubts are few and have an index of their own, so finding them does not read what was sent."""
    ledger = desk.ledger
    with watched(ledger) as explained:
        doubt, *_ = ledger.doubts.of(desk.run)
        ledger.doubts.harvest_since(doubt.mailbox_id, 0)
        ledger.doubts.later_accepted(doubt)
        assert ledger.doubts.accept_absence(desk.run, doubt, {}, NOW)
    assert explained.scans() == []


def test_recovery(desk: Desk) -> None:
    """A start after a crash looks at what is open, not at all that was ever tried."""
    with watched(desk.ledger) as explained:
        desk.ledger.workers.recover(NOW)
    assert explained.scans() == []


def test_the_figures_of_a_run(desk: Desk) -> None:
    """Status reads counters: of the tables that grow with a run only an index over the few odd attempts."""
    with watched(desk.ledger) as explained:
        desk.ledger.views.figures(desk.run)
        desk.ledger.runs.get("last")
    assert explained.scans() == []
    (fewer,) = (each for each in explained.plans() if BIG.search(each[0]))
    assert any("ix_attempts_fewer" in line for line in fewer[1]), fewer


def test_matching_what_waits_for_its_message_id(desk: Desk) -> None:
    """Receipts that wait and attempts without a reference have indexes of their own, and are few or none."""
    desk = Desk.of(desk.ledger, desk.run, claim=False)  # recovery may have ended the other
    (pending, *_) = _fetch(desk, 1)
    ours = "Avviso senza riferimento"
    with watched(desk.ledger) as explained:
        assert desk.ledger.inbox.match_waiting(desk.mailbox, NOW) == Harvested(0, 0)
        intent = desk.intent(pending, subject_digest=subject_digest(ours))
        attempt = desk.ledger.attempts.tick(desk.worker, [intent], [], NOW).opened[pending.id]
        sent = replace(SENT, message_id="2020082610003499")
        desk.ledger.attempts.tick(desk.worker, [], [Closing(attempt, pending.id, sent, NOW)], NOW)
        item = InboxItem("7", "posta-certificata@example.net", f"CONSEGNA: {ours} {sent.message_id}", "", NOW)
        walk = desk.ledger.inbox.begin(desk.mailbox, NOW)
        add_page(desk.ledger, walk, desk.mailbox, [read(item)], NOW)
        assert desk.ledger.inbox.match_waiting(desk.mailbox, NOW).matched == 1
    assert explained.scans() == []
    assert any("ix_attempts_named" in line for _, plan in explained.plans() for line in plan)


def test_a_page_of_rows(desk: Desk) -> None:
    """The export reads on from the last id of its last page, so the last page costs what the first does."""
    with watched(desk.ledger) as explained:
        rows = desk.ledger.views.rows(desk.run)
        for _ in range(5_000):
            next(rows)
    assert explained.scans() == []
    assert len(explained.statements) >= 3


def _reaches_by_key(line: str) -> bool:
    """Whether a plan's line finds a message by its run and key together, not by the run alone."""
    return bool(re.search(r"run_id=\? AND key=\?|run_id = .*\bkey\b.* = ", line))


def test_looking_for_repeats_of_a_small_list(desk: Desk) -> None:
    """A small new list costs one look-up a row, however large the earlier run of the same templates is."""
    rows = [a_row(number) for number in range(SIZE - 24, SIZE + 26)]
    with watched(desk.ledger) as explained, desk.ledger.load(new_run("piccolo"), NOW) as loading:
        loading.add(rows)
        explained.statements.clear()
        assert loading.repeats().count == 25
        assert loading.set_repeats_aside() == 25
        found = list(explained.statements)
    explained.statements = [each for each in found if "messages" in each[0]]
    assert explained.scans() == []
    looked_up = [(statement, plan) for statement, plan in explained.plans() if "messages p" in statement]
    assert len(looked_up) == 3
    for statement, plan in looked_up:
        assert any(_reaches_by_key(line) for line in plan), (statement, plan)


def _reaches_by_own_key(line: str) -> bool:
    """The same through the index of the list's own keys, which holds renamed messages alone."""
    return bool(re.search(r"run_id=\? AND list_key=\?|run_id = .*\blist_key\b.* = ", line))


def test_looking_for_repeats_of_what_was_renamed(desk: Desk) -> None:
    """Messages under a number are found by the list's own key: two look-ups a row, and no more."""
    with desk.ledger.load(replace(new_run("numerato"), keep_duplicates=True), NOW) as loading:
        loading.add([a_row(number, "k", f"p{number}@example.org") for number in range(1, 40)])
    with watched(desk.ledger) as explained, desk.ledger.load(new_run("ancora"), NOW) as loading:
        loading.add([a_row(1, "k", "p30@example.org"), a_row(2, "altra")])
        explained.statements.clear()
        assert loading.repeats() == Repeats(1, ((1, "numerato", 30),))
        found = list(explained.statements)
    explained.statements = [each for each in found if "messages p" in each[0]]
    assert explained.scans() == []
    plans = explained.plans()
    assert len(plans) == 2
    for statement, plan in plans:
        assert any(_reaches_by_key(line) for line in plan), (statement, plan)
        assert any(_reaches_by_own_key(line) for line in plan), (statement, plan)


def test_asking_whether_a_batch_was_said_before(desk: Desk) -> None:
    """A plan of a list asks the same a batch at a time: by run and key."""
    asked = [(row[1], row[4]) for row in map(a_row, range(1, 501))]
    with watched(desk.ledger) as explained:
        assert len(desk.ledger.views.said_where(new_run().words_digest, asked)) == 500
    assert explained.scans() == []
    ((statement, plan),) = explained.plans()
    assert any(_reaches_by_key(line) for line in plan), (statement, plan)


def test_a_claim_that_looks_for_suppressions_and_expiries(desk: Desk) -> None:
    """Looking whether anybody was suppressed meanwhile reads the block and the few addresses asked about."""
    desk.ledger.suppressions.add([f"altri{number}@example.org" for number in range(5_000)], "opted out", NOW)
    desk = Desk.of(desk.ledger, desk.run, claim=False)  # recovery may have ended the other
    block = desk.ledger.claims.take(desk.worker, SIZE - 5_000)
    assert block is not None
    with watched(desk.ledger) as explained:
        assert len(desk.ledger.claims.pending(desk.worker, block, NOW)) == 500
    assert explained.scans() == []
    assert any("JOIN suppressions" in statement for statement, _ in explained.statements)
    desk.ledger.claims.give_back(desk.worker, [block])
    desk.ledger.suppressions.remove([f"altri{number}@example.org" for number in range(5_000)])
