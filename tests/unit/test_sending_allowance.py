"""Allowance: how many attempts one start may make, shared by many tasks."""

from __future__ import annotations

import anyio
import pytest
from support.virtual_time import run

from bulk_pec.domain.exits import Reason
from bulk_pec.sending.allowance import Allowance
from bulk_pec.sending.stops import Stops


def _attempts(limit: int | None, tasks: int, *, unused: int = 0) -> tuple[int, Reason | None]:
    """How many attempts were made by so many tasks, of which the first `unused` never made theirs."""
    made = 0

    async def main() -> Reason | None:
        stops = Stops()
        allowance = Allowance(limit, stops)
        left = unused

        async def work() -> None:
            nonlocal made, left
            for _ in range(50):
                if stops.asked or not await allowance.take():
                    return
                await anyio.sleep(1.0)
                used, left = left <= 0, left - 1
                made += used
                allowance.settle(used=used)

        async with anyio.create_task_group() as group:
            for _ in range(tasks):
                group.start_soon(work)
        return stops.reason

    reason = run(main)
    return made, reason


@pytest.mark.parametrize("tasks", [1, 3, 16])
@pytest.mark.parametrize("limit", [0, 1, 7, 16])
def test_no_more_and_no_less(limit: int, tasks: int) -> None:
    """Exactly so many attempts are made, and then the claims stop."""
    assert _attempts(limit, tasks) == (limit, Reason.MAX_MESSAGES)


@pytest.mark.parametrize("tasks", [1, 4])
def test_one_that_was_never_made_is_given_back(tasks: int) -> None:
    """A refused intent uses nothing up."""
    assert _attempts(7, tasks, unused=3) == (7, Reason.MAX_MESSAGES)


def test_without_a_limit() -> None:
    """Nothing stops."""
    assert _attempts(None, 2) == (100, None)


def test_a_stop_ends_the_waiting() -> None:
    """Who waits whether one is given back goes when something else stops the run; the reason is that."""

    async def main() -> tuple[list[bool], Reason | None]:
        stops, taken = Stops(), []
        allowance = Allowance(1, stops)
        assert await allowance.take()

        async def second() -> None:
            taken.append(await allowance.take())

        async with anyio.create_task_group() as group:
            group.start_soon(second)
            await anyio.sleep(1.0)
            assert taken == []
            stops.claims(Reason.CREDIT)
        return taken, stops.reason

    assert run(main) == ([False], Reason.CREDIT)
