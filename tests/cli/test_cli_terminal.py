"""What is shown where somebody looks, and where nobody does: terminals, help, the sandbox and the demo."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from support.commands import Shell, check_status, good, seen

HEAVY = {"polars", "sqlalchemy", "httpx", "aiohttp", "jinja2", "alembic", "pydantic", "psycopg", "orjson"}
COLOUR = re.compile(r"\x1b\[(?:[0-9]+;)*(?:3[0-9]|4[0-9]|9[0-7])(?:;[0-9]+)*m")


def on_terminal(shell: Shell, *arguments: str, keys: str = "") -> tuple[int, str]:
    """Run a command on a terminal on which these keys are typed; its exit code and all that was shown."""
    ours, theirs = pty.openpty()
    command = [*shell.command, *arguments]
    try:
        with subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=shell.home, env=shell.environment()
        ) as process:
            os.close(theirs)
            os.write(ours, keys.encode())
            shown = b"".join(iter(lambda: _read(ours), b""))
        return process.returncode, shown.decode()
    finally:
        os.close(ours)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the kernel's way of saying that nobody has the other end open any more
        return b""


@pytest.mark.parametrize("keys", ["sì\n", "\n", "\x04"], ids=["yes", "nothing", "end of input"])
def test_terminal_is_asked_once(shell: Shell, provider: str, keys: str) -> None:
    """Before the first message, with the number of messages; only a yes sends, no answer is a no (2)."""
    yes = keys.startswith("s")
    shell.environ["TERM"] = "xterm"
    shell.write_list("avvisi.csv", good(3))
    code, shown = on_terminal(shell, "run", "avvisi.csv", keys=keys)
    assert "Send 3 certified messages for 'avvisi' now?" in shown
    assert (code, seen(provider)["posts"]) == ((0, 3) if yes else (2, 0)), shown
    assert ("Give --yes" in shown) is not yes
    if yes:
        assert on_terminal(shell, "run", "avvisi.csv")[0] == 0, "resuming must not ask"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_at_the_question_is_a_no(loaded: Shell, number: signal.Signals) -> None:
    """Ctrl-C, or the end of the session: 2 with the usual paragraph, nothing sent, the run stays loaded."""
    ours, theirs = pty.openpty()
    command = [*loaded.command, "run", "prima.csv"]
    try:
        with subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=loaded.home, env=loaded.environment()
        ) as process:
            os.close(theirs)
            shown = b""
            while b"[y/N]" not in shown:
                shown += _read(ours) or pytest.fail(shown.decode())
            process.send_signal(number)
            shown += b"".join(iter(lambda: _read(ours), b""))
    finally:
        os.close(ours)
    assert process.returncode == 2, shown
    assert b"bulk-pec: The run 'prima' is loaded and was not sent: 3 messages wait. Give --yes" in shown
    assert loaded.call("status", "--json").document["state"] == "loaded"


@pytest.mark.parametrize(
    ("variables", "bar", "colour"),
    [
        ({"TERM": "xterm-256color"}, True, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_progress_on_a_terminal(shell: Shell, variables: dict[str, str], *, bar: bool, colour: bool) -> None:
    """A bar that moves, in colours unless NO_COLOR is set; on a dumb terminal plain lines."""
    shell.environ |= variables
    shell.write_list("avvisi.csv", good(5))
    code, shown = on_terminal(shell, "run", "avvisi.csv", "--yes")
    assert code == 0, shown
    assert bool(COLOUR.search(shown)) is colour
    assert ("\x1b" in shown) is bar
    assert ("5/5" in shown) is bar
    assert ("Sending: 5 messages to go." in shown) is not bar
    assert "Run avvisi: finished" in shown


def test_flags_for_colour_and_talk(shell: Shell) -> None:
    """`--no-color` and `-q` on a terminal: no colour; no bar either, and only the result."""
    shell.environ["TERM"] = "xterm-256color"
    shell.write_list("avvisi.csv", good(3))
    code, shown = on_terminal(shell, "run", "avvisi.csv", "--yes", "--no-color")
    assert (code, COLOUR.search(shown)) == (0, None)
    assert "3/3" in shown
    shell.write_list("altro.csv", [f"pec@{address}" for address in ("uno.example", "due.example")])
    code, shown = on_terminal(shell, "run", "altro.csv", "--yes", "-q")
    assert code == 0
    assert shown.startswith("Run altro: finished")
    assert "\x1b" not in shown


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    """`--help` is instant as it loads no data frames, no database, no HTTP; every command is in it."""
    shell = Shell(tmp_path, command=(sys.executable, "-X", "importtime", "-m", "bulk_pec"))
    answer = shell.call("--help")
    assert answer.code == 0, answer
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in answer.stderr.splitlines()}
    assert {"bulk_pec", "typer"} <= loaded, "the list of imports was not understood"
    assert loaded & HEAVY == set()
    for name in (
        "init",
        "run",
        "load",
        "send",
        "reconcile",
        "status",
        "export",
        "ledger",
        "sandbox",
        "demo",
        "plan",
    ):
        assert re.search(rf"^  {name} ", answer.stdout, re.MULTILINE), name
    bare = shell.call("--version")
    assert re.fullmatch(r"bulk-pec \d+\.\d+\.\d+\S*\n", bare.stdout)


def test_sandbox_prints_its_address_first(tmp_path: Path) -> None:
    """Before anything else, and it answers there; SIGTERM ends it well. A port that is taken is 2."""
    shell = Shell(tmp_path / "home")
    shell.home.mkdir()
    running = shell.start("sandbox", "--port", "0")
    running.wait_until(lambda: running.out.read_bytes().endswith(b"\n"))
    address = running.out.read_text(encoding="utf-8").splitlines()[0]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address)
    with urllib.request.urlopen(f"{address}/_sandbox/state") as answer:  # noqa: S310 - our own address
        assert json.load(answer)["posts"] == 0
    running.process.send_signal(signal.SIGTERM)
    ended = running.ended()
    assert (ended.code, ended.stdout) == (0, f"{address}\n"), ended
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = shell.call("sandbox", "--port", port)
    assert refused.code == 2, refused
    assert port in refused.stderr
    assert "Traceback" not in refused.stderr


def test_sandbox_takes_every_option_of_its_module(tmp_path: Path) -> None:
    """What `python -m bulk_pec.sandbox` can be asked for, this can; what it refuses is 2; help says where."""
    shell = Shell(tmp_path / "home")
    shell.home.mkdir()
    running = shell.start("sandbox", "--speed", "2", "--token", "mine", "--port", "0", "--shifting-ids")
    running.wait_until(lambda: running.out.read_bytes().endswith(b"\n"))
    address = running.out.read_text(encoding="utf-8").strip()
    asked = urllib.request.Request(f"{address}/inbox", headers={"Authorization": "Bearer other"})  # noqa: S310 - our own address
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(asked):  # noqa: S310 - our own address
        pytest.fail("another token was taken")
    refused.value.close()
    assert refused.value.code == 401
    running.process.send_signal(signal.SIGTERM)
    assert running.ended().code == 0
    for wrong in (("--speed", "0"), ("--no-such-option",), ("--page-base", "seven")):
        answer = shell.call("sandbox", *wrong)
        assert (answer.code, answer.stdout) == (2, ""), answer
        assert wrong[-1].removeprefix("--no-such") in answer.stderr or "speed" in answer.stderr
        assert "Traceback" not in answer.stderr
    assert "python -m bulk_pec.sandbox --help" in " ".join(shell.call("sandbox", "--help").stdout.split())


def test_demo_needs_no_configuration(tmp_path: Path) -> None:
    """A whole run on a simulated provider: 0 and a summary; with --json one document; nothing is left behind.

    Plain lines where nobody looks, a bar on a terminal. Both at once: they are in no other's way.
    """
    shell = Shell(tmp_path / "home", {"TERM": "xterm-256color", "TMPDIR": str(tmp_path)})
    shell.home.mkdir()
    running = shell.start("demo", "--json")
    code, shown = on_terminal(shell, "demo")
    answer = running.ended()
    assert answer.exit == (0, "complete"), answer
    document = answer.document
    check_status(document)
    sample = (Path(__file__).parents[2] / "samples" / "avvisi.csv").read_text(encoding="utf-8")
    assert (document["run"], document["rows"]["input"]) == ("demo", len(sample.splitlines()) - 1)
    assert document["delivery"]["delivered"] > 0
    assert document["messages"]["pending"] == document["messages"]["in_doubt"] == 0
    assert "messages to go." in answer.stderr
    assert not set(answer.stderr) & {"\x1b", "\r"}
    assert code == 0, shown
    assert "Run demo: finished" in shown
    assert "Every row is accounted for." in shown
    assert COLOUR.search(shown)
    assert list(shell.home.iterdir()) == []
    assert not list(tmp_path.glob("bulk-pec-demo-*"))
