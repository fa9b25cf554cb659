"""Pace: how far apart first bytes are, on a clock that only waits can move."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

import anyio
import pytest
from support.virtual_time import run

from bulk_pec.domain.exits import Reason
from bulk_pec.sending.pace import LEAD, MARGIN, Pace
from bulk_pec.sending.stops import Stops

WINDOW = 0.95
RATES = [0.2, 1.0, 2.5, 20.0, 150.0]
TINY = 1e-6


async def _start(pace: Pace, starts: list[float], commit: float = 0.0) -> None:
    """One message's way to its first byte, whose intent takes `commit` seconds to be committed."""
    await pace.approach()
    if commit:
        await anyio.sleep(commit)
    await pace.slot()
    starts.append(anyio.current_time())
    pace.leave()


async def _many(
    pace: Pace, count: int, senders: int = 16, commit: Callable[[int], float] | None = None
) -> list[float]:
    """The first bytes of `count` messages sent by so many tasks."""
    starts: list[float] = []
    numbers = iter(range(count))

    async def sender() -> None:
        for number in numbers:
            await _start(pace, starts, commit(number) if commit else 0.0)

    async with anyio.create_task_group() as tasks:
        for _turn in range(senders):
            tasks.start_soon(sender)
    return starts


def _gaps(starts: Sequence[float]) -> list[float]:
    return [after - before for before, after in pairwise(starts)]


def _most_in_a_window(starts: Sequence[float], width: float = WINDOW) -> int:
    return max(sum(1 for start in starts if first <= start < first + width) for first in starts)


def _on(main: Callable[[Pace, Stops], Awaitable[object]], rate: float) -> None:
    async def go() -> None:
        stops = Stops()
        await main(Pace(rate, stops), stops)

    run(go)


@pytest.mark.parametrize("rate", RATES)
def test_starts_are_a_hundredth_more_than_the_interval_apart(rate: float) -> None:
    """Two first bytes are at least 1.01/rate apart, and the rate that leaves is used whole."""

    async def main(pace: Pace, _: Stops) -> None:
        starts = await _many(pace, 60)
        gaps = _gaps(starts)
        assert min(gaps) >= MARGIN / rate - TINY
        assert max(gaps) <= MARGIN / rate + TINY
        assert pace.interval == pytest.approx(1.01 / rate)

    _on(main, rate)


@pytest.mark.parametrize("rate", [1.0, 20.0])
def test_no_window_holds_more_than_the_rate_from_the_first_second_on(rate: float) -> None:
    """There is no burst at the start: the first 0.95 s hold no more starts than any other."""

    async def main(pace: Pace, _: Stops) -> None:
        assert _most_in_a_window(await _many(pace, 80)) <= rate

    _on(main, rate)


@pytest.mark.parametrize("rate", [1.0, 20.0])
def test_an_idle_time_is_not_caught_up(rate: float) -> None:
    """After an hour without work the starts are as far apart as before: what was not used is lost."""

    async def main(pace: Pace, _: Stops) -> None:
        starts = await _many(pace, 30)
        await anyio.sleep(3600)
        starts += await _many(pace, 30)
        assert _most_in_a_window(starts) <= rate
        assert min(_gaps(starts)) >= MARGIN / rate - TINY

    _on(main, rate)


@pytest.mark.parametrize("rate", [1.0, 20.0])
def test_a_slot_missed_by_a_slow_commit_is_lost(rate: float) -> None:
    """Commits that take three intervals delay what follows; nothing follows faster for it."""

    async def main(pace: Pace, _: Stops) -> None:
        slow = 3 * MARGIN / rate
        starts = await _many(pace, 40, commit=lambda number: slow if number % 10 in (5, 6) else 0.0)
        assert min(_gaps(starts)) >= MARGIN / rate - TINY
        assert max(_gaps(starts)) > MARGIN / rate + TINY
        assert _most_in_a_window(starts) <= rate

    _on(main, rate)


@pytest.mark.parametrize("rate", [1.0, 20.0])
def test_commits_shorter_than_the_lead_cost_no_slot(rate: float) -> None:
    """Intents are committed ahead of their slots, so that a commit of 40 ms costs nothing of the rate."""

    async def main(pace: Pace, _: Stops) -> None:
        gaps = _gaps(await _many(pace, 60, commit=lambda _: 0.04))
        assert len(gaps) / sum(gaps) >= 0.97 * rate

    _on(main, rate)


