"""Claims: blocks are taken once, given back, finished, reopened; and what in them may be sent now."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.ledgers import (
    HOUR,
    IN_DOUBT,
    LEASE,
    NOT_SENT,
    NOW,
    SENT,
    THROTTLED,
    Desk,
    attempts,
    doubts,
    end,
    expire,
    harvest,
    load,
    mail,
    message,
    opened,
    query,
    recount,
)

from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.attempts import Closing
from bulk_pec.ledger.outbox.claims import Block, PendingMessage
from bulk_pec.ledger.runs.loading import BLOCK

THREE = 2 * BLOCK + 1


def _doubt_accepted(desk: Desk, pending: PendingMessage, now: int) -> None:
    desk.sent(pending, IN_DOUBT)
    doubt = doubts(desk.ledger, desk.run)[pending.id]
    assert desk.ledger.doubts.accept_absence(desk.run, doubt, {}, now)


def _ids(desk: Desk) -> set[int]:
    return {one.id for one in desk.pending()}


def test_blocks_are_claimed_in_order_and_once(ledger: Ledger) -> None:
    """Every block goes to the first who asks, in input order; the second worker gets none."""
    run = load(ledger, THREE)
    desk = Desk.of(ledger, run)
    assert [block.first_id for block in desk.blocks] == [run.first_id + n * BLOCK for n in range(3)]
    assert Desk.of(ledger, run).blocks == []
    assert [one.row for one in desk.pending()] == list(range(1, THREE + 1))


def test_two_workers_share_a_run(ledger: Ledger) -> None:
    """Asking in turn, they get different blocks that together are the run."""
    run = load(ledger, THREE)
    one, other = Desk.of(ledger, run, claim=False), Desk.of(ledger, run, claim=False)
    first = ledger.claims.take(one.worker, 0)
    second = ledger.claims.take(other.worker, 0)
    assert first is not None
    assert second is not None
    third = ledger.claims.take(one.worker, first.first_id)
    assert third is not None
    assert len({first.id, second.id, third.id}) == 3


def test_a_claim_stays_in_its_run(ledger: Ledger) -> None:
    """A worker of one run never gets another run's messages."""
    first, second = load(ledger, 2, "uno"), load(ledger, 2, "due")
    desk = Desk.of(ledger, second)
    assert _ids(desk) == set(range(second.first_id, second.last_id + 1))
    assert len(Desk.of(ledger, first).blocks) == 1


def test_a_block_with_something_pending_can_be_claimed_after_it_was_given_back(ledger: Ledger) -> None:
    """Giving back loses nothing: the next worker finds what is left, and only that."""
    run = load(ledger, 3)
    desk = Desk.of(ledger, run)
    first, second, third = desk.pending()
    desk.sent(first)
    desk.sent(second, THROTTLED)
    desk.leave()
    assert _ids(Desk.of(ledger, run)) == {second.id, third.id}


def test_a_block_without_anything_pending_is_done(ledger: Ledger) -> None:
    """Sent, rejected and in-doubt messages need no worker: the block is not claimed again."""
    run = load(ledger, 2)
    desk = Desk.of(ledger, run)
    for pending, outcome in zip(desk.pending(), (SENT, IN_DOUBT), strict=True):
        desk.sent(pending, outcome)
    desk.leave()
    assert query(ledger, "SELECT worker_id FROM blocks WHERE done") == [{"worker_id": None}]
    assert Desk.of(ledger, run).blocks == []


def test_only_the_holder_gives_a_block_back(ledger: Ledger) -> None:
    """A worker whose block was taken over cannot free it under the new holder."""
    run = load(ledger, 1)
    old = Desk.of(ledger, run)
    blocks = list(old.blocks)
    old.die()
    new = Desk.of(ledger, run)
    assert new.blocks == blocks
    ledger.claims.give_back(old.worker, blocks)
    assert Desk.of(ledger, run).blocks == []
    new.opened(new.pending()[0])


def test_an_ended_worker_claims_nothing(ledger: Ledger) -> None:
    """Its claim would be held by nobody who could give it back."""
    run = load(ledger, 1)
    desk = Desk.of(ledger, run, claim=False)
    desk.leave()
    assert ledger.claims.take(desk.worker, 0) is None
    assert len(Desk.of(ledger, run).blocks) == 1


def test_recovery_frees_the_blocks_of_dead_workers_only(ledger: Ledger) -> None:
    """On Postgres a living worker keeps its blocks; on SQLite every other worker is dead."""
    run = load(ledger, THREE)
    dead, living = Desk.of(ledger, run, claim=False), Desk.of(ledger, run, claim=False)
    for desk in (dead, living):
        block = ledger.claims.take(desk.worker, 0)
        assert block is not None
        desk.blocks.append(block)
    expire(ledger, dead.worker)
    ledger.workers.recover(NOW)
    free = Desk.of(ledger, run)
    kept = set() if not ledger.database.is_postgres else {living.blocks[0].id}
    assert dead.blocks[0].id in {block.id for block in free.blocks}
    assert {block.id for block in living.blocks} - {block.id for block in free.blocks} == kept


