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

from bulk_pec.composing import Composer
from bulk_pec.domain.exits import Reason
from bulk_pec.domain.growth import Due, learnt
from bulk_pec.domain.letters import Secret
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
async def _sending(
    ours: Room, url: str, letters: Composer | None = None
) -> AsyncIterator[tuple[Engine, Harvester]]:
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
            composer=letters or composer(),
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
        known = learnt(ledger.quotas.history(box))
        assert known is not None
        assert known.sure
        assert 4.0 <= known.mean <= 6.0
        assert ledger.quotas.due(box, 0, ledger.quotas.last_attempt()) == Due()
        outlook = ledger.quotas.outlook(box, 0.9, 0)
        assert outlook is not None
        assert not outlook.full
        assert outlook.usage == outlook.expected


@pytest.mark.parametrize("walks", [True, False], ids=["run", "send"])
async def test_consegne_that_lag_far_behind_have_room(ledger: Ledger, walks: bool) -> None:
    """ACCETTAZIONI come at once, the CONSEGNE, far larger, when all has been sent: none is lost.

    Walks beside sending see nothing but ACCETTAZIONI; without them the quota alone is known.
    """
    letters = composer("<p>Gentile {{ nome }}</p>" + " " * 60_000)
    ours, seconds = room(ledger, 400, letters=letters), [0.0]
    late = SandboxOptions(accepted_after=0, delivered_after=3600, quota_kib=6_000)
    done: list[Sent] = []
    async with Sandbox(late, clock=lambda: seconds[0]) as provider:
        async with (
            _sending(ours, provider.url, letters) as (engine, harvester),
            anyio.create_task_group() as both,
        ):

            async def harvest() -> None:
                while walks and not done:
                    await harvester.harvest(MAILBOX)
                    await engine.harvested(MAILBOX.address)

            both.start_soon(harvest)
            done.append(await engine.run())
        assert done[0].reason is Reason.MAILBOX_FULL
        assert 40 <= done[0].attempts <= 90
        seconds[0] = 7200.0
        assert await _lost(provider.url) == 0
