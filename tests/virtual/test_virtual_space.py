"""Room in the mailboxes over whole starts: sending stops before its receipts could overflow the box."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from support.ledgers import open_ledger, query
from support.nights import Nights, play, rome, rules
from support.pec import PASSWORD
from support.sending import OPTIONS

from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.domain.growth import learnt
from bulk_pec.domain.letters import Mailbox, Secret
from bulk_pec.domain.space import UNKNOWN
from bulk_pec.ledger.ledger import Ledger

ANY_TIME = Calendar("Europe/Rome")
ONE, OTHER = "uno@example.com", "altro@example.com"
EVENING = "2026-11-23 21:00"
FULL = Exit.of(Reason.MAILBOX_FULL)
GIVEN = rules(ANY_TIME, harvest_every=20.0)
HOLDS = 300
"""Mails that a mailbox of these tests holds: at 0.9 of them, 270, it counts as full."""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Time passes here for a SQLite ledger only: Postgres has a clock of its own."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


def _user(nights: Nights) -> str:
    return nights.mailboxes[0].username.reveal()


def _filling(nights: Nights, user: str, emptied_at: int | None = None) -> Callable[[int], float]:
    """How full a mailbox is: each mail that has come takes as much; somebody empties it at a moment."""

    def share(at: int) -> float:
        since = emptied_at if emptied_at is not None and at >= emptied_at else 0
        return sum(since < one[0] <= at and one[2] == user for one in nights.provider.mail) / HOLDS

    return share


def _receipts(nights: Nights, user: str) -> int:
    return sum(one[2] == user for one in nights.provider.mail)


def test_sending_stops_before_its_receipts_would_fill_the_box(ledger: Ledger) -> None:
    """75 `mailbox_full` while the box is far from it: what is still to come is reckoned with. None is lost.

    What a mail makes it grow by is in the ledger, and nearly all that fits was sent. Started again with the
    box as it is, nothing leaves; after room was made, the rest does.
    """

    async def nights_of_it(nights: Nights) -> None:
        nights.provider.receipts = lambda _: (0, 1)
        nights.provider.share = _filling(nights, _user(nights))
        first = await nights.start()
        assert first.exit == FULL
        assert "still to come may fill it to" in first.rounds.done.sent.note
        sent = len(nights.provider.posts)
        assert 115 <= sent <= 135
        assert _receipts(nights, _user(nights)) <= 0.9 * HOLDS
        box = ledger.inbox.mailbox_id(nights.mailboxes[0].address)
        known = learnt(ledger.quotas.history(box))
        assert known is not None
        assert known.sure
        assert 0.9 / HOLDS <= known.mean <= 1.1 / HOLDS
        nights.clock.skip(3600)
        again = await nights.start()
        assert len(nights.provider.posts) - sent <= 20
        assert again.exit == FULL
        assert _receipts(nights, _user(nights)) <= 0.9 * HOLDS
        nights.clock.skip(3600)
        nights.provider.share = _filling(nights, _user(nights), nights.clock.true())
        assert (await nights.start()).exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 200, EVENING, nights_of_it, GIVEN)
    assert len(nights.provider.posts) == 200


def test_a_send_alone_stops_in_time_too(ledger: Ledger) -> None:
    """`send` reads no inbox beside: what the box grows by while it sends stands in for what a mail takes.

    As nobody can say whether these were ACCETTAZIONI alone, it stops at half of what fits at the worst.
    """

    async def once(nights: Nights) -> None:
        nights.provider.receipts = lambda _: (0, 0)
        nights.provider.share = _filling(nights, _user(nights))
        assert (await nights.start(reconcile=False)).exit == FULL
        assert _receipts(nights, _user(nights)) <= 0.9 * HOLDS
        assert len(nights.provider.posts) >= 60

    play(ledger, 200, EVENING, once, GIVEN)


def test_a_mailbox_that_fills_stops_alone(ledger: Ledger) -> None:
    """Of two, one fills: the other sends what is left, and the start is complete."""

    async def once(nights: Nights) -> None:
        nights.provider.receipts = lambda _: (0, 1)
        nights.mailboxes = [Mailbox(one, Secret(one), Secret(PASSWORD)) for one in (ONE, OTHER)]
        nights.provider.shares = {ONE: _filling(nights, ONE)}
        nights.provider.mail += [(rome(EVENING) - 1000, f"POSTA CERTIFICATA: {n}", ONE) for n in range(200)]
        ended = await nights.start()
        assert ended.exit == Exit.of(Reason.COMPLETE)
        assert ended.rounds.done.sent.stopped[ONE].reason is Reason.MAILBOX_FULL
        (told,) = ended.rounds.done.stopped_mailboxes()
        assert told.startswith(f"{ONE} stopped: ")

    nights = play(ledger, 250, EVENING, once, GIVEN)
    senders = Counter(post.sender for post in nights.provider.posts)
    assert senders.total() == 250
    assert _receipts(nights, ONE) <= 0.9 * HOLDS
    assert 20 <= senders[ONE] <= 35


def test_room_is_waited_for_while_sending(ledger: Ledger) -> None:
    """With --wait the start goes on once somebody has made room."""
    room_at = rome("2026-11-24 03:00")

    async def once(nights: Nights) -> None:
        nights.provider.receipts = lambda _: (0, 1)
        nights.provider.share = _filling(nights, _user(nights), room_at)
        assert (await nights.start(wait=True)).exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 180, EVENING, once, GIVEN)
    late = [post.at for post in nights.provider.posts if post.at >= room_at]
    assert len(late) >= 40
    assert late[0] < room_at + 15 * 60_000


def test_an_unreadable_quota_stops_sending(ledger: Ledger) -> None:
    """It could be read before sending and cannot be in the middle: 69, the rest stays, and it is said why."""
    since = rome(EVENING) + 40_000

    async def once(nights: Nights) -> None:
        nights.provider.ails = lambda path, _: (
            503 if path.startswith("/quota") and nights.clock.true() > since else None
        )
        ended = await nights.start()
        assert ended.exit == Exit.of(Reason.UNAVAILABLE)
        assert ended.document["messages"]["pending"] > 0
        assert "its quota could not be read" in ended.rounds.done.sent.note
        nights.provider.ails = lambda *_: None
        assert (await nights.start()).exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 300, EVENING, once, GIVEN)
    assert len(nights.provider.posts) == 300


def test_a_quota_that_is_slow_holds_its_mailbox_back(ledger: Ledger) -> None:
    """Its answer takes fifty seconds: no more leaves meanwhile than may without it, then all the rest."""

    async def once(nights: Nights) -> None:
        nights.provider.lags = lambda path: (
            50.0 if path.startswith("/quota") and 20 < len(nights.provider.posts) < 26 else 0.0
        )
        assert (await nights.start(reconcile=False)).exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 90, EVENING, once, GIVEN)
    times = [post.at for post in nights.provider.posts]
    gaps = [later - one for one, later in pairwise(times)]
    assert len(times) == 90
    assert 20 < gaps.index(max(gaps)) + 1 <= UNKNOWN + OPTIONS.concurrency
    assert max(gaps) > 15_000
    assert sum(gap > 1100 for gap in gaps) == 1


class Filled(NamedTuple):
    """A box, in KiB: its capacity and what receipts take of it. How fast, how late; how many fit at least.

    Attributes:
        letter: Part of `delivered`: the letter's text.
        late: Seconds after which a CONSEGNA comes.
        least: Messages that are sent by `run`.
        alone: Messages that are sent by `send`, which reads no inbox.
    """

    capacity: int
    accepted: int
    delivered: int
    letter: int
    late: float
    rate: float
    least: int
    alone: int


@pytest.mark.parametrize("reconcile", [True, False], ids=["run", "send"])
@pytest.mark.parametrize(
    "box",
    [
        Filled(1500, 20, 20, 0, 10, 40.0, least=25, alone=15),
        Filled(102_400, 5, 1405, 1400, 10, 10.0, least=55, alone=55),
        Filled(131_072, 10, 174, 160, 400, 1.0, least=530, alone=470),
        Filled(1_048_576, 10, 5010, 5000, 3600, 5.0, least=150, alone=150),
        Filled(16_384, 5, 66, 61, 70, 30.0, least=170, alone=170),
    ],
    ids=["small-box", "large-letters", "minutes-late", "very-large-letters", "a-minute-late"],
)
def test_an_empty_box_is_not_overfilled_while_its_receipts_are_late(
    ledger: Ledger, box: Filled, reconcile: bool
) -> None:
    """Nothing is known of it, an ACCETTAZIONE comes after 2 s and a CONSEGNA long after: none is lost.

    What may be on its way while it is held goes a little beyond the mark; most of what fits is sent.
    """

    def used(nights: Nights, at: float) -> int:
        came = [one[1] for one in nights.provider.mail if one[0] <= at]
        return sum(box.accepted if "ACC" in one else box.delivered for one in came)

    async def once(nights: Nights) -> None:
        provider = nights.provider
        provider.connect, provider.answer, provider.capacity = 0.01, 0.05, box.capacity
        provider.receipts = lambda _: (2 / 60, box.late / 60)
        provider.share = lambda at: used(nights, at) / box.capacity
        assert (await nights.start(reconcile=reconcile)).exit == FULL

    body = "<p>Gentile {{ nome }}</p>" + " " * (1024 * box.letter)
    rows = min(6000, 3 * box.capacity // (box.accepted + box.delivered))
    nights = play(ledger, rows, EVENING, once, rules(ANY_TIME, rate=box.rate), body=body)
    assert used(nights, math.inf) <= 0.95 * box.capacity
    assert len(nights.provider.posts) >= (box.least if reconcile else box.alone)


def test_a_box_whose_usage_never_moves_goes_on(ledger: Ledger) -> None:
    """Its unit is coarse, or nothing is delivered: it waits for receipts of ever more messages, and ends."""

    async def once(nights: Nights) -> None:
        nights.provider.connect, nights.provider.answer = 0.01, 0.05
        assert (await nights.start(reconcile=False)).exit == Exit.of(Reason.COMPLETE)

    nights = play(ledger, 300, EVENING, once, rules(ANY_TIME, rate=40.0))
    times = [post.at for post in nights.provider.posts]
    waits = [number for number, (one, later) in enumerate(pairwise(times), 1) if later - one > 5_000]
    assert UNKNOWN <= waits[0] <= UNKNOWN + OPTIONS.concurrency
    assert 2 <= len(waits) <= 6
    assert times[-1] - times[0] < 180_000


def test_the_latest_reading_stands_with_each_attempt(ledger: Ledger) -> None:
    """What settling asks of an attempt is how full the box was when it was last read before it."""

    async def once(nights: Nights) -> None:
        nights.provider.share = lambda at: 0.1 if at < rome(EVENING) + 20_000 else 0.11
        assert (await nights.start()).exit == Exit.of(Reason.COMPLETE)

    play(ledger, 120, EVENING, once, GIVEN)
    shares = [row["quota_share"] for row in query(ledger, "SELECT quota_share FROM attempts ORDER BY id")]
    assert (shares[0], shares[-1]) == (0.1, 0.11)
    assert shares == sorted(shares)
