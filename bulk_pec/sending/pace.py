"""Pace: when each message of this process may leave, and from which mailbox.

The vendor allows about one POST /send a second, all processes together. Slots come from the ledger, one at a
time at ordinary rates and half a second's worth at higher ones, each 1.01/rate after the one before. A
message takes its slot, makes its intent just before it, and its first byte leaves in it. A slot that a slow
commit missed is lost, and another one taken: nothing is caught up in a burst. An intent does not stay open
for long: it comes before everything else, and if no other slot comes soon it is held back. Within the process
two first bytes are 1.01/rate apart whatever the ledger says, and slots are asked for from the last one on.
"""

from __future__ import annotations

import math
from collections import Counter

import anyio
from aiolimiter import AsyncLimiter

from bulk_pec.clock import loop_time
from bulk_pec.domain.slots import MARGIN, Box, Slot, Wanted, pause
from bulk_pec.sending.bell import Bell
from bulk_pec.sending.boxes import Boxes
from bulk_pec.sending.stops import Stops
from bulk_pec.sending.timetable import TOLERANCE, Timetable, Turn

LEAD = 0.1
"""Seconds before its slot at which a message's intent is committed: for the commit and a connection."""
LONGEST_LEAD = 1.0
"""Where commits turn out to be slower than `LEAD`, intents are made earlier, but no earlier than this."""
STOCK = 0.5
"""Seconds of slots that are taken from the ledger at once."""
PATIENCE = 2.0
"""Seconds, and two intervals, that an intent whose slot was missed waits to be given another one."""
_BREATH = 0.005


class _Waiter:
    """A message that waits for a slot."""

    def __init__(self, box: int | None, missed: Slot | None = None) -> None:
        self.box = box
        self.missed = missed
        self.turn: Turn | None = None
        self.told = anyio.Event()

    @property
    def has_intent(self) -> bool:
        """Whether its intent is open: it had a slot, and missed it."""
        return self.missed is not None


