"""Secrets: the provider receives them, and they are nowhere else, whatever goes wrong."""

from __future__ import annotations

import http.server
import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from support.commands import ADDRESS, Answer, Shell, good, seen, strike

from bulk_pec.sandbox.options import Credential, SandboxOptions
from bulk_pec.sandbox.server import background

TOKEN, PASSWORD, USERNAME = (f"{name}-{secrets.token_hex(12)}" for name in ("Tok", "Pw/è&", "user"))
SECRETS = (TOKEN, PASSWORD, USERNAME)
SPELLINGS = [spelling.encode() for secret in SECRETS for spelling in (secret, secret[-16:])]
"""Whole, and the random part alone, however the rest may have been quoted."""


def kept_in(folder: Path) -> list[str]:
    """The files below a folder that hold a secret."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if any(text in path.read_bytes() for text in SPELLINGS)]


def told_in(*answers: Answer) -> list[Answer]:
    """The answers that show a secret."""
    return [answer for answer in answers if any(text in str(answer).encode() for text in SPELLINGS)]


@pytest.fixture
def provider() -> Iterator[str]:
    """A provider that takes these secrets and no others."""
    known = Credential(ADDRESS, PASSWORD, USERNAME)
    options = SandboxOptions(tokens=(TOKEN,), credentials=(known,), accepted_after=0, delivered_after=0)
    with background(options) as running:
        yield running.url


@pytest.fixture
def shell(tmp_path: Path, provider: str) -> Shell:
    """The command with these secrets in its environment."""
    return with_secrets(tmp_path / "home", provider)


def with_secrets(home: Path, provider: str, *, rate: float = 500.0) -> Shell:
    """A shell whose user name is not the address, and a secret."""
    shell = Shell.settled(home, provider, rate=rate)
    shell.edit(f'address = "{ADDRESS}"', f'address = "{ADDRESS}"\nusername_env = "PEC_USER"')
    shell.environ = {"BULK_PEC_TOKEN": TOKEN, "BULK_PEC_PASSWORD": PASSWORD, "PEC_USER": USERNAME}
    return shell


def test_secrets_reach_the_provider_and_stay_nowhere(shell: Shell, provider: str) -> None:
    """Not in the ledger's files, an export, any file of the folder or anything said, with -v; at any moment.

    The provider would have refused the messages without them.
    """
    troubles = [f"{fate}@x.example" for fate in ("rifiutata", "errore-500", "html")]
    shell.write_list("avvisi.csv", [*good(6), *troubles])
    shell.edit("max_per_second = 500.0", "max_per_second = 5.0")
    running = shell.start("run", "avvisi.csv", "--yes", "--json", "-v")
    running.wait_until(lambda: seen(provider)["taken"] >= 2)
    command_line = Path(f"/proc/{running.process.pid}/cmdline").read_bytes()
    assert b"bulk_pec\0run\0avvisi.csv" in command_line
    assert not [text for text in SPELLINGS if text in command_line]
    names = {path.name for path in shell.home.iterdir()}
    assert {"ledger.db", "ledger.db-wal", "ledger.db.lock"} <= names, "nothing to look at while it runs"
    assert kept_in(shell.home) == []
    answer = running.ended()
    assert answer.exit == (3, "attention"), answer
    assert answer.document["messages"]["sent"] == seen(provider)["taken"] == 8
    answers = [
        answer,
        shell.call("status", "-v"),
        shell.call("export", "avvisi", "-o", "out.csv", "-v"),
        shell.call("reconcile", "--json", "-v"),
    ]
    assert [answer.code for answer in answers] == [3, 0, 0, 3]
    assert told_in(*answers) == []
    assert kept_in(shell.home) == []


def test_secrets_in_files_stay_there(shell: Shell, provider: str) -> None:
    """From files that everybody can read they work too: a warning names the file, not what it holds."""
    vault = shell.home.with_name("vault")
    vault.mkdir()
    for name, secret in zip(("token", "password", "username"), SECRETS, strict=True):
        (vault / name).write_text(secret + "\n", encoding="utf-8")
        (vault / name).chmod(0o644)
    shell.edit("[api]\n", '[api]\ntoken_file = "../vault/token"\n')
    shell.edit(
        'username_env = "PEC_USER"',
        'username_file = "../vault/username"\npassword_file = "../vault/password"',
    )
    shell.environ.clear()
    shell.write_list("avvisi.csv", good(2))
    answer = shell.call("run", "avvisi.csv", "--yes", "--json", "-v")
    assert answer.exit == (0, "complete"), answer
    assert seen(provider)["taken"] == 2
    for name in ("token", "password", "username"):
        assert f"vault/{name} can be read by every user" in answer.stderr
    assert told_in(answer) == []
    assert kept_in(shell.home) == []


@pytest.mark.parametrize("wrong", ["BULK_PEC_TOKEN", "BULK_PEC_PASSWORD", "PEC_USER"])
def test_refused_secrets_are_not_shown(shell: Shell, provider: str, wrong: str) -> None:
    """A 401 says that they were refused, not what they were."""
    shell.write_list("avvisi.csv", good(2))
    shell.environ[wrong] = f"x{shell.environ[wrong]}"
    answer = shell.call("run", "avvisi.csv", "--yes", "-v")
    assert answer.code == 77, answer
    assert "HTTP 401" in answer.stderr
    assert told_in(answer) == []
    assert (kept_in(shell.home), seen(provider)["posts"]) == ([], 0)


def test_secret_that_cannot_be_used_is_not_shown(shell: Shell) -> None:
    """With a line break in it, or in the place of a variable's name: 78, and the secret stays unsaid."""
    shell.write_list("avvisi.csv", good(2))
    shell.environ["BULK_PEC_PASSWORD"] = f"{PASSWORD}\nsecond line"
    broken = shell.call("run", "avvisi.csv", "--yes", "-v")
    shell.edit('username_env = "PEC_USER"', f'username_env = "{USERNAME}"')
    shell.edit("[api]\n", f'[api]\ntoken = "{TOKEN}"\n')
    misplaced = shell.call("status", "-v")
    assert [broken.code, misplaced.code] == [78, 78]
    assert "BULK_PEC_PASSWORD" in broken.stderr
    assert "api.token" in misplaced.stderr
    assert told_in(broken, misplaced) == []