def test_ending_frees_what_was_not_given_back(ledger: Ledger) -> None:
    """A worker that ends in a hurry leaves no block behind."""
    run = load(ledger, THREE)
    desk = Desk.of(ledger, run)
    ledger.workers.end(desk.worker, NOW)
    assert len(Desk.of(ledger, run).blocks) == 3


def test_living_counts_the_leases_of_a_run(ledger: Ledger) -> None:
    """On Postgres each unexpired lease is a process at work; SQLite has none but this one."""
    run, other = load(ledger, 1, "uno"), load(ledger, 1, "due")
    workers = [ledger.workers.register(run, LEASE, NOW) for _ in range(3)]
    ledger.workers.register(other, LEASE, NOW)
    expire(ledger, workers[0])
    ledger.workers.end(workers[1], NOW)
    assert ledger.workers.living(run) == (1 if ledger.database.is_postgres else 0)


def test_a_throttled_message_comes_with_the_time_it_must_wait(ledger: Ledger) -> None:
    """not_before is the worker's to obey: another start after a crash still knows it."""
    desk = Desk.of(ledger, load(ledger, 2))
    first, second = desk.pending()
    desk.close(desk.opened(first), first.id, THROTTLED, wait=NOW + 30_000)
    assert {one.id: one.not_before for one in desk.pending()} == {first.id: NOW + 30_000, second.id: None}


def test_what_was_absent_waits_for_a_harvest_that_ended_after(ledger: Ledger) -> None:
    """An accepted absence alone lets nothing go: a harvest must end after it and find nothing."""
    desk = Desk.of(ledger, load(ledger, 1))
    (first,) = desk.pending()
    harvest(ledger, desk.mailbox, [], NOW)
    _doubt_accepted(desk, first, NOW + HOUR)
    assert _ids(desk) == set()
    walk = ledger.inbox.begin(desk.mailbox, NOW + 2 * HOUR)
    assert _ids(desk) == set()
    ledger.inbox.complete(walk, desk.mailbox, end(), NOW + 2 * HOUR + 1)
    assert _ids(desk) == {first.id}


def test_another_mailboxs_harvest_does_not_let_it_go(ledger: Ledger) -> None:
    """Its receipts come to the mailbox it was posted from: only that one's harvest counts."""
    desk = Desk.of(ledger, load(ledger, 1))
    (first,) = desk.pending()
    _doubt_accepted(desk, first, NOW + HOUR)
    harvest(ledger, ledger.inbox.mailbox_id("altro@example.com"), [], NOW + 2 * HOUR)
    assert _ids(desk) == set()


def test_a_harvest_that_ended_before_does_not_let_it_go(ledger: Ledger) -> None:
    """Neither an earlier end nor the very same moment is after."""
    desk = Desk.of(ledger, load(ledger, 1))
    (first,) = desk.pending()
    harvest(ledger, desk.mailbox, [], NOW + HOUR - 1)
    _doubt_accepted(desk, first, NOW + HOUR)
    assert _ids(desk) == set()


def test_the_receipt_that_the_last_harvest_finds_ends_the_waiting(ledger: Ledger) -> None:
    """That harvest is why it waits: what it finds makes the message sent, and nothing goes out."""
    desk = Desk.of(ledger, load(ledger, 1))
    (first,) = desk.pending()
    _doubt_accepted(desk, first, NOW + HOUR)
    harvest(ledger, desk.mailbox, [mail(ReceiptKind.ACCEPTED, first.reference)], NOW + 2 * HOUR)
    assert _ids(desk) == set()
    assert desk.state(first) == "sent"
    recount(ledger, desk.run)


def test_an_accepted_absence_reopens_its_block_and_no_other(ledger: Ledger) -> None:
    """A block that was done has something pending again."""
    run = load(ledger, BLOCK + 1)
    desk = Desk.of(ledger, run)
    *_, last = desk.pending()
    desk.sent(last, IN_DOUBT)
    ledger.claims.give_back(desk.worker, desk.blocks[1:])
    assert ledger.doubts.accept_absence(run, doubts(ledger, run)[last.id], {}, NOW)
    reopened = Desk.of(ledger, run).blocks
    assert [(block.first_id, block.last_id) for block in reopened] == [(last.id, last.id)]


@pytest.mark.postgres
def test_two_hosts_never_claim_the_same_block(postgres_url: str) -> None:
    """Claiming at the same time from two connections, each block has exactly one holder."""
    with opened(postgres_url) as ledger:
        run = load(ledger, 30 * BLOCK)
    together = threading.Barrier(2)
    claimed: dict[int, list[Block]] = {}

    def claim() -> None:
        with opened(postgres_url) as mine:
            desk = Desk.of(mine, run, claim=False)
            together.wait()
            claimed[desk.worker.id] = desk.claim()

    with ThreadPoolExecutor(2) as hosts:
        for done in [hosts.submit(claim), hosts.submit(claim)]:
            done.result()
    held = [block.id for blocks in claimed.values() for block in blocks]
    with opened(postgres_url) as ledger:
        held += [block.id for block in Desk.of(ledger, run).blocks]  # skipped while the other looked
        assert len(held) == len(set(held)) == 30
        kept = {row["id"]: row["worker_id"] for row in query(ledger, "SELECT id, worker_id FROM blocks")}
    assert all(kept[block.id] == worker for worker, blocks in claimed.items() for block in blocks)


