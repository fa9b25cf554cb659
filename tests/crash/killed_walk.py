"""A harvest in a process of its own, which kills itself with SIGKILL when it comes to a named point.

Usage: ``python tests/crash/killed_walk.py LEDGER MAILS POINT N``: the mailbox holds so many mails, those of a
run's messages among them; the point is met for the n-th time. POINT ``none`` lets the harvest end.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.inboxes import BOX, NOW, MemoryInbox
from support.ledgers import open_ledger, query

from bulk_pec.clock import SystemClock
from bulk_pec.ledger.inbox.inbox import Inbox
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.receipts.harvest import Harvester
from bulk_pec.sending.committer import LedgerThread

POINTS: dict[str, tuple[str, str]] = {
    "pages written, not committed": ("_advance", "after"),
    "pages recorded": ("record", "after"),
    "the dead walk carried on": ("carry_on", "after"),
    "all read, the walk not complete": ("complete", "before"),
    "the walk complete": ("complete", "after"),
}


def filled(ledger: Ledger, mails: int) -> MemoryInbox:
    """A mailbox that holds the same mails in every process: two receipts a message, and foreign mail."""
    inbox = MemoryInbox()
    references = [row["reference"] for row in query(ledger, "SELECT reference FROM messages ORDER BY id")]
    for number in range(mails):
        place, kind = divmod(number, 3)
        word = ("ACCETTAZIONE", "CONSEGNA", "POSTA CERTIFICATA")[kind]
        named = f"[rif. {references[place % len(references)]}] 20200826{place:08d}" if kind < 2 else number
        inbox.put(f"{word}: Avviso {named}", NOW + 1000 * number)
    return inbox


def arm(point: str, times: int) -> None:
    """From now on the process dies there."""
    name, when = POINTS[point]
    original: Callable[..., Any] = getattr(Inbox, name)
    left = times

    @functools.wraps(original)
    def called(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = original(*args, **kwargs)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(Inbox, name, called)


async def harvest(ledger: Ledger, mails: int) -> None:
    """Walk the mailbox."""
    inbox = filled(ledger, mails)
    done = await Harvester(inbox, ledger.inbox, SystemClock(), LedgerThread().call).harvest(BOX)
    print(done.pages)


def main() -> None:
    """Read the command line, arm, harvest."""
    url, mails, point, times = sys.argv[1:5]
    if point != "none":
        arm(point, int(times))
    with open_ledger(url) as ledger:
        anyio.run(harvest, ledger, int(mails))


if __name__ == "__main__":
    main()
