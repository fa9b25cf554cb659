"""Harvest and errands of one mailbox in a process that kills itself with SIGKILL at a named point.

Usage: ``python tests/crash/errands_killed.py POINT N LEDGER PROVIDER ARCHIVE``. With POINT ``none`` it lives.
"""

from __future__ import annotations

import functools
import inspect
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from bulk_pec import shipped
from bulk_pec.clock import SystemClock
from bulk_pec.domain.letters import Mailbox, Secret
from bulk_pec.ledger.inbox.archiving import Archiving
from bulk_pec.ledger.inbox.clearing import Clearing
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.provider.client import PecClient
from bulk_pec.provider.transport import open_http
from bulk_pec.receipts import archive as archives
from bulk_pec.receipts import papers
from bulk_pec.receipts.chain import Chain
from bulk_pec.receipts.errands import ErrandOptions, Errands
from bulk_pec.receipts.harvest import Harvester
from bulk_pec.receipts.listing import PacedListing
from bulk_pec.sending.committer import LedgerThread

MAILBOX = "ufficio@example.com"
RUN = "giugno"
POINTS: dict[str, tuple[Any, str, str]] = {
    "the file begun": (papers, "write_whole", "before"),
    "the file written, not named": (papers, "write_whole", "after"),
    "the file in its place": (archives, "keep", "after"),
    "the line half written": (Chain, "add", "half"),
    "the line written": (Chain, "add", "after"),
    "before the ledger knows": (Archiving, "record", "before"),
    "after the ledger knows": (Archiving, "record", "after"),
    "the delete noted, not asked for": (Clearing, "begin", "after"),
    "the delete done, not recorded": (PacedListing, "delete", "after"),
    "the delete recorded": (Clearing, "gone", "after"),
}


def die() -> None:
    """The process is gone."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(owner: Any, name: str, when: str, number: int) -> None:
    """From now on the process dies there."""
    original: Callable[..., Any] = getattr(owner, name)
    left = number

    def now() -> bool:
        nonlocal left
        left -= 1
        return left == 0

    def half(chain: Chain, link: Any) -> None:
        if now():
            os.write(chain._file, link.line()[:40])
            die()
        original(chain, link)

    @functools.wraps(original)
    def called(*args: Any, **kwargs: Any) -> Any:
        if when == "before" and now():
            die()
        answer = original(*args, **kwargs)
        if when == "after" and now():
            die()
        return answer

    @functools.wraps(original)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        answer = await original(*args, **kwargs)
        if now():
            die()
        return answer

    if when == "half":
        setattr(owner, name, half)
    else:
        setattr(owner, name, awaited if inspect.iscoroutinefunction(original) else called)


async def work(url: str, provider: str, archive: Path) -> None:
    """What a start does in its mailbox: look at deletes in doubt, walk, run the errands, walk again."""
    mailbox = Mailbox(MAILBOX, Secret(MAILBOX), Secret("segreta"))
    with Ledger(url, "write", scripts=shipped.path("migrations")) as ledger:
        async with open_http(timeout=10.0, connections=2) as http:
            client = PecClient(http, base_url=provider, token=Secret("gettone"))
            listing, call, clock = PacedListing(client, float("inf")), LedgerThread().call, SystemClock()
            options = ErrandOptions(archive=archive, delete=True)
            errands = Errands(listing, ledger, call, clock, options=options, say=print)
            boxes = {ledger.inbox.mailbox_id(MAILBOX): mailbox}
            walks = Harvester(listing, ledger.inbox, clock, call)
            await errands.look_anew(boxes)
            await walks.harvest(mailbox)
            done = await errands.run(ledger.runs.get(RUN), boxes)
            if done.error is not None:
                raise done.error
            await walks.harvest(mailbox)


if __name__ == "__main__":
    _, point, times, *words = sys.argv
    if point != "none":
        arm(*POINTS[point], int(times))
    anyio.run(work, words[0], words[1], Path(words[2]))
