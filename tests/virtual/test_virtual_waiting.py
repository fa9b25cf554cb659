"""``--wait``: what passes by itself is waited for, what does not is not; outages; stops end the waiting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from support.ledgers import open_ledger
from support.nights import Nights, play, rome, rules

from bulk_pec.config import Window
from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.errors import BulkPecError
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.sending.stops import Stops

ANY_TIME = Calendar("Europe/Rome")
NIGHT = Calendar("Europe/Rome", Window.parse("20:00-06:00"))
HOUR = 3_600_000


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Time passes here for a SQLite ledger only: Postgres has a clock of its own."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


def test_room_in_the_mailbox_is_waited_for(ledger: Ledger) -> None:
    """A full mailbox is asked about every few minutes; once somebody made room, sending goes on."""
    room_at = rome("2026-11-23 22:30")

    async def full(nights: Nights) -> None:
        nights.provider.share = lambda at: 0.95 if at < room_at else 0.2
        ended = await nights.start(wait=True)
        assert ended.exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 5, "2026-11-23 21:00", full, rules(ANY_TIME))
    assert room_at <= nights.provider.posts[0].at < room_at + 10 * 60_000
    assert sum("Waiting for room" in said for said in nights.said) == 1


def test_a_full_mailbox_ends_a_start_that_does_not_wait(ledger: Ledger) -> None:
    """75 `mailbox_full`, and nothing posted."""

    async def full(nights: Nights) -> None:
        nights.provider.share = lambda _: 0.95
        assert (await nights.start()).exit == Exit.of(Reason.MAILBOX_FULL)

    assert not play(ledger, 5, "2026-11-23 21:00", full, rules(ANY_TIME)).provider.posts


@pytest.mark.parametrize("reason", [Reason.SIGNAL, Reason.PAUSED])
def test_a_stop_ends_the_waiting(ledger: Ledger, reason: Reason) -> None:
    """A signal or an order that comes while the window is waited for ends the start, for that reason."""

    async def stopped(nights: Nights) -> None:
        async def listener(stops: Stops) -> None:
            await anyio.sleep(3600)
            stops.everything(reason)

        nights.listeners.append(listener)
        began = nights.clock.true()
        ended = await nights.start(wait=True)
        assert ended.exit == Exit.of(reason)
        assert HOUR <= nights.clock.true() - began < HOUR + 60_000

    nights = play(ledger, 5, "2026-11-23 10:00", stopped, rules(NIGHT))
    assert not nights.provider.posts


def test_a_stop_does_not_wait_for_a_quota_that_is_asked_for(ledger: Ledger) -> None:
    """A signal while the provider takes its time to say how full a mailbox is ends the start at once."""
    times: list[int] = []

    async def stopped(nights: Nights) -> None:
        asked = anyio.Event()

        def answer_late(at: int) -> None:
            if any("Waiting for room" in said for said in nights.said):
                nights.provider.answer = 50.0
                times.append(at)
                asked.set()

        async def listener(stops: Stops) -> None:
            await asked.wait()
            stops.everything(Reason.SIGNAL)

        nights.provider.share = lambda _: 0.95
        nights.provider.on_connect = answer_late
        nights.listeners.append(listener)
        assert (await nights.start(wait=True)).exit == Exit.of(Reason.SIGNAL)
        times.append(nights.clock.true())

    play(ledger, 5, "2026-11-23 21:00", stopped, rules(ANY_TIME))
    assert len(times) == 2
    assert times[1] - times[0] < 5_000


def test_until_ends_the_waiting_too(ledger: Ledger) -> None:
    """--until before the window opens: 75 `until`."""

    async def stopped(nights: Nights) -> None:
        ended = await nights.start(wait=True, until=Window.parse("12:30-13:00").start)
        assert ended.exit == Exit.of(Reason.UNTIL)
        assert nights.clock.true() < rome("2026-11-23 12:31")

    play(ledger, 5, "2026-11-23 10:00", stopped, rules(NIGHT))


def test_a_provider_down_for_an_hour(ledger: Ledger) -> None:
    """It ends the start with 69 within minutes; starts every ten minutes go on when it is back.

    Every message leaves exactly once.
    """
    down, back = rome("2026-11-23 21:05"), rome("2026-11-23 22:05")
    exits: list[Exit] = []

    async def every_ten_minutes(nights: Nights) -> None:
        nights.provider.down = lambda at: down <= at < back
        while not exits or exits[-1] != Exit.of(Reason.COMPLETE):
            began = nights.clock.true()
            try:
                exits.append((await nights.start()).exit)
            except BulkPecError as error:
                exits.append(error.exit)
            assert len(exits) < 20
            if exits[-1] != Exit.of(Reason.COMPLETE):
                assert nights.clock.true() < max(began, down) + 10 * 60_000, (
                    "a dead provider is ground through"
                )
            await anyio.sleep(600)

    nights = play(ledger, 60, "2026-11-23 21:00", every_ten_minutes, rules(ANY_TIME, rate=1 / 10))
    assert Exit.of(Reason.UNAVAILABLE) in exits
    assert exits[-1] == Exit.of(Reason.COMPLETE)
    recipients = [post.recipient for post in nights.provider.posts]
    assert sorted(recipients) == sorted(set(recipients))
    assert len(recipients) == 60
    assert not any(down <= post.at < back for post in nights.provider.posts)


def test_the_breaker_judges_the_whole_start(ledger: Ledger) -> None:
    """Half an hour a night is too little to be judged by; over the nights of one start it is 50 outcomes.

    With everything rejected 69 `breaker` comes then, not never.
    """
    half_an_hour = Calendar("Europe/Rome", Window.parse("20:00-20:30"))
    tried: list[str] = []

    async def rejected(nights: Nights) -> None:
        def refuse(recipient: str) -> int:
            tried.append(recipient)
            return 400

        nights.provider.refused = refuse
        assert (await nights.start(wait=True)).exit == Exit.of(Reason.BREAKER)

    play(ledger, 120, "2026-11-23 19:00", rejected, rules(half_an_hour, rate=1 / 60))
    assert len(tried) == 50
