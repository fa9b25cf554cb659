"""Stopping: why claims end, and whether what is already under way may still leave."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from bulk_pec.domain.exits import Reason


class Stops:
    """What has asked this start to stop. The first reason stays; a stronger stop may follow it.

    `claims` ends claims: what has an intent still goes out. `everything` also holds back intents that
    still wait for their slot; requests in flight may end. `lift` takes a reason back that has passed, so
    that a start which waits for a window goes on, unless anything else has asked meanwhile.
    """

    def __init__(self) -> None:
        self.held_back = False
        self._causes: dict[Reason, str] = {}
        self._asked = anyio.Event()
        self._held = anyio.Event()
        self._listeners: list[Callable[[], None]] = []

    @property
    def reason(self) -> Reason | None:
        """The first that asked and still asks; None: go on."""
        return next(iter(self._causes), None)

    @property
    def note(self) -> str:
        """A sentence about the reason, or nothing."""
        return next(iter(self._causes.values()), "")

    @property
    def asked(self) -> bool:
        """Whether anything has asked to stop."""
        return bool(self._causes)

    def claims(self, reason: Reason, note: str = "") -> None:
        """Claim no more; what has an intent still goes out."""
        self._causes.setdefault(reason, note)
        self._tell()

    def lift(self, reason: Reason) -> None:
        """That reason has passed. What holds intents back is never lifted."""
        self._causes.pop(reason, None)
        if not self.asked:
            self._asked = anyio.Event()

    def everything(self, reason: Reason, note: str = "") -> None:
        """Claim no more, and let nothing leave that waits for its slot."""
        self.held_back = True
        self.claims(reason, note)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` at every stop, and now if one came already."""
        self._listeners.append(listener)
        if self.asked:
            listener()

    async def rest(self, seconds: float) -> None:
        """Sleep, but not past a stop."""
        with anyio.move_on_after(seconds):
            await self._asked.wait()

    async def rest_unless_held(self, seconds: float) -> None:
        """Sleep, but not past a stop that holds intents back."""
        with anyio.move_on_after(seconds):
            await self._held.wait()

    async def held(self) -> None:
        """Until intents are held back."""
        await self._held.wait()

    def _tell(self) -> None:
        self._asked.set()
        if self.held_back:
            self._held.set()
        for listener in self._listeners:
            listener()
