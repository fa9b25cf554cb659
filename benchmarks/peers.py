"""Row 3: the engine / task queues doing the same POST, all on Postgres.

The peers run in an environment of their own: `make peers` makes it from requirements/peers.txt.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import bare
from benchmarks.measuring import median, run, side_by_side
from benchmarks.table import Findings
from benchmarks.workshop import RUN, Home, Workshop, environment, last_line
from bulk_pec.config import load

PEERS = {"pgqueuer": 2.0, "procrastinate": 10.0, "celery": 10.0}
"""What the engine's rate divided by each one's is to reach."""
MESSAGES = 8_000
_FEWER = {"pgqueuer": 1, "procrastinate": 8, "celery": 8}
_CONCURRENCY = 128
_THREADS = 32
"""Celery's: more of them only wait for each other."""
_LEAST_ANSWERED = 0.99
"""A queue may give a job up when its connection ends: what it did answer counts, if it is nearly all."""
PYTHON = Path(sys.prefix) / "peers" / "bin" / "python"
_SCRIPT = Path(__file__).with_name("peer.py")


def measure(shop: Workshop) -> Findings:
    """Each peer and the engine in turn, at its own best number of requests in flight."""
    findings = Findings("peers: messages a second, the engine on Postgres / task queues on Postgres")
    if not PYTHON.exists():
        shop.say(f"there are no peers at {PYTHON}: `make peers` installs them")
        return findings
    count = min(MESSAGES, shop.rows // (shop.repeat + 1))
    ready = _bodies(shop, count)
    with shop.copy("postgres", shop.rows) as home:
        shop.set_concurrency(home, _CONCURRENCY)
        makers: dict[str, Callable[[], float]] = {"engine": lambda: _engine(shop, home, count)}
        for name in PEERS:
            makers[name] = lambda name=name: _peer(shop, name, ready, count // _FEWER[name])  # type: ignore[misc]  # a lambda's default
        rates = {name: median(found) for name, found in side_by_side(shop.repeat, makers).items()}
    for name, rate in rates.items():
        findings.figure(name, rate, "messages/s")
    for name, target in PEERS.items():
        findings.ratio(f"engine / {name}", rates["engine"] / rates[name], target, at_least=True)
    return findings


def _bodies(shop: Workshop, count: int) -> list[str]:
    """The bodies that the engine posts."""
    source = shop.built("sqlite", shop.rows)
    config = load(source.config, environ=environment(source))
    return [body.decode() for body in bare.bodies(config, count)]


def _engine(shop: Workshop, home: Home, count: int) -> float:
    arguments = ["send", RUN, "--yes", "--max-messages", str(count)]
    took = last_line(shop.command(home, arguments, module="benchmarks.unlimited", codes=(75,)))
    return count / float(took["wall"])


def _peer(shop: Workshop, name: str, ready: list[str], count: int) -> float:
    path = shop.folder / "bodies"
    path.write_text("".join(f"{json.dumps(body)}\n" for body in ready[:count]), encoding="utf-8")
    database = shop.postgres.new()
    try:
        url = shop.postgres.url(database).replace("postgresql+psycopg://", "postgresql://", 1)
        flight = str(_THREADS if name == "celery" else _CONCURRENCY)
        shop.receiver.tally()
        words = [str(PYTHON), str(_SCRIPT), name, url, shop.receiver.url, str(path), flight]
        took = last_line(run(words, folder=shop.folder))
        if not count >= took["answered"] >= count * _LEAST_ANSWERED:
            raise RuntimeError(f"{name}: {took['answered']} of {count} POSTs were answered")
    finally:
        shop.postgres.drop(database)
    return float(took["answered"]) / float(took["wall"])
