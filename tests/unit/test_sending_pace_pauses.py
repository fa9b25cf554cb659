"""Pauses and stops of the pace: who waits, who is let go, and how fast it goes on."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from support.paces import BOX, TICK, TINY, Bench, gaps, start_many, start_one
from support.receiver import most_in_a_window
from support.virtual_time import VirtualLoop

from bulk_pec.domain.exits import Reason
from bulk_pec.domain.slots import MARGIN
from bulk_pec.sending.pace import PATIENCE, Pace
from bulk_pec.sending.stops import Stops


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A new ledger."""
    return Bench(tmp_path / "ledger.db")


def test_a_throttle_pauses_every_message(bench: Bench) -> None:
    """Nothing is let through before the time the provider named, and then at half the rate."""

    async def main(pace: Pace, _: Stops) -> None:
        await start_many(pace, 5)
        now = anyio.current_time()
        assert await pace.throttled(BOX, 7.0, now) == pytest.approx(7.0, abs=TICK)
        assert pace.paused(BOX)
        starts = await start_many(pace, 5)
        assert starts[0] >= now + 7.0 - TINY
        assert min(gaps(starts)) == pytest.approx(2 * MARGIN, abs=TICK)

    bench.on(main, 1.0)


def test_another_process_obeys_the_same_pause(bench: Bench) -> None:
    """What one process was told holds for a second one on the same ledger: the pause and the half rate."""
    starts: list[float] = []

    async def main(pace: Pace, stops: Stops) -> None:
        now = anyio.current_time()
        await pace.throttled(BOX, 7.0, now)
        starts.extend(await bench.again(start_many, 5, 1.0, stops))
        assert starts[0] >= now + 7.0 - TINY
        assert min(gaps(starts)) >= 2 * MARGIN - TICK

    bench.on(main, 1.0)
    assert len(starts) == 5


def test_one_pause_halves_once_however_many_said_so(bench: Bench) -> None:
    """Sixteen answers that all say 429 are one throttle, those too that come when the pause is over."""

    async def main(pace: Pace, _: Stops) -> None:
        left_at = anyio.current_time()
        for _turn in range(16):
            await pace.throttled(BOX, 2.0, left_at)
        await anyio.sleep(2.5)
        assert await pace.throttled(BOX, None, left_at) == 0
        starts = await start_many(pace, 4)
        assert min(gaps(starts)) == pytest.approx(2 * MARGIN / 20, abs=TICK)

    bench.on(main, 20.0)


def test_the_rate_is_full_again_after_ten_calm_seconds(bench: Bench) -> None:
    """Half the rate for ten seconds after the pause, then all of it, without a burst."""

    async def main(pace: Pace, _: Stops) -> None:
        now = anyio.current_time()
        pause_ends = now + await pace.throttled(BOX, 3.0, now)
        starts = await start_many(pace, 300)
        early = [start for start in starts if start < pause_ends + 10.0 - 2 * TICK]
        late = [start for start in starts if start > pause_ends + 10.8]
        assert min(gaps(early)) >= 2 * MARGIN / 20 - TICK
        assert max(gaps(late)) == pytest.approx(MARGIN / 20, abs=TICK)
        assert most_in_a_window(starts) <= 20

    bench.on(main, 20.0)


def test_a_back_off_pauses_without_slowing_down(bench: Bench) -> None:
    """A provider that cannot be reached is left alone for 1, 2, 4 … 60 s; the rate stays what it was."""

    async def main(pace: Pace, _: Stops) -> None:
        pauses = []
        for failures in range(1, 9):
            began = anyio.current_time()
            pace.back_off(failures)
            pace.back_off(failures)  # one pause, however many failed
            starts: list[float] = []
            await start_one(pace, starts)
            pauses.append(starts[0] - began)
        assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60], abs=0.1)
        assert min(gaps(await start_many(pace, 5))) == pytest.approx(MARGIN / 20, abs=TICK)

    bench.on(main, 20.0)


