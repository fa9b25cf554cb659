"""What is done in the mailboxes after sending: never in its time, and while a start waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from support.ledgers import open_ledger
from support.nights import Nights, play, rome, rules

from bulk_pec.config import Window
from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.nightly import Limits
from bulk_pec.nightly.chores import LONGEST, Chores
from bulk_pec.nightly.done import Done
from bulk_pec.nightly.inboxes import Inboxes
from bulk_pec.sending.committer import LedgerThread

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
