"""The canary: the first messages of a run, whose arrival lets the rest follow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ledgers import open_ledger, query
from support.nights import Nights, play, rules

from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.exits import Exit, ExitCode, Reason
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.nightly import CanaryRules

ANY_TIME = Calendar("Europe/Rome")
FIVE = CanaryRules(size=5, wait=7200.0, min_delivered=0.8)
BAD = Exit(ExitCode.ATTENTION, Reason.CANARY)
UNDECIDED = Exit.of(Reason.CANARY)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Time passes here for a SQLite ledger only: Postgres has a clock of its own."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


def _state(nights: Nights) -> str | None:
    return str(query(nights.ledger, "SELECT canary FROM runs")[0]["canary"])


def test_a_good_canary_lets_the_rest_follow(ledger: Ledger) -> None:
    """Nothing but the canary leaves until four of its five messages are delivered; then all the others do."""
    before: list[int] = []

    async def once(nights: Nights) -> None:
        nights.provider.on_post = before.append
        ended = await nights.start()
        assert ended.exit == Exit.of(Reason.COMPLETE)
        assert _state(nights) == "passed"

    nights = play(ledger, 40, "2026-11-23 21:00", once, rules(ANY_TIME, canary=FIVE))
    times = [post.at for post in nights.provider.posts]
    assert len(times) == 40
    assert times[5] >= times[3] + 3 * 60_000, "the rest left before the deliveries had come"
    assert times[4] < times[0] + 60_000


def test_a_bad_canary_ends_3_until_a_person_acts(ledger: Ledger) -> None:
    """Two of five undelivered: 80 % is out of reach, exit 3 `canary`, however often it is started.

    With a lower share the run goes on.
    """

    async def until_relaxed(nights: Nights) -> None:
        nights.provider.fails = lambda recipient: (
            recipient in {"persona1@example.org", "persona3@example.org"}
        )
        assert (await nights.start()).exit == BAD
        assert (await nights.start()).exit == BAD
        assert len(nights.provider.posts) == 5
        assert _state(nights) == "failed"
        nights.rules = rules(ANY_TIME, canary=CanaryRules(5, 7200.0, 0.6))
        assert (await nights.start()).exit == Exit.of(Reason.ATTENTION)
        assert _state(nights) == "passed"

    nights = play(ledger, 12, "2026-11-23 21:00", until_relaxed, rules(ANY_TIME, canary=FIVE))
    assert len(nights.provider.posts) == 12


def test_a_canary_of_nought_is_not_consulted(ledger: Ledger) -> None:
    """The operator sets canary = 0 after a bad one: the run goes on without its verdict."""

    async def without(nights: Nights) -> None:
        nights.provider.refused = lambda recipient: 400 if recipient < "persona4" else None
        assert (await nights.start()).exit == BAD
        nights.rules = rules(ANY_TIME)
        assert (await nights.start()).exit == Exit.of(Reason.ATTENTION)

    nights = play(ledger, 9, "2026-11-23 21:00", without, rules(ANY_TIME, canary=FIVE))
    assert len(nights.provider.posts) >= 5


def test_an_undecided_canary_ends_75_after_its_wait_and_is_judged_again(ledger: Ledger) -> None:
    """Deliveries that are later than canary_wait: 75 `canary`; the start after they have come goes on."""

    async def slow(nights: Nights) -> None:
        nights.provider.receipts = lambda _: (1, 300)
        began = nights.clock.true()
        assert (await nights.start()).exit == UNDECIDED
        waited = nights.clock.true() - began
        assert 7_200_000 <= waited < 7_200_000 + 180_000
        again = nights.clock.true()
        assert (await nights.start()).exit == UNDECIDED
        assert nights.clock.true() - again < 60_000, "its wait is over: it is judged at once"
        assert len(nights.provider.posts) == 5
        nights.clock.skip(4 * 3600)
        assert (await nights.start()).exit == Exit.of(Reason.COMPLETE)

    play(ledger, 9, "2026-11-23 21:00", slow, rules(ANY_TIME, canary=FIVE))


def test_a_later_delivery_outranks_a_failure(ledger: Ledger) -> None:
    """A bad canary is judged again at each start: CONSEGNA after an overdue notice makes it good."""

    async def late(nights: Nights) -> None:
        nights.provider.receipts = lambda _: (1, 60 * 30)
        assert (await nights.start()).exit == UNDECIDED
        nights.clock.skip(27 * 3600)
        assert (await nights.start()).exit == BAD
        nights.clock.skip(4 * 3600)
        assert (await nights.start()).exit == Exit.of(Reason.COMPLETE)

    play(ledger, 9, "2026-11-23 21:00", late, rules(ANY_TIME, canary=FIVE))


def test_a_canary_survives_a_start_that_ends_early(ledger: Ledger) -> None:
    """A start that ends within the canary leaves it as it was chosen; the next one sends only the rest."""

    async def in_parts(nights: Nights) -> None:
        assert (await nights.start(max_messages=2)).exit == Exit.of(Reason.MAX_MESSAGES)
        chosen = query(ledger, "SELECT message FROM canaries ORDER BY message")
        assert (await nights.start(max_duration=30.0)).exit == Exit.of(Reason.MAX_DURATION)
        assert query(ledger, "SELECT message FROM canaries ORDER BY message") == chosen
        assert len(nights.provider.posts) == 5
        assert (await nights.start()).exit == Exit.of(Reason.COMPLETE)

    play(ledger, 12, "2026-11-23 21:00", in_parts, rules(ANY_TIME, canary=FIVE))