def test_a_pause_that_ends_between_two_looks_is_over(bench: Bench) -> None:
    """Without a limit: whoever finds a pause, and a moment later none, goes on and does not wait for ever."""

    async def main(pace: Pace, _: Stops) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        for tenths in range(100):
            loop.glance = 0.0
            pace.back_off(1)
            await anyio.sleep(1 - tenths / 10_000)
            loop.glance = 0.001
            assert await pace.approach(None) is not None

    bench.on(main, math.inf)


@pytest.mark.parametrize("turns", range(8))
def test_who_comes_while_slots_are_asked_for_is_not_overlooked(bench: Bench, turns: int) -> None:
    """One mailbox pauses for an hour: whoever begins to wait for the other just then has its slot at once."""

    async def main(pace: Pace, _: Stops) -> None:
        began = anyio.current_time()
        await pace.throttled(BOX, 3600.0, began)
        starts: list[float] = []

        async def other() -> None:
            for _turn in range(turns):
                await anyio.lowlevel.checkpoint()
            await start_one(pace, starts, box=BOX + 1)
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pace.approach, BOX)
            tasks.start_soon(other)
        assert starts[0] - began < 5.0

    bench.on(main, 1.0, limits=(None, None))


def test_a_stop_of_claims_ends_the_approach_but_not_the_slot(bench: Bench) -> None:
    """Who waits to make an intent is let go at once; who has one still waits for its slot."""

    async def main(pace: Pace, stops: Stops) -> None:
        turn = await pace.approach(None)
        assert turn is not None
        turn.at, turn.until = (anyio.current_time() + seconds for seconds in (100.0, 100.1))
        began = anyio.current_time()
        ends: dict[str, float] = {}

        async def approach() -> None:
            assert await pace.approach(None) is None
            ends["approach"] = anyio.current_time() - began

        async def slot() -> None:
            assert await pace.slot(turn)
            ends["slot"] = anyio.current_time() - began

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(approach)
            tasks.start_soon(slot)
            await anyio.sleep(2.0)
            stops.claims(Reason.UNTIL)
        assert ends == pytest.approx({"approach": 2.0, "slot": 100.0})

    bench.on(main, 1.0)


def test_a_stop_of_everything_ends_the_slot(bench: Bench) -> None:
    """A waiter for a slot is let go at once, to be held back by its caller; so is one that missed its own."""

    async def main(pace: Pace, stops: Stops) -> None:
        turn = await pace.approach(None)
        assert turn is not None
        await anyio.sleep(10.0)  # missed
        pace.back_off(6)  # no other for half a minute
        began = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pace.slot, turn)
            await anyio.sleep(2.0)
            stops.everything(Reason.SIGNAL)
        assert anyio.current_time() - began == pytest.approx(2.0)

    bench.on(main, 1.0)


@pytest.mark.parametrize("rate", [1.0, 20.0])
def test_an_intent_that_no_other_slot_comes_for_is_held_back_soon(bench: Bench, rate: float) -> None:
    """It missed its slot, and other processes have those that follow: it does not stay open for minutes."""

    async def main(pace: Pace, _: Stops) -> None:
        turn = await pace.approach(BOX)
        assert turn is not None
        await anyio.sleep(1.0)  # missed
        bench.take_away(BOX, 40.0)
        began = anyio.current_time()
        assert not await pace.slot(turn)
        assert anyio.current_time() - began == pytest.approx(PATIENCE + 2 * MARGIN / rate, abs=TICK)
        starts: list[float] = []
        await start_one(pace, starts, box=BOX)
        assert starts[0] > began + 30.0

    bench.on(main, rate, limits=(rate / 100,))


def test_a_cancelled_wait_gives_its_place_back(bench: Bench) -> None:
    """Who is cancelled while it waits for its turn does not keep the next one out."""

    async def main(pace: Pace, _: Stops) -> None:
        for seconds in (0.2, 0.5, 0.8):
            await start_many(pace, 1)
            with anyio.move_on_after(seconds):
                await pace.approach(None)
        began = anyio.current_time()
        assert len(await start_many(pace, 2)) == 2
        assert anyio.current_time() - began < 5 * MARGIN

    bench.on(main, 1.0)
