"""The real command as a process of its own, in a folder of its own, as a scheduler starts it."""

from __future__ import annotations

import http.client
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 60.0
"""Seconds after which a command that does not end is a failure, not a wait."""
TOKEN, PASSWORD = "token-of-the-test", "password-of-the-test"
ADDRESS = "ufficio@pec.example"
SECRETS: Mapping[str, str] = {"BULK_PEC_TOKEN": TOKEN, "BULK_PEC_PASSWORD": PASSWORD}

CONFIG = """\
[ledger]
url = "sqlite:///ledger.db"
[api]
base_url = "{provider}"
max_per_second = {rate}
[[mailboxes]]
address = "ufficio@pec.example"
[recipients]
address_column = "pec"
key_column = "numero"
[message]
subject = "Avviso n. {{{{ numero }}}}"
body_file = "avviso.html.j2"
[sending]
settle_after = "0s"
[receipts]
max_per_second = 1000.0
"""
TEMPLATE = "<p>Avviso n. {{ numero }} per {{ denominazione }}</p>\n"
HEADER = "numero,pec,denominazione"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended, and what it printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document that is the whole of stdout."""
        document = json.loads(self.stdout)
        assert isinstance(document, dict)
        return document

    @property
    def exit(self) -> tuple[int, str]:
        """Code and reason as the document says them; the code must be the process's own."""
        said = self.document["exit"]
        assert set(said) == {"code", "reason"}
        assert said["code"] == self.code, self
        return said["code"], said["reason"]


@dataclass(frozen=True, slots=True)
class Running:
    """A command that was started and has perhaps not ended."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Until the condition holds; that the command ends first, or never gets there, is a failure."""
        for _ in range(round(TIMEOUT / 0.01)):
            if condition():
                return
            try:
                self.process.wait(timeout=0.01)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"it ended first: {self.ended()}")
        raise AssertionError(f"it never came to that: {self.err.read_text(encoding='utf-8')}")

    def ended(self) -> Answer:
        """Wait for its end, and read what it printed."""
        try:
            code = self.process.wait(timeout=TIMEOUT)
        finally:
            self.process.kill()
        return Answer(code, self.out.read_text(encoding="utf-8"), self.err.read_text(encoding="utf-8"))


