"""Reading a mailbox, timed in a process of its own; and a ledger made ready for it.

Usage: ``python -m benchmarks.reading sent LEDGER FILE``, ``fetch URL`` or ``harvest URL LEDGER``. ``sent``
makes every message of the run sent, as if it had been, and writes their references into the file. ``fetch``
reads every page with our client and keeps nothing; ``harvest`` walks the same mailbox into the ledger. Both
end with a JSON document on stdout: pages, new and matched mails, seconds and processor seconds.
"""

from __future__ import annotations

import gc
import json
import math
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from benchmarks.claims import age
from benchmarks.workshop import RUN
from bulk_pec import shipped
from bulk_pec.clock import SystemClock
from bulk_pec.domain.letters import Mailbox, Secret
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.provider.client import PecClient
from bulk_pec.provider.transport import open_http
from bulk_pec.receipts.harvest import Harvester
from bulk_pec.receipts.listing import PacedListing
from bulk_pec.sending.committer import LedgerThread

_TIMEOUT = 60.0
_MAILBOX = Mailbox("ufficio@pec.example", Secret("ufficio@pec.example"), Secret("password-of-the-benchmark"))


@dataclass(frozen=True, slots=True)
class Read:
    """What one reading brought."""

    pages: int
    new: int = 0
    matched: int = 0


def _open(url: str) -> Ledger:
    return Ledger(url, "write", scripts=shipped.path("migrations"))


def make_sent(url: str, file: Path) -> None:
    """Make every message of the run sent; write down their references, in order."""
    with _open(url) as ledger:
        run = ledger.runs.get(RUN)
        age(ledger.database, run, share=1.0)
        with ledger.database.transaction() as connection, file.open("wb") as out:
            asked = "SELECT reference FROM messages WHERE run_id = :run ORDER BY id"
            for row in ledger.database.execute(connection, asked, run=run.id):
                out.write(row.reference.encode())


@asynccontextmanager
async def _listing(url: str) -> AsyncIterator[PacedListing]:
    async with open_http(timeout=_TIMEOUT, connections=4) as http:
        client = PecClient(http, base_url=url, token=Secret("token-of-the-benchmark"))
        yield PacedListing(client, math.inf)


async def fetch(url: str) -> Read:
    """Read every page, one after the other, with nothing done to it but what the client does."""
    async with _listing(url) as listing:
        number = 1
        while (await listing.page(_MAILBOX, number)).items:
            number += 1
        return Read(number)


async def harvest(url: str, ledger: Ledger) -> Read:
    """Walk the mailbox."""
    async with _listing(url) as listing:
        harvester = Harvester(listing, ledger.inbox, SystemClock(), LedgerThread().call)
        done = await harvester.harvest(_MAILBOX)
        return Read(done.pages, done.new, done.matched)


def _timed(read: Callable[[], Awaitable[Read]]) -> None:
    gc.freeze()  # as the command does
    wall, cpu = time.perf_counter(), time.process_time()
    done = anyio.run(read)
    took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps({"pages": done.pages, "new": done.new, "matched": done.matched} | took))


def main() -> None:
    """Read the command line; do it."""
    what, place, *more = sys.argv[1:]
    if what == "sent":
        make_sent(place, Path(more[0]))
    elif what == "fetch":
        _timed(lambda: fetch(place))
    else:
        with _open(more[0]) as ledger:
            _timed(lambda: harvest(place, ledger))


if __name__ == "__main__":
    main()
