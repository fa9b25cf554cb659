"""Harvests at the sandbox, over HTTP, in every way it can list an inbox: receipts once, then three pages."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from support.inboxes import BOX
from support.ledgers import load, open_ledger, query

from bulk_pec.clock import SystemClock
from bulk_pec.domain.letters import Secret
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.provider.client import PecClient
from bulk_pec.provider.transport import open_http
from bulk_pec.receipts.harvest import Harvester
from bulk_pec.receipts.listing import PacedListing
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import Sandbox
from bulk_pec.sending.committer import LedgerThread

pytestmark = pytest.mark.anyio

AT_ONCE = SandboxOptions(accepted_after=0.0, delivered_after=0.0)
SHAPES = {
    "as the vendor's samples": AT_ONCE,
    "base 0": replace(AT_ONCE, page_base=0),
    "oldest first": replace(AT_ONCE, newest_first=False),
    "base 0, oldest first": replace(AT_ONCE, page_base=0, newest_first=False),
    "ids that are places, other keys": replace(
        AT_ONCE, shifting_ids=True, other_keys=True, quoted_names=True
    ),
    "dates with comments, encoded subjects": replace(AT_ONCE, date_comments=True, encoded_subjects=True),
    "total too high": replace(AT_ONCE, total_offset=3),
}
MESSAGES = 55


@asynccontextmanager
async def _harvester(options: SandboxOptions, ledger: Ledger) -> AsyncIterator[tuple[Sandbox, Harvester]]:
    async with Sandbox(options) as sandbox, open_http(timeout=10.0, connections=2) as http:
        client = PecClient(http, base_url=sandbox.url, token=Secret("gettone"))
        listing = PacedListing(client, math.inf)
        yield sandbox, Harvester(listing, ledger.inbox, SystemClock(), LedgerThread().call)


async def _send(sandbox: Sandbox, references: list[str]) -> None:
    """Take messages, whose receipts come at once."""
    async with httpx.AsyncClient(base_url=sandbox.url, headers={"Authorization": "Bearer gettone"}) as http:
        for reference in references:
            letter = {
                "sender": BOX.address,
                "recipient": "info@example.org",
                "subject": f"Avviso è [rif. {reference}]",
                "body": "testo",
                "username": BOX.username.reveal(),
                "password": BOX.password.reveal(),
            }
            assert (await http.post("/send", json=letter)).status_code == 201


@pytest.mark.parametrize("name", SHAPES)
async def test_all_receipts_once_and_then_three_pages(tmp_path: Path, name: str) -> None:
    """Twice: the box fills, is harvested, and a harvest with nothing new asks for three pages at most."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        load(ledger, MESSAGES)
        references = [row["reference"] for row in query(ledger, "SELECT reference FROM messages ORDER BY id")]
        async with _harvester(SHAPES[name], ledger) as (sandbox, harvester):
            for part in (references[:40], references[40:]):
                await _send(sandbox, part)
                done = await harvester.harvest(BOX)
                assert (done.new, done.matched) == (2 * len(part), 2 * len(part))
                again = await harvester.harvest(BOX)
                assert (again.new, again.pages) <= (0, 3)
        found = query(ledger, "SELECT delivery, COUNT(*) AS n FROM messages GROUP BY delivery")
        assert found == [{"delivery": "delivered", "n": MESSAGES}]
        assert query(ledger, "SELECT COUNT(*) AS n FROM receipts") == [{"n": 2 * MESSAGES}]
