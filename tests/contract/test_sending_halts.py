"""Stopping a run that is under way: what still leaves, what is held back, what is cut off."""

from __future__ import annotations

from collections import Counter

import anyio
import pytest
from support.fault_server import Act, FaultServer, Wire, silence
from support.sending import SENT, doing, room

from bulk_pec.domain.exits import Reason
from bulk_pec.ledger.ledger import Ledger

pytestmark = pytest.mark.anyio


def _in_the_second_connection(then: Act) -> Act:
    """Do something when a second connection comes: with it a message waits for its slot."""

    async def act(wire: Wire) -> None:
        if wire.number == 2:
            await then(wire)

    return act


@pytest.fixture
def long_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intents are committed an hour before their slots, many slots are held: tests find them waiting."""
    monkeypatch.setattr("bulk_pec.sending.pace.LEAD", 3600.0)
    monkeypatch.setattr("bulk_pec.sending.pace.STOCK", 60.0)


@pytest.mark.usefixtures("long_lead")
async def test_a_signal_holds_back_what_waits_for_its_slot(ledger: Ledger) -> None:
    """Intents whose slot has not come are closed as not sent: none of them is posted, or stays open."""
    ours = room(ledger, 10)

    async def stop(_: Wire) -> None:
        ours.stops.everything(Reason.SIGNAL)

    async with FaultServer(SENT, on_connect=_in_the_second_connection(stop)) as server:
        done = await ours.send(server.url, rate=1 / 15, concurrency=3)
    assert done.reason is Reason.SIGNAL
    outcomes = Counter(ours.outcomes())
    assert len(server.posts) == outcomes["sent"] <= 1  # the first slot is free at once
    assert set(outcomes) <= {"sent", "not_sent"}
    assert outcomes["not_sent"] >= 1
    assert ours.states()["pending"] == 10 - outcomes["sent"]


@pytest.mark.usefixtures("long_lead")
async def test_a_stop_of_claims_lets_out_what_has_an_intent(ledger: Ledger) -> None:
    """At a window's end nothing new is claimed, but an intent still gets its slot and leaves."""
    ours = room(ledger, 10)

    async def stop(_: Wire) -> None:
        ours.stops.claims(Reason.UNTIL)

    async with FaultServer(SENT, on_connect=_in_the_second_connection(stop)) as server:
        done = await ours.send(server.url, rate=5.0, concurrency=3)
    assert done.reason is Reason.UNTIL
    assert len(server.posts) == len(ours.attempts())
    assert 2 <= len(server.posts) <= 5
    assert set(ours.outcomes()) == {"sent"}


async def test_requests_in_flight_may_end(ledger: Ledger) -> None:
    """After a signal an answer that comes within `drain_timeout` is recorded as what it is."""
    ours = room(ledger, 10)
    waiting, signalled = 0, anyio.Event()

    async def slow(wire: Wire) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 3:
            ours.stops.everything(Reason.SIGNAL)
            signalled.set()
        await signalled.wait()
        await SENT(wire)

    async with FaultServer(slow) as server:
        done = await ours.send(server.url, concurrency=3, drain_timeout=60.0)
    assert done.reason is Reason.SIGNAL
    assert ours.states() == {"sent": 3, "pending": 7}
    assert len(server.posts) == 3


async def test_what_does_not_end_in_time_is_cut_off_in_doubt(ledger: Ledger) -> None:
    """A request that left and was not answered within `drain_timeout` is in doubt; it is not open."""
    ours = room(ledger, 10)
    seen = 0

    def stop_at_the_third() -> None:
        nonlocal seen
        seen += 1
        if seen == 3:
            ours.stops.everything(Reason.SIGNAL)

    async with FaultServer(doing(silence, stop_at_the_third)) as server:
        done = await ours.send(server.url, concurrency=3, drain_timeout=0.05, timeout=600.0)
    assert done.reason is Reason.SIGNAL
    assert ours.outcomes() == ["in_doubt"] * 3
    assert ours.states() == {"in_doubt": 3, "pending": 7}
    assert len(server.posts) == 3


async def test_a_stop_before_the_start_sends_nothing(ledger: Ledger) -> None:
    """Who is asked to stop before it began claims nothing and gives everything back."""
    ours = room(ledger, 4)
    ours.stops.claims(Reason.PAUSED)
    async with FaultServer(SENT) as server:
        done = await ours.send(server.url)
    assert (done.reason, ours.attempts(), server.posts) == (Reason.PAUSED, [], [])
    ours.stops = type(ours.stops)()
    async with FaultServer(SENT) as server:
        assert (await ours.send(server.url)).reason is None
    assert ours.states() == {"sent": 4}


async def test_what_was_held_back_is_sent_in_the_next_start(ledger: Ledger) -> None:
    """A stop loses nothing and repeats nothing: the next start sends exactly what had not left."""
    ours = room(ledger, 30)
    seen = 0

    def stop_at_the_tenth() -> None:
        nonlocal seen
        seen += 1
        if seen == 10:
            ours.stops.everything(Reason.SIGNAL)

    async with FaultServer(doing(SENT, stop_at_the_tenth)) as server:
        first = await ours.send(server.url, concurrency=4)
        ours.stops = type(ours.stops)()
        second = await ours.send(server.url, concurrency=4)
    assert (first.reason, second.reason) == (Reason.SIGNAL, None)
    assert ours.states() == {"sent": 30}
    subjects = [request.json()["subject"] for request in server.posts]
    assert len(subjects) == len(set(subjects)) == 30
