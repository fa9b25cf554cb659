"""The engine against a real server and a real ledger: what each answer makes of a run."""

from __future__ import annotations

from collections import Counter

import anyio
import pytest
from support.fault_server import Act, FaultServer, answer, close, refusing_port, reset
from support.sending import REJECTED, SENT, Room, composer, doing, reference_of, room

from bulk_pec.domain.errors import LedgerError
from bulk_pec.domain.exits import Reason
from bulk_pec.domain.outcomes import Verdict
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import Sandbox
from bulk_pec.sending.health import JUDGED_FROM, UNREACHABLE_AFTER

pytestmark = pytest.mark.anyio


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of 1, 2, 4 … ms in place of seconds."""
    monkeypatch.setattr("bulk_pec.domain.slots.FIRST_PAUSE", 0.001)
    monkeypatch.setattr("bulk_pec.domain.slots.LONGEST_PAUSE", 0.06)


def _posted(server: FaultServer) -> Counter[str]:
    """How often each reference was posted."""
    return Counter(reference_of(request) for request in server.posts)


def _each_had_an_intent(ours: Room, server: FaultServer) -> None:
    """Invariant 1: every POST that was seen has an attempt of its own, opened before."""
    opened = Counter(attempt["reference"] for attempt in ours.attempts())
    assert all(opened[reference] >= times for reference, times in _posted(server).items())


async def test_all_are_sent_once(ledger: Ledger) -> None:
    """Every message is posted once and named by the provider; sending again posts nothing (invariant 9)."""
    ours = room(ledger, 60)
    async with Sandbox(SandboxOptions()) as sandbox:
        done = await ours.send(sandbox.url, concurrency=8)
        again = await ours.send(sandbox.url)
    assert (done.outcomes, done.reason) == ({Verdict.SENT: 60}, None)
    assert (again.outcomes, again.reason) == ({}, None)
    assert ours.states() == {"sent": 60}
    assert len(ours.seen) == 60
    assert len({attempt["message_id"] for attempt in ours.attempts()}) == 60


async def test_a_full_pace_sends_all(ledger: Ledger) -> None:
    """With a limited rate the same is sent: slots, leads and places are all given back."""
    ours = room(ledger, 30)
    async with FaultServer(SENT) as server:
        done = await ours.send(server.url, rate=200.0)
    assert (done.reason, ours.states()) == (None, {"sent": 30})
    assert set(_posted(server).values()) == {1}


async def test_a_refusal_for_good_rejects_its_message_alone(ledger: Ledger) -> None:
    """400 ends one message; the others go on."""
    ours = room(ledger, 3)
    async with FaultServer(SENT, REJECTED, SENT) as server:
        done = await ours.send(server.url, concurrency=1)
    assert done.reason is None
    assert ours.states() == {"sent": 2, "rejected": 1}
    assert ours.outcomes() == ["sent", "rejected", "sent"]


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (answer(401, {"success": False, "message": "Unauthorized"}), Reason.CREDENTIALS),
        (answer(403), Reason.CREDENTIALS),
        (answer(402, {"success": False, "message": "Insufficient Credit in Wallet: 1 > 0"}), Reason.CREDIT),
        (answer(404), Reason.CONFIG),
        (answer(405), Reason.CONFIG),
        (answer(415), Reason.CONFIG),
        (answer(302, b"", {"Location": "https://other.example/send"}), Reason.CONFIG),
    ],
    ids=["401", "403", "402", "404", "405", "415", "302"],
)
async def test_a_refused_account_or_address_stops_the_run(ledger: Ledger, act: Act, reason: Reason) -> None:
    """The run stops at once, the message is pending again, and a wrong address is named."""
    ours = room(ledger, 5)
    async with FaultServer(SENT, act) as server:
        done = await ours.send(server.url, concurrency=1)
    assert done.reason is reason
    assert ours.states() == {"sent": 1, "pending": 4}
    assert len(server.posts) == 2
    if reason is Reason.CONFIG:
        assert f"{server.url}/send" in done.note


async def test_what_is_in_flight_at_a_stop_still_counts(ledger: Ledger) -> None:
    """402 for one message while others are under way: their answers are recorded, nothing new leaves."""
    ours = room(ledger, 20)
    async with FaultServer(SENT, SENT, answer(402), SENT) as server:
        done = await ours.send(server.url, concurrency=4)
    assert done.reason is Reason.CREDIT
    assert len(server.posts) == len(ours.attempts()) <= 7
    assert None not in ours.outcomes()
    assert ours.states()["pending"] == 20 - ours.states()["sent"]


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}], ids=["no time", "time 0"])
async def test_a_throttle_pauses_and_goes_on(ledger: Ledger, headers: dict[str, str]) -> None:
    """429: the message is tried again as a new attempt, and in the end all are sent.

    An intent that was open when the pause came is held back, and posts nothing.
    """
    ours = room(ledger, 6)
    throttled = answer(429, b"", headers)
    async with FaultServer(SENT, throttled, throttled, SENT) as server:
        done = await ours.send(server.url, concurrency=2)
    assert (done.reason, ours.states()) == (None, {"sent": 6})
    held_back = done.outcomes.pop(Verdict.NOT_SENT, 0)
    assert done.outcomes == {Verdict.SENT: 6, Verdict.THROTTLED: 2}
    assert len(ours.attempts()) == 8 + held_back
    assert sum(_posted(server).values()) == 8
    _each_had_an_intent(ours, server)


@pytest.mark.parametrize(
    "act", [answer(500, {"success": False, "message": "MySQL Error 2006"}), close, reset, answer(200, b"ok")]
)
async def test_an_ambiguous_answer_is_in_doubt_and_not_repeated(ledger: Ledger, act: Act) -> None:
    """The server may have taken it: it is not posted again, in this start or the next."""
    ours = room(ledger, 3)
    async with FaultServer(SENT, act, SENT) as server:
        done = await ours.send(server.url, concurrency=1)
        await ours.send(server.url, concurrency=1)
    assert done.reason is None
    assert ours.states() == {"sent": 2, "in_doubt": 1}
    assert set(_posted(server).values()) == {1}


@pytest.mark.usefixtures("short_pauses")
async def test_an_unreachable_provider_ends_the_run(ledger: Ledger) -> None:
    """A refused port: after the given failures in a row the run ends; everything is pending, nothing open."""
    ours = room(ledger, 20)
    with refusing_port() as port:
        done = await ours.send(f"http://127.0.0.1:{port}", concurrency=1)
    assert done.reason is Reason.UNAVAILABLE
    assert ours.states() == {"pending": 20}
    assert ours.outcomes() == ["not_sent"] * UNREACHABLE_AFTER


@pytest.mark.usefixtures("short_pauses")
async def test_several_failures_in_one_pause_count_once(ledger: Ledger) -> None:
    """Four tasks that meet the same refused port do not end the run four times as fast."""
    ours = room(ledger, 20)
    with refusing_port() as port:
        done = await ours.send(f"http://127.0.0.1:{port}", concurrency=4)
    assert done.reason is Reason.UNAVAILABLE
    assert ours.states() == {"pending": 20}
    assert len(ours.outcomes()) >= UNREACHABLE_AFTER
    assert set(ours.outcomes()) == {"not_sent"}


async def test_the_breaker_opens(ledger: Ledger) -> None:
    """When too many fail the rest is not ground through: it stays pending."""
    ours = room(ledger, 120)
    async with FaultServer(REJECTED) as server:
        done = await ours.send(server.url, concurrency=4)
    assert done.reason is Reason.BREAKER
    rejected = ours.states()["rejected"]
    assert JUDGED_FROM <= rejected < JUDGED_FROM + 4
    assert ours.states() == {"rejected": rejected, "pending": 120 - rejected}
    assert len(server.posts) == rejected


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_max_messages_is_kept(ledger: Ledger, concurrency: int) -> None:
    """No more attempts than allowed, however many tasks; the rest is for another start."""
    ours = room(ledger, 20)
    async with FaultServer(SENT) as server:
        done = await ours.send(server.url, max_messages=7, concurrency=concurrency)
        assert (done.reason, ours.states()) == (Reason.MAX_MESSAGES, {"sent": 7, "pending": 13})
        assert len(server.posts) == 7
        ours.stops = type(ours.stops)()
        assert (await ours.send(server.url)).reason is None
    assert ours.states() == {"sent": 20}


async def test_no_message_at_all_is_allowed(ledger: Ledger) -> None:
    """An allowance of none makes no attempt."""
    ours = room(ledger, 2)
    async with FaultServer(SENT) as server:
        done = await ours.send(server.url, max_messages=0)
    assert (done.reason, ours.attempts(), server.posts) == (Reason.MAX_MESSAGES, [], [])


async def test_a_changed_template_sends_nothing(ledger: Ledger) -> None:
    """A message that would not say what was loaded stays pending, and is named by its row."""
    ours = room(ledger, 3)
    async with FaultServer(SENT) as server:
        done = await ours.send(server.url, composer("<p>Altro per {{ nome }}</p>"))
    assert ours.states() == {"pending": 3}
    assert ([row for row, _ in done.skipped], ours.attempts(), server.posts) == ([1, 2, 3], [], [])


async def test_a_failing_ledger_ends_the_run(ledger: Ledger) -> None:
    """Once intents can no longer be committed nothing is posted: every POST there was had its intent."""
    ours = room(ledger, 40)
    posts = 0

    def lose_the_table_at_the_tenth() -> None:
        nonlocal posts
        posts += 1
        if posts == 10:
            renamed.set()

    renamed = anyio.Event()

    async def rename() -> None:
        await renamed.wait()
        await anyio.to_thread.run_sync(_rename, ledger, "attempts", "lost")

    async with (
        FaultServer(doing(SENT, lose_the_table_at_the_tenth)) as server,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(rename)
        with pytest.raises(LedgerError):
            await ours.send(server.url, concurrency=4)
    _rename(ledger, "lost", "attempts")
    _each_had_an_intent(ours, server)
    assert 10 <= len(server.posts) < 40
    assert ours.states()["pending"] == 40 - len(ours.attempts())


def _rename(ledger: Ledger, before: str, after: str) -> None:
    with ledger.database.transaction() as connection:
        ledger.database.execute(connection, f"ALTER TABLE {before} RENAME TO {after}")


@pytest.mark.postgres
async def test_a_refused_intent_posts_nothing(ledger: Ledger) -> None:
    """On Postgres a lease that has ended refuses every intent; on SQLite the file lock is the lease."""
    ours = room(ledger, 5)
    async with FaultServer(SENT) as server:
        done = await ours.send(server.url, lease=0.001)
    if ledger.database.is_postgres:
        assert ours.states() == {"pending": 5}
        assert (ours.attempts(), server.posts) == ([], [])
        assert done.reason in {Reason.BUSY, None}
    else:
        assert ours.states() == {"sent": 5}