@contextmanager
def echo(*, broken: int) -> Iterator[tuple[str, list[bytes]]]:
    """A provider that repeats each request, head and body, in the message of its error, and notes them.

    POST answers 500, and so does GET when `broken` is not 200.
    """
    heard: list[bytes] = []

    class Echo(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if broken != 200:
                self.answer(broken, self.repeated())
            elif self.path.startswith("/quota"):
                self.answer(200, b'{"success": true, "data": {"usage": 1, "limit": 1000}}')
            else:
                self.answer(200, b'{"success": true, "data": [], "total": 0}')

        def do_POST(self) -> None:
            self.answer(500, self.repeated())

        def repeated(self) -> bytes:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            head = " ".join(f"{name}: {value}" for name, value in self.headers.items())
            heard.append(head.encode("latin-1") + body)
            message = f"MySQL Error: {head} {body.decode()}"
            return json.dumps({"success": False, "message": message}).encode()

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("broken", [200, 400])
def test_errors_that_repeat_the_request(tmp_path: Path, broken: int) -> None:
    """What a server says is kept as the reason and shown, with the secrets in it masked."""
    with echo(broken=broken) as (url, heard):
        shell = with_secrets(tmp_path / "home", url)
        shell.write_list("avvisi.csv", good(3))
        run = shell.call("run", "avvisi.csv", "--yes", "-v")
        export = shell.call("export", "avvisi", "-o", "out.jsonl", "-v")
    everything = b"".join(heard)
    assert TOKEN.encode() in everything, "the server repeated nothing worth hiding"
    assert PASSWORD[-16:].encode() in everything
    assert "MySQL Error" in run.stderr or "MySQL Error" in (shell.home / "out.jsonl").read_text("utf-8")
    assert (run.code, export.code) == (3 if broken == 200 else 69, 0), (run, export)
    assert told_in(run, export) == []
    assert kept_in(shell.home) == []


def test_traceback_of_a_bug(shell: Shell, provider: str) -> None:
    """With -v a bug's traceback is printed, and holds no secret; without it only where it happened (1).

    The bug is made by damaging a row of the ledger, which nothing but this test does.
    """
    shell.write_list("avvisi.csv", good(2))
    assert shell.call("load", "avvisi.csv").code == 0
    with closing(sqlite3.connect(shell.home / "ledger.db")) as connection:
        connection.execute("UPDATE messages SET fields = '['")
        connection.commit()
    told, verbose = shell.call("send", "avvisi", "--yes"), shell.call("send", "avvisi", "-v", "--json")
    assert (told.code, verbose.exit) == (1, (1, "bug")), (told, verbose)
    assert "Traceback" not in told.stderr
    assert "Traceback" in verbose.stderr
    for answer in (told, verbose):
        assert "bulk-pec: a bug: JSONDecodeError at writer.py:" in answer.stderr
    assert told_in(told, verbose) == []
    assert (kept_in(shell.home), seen(provider)["posts"]) == ([], 0)


def test_connection_that_breaks(shell: Shell, provider: str) -> None:
    """Reset, cut off or half an answer, before and after the message was taken: told without a secret."""
    kinds = ["reset-before", "reset-after", "close-before", "half", "html", "success-false-object", "smtp-id"]
    strike(provider, *({"kind": kind} for kind in kinds))
    shell.write_list("avvisi.csv", good(len(kinds)))
    assert shell.call("load", "avvisi.csv").code == 0
    answer = shell.call("send", "avvisi", "--yes", "-v", "--json")
    assert answer.document["messages"]["in_doubt"] >= 5, answer
    export = shell.call("export", "avvisi", "-o", "out.jsonl", "-v")
    assert export.code == 0
    assert told_in(answer, export) == []
    assert kept_in(shell.home) == []
