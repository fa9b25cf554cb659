"""Room for receipts while the engine sends as fast as it can: a small box, both databases."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import httpx
import pytest
from support.pec import MAILBOX, NO_WAITING, TOKEN
from support.sending import OPTIONS, Room, composer, room

from bulk_pec.domain.exits import Reason
from bulk_pec.domain.letters import Secret
from bulk_pec.domain.space import growth
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.nightly.gauge import Gauge
from bulk_pec.provider.client import PecClient
from bulk_pec.provider.transport import open_http
from bulk_pec.receipts.harvest import Harvester
from bulk_pec.receipts.listing import PacedListing
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import Sandbox
from bulk_pec.sending.committer import LedgerThread
from bulk_pec.sending.engine import Engine
from bulk_pec.sending.options import Sent

pytestmark = pytest.mark.anyio
SMALL = SandboxOptions(accepted_after=0, delivered_after=0, quota_kib=2_000)


@asynccontextmanager
async def _sending(ours: Room, url: str) -> AsyncIterator[tuple[Engine, Harvester]]:
    """An engine without any limit on its pace, that reads quotas; and a harvester on its ledger thread."""
    thread = LedgerThread()
    async with open_http(timeout=5.0, connections=8) as http:
        client = PecClient(http, base_url=url, token=Secret(TOKEN), patience=NO_WAITING)
        ledger = ours.ledger
        gauge = Gauge(PacedListing(client, math.inf), ledger.quotas, thread.call, ours.clock)
        engine = Engine(
            ledger,
            ours.run,
            client,
            boxes=[ours.box()],
            composer=composer(),
            options=replace(OPTIONS, mailbox_full_at=0.9, receipts_lag=0.2),
            clock=ours.clock,
            stops=ours.stops,
            watch=ours._watch,
            thread=thread,
            meter=gauge,
        )
        yield engine, Harvester(gauge, ledger.inbox, ours.clock, thread.call)


async def _lost(url: str) -> int:
    async with httpx.AsyncClient() as http:
        return int((await http.get(f"{url}/_sandbox/state")).json()["receipts"]["lost"])


async def test_a_small_box_whose_receipts_come_at_once_is_never_full(ledger: Ledger) -> None:
    """Nothing is known of the box before: it stops itself before it is full; a new start stops at once."""
    ours = room(ledger, 400)
    async with Sandbox(SMALL) as provider:
        async with _sending(ours, provider.url) as (engine, _):
            sent = await engine.run()
        assert (sent.reason, sent.attempts < 260) == (Reason.MAILBOX_FULL, True)
        assert sent.attempts > 100
        assert list(sent.stopped) == [MAILBOX.address]
        assert await _lost(provider.url) == 0


async def test_growth_is_learnt_from_harvests_beside_it(ledger: Ledger) -> None:
    """Walks on the engine's own ledger thread, again and again: both end well, and growth is known."""
    ours = room(ledger, 120)
    done: list[Sent] = []
    async with Sandbox(replace(SMALL, quota_kib=200_000)) as provider:
        async with _sending(ours, provider.url) as (engine, harvester), anyio.create_task_group() as both:

            async def harvest() -> None:
                while not done:
                    await harvester.harvest(MAILBOX)
                    await engine.harvested(MAILBOX.address)

            both.start_soon(harvest)
            done.append(await engine.run())
        async with _sending(ours, provider.url) as (_, harvester):
            await harvester.harvest(MAILBOX)
        assert (done[0].reason, done[0].attempts) == (None, 120)
        (box,) = ledger.quotas.boxes().values()
        learnt = growth(ledger.quotas.readings(box))
        assert learnt is not None
        assert 4.0 <= learnt <= 6.0
        assert ledger.quotas.due(box, 0, ledger.quotas.last_attempt()) == 0
        outlook = ledger.quotas.outlook(box, 0.9, 0)
        assert outlook is not None
        assert not outlook.full
        assert outlook.usage == outlook.expected
