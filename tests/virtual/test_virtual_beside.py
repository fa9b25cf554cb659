"""Harvests beside sending, whole starts of them: what is known meanwhile, and that no slot is lost for it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from support.ledgers import open_ledger, query
from support.nights import Nights, play, rome, rules
from support.pec import PASSWORD

from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.domain.letters import Mailbox, Secret
from bulk_pec.domain.slots import MARGIN
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.sending.stops import Stops

ANY_TIME = Calendar("Europe/Rome")
ONE, OTHER = "uno@example.com", "altro@example.com"
EVENING = "2026-11-23 21:00"
EVERY = rules(ANY_TIME, harvest_every=60.0)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Time passes here for a SQLite ledger only: Postgres has a clock of its own."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


def _foreign(nights: Nights, mails: int, user: str = "ufficio@example.com") -> None:
    """So much of other people's mail lies in the inbox before the evening."""
    begun = rome(EVENING) - 86_400_000
    nights.provider.mail += [(begun + n * 1000, f"POSTA CERTIFICATA: {n}", user) for n in range(mails)]


def _user(nights: Nights) -> str:
    return nights.mailboxes[0].username.reveal()


def _gaps(nights: Nights) -> list[int]:
    """Milliseconds from each first byte to the next."""
    return [later.at - one.at for one, later in pairwise(nights.provider.posts)]


def test_no_slot_is_lost_to_a_long_harvest(ledger: Ledger) -> None:
    """The inbox holds a thousand mails that arrive while messages leave: every permitted slot is used.

    Some walk is under way during most of the sending, and the first bytes are an interval apart throughout.
    """

    async def once(nights: Nights) -> None:
        for minute in range(8):
            at = rome(EVENING) + minute * 60_000
            user = _user(nights)
            nights.provider.mail += [(at + n, f"POSTA CERTIFICATA: {at + n}", user) for n in range(300)]
        nights.rules = rules(ANY_TIME, harvest_every=5.0)
        assert (await nights.start()).exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 240, EVENING, once, EVERY)
    posts = nights.provider.posts
    assert len(posts) == 240
    beside = [at for at in nights.provider.reads if posts[0].at < at < posts[-1].at]
    assert len(beside) > 60
    slot = float(1000 * MARGIN)
    assert all(abs(gap - slot) <= 2 for gap in _gaps(nights)), _gaps(nights)


def test_receipts_are_known_while_messages_leave(ledger: Ledger) -> None:
    """In the middle of a run deliveries are in the ledger already, and nothing is settled by absence."""
    known: list[int] = []

    async def once(nights: Nights) -> None:
        def look(_: int) -> None:
            if len(nights.provider.posts) == 280:
                known.append(nights.ledger.views.figures(nights.run).values["delivery_delivered"])

        nights.provider.on_post = look
        assert (await nights.start()).exit == Exit.of(Reason.COMPLETE)

    play(ledger, 300, EVENING, once, EVERY)
    assert known[0] > 0


def test_send_reads_the_inbox_before_it_sends_and_not_beside(ledger: Ledger) -> None:
    """`send` keeps to what it says: it reads once, and only the quota afterwards."""

    async def once(nights: Nights) -> None:
        await nights.start(reconcile=False)

    nights = play(ledger, 200, EVENING, once, EVERY)
    assert len(nights.provider.posts) == 200
    assert all(at < nights.provider.posts[0].at for at in nights.provider.reads)
    assert len(query(nights.ledger, "SELECT id FROM quotas")) > 2


@pytest.mark.parametrize("how", ["held", "claims"])
def test_a_stop_ends_the_reading_too(ledger: Ledger, how: str) -> None:
    """A signal, or the end of the window, comes while a walk is under way: it ends, the next one goes on."""
    stopped: list[int] = []

    async def once(nights: Nights) -> None:
        _foreign(nights, 10)

        async def stop(stops: Stops) -> None:
            nights.provider.on_connect = lambda at: _stop(at, stops)

        def _stop(at: int, stops: Stops) -> None:
            reads = [one for one in nights.provider.reads if nights.provider.posts]
            if not stopped and nights.provider.posts and reads and at - nights.provider.posts[0].at > 70_000:
                stopped.append(at)
                (stops.everything if how == "held" else stops.claims)(Reason.UNTIL)

        nights.listeners = [stop]
        ended = await nights.start()
        assert ended.exit == Exit.of(Reason.UNTIL)
        assert ended.document["messages"]["pending"] > 0
        nights.listeners = []
        assert (await nights.start()).exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 150, EVENING, once, EVERY)
    assert len({post.recipient for post in nights.provider.posts}) == len(nights.provider.posts) == 150


def test_an_older_copy_is_noticed_beside_sending(ledger: Ledger) -> None:
    """A receipt of a message that has not left here comes in the middle: 3, and nothing more is posted."""

    async def once(nights: Nights) -> None:
        reference = str(
            query(nights.ledger, "SELECT reference FROM messages ORDER BY id DESC")[0]["reference"]
        )
        at = rome(EVENING) + 30_000
        subject = f"ACCETTAZIONE: Avviso [rif. {reference}] 2026000000099999"
        nights.provider.mail.append((at, subject, _user(nights)))
        ended = await nights.start()
        assert ended.exit == Exit.of(Reason.ATTENTION)
        assert ended.document["restored_at"] is not None

    nights = play(ledger, 300, EVENING, once, EVERY)
    assert 50 < len(nights.provider.posts) < 120


def test_an_inbox_that_fails_beside_sending_is_read_later(ledger: Ledger) -> None:
    """503 for the inbox in the middle, and the quota can be read: sending goes on, and it is said."""
    since = rome(EVENING) + 30_000

    async def once(nights: Nights) -> None:
        nights.provider.ails = lambda path, _: (
            503 if path == "/inbox" and since < nights.clock.true() < since + 120_000 else None
        )
        assert (await nights.start()).exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 250, EVENING, once, EVERY)
    assert len(nights.provider.posts) == 250
    assert any("not read now" in said for said in nights.said)
    assert max(_gaps(nights)) < 2 * 1010


def test_an_inbox_that_refuses_beside_sending_stops_its_mailbox(ledger: Ledger) -> None:
    """401 for one inbox in the middle: that mailbox sends no more; the other goes on."""
    since = rome(EVENING) + 30_000

    async def once(nights: Nights) -> None:
        nights.mailboxes = [Mailbox(one, Secret(one), Secret(PASSWORD)) for one in (ONE, OTHER)]
        nights.provider.ails = lambda path, user: (
            401 if path == "/inbox" and user == ONE and nights.clock.true() > since else None
        )
        ended = await nights.start()
        assert ended.exit == Exit.of(Reason.COMPLETE)
        assert any(ONE in line for line in ended.rounds.done.stopped_mailboxes())

    nights = play(ledger, 200, EVENING, once, EVERY)
    assert len(nights.provider.posts) == 200
    last = max(post.at for post in nights.provider.posts if post.sender == ONE)
    assert last < since + 70_000
