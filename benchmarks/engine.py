"""Row 2: messages a second of the whole engine, against bare loops posting the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.measuring import Ran, median, side_by_side
from benchmarks.table import Findings
from benchmarks.workshop import KINDS, NAMES, RUN, Home, Kind, Workshop, last_line

CONCURRENCIES = (16, 128)
MESSAGES = 20_000
"""Sent in one repeat; half a minute would tell no more."""
FEWER = 4
"""Plain httpx is slower by so much: it gets so many times fewer messages."""

SAME_TRANSPORT: dict[Kind, float] = {"sqlite": 0.85, "postgres": 0.8}
BARE_HTTPX = 0.7

_SAID = {
    "httpx": "bare loop, plain httpx in its best shape",
    "transport": "bare loop, our transport",
    "aiohttp": "bare loop, aiohttp alone",
    "sqlite": "engine on SQLite, strict intents",
    "postgres": "engine on Postgres, strict intents",
}


@dataclass(frozen=True, slots=True)
class Speed:
    """One measured stretch: messages a second, processor milliseconds a message."""

    rate: float
    cpu: float
    receiver: float


def measure(shop: Workshop) -> Findings:
    """Send from copies of the full-size ledgers with no limit of rate."""
    findings = Findings("engine: messages a second / bare loops posting the same bytes, from one core")
    count = min(MESSAGES, shop.rows // (len(CONCURRENCIES) * shop.repeat + 1))
    with shop.copy("sqlite", shop.rows) as one, shop.copy("postgres", shop.rows) as other:
        for concurrency in CONCURRENCIES:
            for home in (one, other):
                shop.set_concurrency(home, concurrency)
            _measure(shop, findings, {"sqlite": one, "postgres": other}, concurrency, count)
    return findings


def _measure(
    shop: Workshop, findings: Findings, homes: dict[Kind, Home], concurrency: int, count: int
) -> None:
    source = shop.built("sqlite", shop.rows)  # never sent from: its first messages are pending
    makers: dict[str, Callable[[], Speed]] = {
        "httpx": lambda: _bare(shop, source, "httpx", concurrency, count // FEWER),
        "transport": lambda: _bare(shop, source, "transport", concurrency, count),
        "aiohttp": lambda: _bare(shop, source, "aiohttp", concurrency, count),
        "sqlite": lambda: _engine(shop, homes["sqlite"], count),
        "postgres": lambda: _engine(shop, homes["postgres"], count),
    }
    _tell(findings, f"{concurrency} in flight", side_by_side(shop.repeat, makers))


def _tell(findings: Findings, where: str, results: dict[str, list[Speed]]) -> None:
    rates = {name: median(speed.rate for speed in speeds) for name, speeds in results.items()}
    costs = {name: median(speed.cpu for speed in speeds) for name, speeds in results.items()}
    for name, said in _SAID.items():
        findings.figure(f"{where}: {said}", rates[name], "messages/s")
    for name, said in _SAID.items():
        findings.figure(f"{where}: {said}", costs[name], "ms CPU a message")
    busiest = max(speed.receiver for speeds in results.values() for speed in speeds)
    findings.figure(f"{where}: the receiver's core at its busiest", busiest * 100, "%")
    for kind in KINDS:
        _compare(findings, f"{where}, {NAMES[kind]}:", kind, rates, costs)


def _compare(
    findings: Findings, where: str, kind: Kind, rates: dict[str, float], costs: dict[str, float]
) -> None:
    """By the clock, as the targets are; and by processor time, which a busy machine hardly moves."""
    findings.ratio(f"{where} engine / bare httpx", rates[kind] / rates["httpx"], BARE_HTTPX, at_least=True)
    same = rates[kind] / rates["transport"]
    findings.ratio(f"{where} engine / our transport alone", same, SAME_TRANSPORT[kind], at_least=True)
    for name in ("httpx", "transport"):
        findings.ratio(f"{where} processor time, bare {name} / engine", costs[name] / costs[kind])


def _engine(shop: Workshop, home: Home, count: int) -> Speed:
    shop.receiver.tally()
    arguments = ["send", RUN, "--yes", "--max-messages", str(count)]
    # 75: stopped with work left, as asked.
    ran = shop.command(home, arguments, module="benchmarks.unlimited", codes=(75,))
    return _speed(shop, ran, count)


def _bare(shop: Workshop, home: Home, shape: str, concurrency: int, count: int) -> Speed:
    shop.receiver.tally()
    ran = shop.command(home, [shape, str(concurrency), str(count)], module="benchmarks.bare")
    return _speed(shop, ran, None)


def _speed(shop: Workshop, ran: Ran, expected: int | None) -> Speed:
    took, tally = last_line(ran), shop.receiver.tally()
    if expected is not None and tally.posts != expected:
        raise RuntimeError(f"the receiver saw {tally.posts} POSTs, not {expected}")
    wall = float(took["wall"])
    return Speed(tally.posts / wall, float(took["cpu"]) * 1000 / tally.posts, tally.cpu / wall)
