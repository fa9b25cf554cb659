"""Pace: how far apart first bytes are, on a clock that only waits can move, with slots of a real ledger."""

from __future__ import annotations

import math
from pathlib import Path

import anyio
import pytest
from support.paces import BOX, TICK, TINY, Bench, gaps, start_many, used
from support.receiver import most_in_a_window

from bulk_pec.domain.slots import MARGIN
from bulk_pec.sending.pace import LEAD, Pace
from bulk_pec.sending.stops import Stops

RATES = [0.2, 1.0, 2.5, 20.0, 150.0]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A new ledger."""
    return Bench(tmp_path / "ledger.db")


@pytest.mark.parametrize("rate", RATES)
def test_starts_are_a_hundredth_more_than_the_interval_apart(bench: Bench, rate: float) -> None:
    """Two first bytes are at least 1.01/rate apart, and the rate that leaves is used."""

    async def main(pace: Pace, _: Stops) -> None:
        starts = await start_many(pace, max(60, round(2 * rate)))
        assert min(gaps(starts)) >= MARGIN / rate - TINY
        assert max(gaps(starts)) <= MARGIN / rate + TICK
        assert used(starts, rate) >= 0.97

    bench.on(main, rate)


@pytest.mark.parametrize("rate", [1.0, 20.0])
def test_no_window_holds_more_than_the_rate_from_the_first_second_on(bench: Bench, rate: float) -> None:
    """There is no burst at the start: the first 0.95 s hold no more starts than any other."""

    async def main(pace: Pace, _: Stops) -> None:
        assert most_in_a_window(await start_many(pace, 80)) <= rate

    bench.on(main, rate)


@pytest.mark.parametrize("rate", [1.0, 20.0])
def test_an_idle_time_is_not_caught_up(bench: Bench, rate: float) -> None:
    """After an hour without work the starts are as far apart as before: what was not used is lost."""

    async def main(pace: Pace, _: Stops) -> None:
        starts = await start_many(pace, 30)
        await anyio.sleep(3600)
        starts += await start_many(pace, 30)
        assert most_in_a_window(starts) <= rate
        assert min(gaps(starts)) >= MARGIN / rate - TINY

    bench.on(main, rate)


@pytest.mark.parametrize("rate", [1.0, 20.0])
def test_a_slot_missed_by_a_slow_commit_is_lost(bench: Bench, rate: float) -> None:
    """Commits that take three intervals delay what follows; nothing follows faster for it."""

    async def main(pace: Pace, _: Stops) -> None:
        slow = 3 * MARGIN / rate
        starts = await start_many(pace, 40, commit=lambda number: slow if number % 10 in (5, 6) else 0.0)
        assert min(gaps(starts)) >= MARGIN / rate - TINY
        assert most_in_a_window(starts) <= rate

    bench.on(main, rate)


@pytest.mark.parametrize("rate", [1.0, 20.0])
def test_commits_shorter_than_the_lead_cost_no_slot(bench: Bench, rate: float) -> None:
    """Intents are committed ahead of their slots, so that a commit of 60 ms costs nothing of the rate."""

    async def main(pace: Pace, _: Stops) -> None:
        assert used(await start_many(pace, 60, commit=lambda _: 0.06), rate) >= 0.97

    bench.on(main, rate)


@pytest.mark.parametrize("rate", [1.0, 20.0])
def test_where_commits_are_slow_intents_are_made_earlier(bench: Bench, rate: float) -> None:
    """A disk that takes 0.4 s for each commit does not halve the rate: the lead follows what is measured."""

    async def main(pace: Pace, _: Stops) -> None:
        starts = await start_many(pace, 80, senders=32, commit=lambda _: 0.4)
        assert used(starts[30:], rate) >= 0.95

    bench.on(main, rate)


def test_an_intent_is_made_just_before_its_slot(bench: Bench) -> None:
    """At one a second a message is let through no more than `LEAD` before its first byte, one at a time."""

    async def main(pace: Pace, _: Stops) -> None:
        waits: list[float] = []
        held = most = 0

        async def sender() -> None:
            nonlocal held, most
            for _turn in range(3):
                turn = await pace.approach(None)
                assert turn is not None
                held += 1
                most = max(most, held)
                let_through = anyio.current_time()
                assert await pace.slot(turn)
                waits.append(anyio.current_time() - let_through)
                held -= 1
                pace.leave(turn)

        async with anyio.create_task_group() as tasks:
            for _turn in range(8):
                tasks.start_soon(sender)
        assert max(waits) <= LEAD + TICK
        assert most == 1

    bench.on(main, 1.0)


@pytest.mark.parametrize("rate", [1.0, 20.0])
def test_a_new_process_goes_on_where_the_last_one_stopped(bench: Bench, rate: float) -> None:
    """A second pace on the same ledger takes no slot that is too near to the first one's last."""
    starts: list[float] = []

    async def main(first: Pace, stops: Stops) -> None:
        starts.extend(await start_many(first, 30))
        starts.extend(await bench.again(start_many, 30, rate, stops))

    bench.on(main, rate)
    assert most_in_a_window(starts) <= rate
    assert min(gaps(starts)) >= MARGIN / rate - TICK


@pytest.mark.parametrize("rate", [1.0, 20.0])
def test_two_processes_share_the_rate(bench: Bench, rate: float) -> None:
    """Two paces that send at once use the rate whole, and together no more than it."""
    found: list[list[float]] = []

    async def main(first: Pace, stops: Stops) -> None:
        async def other() -> None:
            found.append(await bench.again(start_many, 40, rate, stops))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(other)
            found.append(await start_many(first, 40))

    bench.on(main, rate)
    starts = sorted(found[0] + found[1])
    assert most_in_a_window(starts) <= rate
    assert used(starts, rate) >= 0.95


def test_a_mailbox_is_kept_to_its_own_rate(bench: Bench) -> None:
    """Of two mailboxes one may send a fifth as fast: the other takes what that leaves of the common rate."""
    by_box: dict[int, list[float]] = {BOX: [], BOX + 1: []}

    async def main(pace: Pace, _: Stops) -> None:
        numbers = iter(range(60))

        async def sender() -> None:
            for _turn in numbers:
                turn = await pace.approach(None)
                assert turn is not None
                assert await pace.slot(turn)
                by_box[turn.box].append(anyio.current_time())
                pace.leave(turn)

        async with anyio.create_task_group() as tasks:
            for _turn in range(8):
                tasks.start_soon(sender)

    bench.on(main, 1.0, limits=(0.2, None))
    assert min(gaps(by_box[BOX])) >= 5 * MARGIN - TICK
    assert used(sorted(by_box[BOX] + by_box[BOX + 1]), 1.0) >= 0.97
    assert len(by_box[BOX]) >= 10


def test_without_a_limit_nothing_waits(bench: Bench) -> None:
    """An infinite rate makes no slot, in the beginning or later."""

    async def main(pace: Pace, _: Stops) -> None:
        began = anyio.current_time()
        assert await start_many(pace, 200) == pytest.approx([began] * 200, abs=TINY, rel=0)

    bench.on(main, math.inf)
