"""The real command and a witness, each a process of its own, for tests that kill the first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulk_pec import shipped
from bulk_pec.domain.errors import UsageError
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.proof.checking import Checking

WITNESS = Path(__file__).parents[1] / "support" / "witness.py"
COMMAND_TIMEOUT = 120.0
"""Seconds after which a command that does not end is a failure, not a wait."""

_CONFIG = """\
[ledger]
url = "{ledger}"
[api]
base_url = "{provider}"
token_env = "BULK_PEC_TOKEN"
timeout = 20.0
max_per_second = 500.0
[[mailboxes]]
address = "ufficio@pec.example"
password_env = "BULK_PEC_PASSWORD"
max_per_second = 500.0
[recipients]
address_column = "pec"
key_column = "numero"
[message]
subject = "Avviso n. {{{{ numero }}}}"
body = "<p>Avviso n. {{{{ numero }}}} per {{{{ denominazione }}}}</p>"
[sending]
concurrency = {concurrency}
settle_after = "0s"
lease = "2s"
[receipts]
max_per_second = 1000.0
"""


@dataclass(slots=True)
class Witness:
    """A running witness: where it listens and what it wrote."""

    url: str
    log: Path
    _read: int = 0
    _lines: int = 0

    def posts(self) -> int:
        """How many POST /send it has logged, taken or not. Only what is new is read: ask often."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        self._read += len(new)
        self._lines += new.count(b"\n")
        return self._lines


@contextmanager
def running_witness(log: Path, *options: str) -> Iterator[Witness]:
    """Start a witness with these options; it is ended when the block is left."""
    command = [sys.executable, str(WITNESS), "--log", str(log), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Witness(process.stdout.readline().strip(), log)
        finally:
            process.terminate()


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document that `--json` puts on stdout."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document


@dataclass(frozen=True, slots=True)
class Engine:
    """The real command in a directory of its own.

    Attributes:
        home: Holds config.toml, the lists, and what the command printed last.
        prefix: What is put before the command, for example strace.
        program: What the interpreter is given before the command's own words.
    """

    home: Path
    prefix: tuple[str, ...] = ()
    program: tuple[str, ...] = ("-m", "bulk_pec")

    @classmethod
    def settled(cls, home: Path, ledger: str, provider: str, *, concurrency: int = 16) -> Engine:
        """An engine with a config for this ledger and this provider."""
        config = _CONFIG.format(ledger=ledger, provider=provider, concurrency=concurrency)
        (home / "config.toml").write_text(config, encoding="utf-8")
        return cls(home)

    def write_list(self, name: str, rows: int) -> list[str]:
        """Write a list of so many rows to `name`.csv; returns their keys, in order."""
        keys = [f"{name}-{number:06d}" for number in range(1, rows + 1)]
        lines = [f"{key},info@ditta-{key}.pec.example,Ditta {key} S.r.l.\n" for key in keys]
        text = "numero,pec,denominazione\n" + "".join(lines)
        (self.home / f"{name}.csv").write_text(text, encoding="utf-8")
        return keys

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command and return at once. What it prints goes to files, so that it never blocks."""
        command = [*self.prefix, sys.executable, *self.program, *arguments]
        secrets = {"BULK_PEC_TOKEN": "token-of-the-test", "BULK_PEC_PASSWORD": "password-of-the-test"}
        config = {"BULK_PEC_CONFIG": str(self.home / "config.toml")}
        with (self.home / "out").open("wb") as out, (self.home / "err").open("wb") as err:
            return subprocess.Popen(
                command, stdout=out, stderr=err, cwd=self.home, env={**os.environ, **secrets, **config}
            )

    def ended(self, process: subprocess.Popen[bytes]) -> Answer:
        """Wait for a started command to end, and read what it printed."""
        code = process.wait(timeout=COMMAND_TIMEOUT)
        out = (self.home / "out").read_text(encoding="utf-8", errors="replace")
        return Answer(code, out, (self.home / "err").read_text(encoding="utf-8", errors="replace"))

    def call(self, *arguments: str) -> Answer:
        """Run a command to its end."""
        process = self.start(*arguments)
        try:
            return self.ended(process)
        finally:
            process.kill()

    def check(self) -> None:
        """Assert that every invariant a ledger can show holds, now that whoever wrote to it is dead.

        In this process, not by the command: it is asked after every kill. A ledger that was not made yet is
        as good as a clean one.
        """
        config = tomllib.loads((self.home / "config.toml").read_text(encoding="utf-8"))
        try:
            ledger = Ledger(config["ledger"]["url"], "read", scripts=shipped.path("migrations"))
        except UsageError:
            return
        with ledger:
            report = Checking(ledger.database).report()
        assert report.violations == [], report

    def status(self, run: str) -> dict[str, Any]:
        """The document of `status RUN --json`."""
        answer = self.call("status", run, "--json")
        assert answer.code == 0, answer
        return answer.document

    def exported(self, runs: Sequence[str]) -> list[dict[str, Any]]:
        """The exported rows of these runs, one after the other."""
        rows: list[dict[str, Any]] = []
        for run in runs:
            path = self.home / f"{run}.jsonl"
            answer = self.call("export", run, "-o", str(path))
            assert answer.code == 0, answer
            rows += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return rows