def _until_waiting(ledger: Ledger, count: int) -> None:
    """Until so many other connections wait for a lock."""
    waiting = (
        "SELECT COUNT(*) AS n FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    while query(ledger, waiting)[0]["n"] < count:
        pass


@pytest.mark.postgres
def test_recovery_and_a_woken_hosts_answer_do_not_stop_each_other(postgres_url: str) -> None:
    """Recovery that waits for an attempt holds no block: the tick that has the attempt may need one."""
    with opened(postgres_url) as ledger, opened(postgres_url) as other, opened(postgres_url) as watcher:
        desk = Desk.of(ledger, load(ledger, 2))
        first, second = desk.pending()
        attempt = desk.opened(first)
        desk.opened(second)
        expire(ledger, desk.worker)

        with ThreadPoolExecutor(2) as hosts:
            with opened(postgres_url) as third, third.database.transaction() as connection:
                held = "SELECT 1 FROM attempts WHERE message = :id FOR UPDATE"
                third.database.execute(connection, held, id=second.id)
                recovering = hosts.submit(other.workers.recover, NOW + HOUR)
                _until_waiting(watcher, 1)
                third.database.execute(connection, "SELECT 1 FROM blocks FOR UPDATE NOWAIT")
                closing = Closing(attempt, first.id, NOT_SENT, NOW + HOUR)
                answering = hosts.submit(ledger.attempts.tick, desk.worker, [], [closing], NOW + HOUR)
                _until_waiting(watcher, 2)
            assert recovering.result() == 2
            answering.result()
        assert (desk.state(first), desk.state(second)) == ("pending", "in_doubt")
        recount(watcher, desk.run)


@pytest.mark.postgres
def test_a_block_given_back_while_another_host_reopens_it_stays_open(postgres_url: str) -> None:
    """A message made pending in the very moment its block is judged done must not be forgotten."""
    with opened(postgres_url) as ledger, opened(postgres_url) as watcher:
        run = load(ledger, 1)
        desk = Desk.of(ledger, run)
        (first,) = desk.pending()
        desk.sent(first, IN_DOUBT)

        with ThreadPoolExecutor(1) as host:
            with opened(postgres_url) as other, other.database.transaction() as connection:
                change = "UPDATE messages SET state = 'pending' WHERE id = :id"
                other.database.execute(connection, change, id=first.id)
                other.database.execute(connection, "UPDATE blocks SET done = false")
                given = host.submit(ledger.claims.give_back, desk.worker, desk.blocks)
                _until_waiting(watcher, 1)
            given.result()
        assert query(watcher, "SELECT done, worker_id FROM blocks") == [{"done": False, "worker_id": None}]


@pytest.mark.postgres
@pytest.mark.parametrize("settled_by", ["absence", "late answer"])
def test_a_receipt_and_a_settlement_at_once_do_not_stop_each_other(
    postgres_url: str, settled_by: str
) -> None:
    """Two hosts, one folding a receipt, one settling the same doubt: both end, and the receipt wins."""
    with opened(postgres_url) as ledger, opened(postgres_url) as other, opened(postgres_url) as watcher:
        desk = Desk.of(ledger, load(ledger, 1))
        (first,) = desk.pending()
        attempt = desk.sent(first, IN_DOUBT)
        doubt = doubts(ledger, desk.run)[first.id]

        def settle() -> None:
            if settled_by == "absence":
                ledger.doubts.accept_absence(desk.run, doubt, {}, NOW + HOUR)
            else:
                closing = Closing(attempt, first.id, NOT_SENT, NOW + HOUR)
                ledger.attempts.tick(desk.worker, [], [closing], NOW + HOUR)

        def fold() -> None:
            harvest(other, desk.mailbox, [mail(ReceiptKind.DELIVERED, first.reference)])

        with ThreadPoolExecutor(2) as hosts:
            with opened(postgres_url) as third, third.database.transaction() as connection:
                third.database.execute(connection, "SELECT 1 FROM attempts FOR UPDATE")
                settling = hosts.submit(settle)
                _until_waiting(watcher, 1)
                folding = hosts.submit(fold)
                _until_waiting(watcher, 2)
            settling.result()
            folding.result()
        assert message(watcher, first.id)["state"] == "sent"
        assert message(watcher, first.id)["delivery"] == "delivered"
        assert attempts(watcher, first.id)[0]["settlement"] in {"absence", "late_answer", "receipt"}
        recount(watcher, desk.run)
