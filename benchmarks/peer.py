"""A peer at the same work: jobs in a Postgres queue, each of which posts ready bytes.

Usage: ``PYTHON benchmarks/peer.py pgqueuer|procrastinate|celery DATABASE RECEIVER BODIES CONCURRENCY``, with
the interpreter of an environment made from requirements/peers.txt; BODIES is a file of one JSON text a line.
It shares no line with bulk-pec. Jobs are put into the queue before the clock starts. The last line on stdout
is a JSON document: seconds and processor seconds from the worker's start to the last answer.

Each is used as its documentation says a worker is run, with as many jobs at once as asked for, and aiohttp
inside where it takes coroutines.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

_HEADERS = {
    "Authorization": "Bearer token-of-the-benchmark",
    "Content-Type": "application/json",
    "Accept": "application/json",
}
_CREATED = 201
_PATIENCE = 300.0


class Clock:
    """What so many jobs take, from the worker's start to the last answer: how it ends is not counted."""

    def __init__(self, jobs: int) -> None:
        self._jobs, self._one = jobs, threading.Lock()
        self._answered = 0
        self._took: dict[str, float] = {}
        self.ended = threading.Event()

    def start(self) -> None:
        """The worker is about to start."""
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def answered(self) -> None:
        """One more answer was read."""
        with self._one:
            self._answered += 1
            self._took = {"wall": time.perf_counter() - self._wall, "cpu": time.process_time() - self._cpu}
            if self._answered == self._jobs:
                self.ended.set()

    def tell(self) -> None:
        """Print it, as the last line. A queue may give a job up: then fewer were answered."""
        print(json.dumps({**self._took, "answered": self._answered}), flush=True)


@asynccontextmanager
async def session(concurrency: int) -> AsyncIterator[Any]:
    """An aiohttp session with so many connections."""
    aiohttp = import_module("aiohttp")
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector, headers=_HEADERS) as opened:
        yield opened


async def post(http: Any, url: str, body: bytes) -> None:
    """Post a body and read the answer."""
    async with http.post(url, data=body) as response:
        await response.read()
        if response.status != _CREATED:
            raise RuntimeError(f"the receiver answered {response.status}")


async def pgqueuer(database: str, url: str, bodies: list[str], concurrency: int) -> None:
    """PgQueuer: LISTEN/NOTIFY and batches."""
    queue, types = import_module("pgqueuer"), import_module("pgqueuer.types")
    async with session(concurrency) as http:
        driver = queue.AsyncpgDriver(await import_module("asyncpg").connect(database))
        queries = queue.Queries(driver)
        await queries.install()
        payloads = [body.encode() for body in bodies]
        await queries.enqueue(["post"] * len(bodies), payloads, [0] * len(bodies))
        manager = queue.QueueManager(queries)

        clock = Clock(len(bodies))

        async def send(job: Any) -> None:
            await post(http, url, job.payload)
            clock.answered()

        manager.entrypoint("post", accepts_context=False)(send)
        clock.start()
        await manager.run(
            batch_size=concurrency,  # of jobs fetched; how many run at once is for the connections to say
            mode=types.QueueExecutionMode.drain,
        )
        clock.tell()


async def procrastinate(database: str, url: str, bodies: list[str], concurrency: int) -> None:
    """Procrastinate: a job a fetch."""
    tasks = import_module("procrastinate")
    app = tasks.App(connector=tasks.PsycopgConnector(conninfo=database))
    async with app.open_async(), session(concurrency) as http:
        await app.schema_manager.apply_schema_async()
        clock = Clock(len(bodies))

        async def send(body: str) -> None:
            await post(http, url, body.encode())
            clock.answered()

        task = app.task(name="post")(send)
        await task.batch_defer_async(*({"body": body} for body in bodies))
        clock.start()
        await app.run_worker_async(concurrency=concurrency, wait=False, install_signal_handlers=False)
        clock.tell()


def celery(database: str, url: str, bodies: list[str], concurrency: int) -> NoReturn:
    """Celery on Postgres through SQLAlchemy, with a pool of threads and requests."""
    requests = import_module("requests")
    broker = database.replace("postgresql://", "sqla+postgresql+psycopg://", 1)
    app = import_module("celery").Celery("peer", broker=broker)
    app.conf.update(
        task_ignore_result=True,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
    )
    local, clock = threading.local(), Clock(len(bodies))

    def send(body: str) -> None:
        http = getattr(local, "http", None)
        if http is None:
            http = local.http = requests.Session()
            http.headers.update(_HEADERS)
        if http.post(url, data=body.encode(), timeout=60).status_code != _CREATED:
            raise RuntimeError("the receiver refused")
        clock.answered()

    task = app.task(name="post")(send)
    for body in bodies:
        task.delay(body)
    worker = app.Worker(pool="threads", concurrency=concurrency, loglevel="ERROR", quiet=True)
    clock.start()
    threading.Thread(target=worker.start, daemon=True).start()
    clock.ended.wait(_PATIENCE)
    clock.tell()
    os._exit(0)  # its worker has threads that would be waited for


def main() -> None:
    """Read the command line, work, tell."""
    name, database, receiver, path, concurrency = sys.argv[1:]
    bodies = [str(json.loads(line)) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    arguments = (database, f"{receiver}/send", bodies, int(concurrency))
    if name == "celery":
        celery(*arguments)
    asyncio.run({"pgqueuer": pgqueuer, "procrastinate": procrastinate}[name](*arguments))


if __name__ == "__main__":
    main()