class Pace:
    """The pace of this process.

    Args:
        timetable: Where slots come from.
        boxes: The mailboxes.
        rate: POSTs a second, all mailboxes together; ``math.inf`` for no limit.
        stops: End the waiting.

    Attributes:
        interval: Seconds from one first byte to the next, at least.
    """

    def __init__(self, timetable: Timetable, boxes: Boxes, rate: float, stops: Stops) -> None:
        self._timetable = timetable
        self._boxes = boxes
        self._stops = stops
        self._rate = rate
        self._unlimited = math.isinf(rate)
        self.interval = 0.0 if self._unlimited else MARGIN / rate
        # A bucket of one: a larger one would grant a double burst in its first period.
        self._limiter = AsyncLimiter(1, max(self.interval, 1e-9))
        self._door = anyio.Lock()
        self._waiters: list[_Waiter] = []
        self._turns: list[Turn] = []
        self._last_start = -math.inf
        self._lead = LEAD
        self._paused: dict[int, float] = {}
        self._down_until = -math.inf
        self._given: Counter[int] = Counter()
        self._changed = Bell()
        stops.on_change(self._wake)
        boxes.on_change(self._wake)

    def _wake(self) -> None:
        """Something has changed: who waits in vain is let go, and the rest is looked at again."""
        for waiter in [one for one in self._waiters if self._in_vain(one)]:
            self._waiters.remove(waiter)
            waiter.told.set()
        self._changed.ring()

    def _in_vain(self, waiter: _Waiter) -> bool:
        if self._stops.held_back or not self._boxes.may_wait(waiter.box):
            return True
        if waiter.has_intent:  # it must not stay open for as long as a pause may last
            return waiter.box is not None and self.paused(waiter.box)
        return self._stops.asked

    async def approach(self, box: int | None) -> Turn | None:
        """Wait for a slot until it is time to commit its intent; it is then held until `leave`.

        Args:
            box: The mailbox that must send the message; None: any may.

        Returns:
            The slot; None: a stop came, or no mailbox is left that could send it.
        """
        while not self._stops.asked and self._boxes.may_wait(box):
            turn = self._free_turn(box) if self._unlimited else await self._queue(_Waiter(box))
            if turn is None:
                await self._breathe(box)
            elif await self._time_has_come(turn):
                turn.ready = loop_time()
                return turn
            else:
                self.leave(turn)
        return None

    async def _time_has_come(self, turn: Turn) -> bool:
        """Wait until it is time for the turn's intent; whether it can still be made."""
        try:
            lead = max(self._lead, LEAD)
            while (wait := max(turn.at - lead, self._pause(turn.box)) - loop_time()) > 0:
                if self._stops.asked or self._pause(turn.box) > turn.at:
                    return False
                await self._stops.rest(wait)
        except BaseException:
            self.leave(turn)
            raise
        in_time = loop_time() <= turn.until
        return in_time and not self._stops.asked and turn.box in self._boxes.live()

    def _free_turn(self, box: int | None) -> Turn | None:
        """Without a limit: whichever mailbox has most left, of those the one that was given least."""
        now = loop_time()
        live = [one for one in self._boxes.live() if box in {None, one} and not self.paused(one)]
        if not live:
            return None
        left = self._boxes.left
        chosen = min(live, key=lambda one: (-left.get(one, math.inf), self._given[one]))
        self._given[chosen] += 1
        return Turn(chosen, now, math.inf, Slot(chosen, 0))

    async def _breathe(self, box: int | None) -> None:
        """Without a limit and with nobody free: until something changes or a pause ends.

        A pause found a moment ago may be over by now: then nothing else would ever ring.
        """
        if not self._unlimited or self._stops.asked:
            return
        ends = [self._pause(one) for one in self._boxes.live() if box in {None, one}]
        await self._change(min(ends, default=math.inf))

    async def _change(self, until: float) -> None:
        with anyio.move_on_after(max(_BREATH, until - loop_time())):
            await self._changed.heard()

    @property
    def _batch(self) -> int:
        """How many slots are held at most: enough for a moment, and for intents that take long."""
        return max(1, math.floor(self._rate * (STOCK + max(0.0, self._lead - LEAD))))

    def crowded(self, box: int) -> bool:
        """Whether enough messages wait for this mailbox already: more would keep the others from waiting."""
        return not self._unlimited and sum(waiter.box == box for waiter in self._waiters) > self._batch + 1

    async def _queue(self, waiter: _Waiter) -> Turn | None:
        """Wait for a slot in the queue; one whose intent is open goes before those without."""
        place = sum(one.has_intent for one in self._waiters) if waiter.has_intent else len(self._waiters)
        self._waiters.insert(place, waiter)
        self._wake()
        try:
            await waiter.told.wait()
        except BaseException:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            if waiter.turn is not None:
                self.leave(waiter.turn)
            raise
        return waiter.turn

    async def run(self) -> None:
        """Take slots from the ledger for those who wait, until cancelled."""
        while not self._unlimited:
            wanted = self._wanted()
            until = self._down_until if self._down_until > loop_time() else math.inf
            if wanted is None or until < math.inf:
                await self._change(until)
                continue
            rings = self._changed.rings
            with anyio.CancelScope(shield=True):
                given = await self._timetable.allot(wanted, self._chain()[-1])
            unheard = self._changed.rings > rings
            self._paused |= given.paused
            if given.alone and given.turns:
                self._shift()
            self._wake()
            for turn in given.turns:
                self._hand_out(turn)
            if given.again is not None and not unheard:  # else what was asked for is out of date
                await self._change(given.again)

    def _chain(self) -> list[float]:
        """When the slots that are held can be used, an interval from each start to the next; and one more."""
        starts = [self._last_start]
        for turn in sorted(self._turns, key=lambda turn: turn.at):
            starts.append(max(turn.at, starts[-1] + self.interval))
        return [*starts[1:], starts[-1] + self.interval]

    def _shift(self) -> None:
        """What follows now begins after the delays so far: the slots before it may be used as late as that.

        A little jitter at each start adds up; if nobody else has a slot among ours, it costs no slot.
        """
        held = sorted(self._turns, key=lambda turn: turn.at)
        for turn, start in zip(held, self._chain(), strict=False):
            turn.until = max(turn.until, start + TOLERANCE)

    def _wanted(self) -> Wanted | None:
        """What is asked of the ledger next; None: nothing yet."""
        live = self._boxes.live()
        bound: Counter[int] = Counter()
        opened: Counter[int] = Counter()
        unbound = 0
        for one in self._waiters:
            if one.box is None:
                unbound += bool(live)
            elif one.has_intent or one.box in live:
                bound[one.box] += 1
                opened[one.box] += one.has_intent
        if len(self._turns) > self._batch // 2 or not (bound or unbound):
            return None
        boxes = {box: self._terms(box) for box in sorted({*bound, *(live if unbound else ())})}
        missed = (one.missed for one in self._waiters if one.missed is not None)
        unused = max(missed, key=lambda slot: slot.at, default=None)
        most = self._batch - len(self._turns)
        return Wanted(unbound, bound, boxes, self._rate, most=most, unused=unused, open=opened)

    def _terms(self, box: int) -> Box:
        own = self._boxes.by_id[box].limits.rate
        return Box(min(self._rate, own or math.inf), self._boxes.left.get(box, math.inf))

    def _hand_out(self, turn: Turn) -> None:
        """Give a slot to who waits for that mailbox, else to the first who may have any."""
        for wish in (turn.box, None):
            waiter = next((one for one in self._waiters if one.box == wish), None)
            if waiter is not None:
                self._waiters.remove(waiter)
                self._turns.append(turn)
                waiter.turn = turn
                waiter.told.set()
                return

    async def slot(self, turn: Turn) -> bool:
        """Wait for the slot, or for another one if it is missed; a start in it must come at once.

        Returns:
            Whether it has come; False: the message is to be held back. A stop or a pause came, or it missed
            its slot and was not given another one within `PATIENCE`.
        """
        if self._unlimited:
            return True
        took = loop_time() - turn.ready
        self._lead = max(0.98 * self._lead, min(LONGEST_LEAD, 1.5 * took))
        turn.claimed = True
        self._swap(turn)
        gives_up = max(loop_time(), turn.until) + PATIENCE + 2 * self.interval
        while not (self._stops.held_back or self._boxes.refused(turn.box) or self.paused(turn.box)):
            now = loop_time()
            if now > turn.until:
                self._swap(turn)
                if now > turn.until and not await self._renew(turn, gives_up):
                    return False
            elif now < turn.at:
                await self._stops.rest_unless_held(turn.at - now)
            elif await self._through_the_door(turn):
                return True
        return False

    async def _renew(self, turn: Turn, gives_up: float) -> bool:
        """Take another slot of the same mailbox in place of one that was missed; whether one came in time."""
        self.leave(turn)
        other = None
        with anyio.CancelScope(deadline=gives_up):
            other = await self._queue(_Waiter(turn.box, turn.slot))
        if other is not None:
            turn.at, turn.until, turn.slot, turn.held = other.at, other.until, other.slot, True
            self._turns[self._turns.index(other)] = turn
        return other is not None

    def _swap(self, turn: Turn) -> None:
        """Who is ready takes the first slot of its mailbox; who is not gets the later one for it."""
        now = loop_time()
        mine = turn.at if turn.until >= now else math.inf
        first = min(
            (one for one in self._turns if one.box == turn.box and not one.claimed and one.until >= now),
            key=lambda one: one.at,
            default=turn,
        )
        if first.at < mine:
            mine_was = turn.at, turn.until, turn.slot
            turn.at, turn.until, turn.slot = first.at, first.until, first.slot
            first.at, first.until, first.slot = mine_was

    async def _through_the_door(self, turn: Turn) -> bool:
        """One at a time and an interval apart; False: the slot is missed meanwhile, or a stop came."""
        async with self._door:
            ahead = self._last_start + self.interval - loop_time()
            if loop_time() + ahead > turn.until:
                turn.at = turn.until = -math.inf
                return False
            await self._stops.rest_unless_held(max(0.0, ahead))
            if self._stops.held_back:
                return False
            await self._limiter.acquire()
            self._last_start = loop_time()
            return True

    def leave(self, turn: Turn) -> None:
        """The slot of `approach` is used, or never will be."""
        if turn.held and not self._unlimited:
            turn.held = False
            self._turns.remove(turn)
            self._wake()

    def _pause(self, box: int) -> float:
        return max(self._paused.get(box, -math.inf), self._down_until)

    def paused(self, box: int) -> bool:
        """Whether a mailbox pauses: an intent that meets a pause is closed as not sent."""
        return self._pause(box) > loop_time()

    @property
    def down(self) -> bool:
        """Whether this process waits for a provider that could not be reached."""
        return self._down_until > loop_time()

    async def throttled(self, box: int, retry_after: float | None, left_at: float) -> float:
        """The provider asked for less: all workers on that mailbox pause, then go on at half its rate.

        Args:
            box: The mailbox's id.
            retry_after: Seconds that the provider named, if it did.
            left_at: When the request's first byte left, on the loop's clock.

        Returns:
            Seconds until the pause ends.
        """
        self._paused[box] = await self._timetable.throttled(box, retry_after, left_at)
        self._wake()
        return max(0.0, self._paused[box] - loop_time())

    async def look(self, box: int) -> float:
        """Seconds that a mailbox still pauses: another process may have been told so."""
        self._paused[box] = await self._timetable.pause_of(box)
        return max(0.0, self._paused[box] - loop_time())

    def back_off(self, failures: int) -> None:
        """The provider cannot be reached: this process pauses 1, 2, 4 … 60 s."""
        if not self.down:
            self._down_until = loop_time() + pause(failures)
            self._wake()
