"""Ratios, measured side by side in one run: ``python -m benchmarks [NAME…]``.

Every ratio divides medians of repeats taken in turn; docs/performance.md says what each is and what is aimed
at. The exit code is 0 whatever the figures are: they depend on the machine, and no test is timed.
"""

from __future__ import annotations

import argparse
import json
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    attachments,
    engine,
    first_post,
    harvest,
    hosts,
    intake,
    load,
    machine,
    memory,
    pace,
    peers,
    split,
    status,
    table,
)
from benchmarks.servers import postgres, receiver
from benchmarks.workshop import Workshop

BENCHMARKS: dict[str, Callable[[Workshop], table.Findings]] = {
    "intake": intake.measure,
    "load": load.measure,
    "status": status.measure,
    "first_post": first_post.measure,
    "harvest": harvest.measure,
    "engine": engine.measure,
    "memory": memory.measure,
    "pace": pace.measure,
    "peers": peers.measure,
    "attachments": attachments.measure,
    "hosts": hosts.measure,
    "split": split.measure,
}
_ROWS = 1_200_000
_LEAST_ROWS = 4000
_REPEAT = 3


def main() -> None:
    """Read the command line, measure, print."""
    options = _options()
    # Ended by a signal, it still ends what it started and removes its folder.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.monotonic()
    found: list[table.Findings] = []
    with tempfile.TemporaryDirectory(prefix="bulk-pec-bench-", dir=options.folder) as folder:
        facts = _measure(options, Path(folder), found)
    facts["took"] = f"{time.monotonic() - begun:.0f} s, {options.rows:,} rows, {options.repeat} repeats"
    if options.json:
        print(json.dumps({"machine": facts, "benchmarks": [one.document() for one in found]}, indent=2))
        return
    print("\n" + table.facts_text(facts))
    for ratio in table.missed(found):
        print(f"MISSED: {ratio.what}: {ratio.value:.2f}")


def _measure(options: argparse.Namespace, folder: Path, found: list[table.Findings]) -> dict[str, str]:
    with receiver() as listening, postgres(folder) as server:
        shop = Workshop(folder, listening, server, options.rows, options.repeat, options.whole)
        facts = machine.facts(folder, server.version)
        for name in options.names or BENCHMARKS:
            shop.say(f"measuring {name}")
            found.append(BENCHMARKS[name](shop))
            if not options.json:
                print(found[-1].text(), flush=True)
        return facts


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Ratios, measured side by side."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all unless given"
    )
    parser.add_argument("--rows", type=int, default=_ROWS, help="of the large list (default %(default)s)")
    parser.add_argument("--repeat", type=int, default=_REPEAT, help="of each side (default %(default)s)")
    parser.add_argument(
        "--folder", type=Path, help="where a temporary folder is made; the system's unless given"
    )
    parser.add_argument("--whole", action="store_true", help="memory: send the whole large ledger")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown or options.rows < _LEAST_ROWS or options.repeat < 1:
        parser.error(
            f"no such benchmark: {', '.join(unknown)}" if unknown else f"at least {_LEAST_ROWS} rows, once"
        )
    return options


if __name__ == "__main__":
    main()
