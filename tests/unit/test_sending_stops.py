"""Stops: who asked to stop, and how far that goes."""

from __future__ import annotations

import anyio
import pytest
from support.virtual_time import run

from bulk_pec.domain.exits import Reason
from bulk_pec.sending.stops import Stops


def test_nothing_asked() -> None:
    """A new one stops nothing."""
    stops = Stops()
    assert (stops.asked, stops.held_back, stops.reason, stops.note) == (False, False, None, "")


def test_the_first_reason_stays() -> None:
    """A second stop does not change why the first one came."""
    stops = Stops()
    stops.claims(Reason.CREDIT, "HTTP 402")
    stops.claims(Reason.CREDENTIALS, "HTTP 401")
    assert (stops.reason, stops.note, stops.held_back) == (Reason.CREDIT, "HTTP 402", False)


def test_a_stronger_stop_may_follow() -> None:
    """A signal after a window's end still holds back what waits; the reason stays the window."""
    stops = Stops()
    stops.claims(Reason.WINDOW)
    stops.everything(Reason.SIGNAL)
    assert (stops.reason, stops.held_back) == (Reason.WINDOW, True)


def test_a_weaker_stop_takes_nothing_back() -> None:
    """What is held back stays held back."""
    stops = Stops()
    stops.everything(Reason.SIGNAL)
    stops.claims(Reason.WINDOW)
    assert (stops.reason, stops.held_back) == (Reason.SIGNAL, True)


def test_listeners_hear_every_stop() -> None:
    """Each one is told, also of one that came before it listened."""
    stops, heard = Stops(), []
    stops.on_change(lambda: heard.append("first"))
    assert heard == []
    stops.claims(Reason.CAP)
    stops.on_change(lambda: heard.append("second"))
    stops.everything(Reason.SIGNAL)
    assert heard == ["first", "second", "first", "second"]


@pytest.mark.parametrize(("held", "rests"), [(False, (2.0, 50.0)), (True, (2.0, 2.0))])
def test_who_rests_is_woken_by_what_concerns_it(held: bool, rests: tuple[float, float]) -> None:
    """A stop of claims wakes those who wait to begin; only a stop of everything wakes those who have."""
    ended: dict[str, float] = {}

    async def main() -> None:
        stops, began = Stops(), anyio.current_time()

        async def rest() -> None:
            await stops.rest(50.0)
            ended["rest"] = anyio.current_time() - began

        async def rest_unless_held() -> None:
            await stops.rest_unless_held(50.0)
            ended["unless held"] = anyio.current_time() - began

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rest)
            tasks.start_soon(rest_unless_held)
            await anyio.sleep(2.0)
            (stops.everything if held else stops.claims)(Reason.SIGNAL)

    run(main)
    assert (ended["rest"], ended["unless held"]) == pytest.approx(rests)


def test_a_stop_that_came_before_lets_nobody_rest() -> None:
    """Nobody waits for what has happened already; `held` returns at once."""

    async def main() -> float:
        stops, began = Stops(), anyio.current_time()
        stops.everything(Reason.SIGNAL)
        await stops.rest(50.0)
        await stops.rest_unless_held(50.0)
        await stops.held()
        return anyio.current_time() - began

    assert run(main) == pytest.approx(0.0, abs=1e-3)


def test_a_reason_that_has_passed_is_lifted() -> None:
    """A start that waited for its window goes on, and can be stopped again."""
    rested: list[float] = []

    async def main() -> None:
        stops = Stops()
        stops.claims(Reason.WINDOW, "it opens at 20:00")
        stops.lift(Reason.WINDOW)
        assert (stops.asked, stops.reason, stops.note) == (False, None, "")
        began = anyio.current_time()
        await stops.rest(5.0)
        rested.append(anyio.current_time() - began)
        stops.claims(Reason.CAP)
        assert stops.reason is Reason.CAP
        await stops.rest(5.0)
        rested.append(anyio.current_time() - began)

    run(main)
    assert rested == pytest.approx([5.0, 5.0])


def test_lifting_takes_back_nothing_else() -> None:
    """What asked meanwhile still asks; and what was never asked is not lifted."""
    stops = Stops()
    stops.claims(Reason.WINDOW)
    stops.claims(Reason.UNTIL, "05:30")
    stops.lift(Reason.WINDOW)
    stops.lift(Reason.CAP)
    assert (stops.reason, stops.note, stops.asked) == (Reason.UNTIL, "05:30", True)
    stops.everything(Reason.SIGNAL)
    stops.lift(Reason.UNTIL)
    assert (stops.reason, stops.held_back) == (Reason.SIGNAL, True)
