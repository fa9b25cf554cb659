"""The sandbox as a process, in a thread, and its settings."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sandbox.talking import MAILBOX, headers

from bulk_pec.sandbox.arguments import parse
from bulk_pec.sandbox.options import Credential, SandboxOptions
from bulk_pec.sandbox.server import background

MODULE = [sys.executable, "-m", "bulk_pec.sandbox"]
MESSAGE = {
    "sender": MAILBOX,
    "recipient": "mario@example.org",
    "subject": "Avviso",
    "body": "SEGRETO-NEL-CORPO",
    "username": MAILBOX,
    "password": "SEGRETO-PASSWORD",
}


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A sandbox process and the first line it printed."""
    with subprocess.Popen(
        [*MODULE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_address_and_nothing_else_and_ends_at_a_signal(number: signal.Signals) -> None:
    """Exit code 0; requests leave no trace on stdout or stderr, and so no secret either."""
    with running("--port", "0", "--speed", "3600") as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert httpx.post(f"{url}/send", json=MESSAGE, headers=headers()).status_code == 201
        assert httpx.post(f"{url}/send", json=MESSAGE).status_code == 401
        process.send_signal(number)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (0, "", "")


def test_a_stalled_answer_does_not_hold_up_the_end() -> None:
    """A signal ends it while a slow answer is under way."""
    with running("--slow-seconds", "3600") as (process, url):
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{url}/send",
                json={**MESSAGE, "recipient": "lento@example.org"},
                headers=headers(),
                timeout=0.1,
            )
        process.terminate()
        out, err = process.communicate()
    assert (process.returncode, out, err) == (0, "", "")


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    """Exit code 2, as of `bulk-pec sandbox`; no traceback, nothing on stdout."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run([*MODULE, "--port", port], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("The sandbox cannot listen: ")
    assert ended.stderr.count("\n") == 1


def test_it_runs_in_a_thread_for_callers_that_are_not_async() -> None:
    """`background` gives a running sandbox, and its port is free again afterwards."""
    with background() as sandbox:
        taken = httpx.post(f"{sandbox.url}/send", json=MESSAGE, headers=headers())
        sandbox.advance(60)
        inbox = httpx.get(f"{sandbox.url}/inbox", headers=headers()).json()
    assert (taken.status_code, inbox["total"]) == (201, 2)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{sandbox.url}/inbox")


def test_no_arguments_are_the_defaults() -> None:
    """The command line adds none of its own."""
    assert parse([]) == SandboxOptions()


def test_arguments_reach_the_settings() -> None:
    """Numbers, switches and what may be repeated."""
    line = "--speed 60 --rate 0.5 --page-base 0 --oldest-first --quoted-names --null-field date"
    options = parse(
        [
            *line.split(),
            "--token",
            "a",
            "--token",
            "b",
            "--mailbox",
            f"u7={MAILBOX}:pass:word",
            "--start",
            "2026-01-01T12:00",
        ]
    )
    assert (options.speed, options.rate, options.page_base) == (60, 0.5, 0)
    assert (options.newest_first, options.quoted_names, options.null_fields) == (False, True, ("date",))
    assert options.tokens == ("a", "b")
    assert options.credentials == (Credential(MAILBOX, "pass:word", "u7"),)
    assert options.start is not None
    assert options.start.isoformat() == "2026-01-01T12:00:00+00:00"


@pytest.mark.parametrize(
    "line", ["--speed 0", "--page-base 2", "--rate -1", "--mailbox niente", "--port -1", "--altro"]
)
def test_arguments_that_mean_nothing_are_a_usage_error(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, as argparse has it; what was given for a mailbox holds a secret and is not repeated."""
    with pytest.raises(SystemExit) as ended:
        parse(line.split())
    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert (shown.out, "niente" in shown.err) == ("", False)


@pytest.mark.parametrize(
    "settings",
    [
        {"speed": 0},
        {"rate": 0},
        {"page_base": 3},
        {"latency": -1},
        {"null_fields": ("altro",)},
        {"quota_kib": 0},
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any]) -> None:
    """The error names the setting."""
    with pytest.raises(ValueError, match=next(iter(settings))):
        SandboxOptions(**settings)


def test_secrets_do_not_show_in_the_settings() -> None:
    """Neither passwords nor tokens."""
    shown = repr(SandboxOptions(tokens=("SEGRETO",), credentials=(Credential(MAILBOX, "SEGRETO"),)))
    assert "SEGRETO" not in shown
    assert MAILBOX in shown
