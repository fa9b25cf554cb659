"""What is done in the mailboxes after sending: never in its time, and while a start waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from support.ledgers import open_ledger
from support.nights import Nights, play, rome, rules
from support.pec import MAILBOX

from bulk_pec.config import Window
from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.nightly import Limits
from bulk_pec.nightly.chores import LONGEST, Chores
from bulk_pec.nightly.done import Done
from bulk_pec.nightly.gauge import Gauge
from bulk_pec.nightly.inboxes import Inboxes
from bulk_pec.nightly.timekeeper import Timekeeper
from bulk_pec.nightly.waiting import QUOTA_EVERY, Waiting
from bulk_pec.sending.committer import LedgerThread
from bulk_pec.sending.options import Stopped
from bulk_pec.sending.stops import Stops

ANY_TIME = Calendar("Europe/Rome")
EVENING = "2026-11-23 21:00"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Time passes here for a SQLite ledger only: Postgres has a clock of its own."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


def _texts(nights: Nights) -> list[int]:
    """From now on, when a mail's text is asked for."""
    asked: list[int] = []

    def note(path: str, _: str) -> int | None:
        if path.startswith("/inbox/"):
            asked.append(nights.clock.true())
        return None

    nights.provider.ails = note
    nights.provider.fails = lambda _: True
    nights.provider.receipts = lambda _: (0, 0)
    return asked


def test_texts_are_asked_for_after_sending(ledger: Ledger) -> None:
    """Notices of non-delivery are known while messages leave; why, is asked once the last has left."""
    asked: list[int] = []

    async def once(nights: Nights) -> None:
        nonlocal asked
        asked = _texts(nights)
        assert (await nights.start()).exit == Exit.of(Reason.ATTENTION)

    nights = play(ledger, 60, EVENING, once, rules(ANY_TIME, harvest_every=10.0))
    posts = nights.provider.posts
    assert len(posts) == 60
    assert asked
    assert min(asked) > posts[-1].at


def test_they_are_asked_for_while_a_start_waits(ledger: Ledger) -> None:
    """With --wait the hours until the window opens again are used, and none of its own."""
    asked: list[int] = []
    window = Calendar("Europe/Rome", Window.parse("20:00-21:00"))

    async def once(nights: Nights) -> None:
        nonlocal asked
        asked = _texts(nights)
        assert (await nights.start(wait=True)).exit == Exit.of(Reason.ATTENTION)

    nights = play(ledger, 70, "2026-11-23 20:59", once, rules(window, harvest_every=10.0))
    times = [post.at for post in nights.provider.posts]
    assert len(times) == 70
    assert any(rome("2026-11-23 21:00") < at < rome("2026-11-24 20:00") for at in asked)
    nights_of_it = [(times[0], rome("2026-11-23 21:00")), (rome("2026-11-24 20:00"), times[-1])]
    assert not any(first <= at <= last for at in asked for first, last in nights_of_it)


def test_when_they_end(ledger: Ledger) -> None:
    """With messages left: when the window opens, or the cap makes room; else after a quarter of an hour."""
    window = Calendar("Europe/Rome", Window.parse("20:00-21:00"))

    async def once(nights: Nights) -> None:
        parts = nights._parts(Limits())
        thread = LedgerThread()
        async with parts.provider() as provider:
            inboxes = Inboxes(parts, Done(), provider, thread.call)
            chores = Chores(parts, Done(), provider, thread.call, inboxes)
            opens = chores.end_of(Reason.WINDOW, None)
            room = chores.end_of(Reason.CAP, rome("2026-11-24 00:00"))
            other = chores.end_of(Reason.MAX_MESSAGES, None)
            assert (opens(), room(), other()) == (False, False, False)
            await anyio.sleep(LONGEST + 1)
            assert (opens(), room(), other()) == (False, False, True)
            nights.clock.skip(3 * 3600)
            assert (opens(), room()) == (False, True)
            nights.clock.skip(19.5 * 3600)
            assert opens()
            assert await chores.run() == 0, "no inbox was read: nothing is done"

    play(ledger, 5, "2026-11-23 21:30", once, rules(window))


@pytest.mark.parametrize("makes_room", [True, False])
def test_room_that_was_made_meanwhile_is_seen_at_once(ledger: Ledger, *, makes_room: bool) -> None:
    """Once receipts were deleted the quota is asked at once, not after minutes; and told as it is now."""

    async def once(nights: Nights) -> None:
        nights.provider.share = lambda _: 0.95
        parts, stops, done = nights._parts(Limits(wait=True)), Stops(), Done()
        done.sent.stopped = {MAILBOX.address: Stopped(Reason.MAILBOX_FULL, "91% full")}
        done.sent.awaited = (MAILBOX.address,)
        stops.claims(Reason.MAILBOX_FULL, "91% full")

        async def deletes() -> bool:
            await anyio.sleep(10)
            nights.provider.share = lambda _: 0.2 if makes_room else 0.94
            return True

        async with parts.provider() as provider:
            gauge = Gauge(provider.listing, ledger.quotas, LedgerThread().call, nights.clock)
            keeper = Timekeeper(ANY_TIME, nights.clock, stops)
            waiting = Waiting(parts, done, keeper, stops, gauge, meanwhile=deletes)
            since = nights.clock.running()
            with anyio.move_on_after(QUOTA_EVERY - 1):
                assert await waiting.over()
        assert (nights.clock.running() - since < 20) == makes_room
        if not makes_room:
            assert done.sent.stopped[MAILBOX.address].note == "94% full"
            assert not await waiting_for_room(nights, done, stops)

    async def waiting_for_room(nights: Nights, done: Done, stops: Stops) -> bool:
        parts = nights._parts(Limits(wait=True))
        async with parts.provider() as provider:
            gauge = Gauge(provider.listing, ledger.quotas, LedgerThread().call, nights.clock)
            keeper = Timekeeper(ANY_TIME, nights.clock, stops)

            async def nothing() -> bool:
                return False

            return await Waiting(parts, done, keeper, stops, gauge, meanwhile=nothing).has_room()

    play(ledger, 3, EVENING, once, rules(ANY_TIME))
