"""Stopping early: limits, signals and a second process; nothing is lost and the next start goes on."""

from __future__ import annotations

import functools
import signal
from collections.abc import Iterator

import pytest
from support.commands import Running, Shell, check_status, good, seen, strike, struck

MESSAGES = 40
RUN = ("run", "avvisi.csv", "--yes", "--json")


@pytest.fixture
def slowly(shell: Shell) -> Shell:
    """A list of 40 messages, to be sent at ten a second."""
    shell.edit("[api]\n", "[api]\ntimeout = 50.0\n")
    shell.edit("max_per_second = 500.0", "max_per_second = 10.0")
    shell.write_list("avvisi.csv", good(MESSAGES))
    return shell


@pytest.fixture
def sending(slowly: Shell, provider: str) -> Iterator[Running]:
    """`run` in the midst of sending: some messages have left, most have not."""
    running = slowly.start(*RUN)
    try:
        running.wait_until(lambda: seen(provider)["posts"] >= 3)
        yield running
    finally:
        running.process.kill()


def finish(shell: Shell, provider: str) -> None:
    """Start it again, quickly this time and without a yes: it ends complete, each message taken once."""
    shell.edit("max_per_second = 10.0", "max_per_second = 500.0")
    answer = shell.call("run", "avvisi.csv", "--json")
    assert answer.exit == (0, "complete"), answer
    check_status(answer.document)
    assert answer.document["delivery"]["delivered"] == MESSAGES
    counted = seen(provider)
    assert (counted["taken"], counted["posts"], counted["taken_twice"]) == (MESSAGES, MESSAGES, [])


def test_max_messages_is_reached_and_not_passed(slowly: Shell, provider: str) -> None:
    """However slow the pace, `--max-messages N` makes N attempts, then 75 `max_messages`.

    N = what is left is no early stop.
    """
    first = slowly.call(*RUN, "--max-messages", "1")
    assert first.exit == (75, "max_messages"), first
    assert seen(provider)["posts"] == 1
    slowly.edit("max_per_second = 10.0", "max_per_second = 100.0")
    second = slowly.call(*RUN, "--max-messages", "20")
    assert second.exit == (75, "max_messages"), second
    assert seen(provider)["posts"] == 21
    check_status(second.document)
    last = slowly.call("send", "avvisi", "--json", "--max-messages", str(MESSAGES - 21))
    assert last.document["messages"]["pending"] == 0, last
    assert (seen(provider)["posts"], seen(provider)["taken_twice"]) == (MESSAGES, [])


def test_max_duration(slowly: Shell, provider: str) -> None:
    """After `--max-duration` nothing new starts: 75 `max_duration`, and the next start goes on.

    On a slow machine the time may be over before the first message: then it is given more, yet never so
    much that the pace would let all of them leave.
    """
    slowly.edit("max_per_second = 10.0", "max_per_second = 4.0")
    for duration in ("1s", "2s", "6s"):
        answer = slowly.call(*RUN, "--max-duration", duration)
        assert answer.exit == (75, "max_duration"), answer
        check_status(answer.document)
        sent = answer.document["messages"]["sent"]
        assert (seen(provider)["posts"], answer.document["messages"]["pending"]) == (sent, MESSAGES - sent)
        if sent:
            break
    assert 0 < sent < MESSAGES
    slowly.edit("max_per_second = 4.0", "max_per_second = 10.0")
    finish(slowly, provider)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_while_sending(slowly: Shell, sending: Running, provider: str, number: signal.Signals) -> None:
    """A first SIGTERM, SIGINT or SIGHUP.

    What is under way ends, all is recorded, 75 `signal`; the next start finishes, and no message is
    taken twice.
    """
    sending.process.send_signal(number)
    answer = sending.ended()
    assert answer.exit == (75, "signal"), answer
    check_status(answer.document)
    messages = answer.document["messages"]
    assert messages["sent"] + messages["pending"] == MESSAGES
    assert messages["sent"] == seen(provider)["taken"] < MESSAGES
    assert number.name in answer.stderr
    finish(slowly, provider)


def test_second_signal_leaves_at_once(slowly: Shell, provider: str) -> None:
    """With an answer that does not come, a second SIGTERM ends the command there and then.

    75, still one document; the ledger holds the intent and the next start settles it without a second
    POST.
    """
    strike(provider, {"kind": "slow", "seconds": 3600.0, "on": "send", "skip": 2})
    slowly.edit("settle_after", 'drain_timeout = "1h"\nsettle_after')
    running = slowly.start(*RUN)
    running.wait_until(lambda: seen(provider)["faults"].get("slow") == 1)
    running.process.send_signal(signal.SIGTERM)
    running.wait_until(lambda: "SIGTERM" in running.err.read_text(encoding="utf-8"))
    running.process.send_signal(signal.SIGTERM)
    answer = running.ended()
    assert answer.exit == (75, "signal"), answer
    status = slowly.call("status", "--json").document
    check_status(status)
    assert status["messages"]["sending"] >= 1
    finish(slowly, provider)


def test_signal_while_the_inbox_is_read(slowly: Shell, provider: str) -> None:
    """A signal is obeyed while receipts are read too, not only when they are all read: 75, nothing sent."""
    strike(provider, {"kind": "slow", "seconds": 3600.0, "on": "inbox", "count": None})
    for asked, command in enumerate((RUN, ("reconcile", "avvisi", "--json")), 1):
        running = slowly.start(*command)
        running.wait_until(functools.partial(_came, provider, asked))
        running.process.send_signal(signal.SIGTERM)
        answer = running.ended()
        assert answer.exit == (75, "signal"), answer
        assert "Traceback" not in answer.stderr
    assert seen(provider)["posts"] == 0
    assert slowly.call("status", "--json").document["messages"]["pending"] == MESSAGES


def _came(provider: str, requests: int) -> bool:
    return struck(provider) == requests


def test_second_writer_finds_the_ledger_busy(slowly: Shell, provider: str) -> None:
    """While one process writes to a SQLite ledger another that must write ends 75 `busy`.

    Does nothing; `status` and `export` look all the same; the first one is not disturbed.
    """
    strike(provider, {"kind": "slow", "seconds": 3600.0, "on": "send", "skip": 2})
    slowly.edit("settle_after", 'drain_timeout = "100ms"\nsettle_after')
    slowly.write_list("altro.csv", good(2))
    running = slowly.start(*RUN)
    running.wait_until(lambda: seen(provider)["faults"].get("slow") == 1)
    for command in (("run", "avvisi.csv", "--yes"), ("load", "altro.csv")):
        answer = slowly.call(*command, "--json")
        assert answer.exit == (75, "busy"), answer
        assert f"pid {running.process.pid}" in answer.stderr
        assert "status" in answer.stderr
    looked = slowly.call("status", "avvisi", "--json")
    assert looked.code == 0, looked
    check_status(looked.document)
    assert (looked.document["state"], looked.document["rows"]["input"]) == ("sending", MESSAGES)
    assert slowly.call("export", "avvisi", "-o", "now.jsonl", "--json").exit == (0, "complete")
    running.process.terminate()
    answer = running.ended()
    assert answer.code == 75, answer
    finish(slowly, provider)
