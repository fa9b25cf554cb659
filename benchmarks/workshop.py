"""What the benchmarks of one run share: a folder, lists, ledgers that are built once, our command."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.measuring import ALL, CLIENT, Ran, run
from benchmarks.servers import Postgres, Receiver

Kind = Literal["sqlite", "postgres"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgres")
NAMES: dict[Kind, str] = {"sqlite": "SQLite", "postgres": "Postgres"}

RUN = "bench"
SMALL = 1000
"""Rows of the small ledger."""

_ROOT = Path(__file__).parents[1]
_SAMPLE = _ROOT / "samples" / "make_sample.py"
LOADED = (0, 3)  # 3: the samples' shape has three invalid rows and two duplicates, at any size
_CONFIG = """\
[ledger]
url = "{ledger}"
[api]
base_url = "{provider}"
max_per_second = {rate}
[[mailboxes]]
address = "ufficio@pec.example"
[recipients]
key_column = "numero"
tax_code_column = "codice_fiscale"
[message]
subject = "Avviso n. {{{{ numero }}}}"
body_file = "{body}"
[sending]
concurrency = {concurrency}
"""
_SECRETS = {"BULK_PEC_TOKEN": "token-of-the-benchmark", "BULK_PEC_PASSWORD": "password-of-the-benchmark"}
_AS_FAST_AS_CONFIGURABLE = 1e6


@dataclass(frozen=True, slots=True)
class Home:
    """A configuration, and the ledger it names.

    Attributes:
        folder: Holds config.toml and what children print.
        kind: Of the ledger.
        place: The SQLite file, or the database's name.
        url: Of the ledger.
    """

    folder: Path
    kind: Kind
    place: str
    url: str

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "config.toml"


@dataclass(slots=True)
class Workshop:
    """Shared by the benchmarks of one run.

    Attributes:
        folder: For everything; removed at the end.
        receiver: Running.
        postgres: Running.
        rows: Of the full-size list.
        repeat: How often each side is measured.
        whole: Whether memory is measured over the whole large ledger.
    """

    folder: Path
    receiver: Receiver
    postgres: Postgres
    rows: int
    repeat: int
    whole: bool = False
    _lists: dict[int, Path] = field(default_factory=dict)
    _built: dict[tuple[Kind, int], Home] = field(default_factory=dict)
    _number: int = 0

    def say(self, words: str) -> None:
        """Talk, on stderr."""
        print(words, file=sys.stderr, flush=True)

    def list_of(self, rows: int) -> Path:
        """A list in the samples' shape: UTF-8 CSV of eight columns."""
        if rows not in self._lists:
            path = self.folder / f"list-{rows}.csv"
            self.say(f"making a list of {rows:,} rows")
            run([sys.executable, str(_SAMPLE), "--rows", str(rows), "-o", str(path)], folder=self.folder)
            self._lists[rows] = path
        return self._lists[rows]

    def fourfold(self, rows: int) -> Path:
        """A list four times as long as `list_of` gives; each quarter has keys of its own."""
        source, path = self.list_of(rows), self.folder / f"list-4x{rows}.csv"
        with path.open("wb") as out:
            for part in range(4):
                with source.open("rb") as lines:
                    header = next(lines)
                    if not part:
                        out.write(header)
                    out.writelines(line.replace(b"AV-2026-", b"AV-202%d-" % part) for line in lines)
        return path

    def home(self, kind: Kind, *, place: str | None = None, concurrency: int = 16) -> Home:
        """A configuration for a new ledger, or for the one at `place`."""
        self._number += 1
        folder = self.folder / f"home-{self._number}"
        folder.mkdir()
        if kind == "sqlite":
            place = place or str(folder / "ledger.db")
            url = f"sqlite:///{place}"
        else:
            place = place or self.postgres.new()
            url = self.postgres.url(place)
        home = Home(folder, kind, place, url)
        self._configure(home, concurrency)
        return home

    def _configure(self, home: Home, concurrency: int) -> None:
        text = _CONFIG.format(
            ledger=home.url,
            provider=self.receiver.url,
            rate=_AS_FAST_AS_CONFIGURABLE,
            body=_ROOT / "samples" / "avviso.html.j2",
            concurrency=concurrency,
        )
        home.config.write_text(text, encoding="utf-8")

    def discard(self, home: Home) -> None:
        """Remove a home and its ledger."""
        if home.kind == "postgres":
            self.postgres.drop(home.place)
        shutil.rmtree(home.folder)

    def load(self, home: Home, path: Path) -> Ran:
        """`bulk-pec load` of a list; on all cores, as a user runs it."""
        arguments = ["load", str(path), "--name", RUN, "--json"]
        return self.command(home, arguments, cores=tuple(ALL), codes=LOADED)

    def built(self, kind: Kind, rows: int) -> Home:
        """A loaded ledger of so many rows, built once; copy it rather than write to it."""
        if (kind, rows) not in self._built:
            home = self.home(kind)
            self.load(home, self.list_of(rows))
            self.keep(home, rows)
        return self._built[kind, rows]

    def keep(self, home: Home, rows: int) -> None:
        """Let a ledger that was just loaded serve as the one of so many rows."""
        self._built[home.kind, rows] = home

    @contextmanager
    def copy(self, kind: Kind, rows: int) -> Iterator[Home]:
        """A copy of the loaded ledger of so many rows, discarded at the end."""
        source = self.built(kind, rows)
        if kind == "postgres":
            home = self.home(kind, place=self.postgres.new(template=source.place))
        else:
            home = self.home(kind)
            shutil.copyfile(source.place, home.place)
        try:
            yield home
        finally:
            self.discard(home)

    def set_concurrency(self, home: Home, concurrency: int) -> None:
        """Write the configuration again, with so many requests in flight."""
        self._configure(home, concurrency)

    def command(
        self,
        home: Home,
        arguments: Sequence[str],
        *,
        module: str = "bulk_pec",
        cores: Sequence[int] = tuple(CLIENT),
        codes: Sequence[int] = (0,),
    ) -> Ran:
        """Run our command (or a child of the benchmarks that takes its place)."""
        return run(
            [sys.executable, "-m", module, *arguments],
            folder=home.folder,
            cores=cores,
            environment=environment(home),
            codes=codes,
        )


def environment(home: Home | None = None) -> dict[str, str]:
    """What our command, or a child that needs no configuration, is to know."""
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    config = {} if home is None else {"BULK_PEC_CONFIG": str(home.config)}
    return {**_SECRETS, **config, "PYTHONPATH": os.pathsep.join(paths)}


def last_line(ran: Ran) -> dict[str, Any]:
    """The JSON document a child of the benchmarks ends with."""
    document: dict[str, Any] = json.loads(ran.out.strip().splitlines()[-1])
    return document
