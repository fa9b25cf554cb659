"""The real command, which kills itself with SIGKILL when it comes to a named point for the n-th time.

Usage: ``python tests/crash/killed.py POINT N WORDS…``; the words are the command's. A point is a place in the
order of evidence (docs/semantics.md): nothing is changed there but that the process is gone.
"""

from __future__ import annotations

import functools
import inspect
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bulk_pec.cli.main import main
from bulk_pec.ledger.inbox.inbox import Inbox
from bulk_pec.ledger.outbox.attempts import Attempts
from bulk_pec.ledger.runs import counts
from bulk_pec.provider import client, wire
from bulk_pec.provider.transport import Post

Said = Mapping[str, Any]
"""What a function was called with, by parameter."""


@dataclass(frozen=True, slots=True)
class Point:
    """Before or after a function is called, if what it was called with fits."""

    owner: Any
    name: str
    when: Literal["before", "after"]
    fits: Callable[[Said], bool] = lambda said: True


def _changes(column: str) -> Callable[[Said], bool]:
    """A transaction, all but committed, that adds to this counter."""
    return lambda said: bool(said["changes"].by_column[column] > 0)


def _recovers(said: Said) -> bool:
    """A transaction, all but committed, that puts a dead process's attempts in doubt."""
    moved = said["changes"].by_column
    return bool(moved["in_doubt"] > 0 and not moved["attempts"])


POINTS: dict[str, Point] = {
    "before the intent": Point(Attempts, "tick", "before", lambda said: bool(said["intents"])),
    "the intent written, not committed": Point(counts, "apply", "after", _changes("attempts")),
    "after the intent": Point(Attempts, "tick", "after", lambda said: bool(said["intents"])),
    "before the first byte": Point(Post, "_first_byte_is_next", "after"),
    "after the first byte": Point(wire.Request, "send", "after", lambda said: said["self"].method == "POST"),
    # Here, since a death just before is sure to have left an attempt that is open.
    "recovered, not committed": Point(counts, "apply", "after", _recovers),
    "after the response": Point(client, "of_answer", "after"),
    "before the outcome's commit": Point(Attempts, "tick", "before", lambda said: bool(said["closings"])),
    "the outcome written, not committed": Point(counts, "apply", "after", _changes("sent")),
    "after the outcome's commit": Point(Attempts, "tick", "after", lambda said: bool(said["closings"])),
    "a page folded, not committed": Point(counts, "apply", "after", _changes("receipts_matched")),
    "pages recorded, the walk under way": Point(Inbox, "record", "after"),
    "a page folded, the walk not complete": Point(Inbox, "complete", "before"),
}


def arm(point: Point, number: int) -> None:
    """From now on the process dies there."""
    original = getattr(point.owner, point.name)
    names = inspect.signature(original)
    left = number

    def die(when: str, *args: Any, **kwargs: Any) -> None:
        nonlocal left
        if when == point.when and point.fits(names.bind(*args, **kwargs).arguments):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(original)
    def called(*args: Any, **kwargs: Any) -> Any:
        die("before", *args, **kwargs)
        answer = original(*args, **kwargs)
        die("after", *args, **kwargs)
        return answer

    @functools.wraps(original)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        die("before", *args, **kwargs)
        answer = await original(*args, **kwargs)
        die("after", *args, **kwargs)
        return answer

    setattr(point.owner, point.name, awaited if inspect.iscoroutinefunction(original) else called)


if __name__ == "__main__":
    _, where, times, *words = sys.argv
    arm(POINTS[where], int(times))
    sys.argv[1:] = words
    main()