def test_an_intent_is_made_just_before_its_slot() -> None:
    """At one a second a message is let through no more than `LEAD` before its first byte, one at a time."""

    async def main(pace: Pace, _: Stops) -> None:
        waits: list[float] = []
        held = most = 0

        async def sender() -> None:
            nonlocal held, most
            for _turn in range(3):
                await pace.approach()
                held += 1
                most = max(most, held)
                let_through = anyio.current_time()
                await pace.slot()
                waits.append(anyio.current_time() - let_through)
                held -= 1
                pace.leave()

        pace.start_after(pace.interval)
        async with anyio.create_task_group() as tasks:
            for _turn in range(8):
                tasks.start_soon(sender)
        assert max(waits) <= LEAD + TINY
        assert most == 1

    _on(main, 1.0)


@pytest.mark.parametrize("rate", [1.0, 20.0])
def test_the_first_slot_of_a_process_is_a_whole_one_later(rate: float) -> None:
    """A process that died a moment ago may have used a slot, so the first start waits for one."""

    async def main(pace: Pace, _: Stops) -> None:
        began = anyio.current_time()
        pace.start_after(pace.interval)
        starts = await _many(pace, 30)
        assert starts[0] - began >= pace.interval - TINY
        assert _most_in_a_window([began, *starts]) <= rate

    _on(main, rate)


def test_without_a_limit_nothing_waits() -> None:
    """An infinite rate makes no slot, in the beginning or later."""

    async def main(pace: Pace, _: Stops) -> None:
        began = anyio.current_time()
        pace.start_after(pace.interval)
        assert await _many(pace, 200) == pytest.approx([began] * 200, abs=TINY, rel=0)

    _on(main, math.inf)


def test_a_throttle_pauses_every_message() -> None:
    """Nothing is let through before the time the provider named, and then at half the rate."""

    async def main(pace: Pace, _: Stops) -> None:
        await _many(pace, 5)
        now = anyio.current_time()
        assert pace.throttled(7.0) == pytest.approx(7.0)
        assert pace.paused
        starts = await _many(pace, 5)
        assert starts[0] >= now + 7.0 - TINY
        assert min(_gaps(starts)) == pytest.approx(2 * MARGIN, abs=TINY)

    _on(main, 1.0)


def test_pauses_without_a_time_grow_to_a_minute() -> None:
    """1, 2, 4 … 60 s, as long as one throttle follows another."""

    async def main(pace: Pace, _: Stops) -> None:
        pauses = []
        for _turn in range(8):
            pauses.append(pace.throttled(None))
            await anyio.sleep(pauses[-1])
            await _start(pace, [])
        assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])

    _on(main, 20.0)


def test_pauses_begin_small_again_after_a_calm_time() -> None:
    """A throttle long after the last one pauses a second."""

    async def main(pace: Pace, _: Stops) -> None:
        for _turn in range(4):
            await anyio.sleep(pace.throttled(None))
        await anyio.sleep(3600)
        assert pace.throttled(None) == pytest.approx(1.0)

    _on(main, 20.0)


@pytest.mark.parametrize("named", [0.0, None])
def test_a_retry_after_of_nought_names_no_time(named: float | None) -> None:
    """A Retry-After of 0 still pauses: otherwise each of many refusals would be a throttle of its own."""

    async def main(pace: Pace, _: Stops) -> None:
        assert pace.throttled(named) == pytest.approx(1.0)
        assert pace.throttled(named) == pytest.approx(1.0)
        starts = await _many(pace, 4)
        assert min(_gaps(starts)) == pytest.approx(2 * MARGIN / 20, abs=TINY)

    _on(main, 20.0)


def test_one_pause_halves_once_however_many_said_so() -> None:
    """Sixteen answers in flight that all say 429 are one throttle."""

    async def main(pace: Pace, _: Stops) -> None:
        for _turn in range(16):
            pace.throttled(2.0)
        starts = await _many(pace, 4)
        assert min(_gaps(starts)) == pytest.approx(2 * MARGIN / 20, abs=TINY)

    _on(main, 20.0)


