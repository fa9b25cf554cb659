"""Progress while sending: a bar on a terminal, a plain line now and then otherwise."""

from __future__ import annotations

import re
import time
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bulk_pec.cli.session import Session
from bulk_pec.domain.outcomes import Outcome, Verdict

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

_SETTLED = frozenset({Verdict.SENT, Verdict.REJECTED, Verdict.IN_DOUBT})
_EVERY = 300.0
"""Seconds between plain lines: a night's log stays short enough to read."""
_ADDRESS = re.compile(r"[^\s<>]+@[^\s<>]+")


def _words(outcome: Outcome) -> str:
    """A verdict and why, without any address: what the provider says may repeat the recipient's."""
    return f"{outcome.verdict.value}: {_ADDRESS.sub('(an address)', outcome.detail)}"


class Progress:
    """Counts outcomes and shows them.

    Args:
        session: Where to.
        total: Messages that may be sent.
    """

    def __init__(self, session: Session, total: int) -> None:
        self._session = session
        self._total = total
        self._counts: Counter[Verdict] = Counter()
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        if self._session.bar:
            self._open_bar()
        else:
            self._session.say(f"Sending: {self._total:,} messages to go.")
        return self

    def _open_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        class Screen(Console):
            """rich would end the process, and turn stdout away, when nobody reads stderr any more."""

            def on_broken_pipe(self) -> None:
                """Show nothing more; sending goes on."""
                self.quiet = True

        console = Screen(stderr=True, no_color=not self._session.color)
        self._bar = Progress(
            "Sending", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
        )
        self._task = self._bar.add_task("sending", total=self._total)
        with suppress(OSError):  # a terminal that has gone
            self._bar.start()

    def saw(self, outcome: Outcome) -> None:
        """One outcome more."""
        self._counts[outcome.verdict] += 1
        if outcome.verdict is not Verdict.SENT:
            self._session.more(f"An attempt was {_words(outcome)}")
        if self._bar is not None and self._task is not None:
            if outcome.verdict in _SETTLED:
                with suppress(OSError):
                    self._bar.advance(self._task)
        elif time.monotonic() - self._told >= _EVERY:
            self._told = time.monotonic()
            self._session.say(self._line())

    def _line(self) -> str:
        counts = ", ".join(f"{count:,} {verdict.value}" for verdict, count in self._counts.items())
        return f"Sending: {sum(self._counts[one] for one in _SETTLED):,} of {self._total:,} ({counts})."

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            with suppress(OSError):
                self._bar.stop()
        elif self._counts:
            self._session.say(self._line())
