"""The canary: the first messages of a run, and whether enough of them arrive for the rest to follow.

`sending` until every one of them was tried to the end · `waiting` for their receipts, `canary_wait` at
most · `passed`, and the run goes on for good · `failed`, once so many are lost that the share wanted can no
longer be reached. Whatever is neither is undecided; the next start reads the inbox and judges again, a
failed one too, since a delivery outranks everything that was said before it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum, auto
from fractions import Fraction

from bulk_pec.domain.exits import Reason
from bulk_pec.domain.words import counted
from bulk_pec.ledger.outbox.canaries import Canary as Found
from bulk_pec.ledger.outbox.canaries import CanaryState
from bulk_pec.nightly.done import Done
from bulk_pec.nightly.parts import Parts
from bulk_pec.sending.stops import Stops

HARVEST_EVERY = 60.0
"""Seconds between two walks over the inbox while a canary's receipts are awaited."""


class Verdict(Enum):
    """What a canary says of the run."""

    GOOD = auto()
    BAD = auto()
    OPEN = auto()


def judge(found: Found, min_delivered: float) -> Verdict:
    """Good once the share is delivered; bad once what is lost leaves it out of reach; else open. Exact."""
    needed = Fraction(str(min_delivered)) * found.size
    if found.delivered >= needed:
        return Verdict.GOOD
    return Verdict.BAD if found.size - found.lost < needed else Verdict.OPEN


class CanaryWatch:
    """Sees a run's canary through.

    Args:
        parts: The job's.
        done: Told of a bad one.
        stops: Asked to stop by one that is bad or undecided; ends the waiting.
        look: Reads the inboxes.
    """

    def __init__(self, parts: Parts, done: Done, stops: Stops, look: Callable[[], Awaitable[object]]) -> None:
        self._parts = parts
        self._rules = parts.rules.canary
        self._canaries = parts.ledger.canaries
        self._done = done
        self._stops = stops
        self._look = look

    async def lets_go(self) -> bool:
        """Whether messages may be sent now: its own, or after it has passed those of the whole run."""
        run, state = self._parts.run, self._canaries.of(self._parts.run).state
        if state is CanaryState.PASSED or (state is None and self._parts.pending <= self._rules.size):
            return True  # a canary that is all there is to send lets nothing follow
        if not self._rules.size:
            if self._canaries.lift(run):
                self._parts.say("sending.canary is 0: the run goes on without its canary's verdict.")
            return True
        self.sent_whole()
        if new := self._canaries.choose(run, self._rules.size):
            self._parts.say(
                f"A canary first: {counted(new, 'message')}, spread over the largest domains. The rest "
                f"follows once {self._rules.min_delivered:.0%} of it is delivered."
            )
        return self._canaries.of(run).left > 0 or await self._passes()

    def sent_whole(self) -> bool:
        """Whether the whole canary has just been found sent: its receipts are awaited from now on."""
        return self._canaries.sent(self._parts.run, self._parts.clock.now())

    async def _passes(self) -> bool:
        """Await its receipts; whether it has passed. If it has not, claims are stopped."""
        while not self._stops.asked:
            found = self._canaries.of(self._parts.run)
            verdict = judge(found, self._rules.min_delivered)
            if verdict is not Verdict.OPEN:
                return self._decide(verdict, found)
            left = self._wait_left(found)
            if left <= 0:
                self._stops.claims(Reason.CANARY, f"the canary is undecided: {_figures(found)}")
                break
            await self._stops.rest(min(HARVEST_EVERY, left))
            if not self._stops.asked:
                await self._look()
        return False

    def _decide(self, verdict: Verdict, found: Found) -> bool:
        if verdict is Verdict.GOOD:
            self._canaries.passed(self._parts.run)
            self._parts.say(f"The canary is good: {_figures(found)}. The rest follows.")
            return True
        self._canaries.failed(self._parts.run)
        self._done.bad_canary = True
        self._stops.claims(Reason.CANARY, f"the canary is bad: {_figures(found)}")
        return False

    def _wait_left(self, found: Found) -> float:
        """Seconds for which its receipts are awaited still, by the wall clock: over all starts."""
        now = self._parts.clock.now()
        since = found.sent_at if found.sent_at is not None else now
        return self._rules.wait - (now - since) / 1000


def _figures(found: Found) -> str:
    open_ = found.size - found.delivered - found.lost
    size = counted(found.size, "message")
    return f"of {size} {found.delivered} delivered, {found.lost} lost, {open_} not known yet"
