"""Reading ahead: the next pages are read while those before them are recorded, several at a time.

One page is asked for at a time and in order: were two of them on the way at once, new mail between them could
push a mail from the page that is answered last to the one that was answered first, and nobody would see it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable

import anyio

from bulk_pec.ledger.inbox.sightings import Page

_SHARE = 4
"""One page for so many recorded ones is read ahead: a walk that meets known mail soon reads none in vain."""
_MOST_AHEAD = 40
_MOST_MAILS = 500
"""Mails in one transaction. While it lasts, intents wait."""
_LONGEST = 0.5
"""Seconds that a page waits at most for others to be recorded with."""


class Stretch:
    """Pages one after another, read and recorded.

    Args:
        read: Reads the page of this number, and perhaps one before it again; nothing is the end.
        record: Records pages, in order; whether to go on.
    """

    def __init__(
        self,
        read: Callable[[int], Awaitable[list[Page]]],
        record: Callable[[list[Page]], Awaitable[bool]],
    ) -> None:
        self._read = read
        self._record = record
        self._queue: deque[Page] = deque()
        self._under_way = 0
        self._recorded = 0
        self._ended = False
        self._failure: Exception | None = None
        self._change = anyio.Event()

    async def walk(self, numbers: Iterable[int]) -> bool:
        """Walk until the end (True), or until `record` has had enough (False).

        Raises:
            Exception: Reading or recording failed; what was read before is recorded.
        """
        async with anyio.create_task_group() as both:
            both.start_soon(self._read_all, numbers)
            reached = await self._record_all()
            both.cancel_scope.cancel()
        if self._failure is not None and reached:
            raise self._failure
        return reached

    async def _read_all(self, numbers: Iterable[int]) -> None:
        try:
            for number in numbers:
                await self._until(lambda: self._under_way <= self._ahead)
                pages = await self._read(number)
                if not pages:
                    break
                self._queue += pages
                self._under_way += len(pages)
                self._changed()
        except Exception as error:  # noqa: BLE001 - raised by `walk`, not as a part of a group
            self._failure = error
        self._ended = True
        self._changed()

    async def _record_all(self) -> bool:
        """Whether the end was reached, or something failed."""
        while batch := await self._batch():
            try:
                go_on = await self._record(batch)
            except Exception as error:  # noqa: BLE001 - as above
                self._failure = error
                return True
            if not go_on:
                return False
            self._under_way -= len(batch)
            self._recorded += len(batch)
            self._changed()
        return True

    async def _batch(self) -> list[Page]:
        """The pages to record next: none at the end."""
        await self._until(lambda: self._ended or bool(self._queue))
        with anyio.move_on_after(_LONGEST):
            await self._until(lambda: self._ended or len(self._queue) > self._ahead // 2)
        batch: list[Page] = []
        mails = 0
        while self._queue and mails < _MOST_MAILS:
            batch.append(self._queue.popleft())
            mails += len(batch[-1].mails)
        return batch

    @property
    def _ahead(self) -> int:
        """How many pages may be under way besides the one that is read."""
        return min(_MOST_AHEAD, self._recorded // _SHARE)

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._change.wait()

    def _changed(self) -> None:
        self._change.set()
        self._change = anyio.Event()
