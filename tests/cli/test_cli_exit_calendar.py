"""How a start ends by the calendar, the mailbox's room, the breaker and the canary: the real command."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.commands import Shell, check_status, good, seen, strike

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

RUN = ("run", "avvisi.csv", "--yes", "--json")
ROME = ZoneInfo("Europe/Rome")


def closed() -> str:
    """A window of an hour that opens in eleven hours: closed for as long as any test may take."""
    opens = datetime.now(ROME) + timedelta(hours=11)
    return f'window = "{opens:%H}:00-{opens:%H}:59"\n'


def test_a_closed_window(shell: Shell, provider: str) -> None:
    """75 `window`: nothing is posted, the run is loaded, and the inbox was read all the same."""
    shell.edit("[sending]\n", f"[sending]\n{closed()}")
    shell.write_list("avvisi.csv", good(3))
    answer = shell.call(*RUN)
    assert answer.exit == (75, "window"), answer
    check_status(answer.document)
    assert (answer.document["messages"]["pending"], answer.document["state"]) == (3, "loaded")
    assert (answer.document["binding"], answer.document["eta"] is not None) == ("window", True)
    assert seen(provider)["posts"] == 0
    assert "Inbox of" in answer.stderr
    words = shell.call("run", "avvisi.csv", "--yes").stdout
    assert "it opens" in words
    assert words.endswith(
        "left: 3 to send; start the same command again when the window is open, or with --wait.\n"
    )


def test_a_test_send_goes_out_at_any_hour(shell: Shell, provider: str) -> None:
    """One message to oneself, asked for by a person who sits there: no window and no canary hold it back."""
    shell.edit("[sending]\n", f"[sending]\ncanary = 5\n{closed()}")
    shell.write_list("avvisi.csv", good(3))
    answer = shell.call(
        "test-send", "avvisi.csv", "--row", "1", "--to", "io@ditta.example", "--yes", "--json"
    )
    assert answer.exit == (0, "complete"), answer
    assert seen(provider)["posts"] == 1


def test_a_signal_ends_the_waiting_for_a_window(shell: Shell) -> None:
    """With --wait a closed window is waited for, and said once; SIGTERM ends that: 75 `signal`."""
    shell.edit("[sending]\n", f"[sending]\n{closed()}")
    shell.write_list("avvisi.csv", good(3))
    running = shell.start(*RUN, "--wait")
    running.wait_until(lambda: "Waiting until the window opens" in running.err.read_text(encoding="utf-8"))
    running.process.terminate()
    answer = running.ended()
    assert answer.exit == (75, "signal"), answer
    assert answer.stderr.count("Waiting until") == 1


def test_until(shell: Shell, provider: str) -> None:
    """75 `until` at the next time the clock shows it; on a slow machine, where it has passed, a later one."""
    shell.edit("max_per_second = 500.0", "max_per_second = 1.0")
    shell.write_list("avvisi.csv", good(400))
    for ahead in (4, 20, 50):
        until = datetime.now(ROME) + timedelta(seconds=ahead)
        answer = shell.call(*RUN, "--until", f"{until:%H:%M:%S}", "--max-duration", "55s")
        if answer.exit == (75, "until"):
            break
        assert answer.exit == (75, "max_duration"), answer
    assert answer.exit == (75, "until"), answer
    check_status(answer.document)
    assert answer.document["messages"]["sent"] == seen(provider)["taken"] < 400


@pytest.mark.parametrize("option", [("--until", "25:00"), ("--until", "half past"), ("--max-duration", "6")])
def test_a_time_that_is_none(loaded: Shell, option: tuple[str, str]) -> None:
    """2 `usage`, naming the option."""
    answer = loaded.call("send", "prima", "--json", *option)
    assert answer.exit == (2, "usage"), answer
    assert option[0] in answer.stderr


def test_a_full_mailbox(tmp_path: Path) -> None:
    """75 `mailbox_full`: at `mailbox_full_at` of its quota nothing is sent from it."""
    with background(SandboxOptions(quota_kib=1000, quota_used_kib=950)) as full:
        shell = Shell.settled(tmp_path / "home", full.url)
        shell.write_list("avvisi.csv", good(3))
        answer = shell.call(*RUN)
        assert answer.exit == (75, "mailbox_full"), answer
        assert (answer.document["messages"]["pending"], seen(full.url)["posts"]) == (3, 0)


def test_the_breaker(shell: Shell, provider: str) -> None:
    """69 `breaker`: more than a fifth of the last outcomes failed, judged from fifty on; the rest stays."""
    shell.write_list("avvisi.csv", good(120))
    strike(provider, {"kind": "400", "on": "send", "count": None, "every": 2})
    answer = shell.call(*RUN)
    assert answer.exit == (69, "breaker"), answer
    check_status(answer.document)
    assert answer.document["messages"]["pending"] > 0
    assert 50 <= seen(provider)["posts"] < 120


def _with_canary(shell: Shell, wait: str = "1h") -> None:
    shell.edit("[sending]\n", f'[sending]\ncanary = 3\ncanary_wait = "{wait}"\ncanary_min_delivered = 0.6\n')


def test_a_good_canary(shell: Shell, provider: str) -> None:
    """One message to each of the three domains first; two delivered are enough, and all the others follow."""
    _with_canary(shell)
    addresses = [f"a{number}@grande.example" for number in range(10)]
    addresses += [f"b{number}@media.example" for number in range(5)] + ["mancata@piccola.example"]
    shell.write_list("avvisi.csv", addresses)
    answer = shell.call(*RUN)
    assert answer.exit == (3, "attention"), answer
    assert answer.document["delivery"]["undelivered"] == 1
    assert answer.document["delivery"]["delivered"] == 15
    assert "A canary first: 3 messages" in answer.stderr
    assert "2 delivered, 1 lost" in answer.stderr
    assert seen(provider)["taken"] == 16


def test_an_undecided_and_a_bad_canary(shell: Shell, provider: str) -> None:
    """Receipts that do not come within canary_wait: 75 `canary`; a canary that is refused: 3 `canary`.

    And 3 at every start, until the operator sets canary = 0.
    """
    _with_canary(shell, wait="1s")
    shell.write_list("avvisi.csv", [f"muta@{name}.example" for name in "abcdefgh"])
    answer = shell.call(*RUN)
    assert answer.exit == (75, "canary"), answer
    assert seen(provider)["posts"] == 3

    shell.write_list("avvisi2.csv", [f"rifiutata@{name}.example" for name in "abcdefgh"])
    again = ("run", "avvisi2.csv", "--yes")
    bad = shell.call(*again, "--json")
    assert bad.exit == (3, "canary"), bad
    words = shell.call(*again)
    assert words.code == 3
    assert "Needs a person (exit 3, canary): left: 5 to send" in words.stdout
    assert seen(provider)["posts"] == 6
    shell.edit("canary = 3", "canary = 0")
    assert shell.call(*again, "--json").exit == (3, "attention")
    assert seen(provider)["posts"] == 11
