"""Waiting: the registry is asked again and again, until a mailbox's state no longer changes by waiting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from bulk_pec.domain.errors import ProviderUnavailable
from bulk_pec.domain.registrations import SETTLED, Registration

LONGEST = 300.0
"""Seconds between two questions, at most; `every` may be longer."""
GIVEN_UP = 3600.0
"""Seconds without a single answer after which waiting ends."""

Show = Callable[[], Awaitable[Registration]]
"""Asks how the mailbox stands."""


class Waiting:
    """Asks at once, and then ever more seldom.

    A registry that cannot be reached is waited for too, once it has answered; each outage is told once.

    Args:
        show: Asks how the mailbox stands.
        every: Seconds before the second question; doubled each time, up to `LONGEST`.
        seen: Told each state that is another than the one before, the first one included.
        missed: Told the error and the seconds until the next question when an answer did not come, and one
            had come before.
    """

    def __init__(
        self,
        show: Show,
        *,
        every: float,
        seen: Callable[[Registration], Awaitable[None]],
        missed: Callable[[ProviderUnavailable, float], None],
    ) -> None:
        self._show = show
        self._every = every
        self._seen = seen
        self._missed = missed
        self._last: Registration | None = None

    async def settled(self) -> Registration:
        """Wait until the state is one of `SETTLED`; what the registry says then.

        Raises:
            ProviderUnavailable: It did not answer at all, or not for `GIVEN_UP`.
            BulkPecError: As `show`.
        """
        pause, answered, out = self._every, anyio.current_time(), False
        while True:
            try:
                found = await self._show()
            except ProviderUnavailable as error:
                if self._last is None or anyio.current_time() - answered >= GIVEN_UP:
                    raise
                if not out:
                    self._missed(error, pause)
                out = True
            else:
                answered, out = anyio.current_time(), False
                await self._noticed(found)
                if found.state in SETTLED:
                    return found
            await anyio.sleep(pause)
            pause = max(self._every, min(pause * 2, LONGEST))

    async def _noticed(self, found: Registration) -> None:
        last, self._last = self._last, found
        if last is None or last.stato != found.stato:
            await self._seen(found)