@dataclass(slots=True)
class Shell:
    """A folder with a configuration, and the command in it.

    Attributes:
        home: The working folder; what commands print is kept beside it, not in it.
        environ: Variables beside those of the tests' own process.
        command: What starts the program.
    """

    home: Path
    environ: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = (sys.executable, "-m", "bulk_pec")
    _started: int = field(default=0, init=False)

    @classmethod
    def settled(cls, home: Path, provider: str, *, rate: float = 500.0) -> Shell:
        """A shell in a new folder, with a configuration, a template and both secrets in the environment."""
        home.mkdir()
        (home / "config.toml").write_text(CONFIG.format(provider=provider, rate=rate), encoding="utf-8")
        (home / "avviso.html.j2").write_text(TEMPLATE, encoding="utf-8")
        return cls(home, dict(SECRETS))

    def start(self, *arguments: str) -> Running:
        """Start a command and return at once."""
        self._started += 1
        talk = self.home.with_name(f"{self.home.name}-talk")
        talk.mkdir(exist_ok=True)
        out, err = talk / f"{self._started}.out", talk / f"{self._started}.err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [*self.command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=self.home,
                env=self.environment(),
            )
        return Running(process, out, err)

    def call(self, *arguments: str) -> Answer:
        """Run a command to its end, without a terminal."""
        return self.start(*arguments).ended()

    def environment(self) -> dict[str, str]:
        """What the command finds in its environment: nothing of ours that was not asked for."""
        ours = ("BULK_PEC_", "NO_COLOR", "COLUMNS", "FORCE_COLOR")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return inherited | self.environ

    def edit(self, old: str, new: str, file: str = "config.toml") -> None:
        """Replace a text that stands once in a file."""
        text = (self.home / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, (old, text)
        (self.home / file).write_text(text.replace(old, new), encoding="utf-8")

    def write_list(self, name: str, addresses: Sequence[str]) -> None:
        """Write a CSV list; the key of each row is its number."""
        rows = [f"{number:03d},{address},Ditta {number}" for number, address in enumerate(addresses, 1)]
        (self.home / name).write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")

    def ledger_content(self) -> tuple[str, ...]:
        """Everything in the ledger, as SQL; nothing where there is none."""
        path = self.home / "ledger.db"
        if not path.exists():
            return ()
        with closing(sqlite3.connect(path)) as connection:
            return tuple(connection.iterdump())


def refused(shell: Shell, *arguments: str, ends: tuple[int, str], words: Sequence[str]) -> Answer:
    """Call a command that must refuse, and assert how it says so.

    stdout is one document; stderr ends in one paragraph that holds what the document says and all of `words`;
    nothing is a traceback; and the ledger is what it was, but for the note that the inbox was to be read.
    """
    before = _without_harvests(shell)
    answer = shell.call(*arguments, "--json")
    assert answer.exit == ends, answer
    assert "Traceback" not in answer.stderr
    assert "\n\n" not in answer.stderr
    *_, paragraph = re.split(r"^bulk-pec: ", answer.stderr, flags=re.MULTILINE)
    said = answer.document["error"]
    assert said["hint"]
    assert paragraph == f"{said['what']} {said['hint']}\n"
    assert [word for word in words if word not in paragraph] == [], paragraph
    assert _without_harvests(shell) == before
    return answer


def _without_harvests(shell: Shell) -> list[str]:
    return [line for line in shell.ledger_content() if not line.startswith('INSERT INTO "harvests"')]


def good(count: int, *, first: int = 1) -> list[str]:
    """So many addresses that are all delivered to, by number from `first` on."""
    return [f"info@ditta-{number}.example" for number in range(first, first + count)]


def seen(provider: str) -> dict[str, Any]:
    """What the sandbox at this address counts: `posts`, `taken`, `taken_twice`, `statuses` and so on."""
    state: dict[str, Any] = asked(provider, "GET", "/_sandbox/state?references=0")
    return state


def strike(provider: str, *rules: Mapping[str, Any]) -> None:
    """Ask the sandbox for faults; see docs/sandbox.md for a rule's keys."""
    assert asked(provider, "POST", "/_sandbox/faults", json.dumps(rules))["faults"] >= len(rules)


def struck(provider: str) -> int:
    """How many requests came under the sandbox's fault rules so far, struck or not."""
    return sum(rule["seen"] for rule in asked(provider, "GET", "/_sandbox/faults")["faults"])


def asked(provider: str, method: str, path: str, body: str | None = None) -> Any:
    """What the sandbox at this address answers to a request of its control paths."""
    connection = http.client.HTTPConnection(urlsplit(provider).netloc, timeout=TIMEOUT)
    try:
        connection.request(method, path, body)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


STATUS_SHAPE: Mapping[str, Any] = {
    "schema": int,
    "run": str,
    "state": str,
    "rows": dict.fromkeys(("input", "messages", "invalid", "duplicate", "suppressed"), int),
    "messages": dict.fromkeys(
        ("pending", "sending", "sent", "rejected", "in_doubt", "cancelled", "abandoned"), int
    ),
    "delivery": dict.fromkeys(
        ("none", "accepted", "not_accepted", "delivered", "undelivered", "overdue"), int
    ),
    "balanced": bool,
    "attempts": int,
    "receipts": dict.fromkeys(("seen", "matched", "foreign", "unknown"), int),
    "cost": (float, type(None)),
    "eta": (str, type(None)),
    "binding": (str, type(None)),
    "updated_at": str,
}
"""What `status --json` holds at least; further keys may come."""

_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


def check_status(document: Mapping[str, Any]) -> None:
    """Assert that a status document has every key of its right type, and that its sums hold."""
    _check_shape(document, STATUS_SHAPE)
    assert document["schema"] == 1
    assert document["state"] in {"loaded", "sending", "paused", "finished", "cancelled"}
    rows, messages, seen = document["rows"], document["messages"], document["receipts"]
    assert rows["input"] == sum(count for name, count in rows.items() if name != "input")
    assert rows["messages"] == sum(messages.values())
    assert messages["sent"] == sum(document["delivery"].values())
    assert document["balanced"] is True
    assert seen["seen"] == seen["matched"] + seen["foreign"] + seen["unknown"]
    for name in ("eta", "updated_at"):
        assert document[name] is None or _UTC.fullmatch(document[name])


def _check_shape(found: Mapping[str, Any], shape: Mapping[str, Any]) -> None:
    assert shape.keys() <= found.keys()
    for name, kind in shape.items():
        if isinstance(kind, dict):
            _check_shape(found[name], kind)
        elif kind is int:
            assert type(found[name]) is int, name
        else:
            assert isinstance(found[name], kind), name
