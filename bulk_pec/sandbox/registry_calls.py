"""Callbacks: a change of state is posted to the URL that was registered, and nobody waits for the answer."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from bulk_pec.sandbox.clock import SandboxClock
from bulk_pec.sandbox.registry_book import Book
from bulk_pec.sandbox.registry_entry import Entry

_PATIENCE = aiohttp.ClientTimeout(total=5)
_HOME = frozenset({"127.0.0.1", "::1", "localhost"})
_SOONEST, _TIMEOUT = 0.005, 86_400.0


class Courier:
    """Posts callbacks to this machine, and to no other: nothing leaves it. To be used in a running loop.

    Attributes:
        posted: Callbacks that were answered with 2xx.
        failed: Those that were not, or not in time.
        elsewhere: Those that were not posted, since their URL is not on this machine.
    """

    def __init__(self) -> None:
        self.posted = self.failed = self.elsewhere = 0
        self._session: aiohttp.ClientSession | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> int:
        """Callbacks that are not answered yet."""
        return len(self._under_way)

    def tell(self, entry: Entry) -> None:
        """Post a mailbox as it is now to the URL it was registered with, if with any; returns at once."""
        callback = entry.callback
        if callback is None:
            return
        if not _at_home(callback["url"]):
            self.elsewhere += 1
            return
        task = asyncio.get_running_loop().create_task(self._post(callback, entry.shown()))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _post(self, callback: dict[str, Any], shown: dict[str, Any]) -> None:
        """By a form field that holds JSON, or as JSON under the field's name."""
        if self._session is None:
            connector = aiohttp.TCPConnector(force_close=True, limit=16)
            self._session = aiohttp.ClientSession(connector=connector, timeout=_PATIENCE)
        name = callback["field"]
        sent: dict[str, Any] = (
            {"json": {name: shown}}
            if callback["method"] == "JSON"
            else {"data": {name: orjson.dumps(shown).decode()}}
        )
        try:
            async with self._session.post(callback["url"], allow_redirects=False, **sent) as answer:
                taken = 200 <= answer.status < 300
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError):
            taken = False
        self.posted += taken
        self.failed += not taken


class Alarm:
    """Wakes the book when a change is due, so that a callback does not wait for somebody to look.

    Args:
        book: The registry's book.
        clock: The sandbox's time.
    """

    def __init__(self, book: Book, clock: SandboxClock) -> None:
        self._book = book
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None

    def ring(self) -> None:
        """Bring about what is due, and wake again at the next change. To be called in the running loop."""
        self._book.settle()
        self.stop()
        due = self._book.next_due()
        if due is not None:
            wait = min(max(due / self._clock.speed, _SOONEST), _TIMEOUT)
            self._timer = asyncio.get_running_loop().call_later(wait, self.ring)

    def stop(self) -> None:
        """Wake no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _at_home(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.hostname in _HOME
