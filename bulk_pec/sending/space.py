"""Space: no mailbox is sent from beyond what the receipts of its messages may fill.

The quota is read at the start, after so many messages, and after each harvest beside sending; always before
the estimate can reach the mark. A mailbox that would be filled beyond `mailbox_full_at` once all receipts
that are due have come stops itself, not the others; so does one whose quota cannot be read. Where a reading
takes long, its mailbox waits for it when what was known to be left is used up.

Receipts come later than their messages leave, and CONSEGNE, which hold the letter, later than ACCETTAZIONI,
which do not. So until harvests have seen CONSEGNE, those due are thought to take what an ACCETTAZIONE does
and the letter; and what the box grew by is held against the messages that left long enough ago. While
nothing is known at all only so many messages may be out: the mailbox waits, and its quota is read every few
seconds, until those before have had the time to show it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import anyio

from bulk_pec.clock import Clock
from bulk_pec.domain import growth, space
from bulk_pec.domain.errors import BulkPecError, CredentialsRefused, ProviderUnavailable
from bulk_pec.domain.exits import Reason
from bulk_pec.domain.growth import Due, Growth, Letters, Reading
from bulk_pec.domain.inbox import Quota
from bulk_pec.domain.letters import Mailbox
from bulk_pec.domain.space import Outlook
from bulk_pec.domain.words import counted
from bulk_pec.ledger.inbox.quotas import Quotas
from bulk_pec.sending.boxes import Boxes
from bulk_pec.sending.committer import LedgerThread
from bulk_pec.sending.options import Stopped
from bulk_pec.sending.stops import Stops

PAGE = 1_000
"""Attempts that one call counts over: a few milliseconds, so that no intent waits for it."""
FRESH = 600_000
"""Milliseconds for which the reading of the harvest before sending is good enough to begin with."""
RECENT = 600_000
"""Milliseconds after which a receipt that has not come so far is not reckoned to come beside the new ones."""
POLL = 2.0
"""Seconds between two looks at a mailbox that is held until its receipts have come, at most."""
_NONE = Due()


class Meter(Protocol):
    """Reads quotas, at the GET rate; every reading is kept in the ledger."""

    async def look(self, mailbox: Mailbox) -> Quota:
        """How full the mailbox is now."""
        ...


@dataclass(slots=True, eq=False)
class _Tank:
    """What is known of one mailbox.

    Attributes:
        counted_from: The reading from which receipts due are counted.
        stale: Receipts that are due for so long that they are not reckoned to come beside the new ones.
        ripe: Of messages that left since, up to the attempt `ripe_upto`: they have had the time to come.
        unripe: Of those after it, at the last look.
        low: The lowest usage since `counted_from`, and `ripe` by then.
        looks: How often it was looked at in this start.
        until_look: Addresses that are written to before it is read again.
        left: Addresses that are written to before it must have been read.
        waits: Whether it is held until receipts have had the time to come.
        walked: Whether its inbox was read, or could not be, since it was last sent from.
        outlook: At the last look.
        wanted: Set when it is to be read.
        busy: Held while stock is taken.
    """

    counted_from: Reading | None = None
    stale: Due = _NONE
    ripe: Due = _NONE
    ripe_upto: int = 0
    unripe: Due = _NONE
    low: tuple[float, Due] = (0.0, _NONE)
    looks: int = 0
    until_look: int = 0
    left: int = 0
    waits: bool = False
    walked: bool = False
    outlook: Outlook | None = None
    wanted: anyio.Event = field(default_factory=anyio.Event)
    busy: anyio.Lock = field(default_factory=anyio.Lock)

    @property
    def due(self) -> Due:
        """Receipts due in all."""
        return self.stale + self.ripe + self.unripe

    @property
    def certain(self) -> bool:
        """Whether what only sending has shown is all that it will: nothing is on its way, or it is full."""
        one = self.outlook
        return self.unripe.receipts <= 0 or (one is not None and one.usage >= one.mark)


class Space:
    """Watches the mailboxes of one start.

    Args:
        thread: The ledger's.
        quotas: The ledger's.
        boxes: Told which of them stop, and which wait for a reading.
        meter: Reads quotas.
        stops: Told of what ends sending altogether.
        full_at: Share of the quota that receipts must not fill a mailbox beyond.
        horizon: Seconds after which a receipt is not waited for any more.
        lag: Seconds after which most receipts have come.
        clock: For "now".

    Attributes:
        walks: Whether somebody reads the inboxes meanwhile, and so can be asked to.
        asked: Set when a mailbox waits for its inbox to be read: it seems full, and only that can tell.
    """

    def __init__(
        self,
        thread: LedgerThread,
        quotas: Quotas,
        boxes: Boxes,
        meter: Meter,
        *,
        stops: Stops,
        full_at: float,
        horizon: float,
        lag: float,
        clock: Clock,
    ) -> None:
        self._thread = thread
        self._quotas = quotas
        self._boxes = boxes
        self._meter = meter
        self._stops = stops
        self._full_at = full_at
        self._horizon = horizon
        self._lag = lag
        self._letters = Letters()
        self._clock = clock
        self._tanks = {box: _Tank() for box in boxes.by_id}
        self.walks = False
        self.asked = anyio.Event()
        boxes.on_begun(self._begun)

    @property
    def learnt(self) -> bool:
        """Whether it is known of every mailbox that may send what a CONSEGNA makes it grow by."""
        outlooks = [self._tanks[box].outlook for box in self._boxes.by_id if not self._boxes.stopped(box)]
        return all(one is not None and one.growth is not None and one.growth.sure for one in outlooks)

    async def begin(self) -> None:
        """Take stock before anything is sent, from the reading of the harvest before."""
        for box in self._boxes.by_id:
            if self._boxes.stopped(box):
                continue
            latest = await self._thread.call(self._quotas.readings, box, 1)
            if not latest or latest[-1].at < self._clock.now() - FRESH:
                await self.look(box)
            else:
                await self._take_stock(box)

    async def run(self) -> None:
        """Read the quotas that are to be read, until cancelled."""
        async with anyio.create_task_group() as each:
            for box in self._tanks:
                each.start_soon(self._keep, box)

    async def _keep(self, box: int) -> None:
        tank = self._tanks[box]
        while True:
            await tank.wanted.wait()
            if tank.waits:
                await anyio.sleep(min(POLL, self._lag / 4))
            await self.look(box)

    async def harvested(self, box: int) -> None:
        """A harvest beside sending has just read everything there is in a mailbox, and its quota."""
        if not self._boxes.stopped(box):
            self._tanks[box].walked = True
            await self._take_stock(box)

    async def unread(self, box: int) -> None:
        """A mailbox's inbox could not be read: only its quota tells whether it is sent from further."""
        if not self._boxes.stopped(box):
            self._tanks[box].walked = True
            await self.look(box)

    def carries(self, letter_bytes: int) -> None:
        """A letter of this size, as a mail, is about to leave."""
        self._letters.add(letter_bytes)

    def _begun(self, box: int, units: int) -> None:
        """A message to so many addresses is under way: that many CONSEGNE and an ACCETTAZIONE are due."""
        tank = self._tanks[box]
        tank.until_look -= units
        tank.left -= units
        if tank.until_look <= 0:
            tank.wanted.set()
        if tank.left <= 0:
            self._boxes.hold(box)

    async def look(self, box: int) -> None:
        """Read a mailbox's quota, and take stock; one that cannot be read stops."""
        try:
            await self._meter.look(self._boxes.by_id[box].mailbox)
            await self._take_stock(box)
        except (CredentialsRefused, ProviderUnavailable) as error:
            self._tanks[box].wanted = anyio.Event()
            said = f"its quota could not be read: {error.what.rstrip('.')}"
            self._boxes.stop(box, Stopped(error.reason, said))
        except BulkPecError as error:  # a wrong address, an empty wallet, the ledger: none would fare better
            self._tanks[box].wanted = anyio.Event()
            self._stops.claims(error.reason, error.what)

    async def _take_stock(self, box: int) -> None:
        """From the latest reading: whether it goes on, and how far."""
        tank = self._tanks[box]
        async with tank.busy:
            readings = await self._thread.call(self._quotas.history, box)
            if not readings:
                return
            await self._count(box, tank, space.base(readings))
            tank.outlook = outlook = self._outlook(tank, readings)
            sure = outlook.growth is not None and outlook.growth.sure
            if tank.wanted.is_set():  # whoever waits for one that is not must still be woken by it
                tank.wanted = anyio.Event()
            self._boxes.shares[box] = readings[-1].share
            if outlook.full and (sure or tank.certain) and not self._asks(tank, outlook):
                self._boxes.stop(box, Stopped(Reason.MAILBOX_FULL, _why_full(outlook)))
                return
            self._go_on(box, tank, None if sure else self._unknown(tank, outlook))

    def _asks(self, tank: _Tank, outlook: Outlook) -> bool:
        """Whether a walk may show that there is more room than what stands in for growth says."""
        sure = outlook.growth is not None and outlook.growth.sure
        if sure or tank.walked or not self.walks or outlook.usage >= outlook.mark:
            return False
        self.asked.set()
        return True

    def _go_on(self, box: int, tank: _Tank, unknown: int | None) -> None:
        """Until the next look; or not yet, where the receipts that are out must show first what they take."""
        if tank.outlook is None:
            return
        ahead = space.stretch(tank.looks, tank.outlook, 0 if tank.outlook.full else unknown)
        tank.until_look, tank.left, tank.waits = ahead.look, ahead.most, ahead.most <= 0
        if tank.waits:
            self._boxes.hold(box)
            tank.wanted.set()
        else:
            tank.looks, tank.walked = tank.looks + 1, False
            self._boxes.free(box)

    def _unknown(self, tank: _Tank, outlook: Outlook) -> int:
        """How many more addresses may be written to while it is not known what a CONSEGNA takes."""
        room = outlook.mark - outlook.usage
        return space.unknown_addresses(room, self._letters.largest, tank.ripe.final) - tank.unripe.final

    def _outlook(self, tank: _Tank, readings: list[Reading]) -> Outlook:
        base, latest = space.base(readings), readings[-1]
        if latest.usage < tank.low[0]:
            tank.low = latest.usage, tank.ripe
        known = self._growth(tank, readings)
        return Outlook(latest.usage, latest.capacity, base.usage, tank.due, known, self._full_at)

    def _growth(self, tank: _Tank, readings: list[Reading]) -> Growth | None:
        """As harvests showed it; else what stands in."""
        letter, latest = self._letters.usual, readings[-1]
        learnt = growth.learnt(readings)
        if learnt is not None:
            return growth.with_letters(learnt, letter, latest.capacity)
        used, ripe = tank.low
        return growth.stand_in(latest.usage - used, tank.ripe - ripe, letter)

    async def _count(self, box: int, tank: _Tank, base: Reading) -> None:
        """Count what is due: all of it where a harvest has come between, else what was sent since.

        And how much of it has had the time to come.
        """
        now, lag = self._clock.now(), round(self._lag * 1000)
        if tank.counted_from is None or (base.at, base.seen) != (
            tank.counted_from.at,
            tank.counted_from.seen,
        ):
            tank.counted_from = base
            horizon = await self._before(now - round(self._horizon * 1000))
            tank.ripe_upto = max(horizon, await self._before(now - RECENT))
            tank.stale, tank.ripe = await self._due(box, horizon, tank.ripe_upto), _NONE
            await self._ripen(box, tank, base.at - lag)
            tank.low = base.usage, tank.ripe
        await self._ripen(box, tank, now - lag)
        tank.unripe = await self._due(box, tank.ripe_upto, await self._thread.call(self._quotas.last_attempt))

    async def _ripen(self, box: int, tank: _Tank, moment: int) -> None:
        """Count as ripe what left before a moment."""
        upto = await self._before(moment)
        tank.ripe += await self._due(box, tank.ripe_upto, upto)
        tank.ripe_upto = max(tank.ripe_upto, upto)

    async def _before(self, moment: int) -> int:
        return await self._thread.call(self._quotas.before, moment)

    async def _due(self, box: int, after: int, last: int) -> Due:
        """Page by page, so that no intent waits long."""
        due = _NONE
        while after < last:
            upto = min(last, after + PAGE)
            due += await self._thread.call(self._quotas.due, box, after, upto)
            after = upto
        return due


def _why_full(outlook: Outlook) -> str:
    """A sentence's part: how full it is, and what is still to come."""
    if outlook.usage >= outlook.mark:
        return f"{outlook.share:.0%} full"
    due = counted(outlook.due.receipts, "receipt")
    return f"{outlook.share:.0%} full, and {due} still to come may fill it to {outlook.expected_share:.0%}"
