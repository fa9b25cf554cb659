"""The mailboxes of one start: which of them may send now, and why the others may not.

One that is full, capped or refused stops itself, not the others; with none left the run stops. One that has
come to its cap while attempts of its own are under way only rests: what turns out not to have left is given
back, and it goes on. One whose quota must be known before more leaves is held until it has been read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from bulk_pec.clock import Clock
from bulk_pec.domain.exits import Reason
from bulk_pec.sending.options import SendingMailbox, Stopped
from bulk_pec.sending.stops import Stops

_SOONEST = (Reason.CAP, Reason.MAILBOX_FULL, Reason.UNAVAILABLE, Reason.CREDENTIALS)
"""When mailboxes stopped for several reasons: the one that passes by itself first names the stop."""


class Boxes:
    """The mailboxes.

    Args:
        boxes: At least one.
        stops: Told when none is left.
        clock: For `Stopped.until`.
    """

    def __init__(self, boxes: Sequence[SendingMailbox], stops: Stops, clock: Clock) -> None:
        self.by_id = {box.id: box for box in boxes}
        self._stops = stops
        self._clock = clock
        self._stopped: dict[int, Stopped] = {}
        self._resting: dict[int, Stopped] = {}
        self._held: set[int] = set()
        self._under_way = dict.fromkeys(self.by_id, 0)
        self._spent: Stopped | None = None
        self._listeners: list[Callable[[], None]] = []
        self._begun: list[Callable[[int, int], None]] = []
        self.left: dict[int, float] = {}
        """Addresses that each may still be sent to, as far as this process knows."""
        self.shares = {box.id: box.quota_share for box in boxes}
        """How full each was when it was last read; what settling asks of an attempt."""

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever a mailbox stops, rests or goes on."""
        self._listeners.append(listener)

    def on_begun(self, listener: Callable[[int, int], None]) -> None:
        """Call `listener` with the mailbox and the addresses of each attempt that is under way."""
        self._begun.append(listener)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def live(self) -> list[int]:
        """The mailboxes that may send now."""
        if self._spent is not None:
            return []
        if not (self._resting or self._held or self._stopped):
            return list(self.by_id)
        waiting = self._resting.keys() | self._held
        return [box for box in self.by_id if box not in waiting and not self.stopped(box)]

    def may_wait(self, box: int | None) -> bool:
        """Whether a message that only this mailbox may send, or any, can still hope for a slot."""
        if box is None and not self._stopped:
            return bool(self.by_id)
        return any(not self.stopped(one) for one in (self.by_id if box is None else (box,)))

    def stopped(self, box: int) -> bool:
        """Whether a mailbox sends no more; one that is not configured never did."""
        found = self._stopped.get(box)
        if found is not None and found.until is not None and found.until <= self._clock.now():
            del self._stopped[box]  # its day, month or year is over
            found = None
        return found is not None or box not in self.by_id

    def refused(self, box: int) -> bool:
        """Whether a mailbox was refused: what waits for its slot is held back."""
        found = self._stopped.get(box)
        return found is not None and found.reason is Reason.CREDENTIALS

    def id_of(self, address: str) -> int:
        """The ledger's id of a mailbox."""
        return next(box.id for box in self.by_id.values() if box.mailbox.address == address)

    def address(self, box: int) -> str:
        """The address of a mailbox."""
        return self.by_id[box].mailbox.address

    def begin(self, full_at: float) -> None:
        """Stop the mailboxes that may not send from the beginning.

        Args:
            full_at: A mailbox that holds this share of its quota is full: receipts would be refused, and
                lost.
        """
        for box in self.by_id.values():
            share = box.quota_share
            if box.stopped is not None:
                self.stop(box.id, box.stopped)
            elif share is not None and share >= full_at:
                self.stop(box.id, Stopped(Reason.MAILBOX_FULL, f"{share:.0%} full"))

    def stop(self, box: int, why: Stopped) -> None:
        """A mailbox sends no more. With none left claims stop."""
        self._resting.pop(box, None)
        self._stopped.setdefault(box, why)
        if not self.may_wait(None):
            self._stops.claims(*self.said(self._stopped))
        self._tell()

    def said(self, found: Mapping[int, Stopped]) -> tuple[Reason, str]:
        """Why mailboxes, at least one, send no more: a reason for the run, and a note that names each."""
        reasons = {why.reason for why in found.values()}
        reason = next(one for one in (*_SOONEST, *reasons) if one in reasons)
        return reason, "; ".join(f"{self.address(box)}: {why.note}" for box, why in found.items())

    def why(self) -> dict[int, Stopped]:
        """Why each mailbox that has stopped, and may not go on by now, sends no more."""
        return {box: self._stopped[box] for box in self.by_id if self.stopped(box)}

    def hold(self, box: int) -> None:
        """A mailbox waits: nothing more leaves before its quota has been read."""
        if box not in self._held:
            self._held.add(box)
            self._tell()

    def free(self, box: int) -> None:
        """A mailbox that was held goes on."""
        if box in self._held:
            self._held.discard(box)
            self._tell()

    def begun(self, box: int, units: int) -> None:
        """An attempt is under way, to so many addresses."""
        self._under_way[box] += 1
        self.left[box] = self.left.get(box, math.inf) - units
        for listener in self._begun:
            listener(box, units)

    def ended(self, box: int, units: int, *, back: bool) -> None:
        """An attempt has ended.

        Args:
            box: Its mailbox.
            units: As it was begun with.
            back: Whether what it counted against caps and budget was given back.
        """
        self._under_way[box] -= 1
        self.left[box] += units if back else 0
        if back and (self._resting or self._spent):
            self._resting.pop(box, None)
            self._spent = None
            self._tell()
        self._settle()

    def capped(self, box: int, why: Stopped) -> None:
        """The ledger refused an intent: the mailbox has sent what it may."""
        if not self.stopped(box):
            self._resting[box] = why
            self._settle()
            self._tell()

    def spent(self, why: Stopped) -> None:
        """The ledger refused an intent: the run has cost what it may."""
        self._spent = why
        self._settle()
        self._tell()

    def _settle(self) -> None:
        """Whoever rests, with nothing under way that may be given back, stops."""
        for box, why in list(self._resting.items()):
            if not self._under_way[box]:
                self.stop(box, why)
        if self._spent is not None and not any(self._under_way.values()):
            self._stops.claims(self._spent.reason, self._spent.note)
