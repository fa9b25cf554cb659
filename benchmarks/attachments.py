"""Row 9: messages a second with an attachment of 100 KB / with none; one for all, and one for each."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.measuring import median, side_by_side
from benchmarks.table import Findings
from benchmarks.workshop import RUN, Home, Workshop, last_line

TARGET = 0.75
BYTES = 100_000
ROWS = 4_000
_CONCURRENCY = 64
_OF_EACH = "allegati/{{ numero }}.pdf"
_SHARED = "allegati/comune.pdf"


def measure(shop: Workshop) -> Findings:
    """Load three small ledgers, send parts of them in turn."""
    findings = Findings("attachments: messages a second with 100 KB / with none, SQLite")
    count = ROWS // (shop.repeat + 1)
    with _loaded(shop, None) as none, _loaded(shop, _SHARED) as shared, _loaded(shop, _OF_EACH) as each:
        homes = {"none": none, "one for all": shared, "one for each": each}
        makers = {name: (lambda home=home: _rate(shop, home, count)) for name, home in homes.items()}
        rates = {name: median(found) for name, found in side_by_side(shop.repeat, makers).items()}
    for name, rate in rates.items():
        findings.figure(f"attachment: {name}", rate, "messages/s")
    findings.ratio(
        "one of 100 KB for all / none", rates["one for all"] / rates["none"], TARGET, at_least=True
    )
    findings.ratio(
        "one of 100 KB for each / none", rates["one for each"] / rates["none"], TARGET, at_least=True
    )
    return findings


@contextmanager
def _loaded(shop: Workshop, attachment: str | None) -> Iterator[Home]:
    """A new ledger of a small list, with this attachment in its letters."""
    home = shop.home("sqlite", concurrency=_CONCURRENCY)
    path = shop.list_of(ROWS)
    if attachment is not None:
        _files(home, path.read_text(encoding="utf-8").splitlines()[1:] if "{{" in attachment else [])
        text = home.config.read_text(encoding="utf-8")
        text = text.replace("[sending]", f'attachments = ["{attachment}"]\n[sending]')
        home.config.write_text(text, encoding="utf-8")
    shop.load(home, path)
    try:
        yield home
    finally:
        shop.discard(home)


def _files(home: Home, rows: list[str]) -> None:
    """The files that the letters name: bytes no coding makes smaller."""
    folder = home.folder / "allegati"
    folder.mkdir()
    chance = random.Random(1)
    content = b"%PDF-1.4\n" + chance.randbytes(BYTES - 9)
    for name in {row.split(",", 1)[0] for row in rows} or {"comune"}:
        (folder / f"{name}.pdf").write_bytes(content + name.encode())


def _rate(shop: Workshop, home: Home, count: int) -> float:
    arguments = ["send", RUN, "--yes", "--max-messages", str(count)]
    took = last_line(shop.command(home, arguments, module="benchmarks.unlimited", codes=(75,)))
    return count / float(took["wall"])