def test_a_later_time_named_during_a_pause_lengthens_it() -> None:
    """An answer that names a later time moves the end; one that names an earlier one does not."""

    async def main(pace: Pace, _: Stops) -> None:
        now = anyio.current_time()
        pace.throttled(2.0)
        assert pace.throttled(30.0) == pytest.approx(30.0)
        assert pace.throttled(5.0) == pytest.approx(30.0)
        assert (await _many(pace, 1))[0] >= now + 30.0 - TINY

    _on(main, 20.0)


def test_a_lengthened_pause_is_followed_by_half_the_rate_too() -> None:
    """The ten calm seconds count from the pause's real end, not from the end it had at first."""

    async def main(pace: Pace, _: Stops) -> None:
        pace.throttled(2.0)
        pace.throttled(30.0)
        starts = await _many(pace, 5)
        assert min(_gaps(starts)) == pytest.approx(2 * MARGIN / 20, abs=TINY)

    _on(main, 20.0)


def test_the_rate_never_falls_below_a_tenth() -> None:
    """However often the provider says 429, a tenth of the rate stays."""

    async def main(pace: Pace, _: Stops) -> None:
        widest = 0.0
        for _turn in range(12):
            pace.throttled(0.5)
            widest = max(widest, *_gaps(await _many(pace, 3)))
        assert widest == pytest.approx(10 * MARGIN / 20, abs=TINY)

    _on(main, 20.0)


def test_the_rate_is_full_again_after_ten_calm_seconds() -> None:
    """Half the rate for ten seconds after the pause, then all of it, without a burst."""

    async def main(pace: Pace, _: Stops) -> None:
        pause_ends = anyio.current_time() + pace.throttled(3.0)
        starts = await _many(pace, 300)
        early = [start for start in starts if start < pause_ends + 10.0]
        late = [start for start in starts if start > pause_ends + 10.2]
        assert min(_gaps(early)) >= 2 * MARGIN / 20 - TINY
        assert max(_gaps(late)) == pytest.approx(MARGIN / 20, abs=TINY)
        assert _most_in_a_window(starts) <= 20

    _on(main, 20.0)


def test_a_back_off_pauses_without_slowing_down() -> None:
    """A provider that cannot be reached is left alone for 1, 2, 4 … 60 s; the rate stays what it was."""

    async def main(pace: Pace, _: Stops) -> None:
        pauses = []
        for failures in range(1, 9):
            pauses.append(pace.back_off(failures))
            assert pace.back_off(failures) == pytest.approx(pauses[-1]), "one pause, however many failed"
            await anyio.sleep(pauses[-1])
        assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])
        assert min(_gaps(await _many(pace, 5))) == pytest.approx(MARGIN / 20, abs=TINY)

    _on(main, 20.0)


def test_a_stop_of_claims_ends_the_approach_but_not_the_slot() -> None:
    """Who waits to make an intent is let go at once; who has one still waits for its slot."""

    async def main(pace: Pace, stops: Stops) -> None:
        began = anyio.current_time()
        pace.start_after(100.0)
        ends: dict[str, float] = {}

        async def approach() -> None:
            await pace.approach()
            ends["approach"] = anyio.current_time() - began
            pace.leave()

        async def slot() -> None:
            await pace.slot()
            ends["slot"] = anyio.current_time() - began

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(approach)
            tasks.start_soon(slot)
            await anyio.sleep(2.0)
            stops.claims(Reason.UNTIL)
        assert ends == pytest.approx({"approach": 2.0, "slot": 100.0})

    _on(main, 1.0)


def test_a_stop_of_everything_ends_the_slot() -> None:
    """Every waiter for a slot is let go at once, to be held back by its caller."""

    async def main(pace: Pace, stops: Stops) -> None:
        began = anyio.current_time()
        pace.start_after(100.0)
        async with anyio.create_task_group() as tasks:
            for _turn in range(3):
                tasks.start_soon(pace.slot)
            await anyio.sleep(2.0)
            stops.everything(Reason.SIGNAL)
        assert anyio.current_time() - began == pytest.approx(2.0)

    _on(main, 1.0)


def test_a_cancelled_wait_gives_its_place_back() -> None:
    """Who is cancelled while it waits for its turn does not keep the next one out."""

    async def main(pace: Pace, _: Stops) -> None:
        pace.start_after(50.0)
        with anyio.move_on_after(1.0):
            await pace.approach()
        began = anyio.current_time()
        assert len(await _many(pace, 2)) == 2
        assert anyio.current_time() - began < 60.0

    _on(main, 1.0)
