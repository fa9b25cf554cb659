"""A run whose messages were taken by a sandbox, over HTTP, and errands in its mailbox; time moves by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from support.inboxes import BOX, NOW, HandClock
from support.ledgers import a_row, load, message, query, recount

from bulk_pec.domain.letters import Secret
from bulk_pec.domain.outcomes import Outcome, Verdict
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.attempts import Closing, Intent
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.provider.client import PecClient
from bulk_pec.provider.reading import Patience
from bulk_pec.provider.transport import open_http
from bulk_pec.receipts.errands import ErrandOptions, Errands, ErrandsDone
from bulk_pec.receipts.harvest import Harvest, Harvester
from bulk_pec.receipts.listing import PacedListing
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import Sandbox
from bulk_pec.sending.committer import LedgerThread

HOUR = 3600.0
NO_WAITING = Patience(attempts=2, timeout=5.0, first_wait=0.001, longest_wait=1.0)


@dataclass
class Seconds:
    """What the sandbox takes for real seconds."""

    seconds: float = 0.0

    def __call__(self) -> float:
        """The time now."""
        return self.seconds


def client(http: httpx.AsyncClient, url: str) -> PecClient:
    """A client that gives up soon."""
    return PecClient(http, base_url=url, token=Secret("gettone"), patience=NO_WAITING)


@dataclass
class Bench:
    """Everything an errand needs.

    Attributes:
        ledger: Open for writing.
        run: Loaded, one message for each local part.
        sandbox: The provider.
        http: Speaks to it as the mailbox.
        listing: The provider as the errands see it.
        said: What they told people.
    """

    ledger: Ledger
    run: Run
    sandbox: Sandbox
    http: httpx.AsyncClient
    listing: PacedListing
    seconds: Seconds
    clock: HandClock = field(default_factory=HandClock)
    said: list[str] = field(default_factory=list)
    errands: Errands | None = None

    @property
    def box(self) -> int:
        """The ledger's id of the mailbox."""
        return self.ledger.inbox.mailbox_id(BOX.address)

    def message(self, row: int) -> dict[str, Any]:
        """A row's message."""
        return message(self.ledger, self.run.first_id + row - 1)

    def receipts(self, where: str = "true") -> list[dict[str, Any]]:
        """The ledger's rows, in the order they were recorded."""
        return query(self.ledger, f"SELECT * FROM receipts WHERE {where} ORDER BY id")  # noqa: S608 - constants

    def wait(self, seconds: float) -> None:
        """Let time pass, here and there."""
        self.seconds.seconds += seconds
        self.clock.wait(round(seconds * 1000))

    async def send(self, row: int, recipients: list[str] | None = None) -> str:
        """Send a row's message, as the engine does, to its address or to these; the provider's id of it."""
        one = self.message(row)
        body = {
            "sender": BOX.address,
            "recipient": recipients or one["recipient"],
            "subject": f"Avviso n. {row} [rif. {one['reference']}]",
            "body": "<p>Buongiorno</p>",
            "username": BOX.address,
            "password": "segreta",
        }
        answer = await self.http.post("/send", json=body)
        assert answer.status_code == 201, answer.text
        token = str(answer.json()["message_id"])
        self.attempt(row, Outcome(Verdict.SENT, "Sent", status=201, message_id=token))
        return token

    def attempt(self, row: int, outcome: Outcome) -> None:
        """Make one attempt at a row's message, with this outcome."""
        now, ledger = self.clock.now(), self.ledger
        worker = ledger.workers.register(self.run, 600_000, now)
        block = ledger.claims.take(worker, 0)
        assert block is not None
        (pending,) = [one for one in ledger.claims.pending(worker, block, now) if one.row == row]
        intent = Intent(pending.id, pending.attempts + 1, block.id, self.box, f"d{row}", 0.25)
        attempt = ledger.attempts.tick(worker, [intent], [], now).opened[pending.id]
        ledger.attempts.tick(worker, [], [Closing(attempt, pending.id, outcome, now)], now)
        ledger.claims.give_back(worker, [block])
        ledger.workers.end(worker, now)

    async def send_all(self) -> None:
        """Send every message, a second apart, and wait until all that comes soon has come."""
        for row in range(1, self.run.input_rows + 1):
            await self.send(row)
            self.wait(1)
        self.wait(60)

    async def foreign(self, count: int = 1, **mail: Any) -> None:
        """Somebody's mail comes in."""
        body = {"mailbox": BOX.address, "subject": "Newsletter", "count": count, **mail}
        assert (await self.http.post("/_sandbox/mail", json=body)).status_code == 201

    async def fault(self, kind: str, **rule: Any) -> None:
        """Ask the sandbox for a fault."""
        assert (await self.http.post("/_sandbox/faults", json={"kind": kind, **rule})).status_code == 201

    async def subjects(self) -> list[str]:
        """What lies in the mailbox, oldest first."""
        found: dict[int, str] = {}
        for page in range(1000):
            items = (await self.http.get("/inbox", params={"page": page})).json()["data"]
            found |= {int(item["id"]): item["object"] for item in items}
            if not items and page:
                break
        return [found[number] for number in sorted(found)]

    async def harvest(self) -> Harvest:
        """Walk the inbox; the counters must hold afterwards."""
        self.wait(1)
        walk = Harvester(self.listing, self.ledger.inbox, self.clock, LedgerThread().call)
        found = await walk.harvest(BOX)
        recount(self.ledger, self.run)
        return found

    def start(self, **options: Any) -> Errands:
        """A new start's errands."""
        self.errands = Errands(
            self.listing,
            self.ledger,
            LedgerThread().call,
            self.clock,
            options=ErrandOptions(**options),
            say=self.said.append,
        )
        return self.errands

    async def do(self, until: Callable[[], bool] = lambda: False, **options: Any) -> ErrandsDone:
        """Run the errands of a new start; the counters must hold afterwards."""
        done = await self.start(**options).run(self.run, {self.box: BOX}, until)
        recount(self.ledger, self.run)
        return done


@asynccontextmanager
async def bench(ledger: Ledger, *locals_: str, **settings: Any) -> AsyncIterator[Bench]:
    """A bench whose messages go to these local parts; what becomes of them, docs/sandbox.md says."""
    rows = [
        a_row(number, f"k{number}", f"{local}@ditta{number}.example")
        for number, local in enumerate(locals_, 1)
    ]
    run = load(ledger, rows, now=NOW)
    seconds = Seconds()
    start = datetime.fromtimestamp(NOW / 1000, UTC)
    headers = {"Authorization": "Bearer gettone", "x-username": BOX.address, "x-password": "segreta"}
    async with (
        Sandbox(SandboxOptions(start=start, **settings), clock=seconds) as sandbox,
        open_http(timeout=5.0, connections=4) as http,
        httpx.AsyncClient(base_url=sandbox.url, headers=headers) as control,
    ):
        listing = PacedListing(client(http, sandbox.url), float("inf"))
        yield Bench(ledger, run, sandbox, control, listing, seconds)


def texts_in(folder: Path) -> dict[str, str]:
    """Every receipt's file of an archive, by its path from there on."""
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.txt"))
    }
