"""Health: a dead or ill provider is not ground through. Pure."""

from __future__ import annotations

from collections import deque

from bulk_pec.domain.exits import Reason
from bulk_pec.domain.outcomes import Outcome, Verdict

WINDOW = 200
JUDGED_FROM = 50
UNREACHABLE_AFTER = 8
"""Posts in a row that could not be sent, each after a longer pause: about two minutes."""

_FAILURES = frozenset({Verdict.REJECTED, Verdict.NOT_SENT, Verdict.IN_DOUBT})


class Health:
    """Watches the outcomes of this start.

    Args:
        max_failure_share: Of the last 200 outcomes, judged from 50 on. 429 does not count.
    """

    def __init__(self, max_failure_share: float) -> None:
        self._limit = max_failure_share
        self._last: deque[bool] = deque(maxlen=WINDOW)
        self._failed = 0
        self.unreachable = 0

    def see(self, outcome: Outcome) -> Reason | None:
        """Take an outcome into account; a reason to stop the run, if it is one too many."""
        self.unreachable = self.unreachable + 1 if outcome.verdict is Verdict.NOT_SENT else 0
        if self.unreachable >= UNREACHABLE_AFTER:
            return Reason.UNAVAILABLE
        if outcome.verdict is Verdict.THROTTLED:
            return None
        if len(self._last) == WINDOW:
            self._failed -= self._last[0]
        self._last.append(outcome.verdict in _FAILURES)
        self._failed += self._last[-1]
        if len(self._last) >= JUDGED_FROM and self._failed > self._limit * len(self._last):
            return Reason.BREAKER
        return None
