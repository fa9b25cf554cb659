"""Progress while sending, and while reading a list: a bar on a terminal, else a plain line now and then."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bulk_pec.cli.session import Session
from bulk_pec.domain.outcomes import Outcome, Verdict
from bulk_pec.domain.words import counted

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import ProgressColumn, TaskID

_SETTLED = frozenset({Verdict.SENT, Verdict.REJECTED, Verdict.IN_DOUBT})
_EVERY = 300.0
"""Seconds between plain lines: a night's log stays short enough to read."""
_READ_EVERY = 10.0
"""The same while a list is read, at which somebody may be looking."""
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
            self._session.say(f"Sending: {counted(self._total, 'message')} to go.")
        return self

    def _open_bar(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

        self._bar = _bar(self._session, "Sending", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._task = self._bar.add_task("sending", total=self._total)

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


class Counted:
    """Counts rows while a list is read and shows how many; what is over soon is not talked about.

    Args:
        session: Where to.
        word: What is done with them: `Checked`.
        clock: Seconds, of no origin.
    """

    def __init__(self, session: Session, word: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._word = word
        self._clock = clock
        self._rows = 0
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._told = clock()

    def __enter__(self) -> Self:
        if self._session.bar:
            from rich.progress import BarColumn, TimeElapsedColumn

            rows = "{task.completed:,.0f} rows"
            self._bar = _bar(self._session, self._word, BarColumn(), rows, TimeElapsedColumn())
            self._task = self._bar.add_task("reading", total=None)
        return self

    def add(self, rows: int) -> None:
        """So many rows more."""
        self._rows += rows
        if self._bar is not None and self._task is not None:
            with suppress(OSError):
                self._bar.advance(self._task, rows)
        elif self._clock() - self._told >= _READ_EVERY:
            self._told = self._clock()
            self._session.say(f"{self._word} {counted(self._rows, 'row')} so far.")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            with suppress(OSError):
                self._bar.stop()


def _bar(session: Session, *columns: str | ProgressColumn) -> Bar:
    """A moving bar on stderr, begun."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    class Screen(Console):
        """rich would end the process, and turn stdout away, when nobody reads stderr any more."""

        def on_broken_pipe(self) -> None:
            """Show nothing more; the work goes on."""
            self.quiet = True

    bar = Bar(*columns, console=Screen(stderr=True, no_color=not session.color))
    with suppress(OSError):  # a terminal that has gone
        bar.start()
    return bar
