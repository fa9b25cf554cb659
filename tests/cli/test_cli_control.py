"""`pause`, `resume`, `cancel`: obeyed by a running process, by the next one, and by nobody who has no say."""

from __future__ import annotations

import fcntl
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import Running, Shell, check_status, good, refused, seen, strike, struck

MESSAGES = 40
RUN = ("run", "avvisi.csv", "--yes", "--json")


@pytest.fixture
def slowly(shell: Shell) -> Shell:
    """A list of 40 messages, to be sent at four a second, by a process that drains quickly."""
    shell.edit("max_per_second = 500.0", "max_per_second = 4.0")
    shell.edit("settle_after", 'drain_timeout = "20s"\nsettle_after')
    shell.write_list("avvisi.csv", good(MESSAGES))
    return shell


@pytest.fixture
def sending(slowly: Shell, provider: str) -> Iterator[Running]:
    """`run` in the midst of sending: some messages have left, most have not."""
    running = slowly.start(*RUN)
    try:
        running.wait_until(lambda: seen(provider)["posts"] >= 2)
        yield running
    finally:
        running.process.kill()


def _beside(shell: Shell) -> list[str]:
    """Orders that lie beside the ledger."""
    return [path.name for path in shell.home.iterdir() if ".order-" in path.name]


def test_a_running_process_is_paused_and_resumed(slowly: Shell, sending: Running, provider: str) -> None:
    """It drains and ends 75 `paused`; so does every start until `resume`; then all is sent, each once."""
    told = slowly.call("pause", "avvisi", "--json")
    assert told.exit == (0, "complete"), told
    assert (told.document["state"], told.document["obeyed"], told.document["changed"]) == (
        "paused",
        True,
        True,
    )
    answer = sending.ended()
    assert answer.exit == (75, "paused"), answer
    check_status(answer.document)
    messages = answer.document["messages"]
    assert (answer.document["state"], messages["sending"], messages["in_doubt"]) == ("paused", 0, 0)
    assert messages["sent"] == seen(provider)["taken"] < MESSAGES
    assert _beside(slowly) == []
    for command in (RUN, ("send", "avvisi", "--json")):
        assert slowly.call(*command).exit == (75, "paused")
    assert seen(provider)["posts"] == messages["sent"]
    assert slowly.call("resume", "avvisi", "--json").document["state"] == "sending"
    slowly.edit("max_per_second = 4.0", "max_per_second = 500.0")
    last = slowly.call(*RUN)
    assert last.exit == (0, "complete"), last
    counted = seen(provider)
    assert (counted["taken"], counted["posts"], counted["taken_twice"]) == (MESSAGES, MESSAGES, [])


def test_a_running_process_is_cancelled(slowly: Shell, sending: Running, provider: str) -> None:
    """It ends 3 `cancelled`; the command says what left, what is in doubt and what never will be sent."""
    told = slowly.call("cancel", "avvisi", "--yes", "--json")
    assert told.exit == (0, "complete"), told
    answer = sending.ended()
    assert answer.exit == (3, "cancelled"), answer
    check_status(answer.document)
    left = answer.document["messages"]["sent"]
    assert answer.document["messages"] == dict.fromkeys(answer.document["messages"], 0) | {
        "sent": left,
        "cancelled": MESSAGES - left,
    }
    assert left == seen(provider)["taken"] < MESSAGES
    document = told.document
    assert (document["obeyed"], document["left"], document["in_doubt"], document["untouched"]) == (
        True,
        left,
        0,
        MESSAGES - left,
    )
    assert slowly.call(*RUN).exit == (3, "cancelled")
    assert seen(provider)["posts"] == left


def test_without_a_yes_nothing_is_cancelled(loaded: Shell) -> None:
    """No terminal and no --yes: 2, and the run is what it was."""
    refused(loaded, "cancel", "prima", ends=(2, "usage"), words=["prima", "--yes"])


def test_cancel_says_it_in_words(loaded: Shell) -> None:
    """How many have left, are in doubt, are untouched; ordered again it says the same and changes nothing."""
    for _ in range(2):
        told = loaded.call("cancel", "prima", "--yes")
        assert told.code == 0, told
        assert told.stdout == (
            "Run prima is cancelled: 0 have left, 0 are in doubt, 3 are untouched and will never be sent.\n"
        )
    for word in ("pause", "resume"):
        refused(loaded, word, "prima", ends=(2, "usage"), words=["cancelled"])


def test_a_run_that_was_never_begun(loaded: Shell) -> None:
    """It can be paused, refuses to be sent without asking anybody, and is loaded again when resumed."""
    assert loaded.call("pause", "last", "--json").document["state"] == "paused"
    for command in (("send", "prima", "--yes", "--json"), ("send", "prima", "--json")):
        assert loaded.call(*command).exit == (75, "paused")
    told = loaded.call("pause", "prima", "--json")
    assert (told.code, told.document["changed"]) == (0, False)
    assert loaded.call("resume", "prima", "--json").document["state"] == "loaded"
    again = loaded.call("resume", "prima")
    assert (again.code, again.stdout) == (0, "Run prima was not paused: it is loaded.\n")


