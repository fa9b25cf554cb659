"""A bare loop: posts the bytes that the engine would post, keeps nothing.

Usage: ``python -m benchmarks.bare pool|httpx|transport|aiohttp CONCURRENCY COUNT``; the configuration, and
the loaded ledger whose messages it posts, come from BULK_PEC_CONFIG. The bodies are made before the clock
starts. The last line on stdout is a JSON document: seconds and processor seconds from the first connection to
the last answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import anyio
import httpx

from benchmarks.workshop import RUN
from bulk_pec import shipped
from bulk_pec.cli import wiring
from bulk_pec.config import Config, load
from bulk_pec.domain.letters import Letter
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.claims import Block, PendingMessage
from bulk_pec.ledger.outbox.workers import Worker
from bulk_pec.provider import payload
from bulk_pec.provider.aio import asking
from bulk_pec.provider.transport import open_http
from bulk_pec.sending.writer import Writer

_CONNECTIONS_A_CLIENT = 8
"""httpx's own pool costs more with each connection: eight is its best (docs/performance.md)."""
_TIMEOUT = 60.0

Post = Callable[[bytes], Awaitable[int]]
"""Posts a body, reads the answer to its end, returns the status."""


def bodies(config: Config, count: int) -> list[bytes]:
    """The bodies of the run's first `count` messages, as the engine would post them."""
    mailbox = config.mailbox_list()[0]
    with Ledger(config.ledger_url(), "read", scripts=shipped.path("migrations")) as ledger:
        run = ledger.runs.get(RUN)
        writer = Writer(wiring.composer(config), run)
        block = Block(0, run.first_id, run.first_id + count - 1)
        pending = ledger.claims.pending(Worker(0, run.id), block, run.created_at)
    letters = asyncio.run(_written(writer, pending))
    return [payload.encode(mailbox, letter) for letter in letters]


async def _written(writer: Writer, pending: list[PendingMessage]) -> list[Letter]:
    return [await writer.letter(writer.draft(message)) for message in pending]


def _headers(config: Config) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {config.token().reveal()}",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }


@asynccontextmanager
async def plain_httpx(config: Config, concurrency: int) -> AsyncIterator[list[Post]]:
    """Plain httpx in its best shape: clients of eight connections that share one TLS context."""
    async with _httpx(config, -(-concurrency // _CONNECTIONS_A_CLIENT), _CONNECTIONS_A_CLIENT) as posts:
        yield posts


@asynccontextmanager
async def one_httpx(config: Config, concurrency: int) -> AsyncIterator[list[Post]]:
    """Plain httpx as everybody writes it: one client, a connection for each request in flight."""
    async with _httpx(config, 1, concurrency) as posts:
        yield posts


@asynccontextmanager
async def _httpx(config: Config, clients: int, connections: int) -> AsyncIterator[list[Post]]:
    url, context = f"{config.settings.api.base_url}/send", httpx.create_ssl_context()
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with AsyncExitStack() as stack:
        posts = [
            _httpx_post(
                await stack.enter_async_context(
                    httpx.AsyncClient(
                        verify=context, limits=limits, timeout=_TIMEOUT, headers=_headers(config)
                    )
                ),
                url,
            )
            for _ in range(clients)
        ]
        yield posts


def _httpx_post(client: httpx.AsyncClient, url: str) -> Post:
    async def post(body: bytes) -> int:
        return (await client.post(url, content=body)).status_code

    return post


@asynccontextmanager
async def our_transport(config: Config, concurrency: int) -> AsyncIterator[list[Post]]:
    """The engine's own HTTP client, asked in the cheapest way it allows."""
    async with open_http(timeout=_TIMEOUT, connections=concurrency) as http:
        url, headers = httpx.URL(f"{config.settings.api.base_url}/send"), httpx.Headers(http.headers)
        headers.update(_headers(config))
        asked = asking("POST", url, headers)

        async def post(body: bytes) -> int:
            arrived = await http.straight.post(asked, body, connect=_TIMEOUT)
            async for _ in arrived:
                pass
            arrived.leave()
            return arrived.status

        yield [post]


@asynccontextmanager
async def plain_aiohttp(config: Config, concurrency: int) -> AsyncIterator[list[Post]]:
    """Aiohttp alone, which our transport is built on: the ceiling."""
    url, headers = f"{config.settings.api.base_url}/send", _headers(config)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=concurrency), headers=headers
    ) as session:

        async def post(body: bytes) -> int:
            async with session.post(url, data=body) as response:
                await response.read()
                return response.status

        yield [post]


_SHAPES = {"pool": one_httpx, "httpx": plain_httpx, "transport": our_transport, "aiohttp": plain_aiohttp}


async def _work(post: Post, waiting: Iterator[bytes]) -> None:
    for body in waiting:
        status = await post(body)
        if status != 201:
            raise RuntimeError(f"the receiver answered {status}")


async def loop(shape: str, config: Config, concurrency: int, ready: list[bytes]) -> dict[str, float]:
    """Post everything, `concurrency` at a time; what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    async with _SHAPES[shape](config, concurrency) as posts:
        waiting = iter(ready)
        async with anyio.create_task_group() as workers:
            for number in range(concurrency):
                workers.start_soon(_work, posts[number % len(posts)], waiting)
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def main() -> None:
    """Read the command line, post, tell."""
    shape, concurrency, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    config = load(Path(os.environ["BULK_PEC_CONFIG"]), environ=os.environ)
    took = asyncio.run(loop(shape, config, concurrency, bodies(config, count)))
    print(json.dumps(took))


if __name__ == "__main__":
    main()
