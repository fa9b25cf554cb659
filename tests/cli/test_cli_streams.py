"""stdout and stderr that cannot be written to: no message and no figure is lost for it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest
from support.commands import Running, Shell, check_status, good, refused, seen

from bulk_pec.cli.signals import obeyed

MESSAGES = 40


def start(shell: Shell, *arguments: str, stderr: int) -> Running:
    """Start a command whose stderr is this descriptor, which is closed here."""
    out, err = shell.home / "out", shell.home / "err"
    err.touch()
    with out.open("wb") as stdout:
        process = subprocess.Popen(
            [*shell.command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=shell.home,
            env=shell.environment(),
        )
    os.close(stderr)
    return Running(process, out, err)


def test_the_sandbox_prints_one_document_with_json(tmp_path: Path) -> None:
    """Its address is on stderr then, and on stdout without; a port that is taken is 2."""
    shell = Shell(tmp_path)
    for told in ((), ("--json",)):
        running = shell.start("sandbox", *told)
        where = running.err if told else running.out
        running.wait_until(lambda where=where: where.read_text("utf-8").endswith("\n"))  # type: ignore[misc]
        url = where.read_text("utf-8").split()[-1]
        assert url.startswith("http://127.0.0.1:")
        if told:
            refused(shell, "sandbox", "--port", url.rpartition(":")[2], ends=(2, "usage"), words=["--port 0"])
        running.process.send_signal(signal.SIGTERM)
        answer = running.ended()
        if told:
            assert (answer.exit, url in answer.stderr) == ((0, "complete"), True), answer
        else:
            assert (answer.code, answer.stdout.split()) == (0, [url]), answer


@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
def test_signal_when_nobody_reads_stderr(shell: Shell, provider: str, *, terminal: bool) -> None:
    """`2>&1 | tee`, or a terminal that was closed: the signal ends the run in good order all the same.

    What was in flight is recorded, the exit is 75, and stdout has the whole answer.
    """
    shell.environ["TERM"] = "xterm-256color"
    shell.edit("max_per_second = 500.0", "max_per_second = 10.0")
    shell.write_list("avvisi.csv", good(MESSAGES))
    ours, theirs = pty.openpty() if terminal else os.pipe()
    shown = [] if terminal else ["--json"]
    running = start(shell, "run", "avvisi.csv", "--yes", *shown, stderr=theirs)
    try:
        running.wait_until(lambda: seen(provider)["posts"] >= 3)
        os.close(ours)
        running.process.send_signal(signal.SIGINT)
        answer = running.ended()
    finally:
        running.process.kill()
    assert answer.code == 75, answer
    if terminal:
        assert "Exit 75 (signal): left: " in answer.stdout
    else:
        assert answer.exit == (75, "signal")
    status = shell.call("status", "--json").document
    check_status(status)
    assert status["messages"]["sending"] == status["messages"]["in_doubt"] == 0
    assert status["messages"]["sent"] == seen(provider)["taken"] < MESSAGES


@pytest.mark.parametrize(
    "arguments", [("status",), ("status", "--json"), ("status", "x", "--json"), ("--version",), ("--help",)]
)
def test_stdout_that_is_full(loaded: Shell, arguments: tuple[str, ...]) -> None:
    """A result that cannot be written is 74 and one paragraph: no traceback, no code of Python's own."""
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [*loaded.command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=loaded.home,
            env=loaded.environment(),
            text=True,
            check=False,
        )
    assert ended.returncode == 74, ended
    assert ended.stderr.splitlines()[-1].startswith(
        "bulk-pec: The result cannot be written to stdout: No space"
    )
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


def test_streams_that_are_closed(loaded: Shell) -> None:
    """Started with neither stdout nor stderr (`>&- 2>&-`) a command does its work."""
    line = 'exec "$@" >&- 2>&-'
    shell = Shell(loaded.home, loaded.environ, command=("sh", "-c", line, "sh", *loaded.command))
    shell.write_list("altro.csv", good(2, first=9))
    assert shell.call("load", "altro.csv").code == 0
    assert loaded.call("status", "--json").document["run"] == "altro"


def test_hangup_is_obeyed_unless_it_is_ignored() -> None:
    """SIGHUP counts as SIGTERM does, but not under `nohup`, whose whole point it is."""
    before = signal.getsignal(signal.SIGHUP)
    try:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        assert set(obeyed()) == {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert set(obeyed()) == {signal.SIGTERM, signal.SIGINT}
    finally:
        signal.signal(signal.SIGHUP, before)