def test_an_unknown_run(loaded: Shell) -> None:
    """2, with the runs there are."""
    for word in (("pause", "x"), ("resume", "x"), ("cancel", "x", "--yes")):
        refused(loaded, *word, ends=(2, "usage"), words=["'x'", "prima"])


def test_an_order_nobody_took_is_obeyed_by_the_next_start(loaded: Shell, session_provider: str) -> None:
    """The holder was killed before it looked: the next one obeys before it sends anything."""
    order = {"word": "cancel", "run": "prima", "given_by": "mario@host, pid 7", "given_at": 1_800_000_000_000}
    path = loaded.home / "ledger.db.order-01800000000000000000-7"
    path.write_text(json.dumps(order), encoding="utf-8")
    posts = seen(session_provider)["posts"]
    answer = loaded.call("send", "prima", "--yes", "--json")
    assert answer.exit == (3, "cancelled"), answer
    assert (seen(session_provider)["posts"], _beside(loaded)) == (posts, [])
    assert "mario@host, pid 7" in answer.stderr


@pytest.mark.parametrize("command", [("send", "prima"), ("run", "prima.csv")])
def test_a_waiting_resume_is_no_yes(loaded: Shell, session_provider: str, command: tuple[str, str]) -> None:
    """A run that was paused before its first sending, and resumed while another command held the ledger."""
    assert loaded.call("pause", "prima").code == 0
    order = {"word": "resume", "run": "prima", "given_by": "mario", "given_at": 1_800_000_000_000}
    (loaded.home / "ledger.db.order-1").write_text(json.dumps(order), encoding="utf-8")
    posts = seen(session_provider)["posts"]
    answer = loaded.call(*command, "--json")
    assert answer.exit == (2, "usage"), answer
    assert "was not sent: 3 messages wait" in answer.stderr
    assert (seen(session_provider)["posts"], _beside(loaded)) == (posts, [])


def test_a_file_that_is_no_order_stops_nothing(shell: Shell) -> None:
    """It is told and taken away; the run goes on."""
    shell.write_list("avvisi.csv", good(2))
    Path(shell.home / "ledger.db.order-1").write_text("cancel everything", encoding="utf-8")
    answer = shell.call(*RUN)
    assert answer.exit == (0, "complete"), answer
    assert "ledger.db.order-1 beside the ledger is no order" in answer.stderr
    assert _beside(shell) == []


def test_a_holder_that_hears_nothing(loaded: Shell) -> None:
    """While another command holds the ledger and does not listen, the order is left for the next one."""
    loaded.edit("settle_after", 'drain_timeout = "0s"\nsettle_after')
    lock = (loaded.home / "ledger.db.lock").open("r+b")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = loaded.call("pause", "prima", "--json")
    assert told.exit == (0, "complete"), told
    assert (told.document["obeyed"], told.document["state"]) == (False, "loaded")
    assert len(_beside(loaded)) == 1
    assert loaded.call("send", "prima", "--yes", "--json").exit == (75, "paused")


def test_a_signal_after_a_pause_is_the_first_one(slowly: Shell, provider: str) -> None:
    """While a paused process drains, SIGTERM does not make it leave at once."""
    strike(provider, {"kind": "slow", "seconds": 4.0, "on": "send", "skip": 1, "count": None})
    running = slowly.start(*RUN)
    running.wait_until(lambda: seen(provider)["faults"].get("slow", 0) >= 1)
    pausing = slowly.start("pause", "avvisi")
    running.wait_until(lambda: "pause" in running.err.read_text(encoding="utf-8"))
    running.process.send_signal(signal.SIGTERM)
    answer = running.ended()
    assert answer.exit == (75, "paused"), answer
    assert answer.document["messages"]["in_doubt"] == 0
    assert pausing.ended().code == 0


@pytest.mark.postgres
def test_on_postgres(loaded: Shell, postgres_url: str) -> None:
    """The ledger itself carries the orders; nothing lies beside anything."""
    loaded.edit('url = "sqlite:///ledger.db"', f'url = "{postgres_url}"')
    assert loaded.call("load", "prima.csv").code == 0
    paused = loaded.call("pause", "prima", "--json").document
    assert (paused["state"], paused["obeyed"], paused["holder"]) == ("paused", True, None)
    assert loaded.call("send", "prima", "--json").exit == (75, "paused")
    assert loaded.call("resume", "last", "--json").document["state"] == "loaded"
    told = loaded.call("cancel", "prima", "--yes", "--json").document
    assert (told["state"], told["left"], told["untouched"], told["obeyed"]) == ("cancelled", 0, 3, True)
    assert loaded.call("settle", "prima", "--json").exit == (0, "complete")


def test_an_order_while_receipts_are_read(loaded: Shell, session_provider: str) -> None:
    """`reconcile` holds the ledger too: it writes the order down, and goes on reading."""
    strike(session_provider, {"kind": "slow", "seconds": 3.0, "on": "inbox", "count": 2})
    before = struck(session_provider)
    reading = loaded.start("reconcile", "prima", "--json")
    reading.wait_until(lambda: struck(session_provider) > before)
    told = loaded.call("cancel", "prima", "--yes", "--json")
    assert told.document["state"] == "cancelled", told
    assert reading.ended().exit == (3, "cancelled")
    assert _beside(loaded) == []
