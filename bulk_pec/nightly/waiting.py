"""Waiting, with ``--wait``: for the window to open, for a cap's period to end, for room in the mailbox."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import anyio

from bulk_pec.domain.errors import BulkPecError, CredentialsRefused
from bulk_pec.domain.exits import Reason
from bulk_pec.domain.letters import Mailbox
from bulk_pec.nightly.done import Done
from bulk_pec.nightly.gauge import Gauge
from bulk_pec.nightly.parts import Parts
from bulk_pec.nightly.timekeeper import Timekeeper
from bulk_pec.sending.options import Stopped
from bulk_pec.sending.stops import Stops

QUOTA_EVERY = 300.0
"""Seconds between two looks at the quota of a full mailbox."""

ANEW = 6
"""Every so manieth look that finds it below the mark ends the waiting, whatever receipts are still to come:
only the walk that follows can tell which of them have."""

PASSES = frozenset({Reason.WINDOW, Reason.CAP, Reason.MAILBOX_FULL})
"""What passes by itself. Credentials need a person, and money does not come back with the morning."""


class Waiting:
    """Waits where a start without ``--wait`` would end.

    Args:
        parts: The job's.
        done: Knows when a cap makes room again.
        timekeeper: The start's.
        stops: The start's; anything else that asks to stop ends the waiting.
        gauge: Reads quotas.
        meanwhile: Done while it waits, and cut short when that is over; tells whether it made room.
    """

    def __init__(
        self,
        parts: Parts,
        done: Done,
        timekeeper: Timekeeper,
        stops: Stops,
        gauge: Gauge,
        *,
        meanwhile: Callable[[], Coroutine[Any, Any, bool]],
    ) -> None:
        self._parts = parts
        self._done = done
        self._timekeeper = timekeeper
        self._stops = stops
        self._gauge = gauge
        self._meanwhile = meanwhile

    async def over(self) -> bool:
        """Wait for what stopped claims, if it passes by itself and waiting is wanted; whether it has."""
        reason, note = self._stops.reason, self._stops.note
        if reason not in PASSES or not self._parts.limits.wait or not self._parts.pending:
            return False
        self._stops.lift(reason)
        if self._stops.asked:  # by something that does not pass
            return False
        freed = anyio.Event()
        async with anyio.create_task_group() as both:

            async def meanwhile() -> None:
                if await self._meanwhile():
                    freed.set()

            both.start_soon(meanwhile)
            if reason is Reason.MAILBOX_FULL:
                await self._for_room(note, freed)
            else:
                await self._for_the_hour(reason)
            both.cancel_scope.cancel()
        return not self._stops.asked

    async def _for_the_hour(self, reason: Reason) -> None:
        """Until the window opens; after a cap, in the next period at the earliest."""
        calendar, now = self._parts.rules.calendar, self._parts.clock.now()
        # Where nobody knows better, a cap has room again in the next calendar day.
        room = self._done.sent.again_at or calendar.day_ends(now)
        moment = calendar.next_open(max(now, room) if reason is Reason.CAP else now)
        what = "the window opens" if reason is Reason.WINDOW else "the cap's next period begins"
        shown = calendar.local(moment)
        self._parts.say(f"Waiting until {what}: {shown:%Y-%m-%d %H:%M} ({calendar.timezone}).")
        await self._timekeeper.sleep_until(moment)

    async def has_room(self) -> bool:
        """Whether one of the mailboxes that are waited for has room by now; one not to be read has not."""
        try:
            return await self._any_room(self._full(), anew=False)
        except BulkPecError:
            return False

    async def _for_room(self, note: str, freed: anyio.Event) -> None:
        """Until one of the mailboxes that are waited for has room again; asked every few minutes.

        Never at once, since a round that changes nothing would follow another without end; but once at once
        when the work done meanwhile has made room.
        """
        self._parts.say(
            f"Waiting for room in the mailbox ({note}): asked every {QUOTA_EVERY / 60:.0f} minutes."
        )
        full, looks = self._full(), 0
        while True:
            if await self._rest_or(freed):
                freed = anyio.Event()
            else:
                looks += 1
            if self._stops.asked or await self._has_room(full, anew=looks % ANEW == 0):
                return

    async def _rest_or(self, freed: anyio.Event) -> bool:
        """A few minutes, or until something has made room; whether that came first."""
        async with anyio.create_task_group() as both:

            async def wake() -> None:
                await freed.wait()
                both.cancel_scope.cancel()

            both.start_soon(wake)
            await self._stops.rest(QUOTA_EVERY)
            both.cancel_scope.cancel()
        return freed.is_set()

    def _full(self) -> list[Mailbox]:
        """The full ones among the mailboxes that what is left waits for: others' room would not help."""
        sent = self._done.sent
        full = {one for one in sent.awaited if sent.stopped[one].reason is Reason.MAILBOX_FULL}
        return [mailbox for mailbox in self._parts.mailboxes if mailbox.address in full]

    async def _has_room(self, mailboxes: Sequence[Mailbox], *, anew: bool) -> bool:
        """Whether one of them has room. A stop ends the asking too, however long an answer takes."""
        found = False
        async with anyio.create_task_group() as both:

            async def give_up_when_asked() -> None:
                await self._stops.rest(math.inf)
                both.cancel_scope.cancel()

            both.start_soon(give_up_when_asked)
            found = await self._any_room(mailboxes, anew=anew)
            both.cancel_scope.cancel()
        return found

    async def _any_room(self, mailboxes: Sequence[Mailbox], *, anew: bool) -> bool:
        """One that is refused meanwhile counts too: the next round finds that out, and what to do."""
        for mailbox in mailboxes:
            try:
                quota = await self._gauge.look(mailbox)
            except CredentialsRefused:
                return True
            rules = self._parts.rules
            below = quota.share < rules.mailbox_full_at
            room = below and await self._gauge.has_room(mailbox, rules.mailbox_full_at, rules.overdue_after)
            if room or (below and anew):
                return True
            awaits = ", receipts still to come" if below else ""
            self._done.sent.stopped[mailbox.address] = Stopped(
                Reason.MAILBOX_FULL, f"{quota.share:.0%} full{awaits}"
            )
        return False
