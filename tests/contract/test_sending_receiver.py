"""The pace as the provider sees it: measured at a receiver, over processes, hosts and starts.

20 a second keeps these tests short; what no test here asserts is how long anything takes.
"""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest
from support.ledgers import opened, query
from support.receiver import Receiver, most_in_a_window, running_receiver
from support.sending import Room, room

from bulk_pec.ledger.ledger import Ledger
from bulk_pec.sending.stops import Stops

pytestmark = pytest.mark.anyio
RATE = 20.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that answers at once."""
    with running_receiver() as running:
        yield running


def _never_too_many(receiver: Receiver, posts: int) -> None:
    times = receiver.times()
    assert len(times) == posts
    assert most_in_a_window(times) <= RATE


async def test_no_window_holds_more_than_the_rate(ledger: Ledger, receiver: Receiver) -> None:
    """In 0.95 s, anywhere from the first POST on, no more come than the rate allows in a second."""
    ours = room(ledger, 45)
    await ours.send(receiver.url, rate=RATE, concurrency=16)
    _never_too_many(receiver, 45)


async def test_slow_answers_change_nothing(ledger: Ledger) -> None:
    """With answers that take a second twenty are in flight at once, and still none is too many."""
    with running_receiver(delay=1.0) as receiver:
        ours = room(ledger, 60)
        await ours.send(receiver.url, rate=RATE, concurrency=32)
        _never_too_many(receiver, 60)


async def test_a_restart_is_no_new_beginning(ledger_url: str, receiver: Receiver) -> None:
    """A start that follows at once on another one keeps its distance from that one's last POST."""
    with opened(ledger_url) as first:
        ours = room(first, 60)
        await ours.send(receiver.url, rate=RATE, concurrency=8, max_messages=25)
    with opened(ledger_url) as second:
        ours = Room(second, ours.run)
        await ours.send(receiver.url, rate=RATE, concurrency=8)
    _never_too_many(receiver, 60)


async def test_many_short_starts_send_no_faster(ledger_url: str, receiver: Receiver) -> None:
    """A process that is started again and again for three messages each gains nothing by it."""
    with opened(ledger_url) as ledger:
        ours = room(ledger, 30)
        for _start in range(10):
            ours.stops = Stops()
            await ours.send(receiver.url, rate=RATE, concurrency=3, max_messages=3)
    _never_too_many(receiver, 30)


@pytest.mark.postgres
async def test_two_hosts_share_one_rate(postgres_url: str, receiver: Receiver) -> None:
    """Two engines on one Postgres, each sure of the whole rate: together they use no more than that."""
    with opened(postgres_url) as one, opened(postgres_url) as other:
        ours, theirs = room(one, 35), room(one, 35, "altri")
        theirs = Room(other, theirs.run)
        async with anyio.create_task_group() as hosts:
            hosts.start_soon(_send, ours, receiver.url)
            hosts.start_soon(_send, theirs, receiver.url)
        workers = query(one, "SELECT DISTINCT worker_id FROM attempts")
    _never_too_many(receiver, 70)
    assert len(workers) == 2


async def _send(ours: Room, url: str) -> None:
    async with ours.engine(url, rate=RATE, concurrency=8) as engine:
        await engine.run()
