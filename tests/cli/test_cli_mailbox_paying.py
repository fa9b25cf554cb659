"""`mailbox register` and `renew`: paid for once, whatever comes between; what is in doubt is remembered."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from support.applications import applied
from support.calls import Desk
from support.commands import SECRETS, TIMEOUT, Answer, Shell, strike
from support.ledgers import open_ledger, query

from bulk_pec.clock import SystemClock
from bulk_pec.ledger.registry.changes import REGISTER, RENEW, Intent, Outcome
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

IN_2030 = 1_893_456_000
"""2030-01-01T00:00:00Z, in seconds since the epoch."""
TIMEOUT_MS = 10_000
"""`api.timeout` of the tests' configuration."""


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    """A simulated registry that the tests of this file share, each with mailboxes of its own."""
    with background(SandboxOptions()) as running:
        yield running.url


@pytest.fixture
def settle(tmp_path: Path, registry: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Desk]:
    """Makes the working folder, its configuration naming this ledger; the token is set."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return lambda ledger: Desk.settled(tmp_path, registry, ledger=ledger)


@pytest.fixture
def desk(settle: Callable[[str], Desk]) -> Desk:
    """A working folder without a ledger yet."""
    return settle("sqlite:///ledger.db")


def calls(desk: Desk, name: str) -> int:
    """How often a call of the registry was made."""
    return desk.seen().get(name, 0)


def apply(desk: Desk, address: str) -> tuple[str, ...]:
    """Write an application for this address; the words that register it."""
    file = desk.folder / "new.json"
    file.write_text(json.dumps(applied(casella_pec=address)), encoding="utf-8")
    return ("mailbox", "register", str(file), "--yes")


def in_the_way(answer: Answer, *words: str) -> None:
    """Assert that nothing was sent because of an earlier change: 3, in doubt, in these words."""
    assert answer.exit == (3, "in_doubt"), answer
    doubt = answer.document["in_doubt"]
    assert doubt.keys() == {"what", "hint", "look", "since", "by"}
    told = f"{doubt['what']} {doubt['hint']}"
    assert [word for word in words if word not in told] == [], told
    assert "pid " in doubt["by"]


def test_after_a_doubt_nothing_is_renewed_unasked(desk: Desk) -> None:
    """Refused with when, by whom and how to look, as often as it is tried; with --again once, and done."""
    id_ = desk.put("dubbio@pecmassiva.com", "evasa", scadenza=IN_2030)
    words, before = ("mailbox", "renew", id_, "--yes"), calls(desk, "renew")
    strike(desk.url, {"kind": "reset-before", "on": "renew"})
    first = desk.ask(*words)
    assert first.exit == (3, "in_doubt"), first
    for _ in range(2):
        in_the_way(desk.ask(*words), "renewing", id_, f"`bulk-pec mailbox show {id_}`", "--again", "Nothing")
    assert calls(desk, "renew") == before + 1
    desk.ask("mailbox", "show", id_)
    in_the_way(desk.ask(*words), "in doubt")
    again = desk.ask(*words, "--again")
    assert again.exit == (0, "complete"), again
    assert again.document["mailbox"]["expires_at"][:4] == "2031"
    assert desk.ask(*words).exit == (0, "complete"), "what is settled is in nobody's way"
    assert calls(desk, "renew") == before + 3


@pytest.mark.parametrize("look", [("show", "{id}"), ("list",), ("wait", "{id}")], ids=lambda look: look[0])
def test_what_the_registry_shows_ends_a_doubt(desk: Desk, look: tuple[str, ...]) -> None:
    """The expiry is later than before: it was done, and one year more can be asked for."""
    id_ = desk.put(f"mostrato-{look[0]}@pecmassiva.com", "evasa", scadenza=IN_2030)
    strike(desk.url, {"kind": "reset-after", "on": "renew"})
    assert desk.ask("mailbox", "renew", id_, "--yes").exit == (3, "in_doubt")
    desk.ask("mailbox", *(word.format(id=id_) for word in look))
    more = desk.ask("mailbox", "renew", id_, "--yes")
    assert more.exit == (0, "complete"), more
    assert more.document["mailbox"]["expires_at"][:4] == "2032"


@pytest.mark.parametrize("flags", [(), ("--again",)])
def test_a_repeated_renewal_that_turns_out_done_is_not_paid_twice(desk: Desk, flags: tuple[str, ...]) -> None:
    """A script that starts it again at once, whatever it says: its own look shows that it was carried out."""
    id_ = desk.put(f"ripetuto{len(flags)}@pecmassiva.com", "evasa", scadenza=IN_2030)
    strike(desk.url, {"kind": "reset-after", "on": "renew"})
    assert desk.ask("mailbox", "renew", id_, "--yes").exit == (3, "in_doubt")
    before = calls(desk, "renew")
    in_the_way(desk.ask("mailbox", "renew", id_, "--yes", *flags), "was carried out", "Nothing more was sent")
    assert calls(desk, "renew") == before


def test_two_registrations_at_once_are_one(settle: Callable[[str], Desk], ledger_url: str) -> None:
    """The second is told of the first, under way, also with --again; once that is in doubt --again holds."""
    desk = settle(ledger_url)
    address = f"insieme-{ledger_url[:6]}@pecmassiva.com"
    words, before = apply(desk, address), calls(desk, "register")
    with open_ledger(ledger_url) as ledger:
        intent, now = Intent(REGISTER, address), SystemClock().now()
        first = ledger.changes(desk.url).open(intent, by="other@host, pid 1", at=now, looked=0)
    assert isinstance(first, int)
    in_the_way(desk.ask(*words), "registering", "other@host, pid 1", "`bulk-pec mailbox list`", "not before")
    in_the_way(desk.ask(*words, "--again"), "may still be under way")
    with open_ledger(ledger_url) as ledger:
        ledger.changes(desk.url).close(first, Outcome.IN_DOUBT, by="other@host, pid 1", at=now)
    in_the_way(desk.ask(*words), "start this again with --again.")
    assert calls(desk, "register") == before
    assert desk.ask(*words, "--again").exit == (0, "complete")
    with open_ledger(ledger_url, "read") as ledger:
        assert ledger.changes(desk.url).unsettled(address) is None
        (row, _) = query(ledger, "SELECT outcome, settled_by FROM registry_changes ORDER BY id")
    assert row["outcome"] == "again"
    assert f"pid {os.getpid()}" in row["settled_by"], "the one who looked"


def test_with_a_process_long_gone_its_open_intent_is_in_doubt(desk: Desk) -> None:
    """Of a request that cannot be under way any more, --again holds at once."""
    id_ = desk.put("andato@pecmassiva.com", "evasa", scadenza=IN_2030)
    with desk.with_ledger() as ledger:
        intent, then = Intent(RENEW, id_, IN_2030 * 1000), SystemClock().now() - 10 * TIMEOUT_MS
        ledger.changes(desk.url).open(intent, by="other@host, pid 1", at=then, looked=0)
    in_the_way(desk.ask("mailbox", "renew", id_, "--yes"), "It is in doubt", "with --again.")
    assert desk.ask("mailbox", "renew", id_, "--yes", "--again").exit == (0, "complete")


def test_what_a_killed_process_left_open_is_in_the_way(desk: Desk) -> None:
    """Its intent was on disk before its request left: whoever comes next is told, and nothing is paid."""
    id_ = desk.put("ucciso@pecmassiva.com", "evasa", scadenza=IN_2030)
    strike(desk.url, {"kind": "slow", "on": "renew", "seconds": 5})
    before = calls(desk, "renew")
    running = Shell(desk.folder, dict(SECRETS)).start("mailbox", "renew", id_, "--yes")
    running.wait_until(lambda: calls(desk, "renew") > before)
    running.process.kill()
    running.ended()
    in_the_way(desk.ask("mailbox", "renew", id_, "--yes"), f"pid {running.process.pid}", "Nothing")
    assert calls(desk, "renew") == before + 1


def test_what_was_refused_or_never_left_is_in_nobodys_way(desk: Desk) -> None:
    """Its intent is settled by the answer."""
    id_ = desk.put("rifiutato@pecmassiva.com", "evasa", scadenza=IN_2030)
    strike(desk.url, {"kind": "429", "on": "renew"})
    assert desk.ask("mailbox", "renew", id_, "--yes").exit == (69, "unavailable")
    words = apply(desk, "avvisi@altri.it")
    for _ in range(2):
        assert desk.ask(*words).exit == (65, "data")
    assert desk.ask("mailbox", "renew", id_, "--yes").exit == (0, "complete")


@pytest.mark.parametrize("command", ["register", "renew"])
def test_while_a_run_holds_the_ledger_nothing_is_paid(desk: Desk, command: str) -> None:
    """75 busy, to be run again: the intent could not be kept, so nothing was sent."""
    id_ = desk.put("occupata@pecmassiva.com", "evasa", scadenza=IN_2030)
    words = {"register": apply(desk, "libera@pecmassiva.com"), "renew": ("mailbox", "renew", id_, "--yes")}
    before = calls(desk, command)
    with desk.with_ledger():
        answer = desk.ask(*words[command])
    assert answer.exit == (75, "busy"), answer
    assert "Nothing was sent" in answer.document["error"]["what"]
    assert calls(desk, command) == before
    assert desk.ask(*words[command]).exit == (0, "complete")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_ledger_is_locked_loses_no_answer(
    settle: Callable[[str], Desk], postgres_url: str, number: signal.Signals
) -> None:
    """The answer has come and cannot be kept: the command ends with it, 0, and says what is not kept."""
    desk = settle(postgres_url)
    id_ = desk.put(f"bloccato-{number}@pecmassiva.com", "evasa", scadenza=IN_2030)
    desk.ask("mailbox", "list")
    strike(desk.url, {"kind": "slow", "on": "renew", "seconds": 2})
    before = calls(desk, "renew")
    engine = create_engine(postgres_url)
    try:
        with engine.connect() as holder, engine.connect() as watcher:
            running = Shell(desk.folder, dict(SECRETS)).start("mailbox", "renew", id_, "--yes", "--json")
            running.wait_until(lambda: calls(desk, "renew") > before)
            holder.execute(text("LOCK TABLE registrations IN ACCESS EXCLUSIVE MODE"))
            waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IS NOT NULL")
            running.wait_until(lambda: bool(watcher.execute(waits).scalar()))
            running.process.send_signal(number)
            answer = running.ended()
    finally:
        engine.dispose()
    assert answer.exit == (0, "complete"), answer
    assert answer.document["mailbox"]["expires_at"][:4] == "2031"
    assert "Not remembered in the ledger: it was interrupted" in answer.stderr
    assert "do not repeat it" in answer.stderr


def test_a_reader_who_has_gone_does_not_hide_what_was_paid_for(desk: Desk) -> None:
    """`renew --yes --json | true`: 74, and stderr says what was done."""
    id_ = desk.put("perso@pecmassiva.com", "evasa", scadenza=IN_2030)
    shell = Shell(desk.folder, dict(SECRETS))
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [*shell.command, "mailbox", "renew", id_, "--yes", "--json"],
            stdout=writer,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            cwd=shell.home,
            env=shell.environment(),
            timeout=TIMEOUT,
            check=False,
        )
    finally:
        os.close(writer)
    assert ended.returncode == 74
    told = ended.stderr.decode()
    assert "Renewed for 1 year." in told
    assert "Do not repeat it." in told
    assert id_ in told
