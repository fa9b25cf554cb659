"""A vigil: work that lasts until it is done, or until a signal comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from bulk_pec.cli.signals import interrupt, obeyed
from bulk_pec.domain.errors import first_cause


def until_signal(work: Callable[[], Awaitable[None]]) -> bool:
    """Run this until it returns, or is cancelled at the first signal. Whether a signal came.

    Signals are heard before the work begins.

    Raises:
        BulkPecError: As the work does.
    """
    try:
        return anyio.run(_keep, work)
    except BaseExceptionGroup as group:
        raise first_cause(group) from None
    finally:
        interrupt()  # the loop leaves the system's own handlers behind


async def _keep(work: Callable[[], Awaitable[None]]) -> bool:
    signalled = False
    async with anyio.create_task_group() as tasks:

        async def worked() -> None:
            await work()
            tasks.cancel_scope.cancel()

        with anyio.open_signal_receiver(*obeyed()) as signals:
            tasks.start_soon(worked)
            async for _ in signals:
                signalled = True
                tasks.cancel_scope.cancel()
    return signalled
