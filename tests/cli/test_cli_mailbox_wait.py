"""``mailbox wait``: the real command against a registry that changes its mind while somebody waits."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from support.commands import Shell, asked, refused, strike
from support.ledgers import open_ledger

ADDRESS = "ufficio@pecmassiva.com"
OFTEN = ("--every", "100ms")


@pytest.fixture
def shell(shell: Shell, provider: str) -> Shell:
    """The command in a folder of its own, configured for both hosts of the provider."""
    shell.edit("[api]\n", f'[api]\nregistry_url = "{provider}"\n')
    return shell


def _steer(provider: str, stato: str) -> str:
    """Bring the mailbox into this state; its id."""
    body = json.dumps({"mailbox": ADDRESS, "stato": stato})
    return str(asked(provider, "POST", "/_sandbox/registry", body)["id"])


def _times_asked(provider: str) -> int:
    return int(asked(provider, "GET", "/_sandbox/registry")["asked"].get("mailbox", 0))


def _remembered(shell: Shell) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(shell.home / "ledger.db")) as ledger:
        return ledger.execute("SELECT stato, source FROM registration_states ORDER BY id").fetchall()


def test_a_mailbox_that_is_active_is_0_at_once(shell: Shell, provider: str) -> None:
    """One question, one line with the time, and the mailbox as it stands."""
    answer = shell.call("mailbox", "wait", _steer(provider, "evasa"), "--json")
    assert answer.exit == (0, "complete"), answer
    assert answer.document["mailbox"]["state"] == "evasa"
    assert [one["state"] for one in answer.document["states"]] == ["evasa"]
    assert _times_asked(provider) == 1
    (said,) = answer.stderr.splitlines()
    assert re.match(r"\S+ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(Europe/Rome\): ufficio@", said), said


def test_each_change_is_said_once_and_remembered(shell: Shell, provider: str) -> None:
    """Until the documents are refused: 3, for a person must mend them. The ledger has the history."""
    open_ledger(f"sqlite:///{shell.home / 'ledger.db'}").close()
    identity = _steer(provider, "registrata")
    waiting = shell.start("mailbox", "wait", identity, *OFTEN, "--json")
    for stato, next_ in (("registrata", "in_evasione"), ("in_evasione", "documenti_errati")):
        waiting.wait_until(lambda word=stato: f" is {word} (" in waiting.err.read_text("utf-8"))  # type: ignore[misc]  # the word of this turn
        _steer(provider, next_)
    answer = waiting.ended()
    assert answer.exit == (3, "attention"), answer
    states = ["registrata", "in_evasione", "documenti_errati"]
    assert [one["state"] for one in answer.document["states"]] == states
    assert [answer.stderr.count(f" is {stato} (") for stato in states] == [1, 1, 1]
    assert _remembered(shell) == [(stato, "wait") for stato in states]
    assert "mailbox activate" in answer.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_waiting_in_good_order(shell: Shell, provider: str, number: signal.Signals) -> None:
    """75 `signal`, with the mailbox as it was last seen."""
    waiting = shell.start("mailbox", "wait", _steer(provider, "in_evasione"), "--json")
    waiting.wait_until(lambda: "in_evasione" in waiting.err.read_text("utf-8"))
    waiting.process.send_signal(number)
    answer = waiting.ended()
    assert answer.exit == (75, "signal"), answer
    assert answer.document["mailbox"]["state"] == "in_evasione"
    assert "Traceback" not in answer.stderr


def test_an_outage_is_told_and_waited_for(shell: Shell, provider: str) -> None:
    """The registry had answered before: that it does not for a while is said, and ends nothing."""
    identity = _steer(provider, "in_evasione")
    waiting = shell.start("mailbox", "wait", identity, *OFTEN, "--json")
    waiting.wait_until(lambda: "in_evasione" in waiting.err.read_text("utf-8"))
    strike(provider, {"kind": "429", "on": "mailbox", "count": 1, "retry_after": 3600})
    waiting.wait_until(lambda: "Waiting on" in waiting.err.read_text("utf-8"))
    _steer(provider, "evasa")
    assert waiting.ended().exit == (0, "complete")


def test_a_ledger_that_another_process_holds_is_no_failure(shell: Shell, provider: str) -> None:
    """It is said that the state is not remembered; the command's answer is the registry's all the same."""
    with open_ledger(f"sqlite:///{shell.home / 'ledger.db'}"):
        answer = shell.call("mailbox", "wait", _steer(provider, "evasa"), "--json")
    assert answer.exit == (0, "complete"), answer
    assert "holds the ledger" in answer.stderr


def test_what_met_a_busy_ledger_is_remembered_once_it_is_free(shell: Shell, provider: str) -> None:
    """At the next question, whether or not the state is another then; said once that it could not be."""
    identity = _steer(provider, "registrata")
    with open_ledger(f"sqlite:///{shell.home / 'ledger.db'}"):
        waiting = shell.start("mailbox", "wait", identity, *OFTEN, "--json")
        waiting.wait_until(lambda: "holds the ledger" in waiting.err.read_text("utf-8"))
        _steer(provider, "in_evasione")
        waiting.wait_until(lambda: " is in_evasione (" in waiting.err.read_text("utf-8"))
    both = [("registrata", "wait"), ("in_evasione", "wait")]
    waiting.wait_until(lambda: _remembered(shell) == both)
    _steer(provider, "evasa")
    answer = waiting.ended()
    assert answer.exit == (0, "complete"), answer
    assert answer.stderr.count("holds the ledger") == 1
    assert _remembered(shell) == [*both, ("evasa", "wait")]


def test_an_id_that_nobody_knows_is_refused(shell: Shell) -> None:
    """65, at once."""
    words = ["knows no mailbox", "mailbox list"]
    refused(shell, "mailbox", "wait", "6040e4613a716838dc4eee0e", ends=(65, "data"), words=words)


@pytest.mark.parametrize("every", ["5", "10ms"])
def test_an_interval_that_makes_no_sense_is_a_usage_error(shell: Shell, provider: str, every: str) -> None:
    """2, and nobody is asked."""
    identity = _steer(provider, "evasa")
    refused(shell, "mailbox", "wait", identity, "--every", every, ends=(2, "usage"), words=["--every"])
    assert _times_asked(provider) == 0
