"""Rereading: what was hinted at is read from the registry itself, and recorded; one mailbox at a time."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import anyio
import anyio.to_thread

from bulk_pec.clock import Clock, SystemClock
from bulk_pec.domain.errors import BulkPecError, LedgerBusy, LedgerError, ProviderUnavailable, RegistryRefused
from bulk_pec.domain.registrations import Registration

MOST = 1_000
"""Hints that are kept; beyond, only those of mailboxes that the ledger knows."""
APART = 5.0
"""Seconds between two questions about the same mailbox, at least."""
PAUSE = 1.0
"""Seconds between two questions, at least."""
FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0
"""Seconds until what failed is tried again, the first time and at most; doubled each time."""
LOOKED_UP = 60.0
"""Seconds, at least, between two looks at which mailboxes are known; while no hint waits, none is taken."""

Show = Callable[[str], Awaitable[Registration | None]]
"""Asks the registry about an id; None: it knows none such."""
Probe = Callable[[], Awaitable[object]]
"""Asks the registry what it answers to anybody whose token it takes, whatever is hinted at."""
Known = Callable[[], Iterable[str]]
"""The ids of the mailboxes that are known now. In a thread."""
Record = Callable[[Registration, int], bool]
"""Keeps what was read, and when (milliseconds since the epoch); whether its state is new. In a thread."""
Told = Callable[[Registration, bool], None]
"""Told what was recorded, and whether its state is new."""
Failed = Callable[[str, BulkPecError], None]
"""Told an id and what is in the way; once, until it has gone."""


@dataclass(slots=True)
class _Hint:
    """One id that was hinted at.

    Attributes:
        due: When it is its turn, on the loop's clock.
        wait: Seconds it is put off by when it fails.
        again: Whether it is to be read; not where what was read only waits for the ledger.
        read: What was read and is not recorded yet, and when.
    """

    due: float
    wait: float = FIRST_WAIT
    again: bool = True
    read: tuple[Registration, int] | None = None


class Rereading:
    """Hints wait here for their turn; none is lost but when there are too many, and with the process.

    Args:
        show: Asks the registry.
        probe: Asks it whether it serves us at all: when it refuses a mailbox that is not known here.
        record: Keeps what it says.
        known: Looks up which mailboxes are known, those registered meanwhile too.
        told: Told what was recorded.
        failed: Told what is in the way.
        clock: For the moment of a reading.
    """

    def __init__(
        self,
        show: Show,
        record: Record,
        *,
        probe: Probe,
        known: Known,
        told: Told,
        failed: Failed,
        clock: Clock | None = None,
    ) -> None:
        self._show = show
        self._record = record
        self._probe = probe
        self._look_up = known
        self._known: set[str] = set()
        self._looked = -math.inf
        self._told = told
        self._failed = failed
        self._clock = clock or SystemClock()
        self._hints: dict[str, _Hint] = {}
        self._rested: dict[str, float] = {}
        self._in_the_way = False
        self._new = anyio.Event()

    @property
    def waiting(self) -> list[str]:
        """The ids whose hints are not done with."""
        return list(self._hints)

    def know(self, ids: Iterable[str]) -> None:
        """Hints of these mailboxes go first, and are never too many; so does what is recorded later."""
        self._known.update(ids)

    def hint(self, id: str) -> bool:  # noqa: A002 - the registry's own word for it
        """Take a hint; returns at once. False: there are too many."""
        if id in self._hints:
            self._hints[id].again = True
            return True
        if len(self._hints) >= MOST and id not in self._known:
            return False
        self._hints[id] = _Hint(max(anyio.current_time(), self._rested.get(id, 0.0)))
        self._new.set()
        return True

    async def work(self) -> None:
        """Read and record what is hinted at, until cancelled.

        Raises:
            BulkPecError: What no later try can mend: credentials refused, or a wrong configuration. Said of a
                mailbox that is not known, it must be said of the account too: anybody can make up an id.
        """
        while True:
            await self._look()
            id_, seconds = self._next()
            if seconds > 0:
                self._new = anyio.Event()
                with anyio.move_on_after(seconds):
                    await self._new.wait()
            else:
                await self._turn(id_, self._hints[id_])
                await anyio.sleep(PAUSE)

    async def _look(self) -> None:
        """Learn now and then what was registered since: a flood shall not keep its hints out."""
        now = anyio.current_time()
        if self._hints and now - self._looked >= LOOKED_UP:
            self._looked = now
            self.know(await anyio.to_thread.run_sync(self._look_up))

    def _next(self) -> tuple[str, float]:
        """Whose turn is next, and in how many seconds; known mailboxes first."""
        now = anyio.current_time()
        for id_ in [one for one, until in self._rested.items() if until <= now]:
            del self._rested[id_]
        if not self._hints:
            return "", math.inf
        due = [id_ for id_, hint in self._hints.items() if hint.due <= now]
        if due:
            return min(due, key=lambda id_: (id_ not in self._known, self._hints[id_].due)), 0.0
        id_ = min(self._hints, key=lambda one: self._hints[one].due)
        return id_, self._hints[id_].due - now

    async def _turn(self, id_: str, hint: _Hint) -> None:
        try:
            if hint.again:
                await self._read(id_, hint)
            if hint.read is not None:
                self._told(hint.read[0], await anyio.to_thread.run_sync(partial(self._record, *hint.read)))
                self._known.add(id_)
        except (ProviderUnavailable, LedgerBusy, LedgerError) as error:
            self._put_off(id_, hint, error)
            return
        self._in_the_way = False
        if hint.again:
            hint.due, hint.wait = self._rested.get(id_, anyio.current_time()), FIRST_WAIT
        else:
            del self._hints[id_]

    async def _read(self, id_: str, hint: _Hint) -> None:
        hint.again = False
        self._rested[id_] = anyio.current_time() + APART
        try:
            found = await self._shown(id_)
        except BulkPecError:
            hint.again = True
            raise
        hint.read = None if found is None else (found, self._clock.now())

    async def _shown(self, id_: str) -> Registration | None:
        """What the registry says; None also of what it refuses: not even an id to it, or not ours."""
        try:
            return await self._show(id_)
        except RegistryRefused:
            return None
        except BulkPecError as error:
            if isinstance(error, ProviderUnavailable) or id_ in self._known:
                raise
        await anyio.sleep(PAUSE)
        with suppress(RegistryRefused):  # it was looked at: so the token and the address are right
            await self._probe()
        return None

    def _put_off(self, id_: str, hint: _Hint, error: BulkPecError) -> None:
        hint.due = anyio.current_time() + hint.wait
        hint.wait = min(2 * hint.wait, LONGEST_WAIT)
        if not self._in_the_way:
            self._failed(id_, error)
        self._in_the_way = True
