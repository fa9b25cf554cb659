"""Where a message's processor time goes, and what each transport costs: at 16, 64 and 256 in flight.

HTTP is what the bare loop over our own transport takes for the same bytes; the ledger's thread and the
composing of letters and bodies are clocked inside the engine; the rest is the engine's own: pace, source,
tasks, the answers' judging.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.measuring import median, side_by_side
from benchmarks.table import Findings
from benchmarks.workshop import NAMES, RUN, Home, Kind, Workshop, last_line

CONCURRENCIES = (16, 64, 256)
MESSAGES = 6_000
SHAPES = {
    "aiohttp": "aiohttp alone",
    "transport": "httpx over our transport",
    "httpx": "httpx, clients of eight connections",
    "pool": "httpx, one pool",
}
_FEWER = {"httpx": 4, "pool": 20}
"""These are slower by so much: they get so many times fewer messages."""
_LEAST = 300

Costs = dict[str, float]
"""Processor milliseconds a message by part; and messages a second."""


def measure(shop: Workshop) -> Findings:
    """Bare loops of four shapes, and the engine on both databases, from one core."""
    findings = Findings("split: processor milliseconds a message, by part and by transport")
    count = min(MESSAGES, shop.rows // (len(CONCURRENCIES) * shop.repeat + 1))
    with shop.copy("sqlite", shop.rows) as one, shop.copy("postgres", shop.rows) as other:
        homes: dict[Kind, Home] = {"sqlite": one, "postgres": other}
        for concurrency in CONCURRENCIES:
            for home in homes.values():
                shop.set_concurrency(home, concurrency)
            _measure(shop, findings, homes, concurrency, count)
    return findings


def _measure(
    shop: Workshop, findings: Findings, homes: dict[Kind, Home], concurrency: int, count: int
) -> None:
    source = shop.built("sqlite", shop.rows)  # never sent from: its first messages are pending
    makers: dict[str, Callable[[], Costs]] = {}
    for shape in SHAPES:
        fewer = max(_LEAST, count // _FEWER.get(shape, 1))
        makers[shape] = lambda shape=shape, fewer=fewer: _bare(shop, source, shape, concurrency, fewer)  # type: ignore[misc]  # defaults of a lambda
    for kind, home in homes.items():
        makers[kind] = lambda home=home: _engine(shop, home, count)  # type: ignore[misc]  # as above
    found = side_by_side(shop.repeat, makers)
    medians = {
        name: {part: median(one[part] for one in costs) for part in costs[0]} for name, costs in found.items()
    }
    _tell(findings, f"{concurrency} in flight", medians)


def _tell(findings: Findings, where: str, medians: dict[str, Costs]) -> None:
    for shape, words in SHAPES.items():
        findings.figure(f"{where}: {words}", medians[shape]["all"], "ms CPU a message")
        findings.figure(f"{where}: {words}", medians[shape]["rate"], "messages/s")
    http = medians["transport"]["all"]
    for kind, name in NAMES.items():
        parts = medians[kind]
        rest = parts["all"] - http - parts["ledger"] - parts["composing"]
        said = {"all": parts["all"], "HTTP": http, "ledger": parts["ledger"], "composing": parts["composing"]}
        for part, value in (said | {"the engine itself": rest}).items():
            findings.figure(f"{where}: engine on {name}, {part}", value, "ms CPU a message")
        findings.figure(f"{where}: engine on {name}", parts["rate"], "messages/s")


def _bare(shop: Workshop, home: Home, shape: str, concurrency: int, count: int) -> Costs:
    took = last_line(shop.command(home, [shape, str(concurrency), str(count)], module="benchmarks.bare"))
    return {"all": took["cpu"] * 1000 / count, "rate": count / took["wall"]}


def _engine(shop: Workshop, home: Home, count: int) -> Costs:
    arguments = ["send", RUN, "--yes", "--max-messages", str(count)]
    took = last_line(shop.command(home, arguments, module="benchmarks.unlimited", codes=(75,)))
    parts = {"all": took["cpu"], "ledger": took["ledger"], "composing": took["composing"]}
    return {part: value * 1000 / count for part, value in parts.items()} | {"rate": count / took["wall"]}
