"""`mailbox check`, `show`, `list`, `renew` and `revoke`, against the simulated registry."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.calls import Desk
from support.commands import SECRETS, Shell, asked, strike
from support.terminals import on_terminal

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

ADDRESS = "avvisi@pecmassiva.com"
IN_2030 = 1_893_456_000
"""2030-01-01T00:00:00Z, in seconds since the epoch."""
NOWHERE = "http://127.0.0.1:9"
UNKNOWN = "0123456789abcdef01234567"


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    """A simulated provider that the tests of this file share, each with mailboxes of its own."""
    with background(SandboxOptions(taken_names=("presa@pecmassiva.com",))) as running:
        yield running.url


@pytest.fixture
def desk(tmp_path: Path, registry: str, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A folder configured for it, both secrets in the environment, no ledger yet."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return Desk.settled(tmp_path, registry)


def calls(desk: Desk, name: str) -> int:
    """How often a call of the registry was made."""
    return desk.seen().get(name, 0)


def test_check_says_whether_an_address_is_free(desk: Desk) -> None:
    """Free is 0, taken is 3; nothing is remembered of an address, and no ledger is made for it."""
    free = desk.ask("mailbox", "check", " libera@pecmassiva.com ")
    assert free.document["address"] == "libera@pecmassiva.com"
    assert (free.document["available"], free.exit) == (True, (0, "complete"))
    taken = desk.ask("mailbox", "check", "presa@pecmassiva.com")
    assert (taken.document["available"], taken.exit) == (False, (3, "attention"))
    assert desk.call("mailbox", "check", "presa@pecmassiva.com").stdout == "presa@pecmassiva.com is taken.\n"
    assert not desk.has_ledger


def test_check_asks_nobody_about_what_is_no_address(desk: Desk) -> None:
    """A word that is no address is 2, and the registry is not asked."""
    before = calls(desk, "check")
    answer = desk.ask("mailbox", "check", "nessuna")
    assert answer.exit == (2, "usage")
    assert "'nessuna'" in answer.stderr
    assert calls(desk, "check") == before


def test_show_tells_state_expiry_and_what_comes_next(desk: Desk) -> None:
    """A mailbox in its document and in words, with the next command; without a ledger none is made."""
    id_ = desk.put("mostra@pecmassiva.com", "registrata")
    shown = desk.ask("mailbox", "show", id_)
    mailbox = shown.document["mailbox"]
    assert mailbox.keys() == {"id", "address", "kind", "state", "expires_at", "changed_at", "auto_renew"}
    assert (mailbox["id"], mailbox["address"], mailbox["kind"]) == (
        id_,
        "mostra@pecmassiva.com",
        "PECMASSIVA",
    )
    assert (mailbox["state"], mailbox["expires_at"]) == ("registrata", None)
    assert shown.document["history"] == []
    assert f"`bulk-pec mailbox form {id_} -o form.pdf`" in desk.call("mailbox", "show", id_).stdout
    desk.put("mostra@pecmassiva.com", "evasa", scadenza=IN_2030)
    assert desk.ask("mailbox", "show", id_).document["mailbox"]["expires_at"] == "2030-01-01T00:00:00Z"
    words = desk.call("mailbox", "show", id_).stdout
    assert "evasa (active)" in words
    assert "2030-01-01" in words
    assert not desk.has_ledger


def test_show_remembers_each_state_once(desk: Desk) -> None:
    """With a ledger, what is seen is kept: the states in order, each once, and the latest expiry."""
    desk.with_ledger().close()
    id_ = desk.put("storia@pecmassiva.com", "in_evasione")
    desk.ask("mailbox", "show", id_)
    desk.ask("mailbox", "show", id_)
    desk.put("storia@pecmassiva.com", "evasa", scadenza=IN_2030)
    shown = desk.ask("mailbox", "show", id_)
    assert [one["state"] for one in shown.document["history"]] == ["in_evasione", "evasa"]
    told = desk.call("mailbox", "show", id_).stdout
    assert told.index("in_evasione (the documents") < told.rindex("evasa (active)")
    with desk.with_ledger() as ledger:
        kept = ledger.registrations(desk.url).of_address("Storia@pecmassiva.com")
    assert kept is not None
    assert (kept.registration.id, kept.registration.stato) == (id_, "evasa")
    assert kept.registration.expires_at == IN_2030 * 1000


def test_a_busy_ledger_is_no_reason_against_an_answer(desk: Desk) -> None:
    """Another process writes the ledger: the mailbox is shown, and that it is not remembered is said."""
    id_ = desk.put("occupato@pecmassiva.com", "evasa")
    with desk.with_ledger():
        answer = desk.ask("mailbox", "show", id_)
    assert answer.exit == (0, "complete")
    assert answer.document["mailbox"]["state"] == "evasa"
    assert "Not remembered in the ledger: Another bulk-pec process" in answer.stderr
    with desk.with_ledger() as ledger:
        assert ledger.registrations(desk.url).of_id(id_) is None


@pytest.mark.parametrize("id_", [UNKNOWN, "x", "../inbox"])
@pytest.mark.parametrize("command", [("show",), ("renew", "--yes"), ("revoke", "--yes")])
def test_an_id_the_registry_does_not_know(desk: Desk, command: tuple[str, ...], id_: str) -> None:
    """Refused with 65; nothing was changed, since only GET /pec/{id} was asked, if anything."""
    name, *flags = command
    answer = desk.ask("mailbox", name, id_, *flags)
    assert answer.exit == (65, "data")
    assert "bulk-pec mailbox list" in answer.document["error"]["hint"]


def test_a_question_that_is_refused_has_its_code(desk: Desk) -> None:
    """As with what changes something: the registry's number is `code`, beside the words."""
    answer = desk.ask("mailbox", "show", "x")
    assert answer.exit == (65, "data")
    assert answer.document["code"] == 201
    assert answer.document["error"].keys() == {"what", "hint"}
    assert "code" not in desk.ask("mailbox", "show", UNKNOWN).document, "its own words, no refusal's"


def test_list_tells_all_and_remembers_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is an answer, and says that mailboxes bought elsewhere are not there; then each on its line."""
    monkeypatch.setenv("BULK_PEC_TOKEN", SECRETS["BULK_PEC_TOKEN"])
    with background(SandboxOptions()) as running:
        desk = Desk.settled(tmp_path, running.url)
        desk.with_ledger().close()
        none = desk.ask("mailbox", "list")
        assert (none.document["mailboxes"], none.code) == ([], 0)
        assert "bought on the vendor's website" in desk.call("mailbox", "list").stdout
        first = desk.put("uno@pecmassiva.com", "evasa", scadenza=IN_2030)
        second = desk.put("due@pecmassiva.com", "chiusa")
        both = desk.ask("mailbox", "list").document["mailboxes"]
        words = desk.call("mailbox", "list").stdout
    assert {one["id"]: one["state"] for one in both} == {first: "evasa", second: "chiusa"}
    assert f"{first}\tuno@pecmassiva.com\tPECMASSIVA\tevasa\texpires 2030-01-01" in words
    with desk.with_ledger() as ledger:
        assert {one.registration.id for one in ledger.registrations(desk.url).all()} == {first, second}


def test_renew_prolongs_once_and_remembers(desk: Desk) -> None:
    """Two years more, by one call; the new expiry is told and kept."""
    desk.with_ledger().close()
    id_ = desk.put("rinnova@pecmassiva.com", "evasa", scadenza=IN_2030)
    before = calls(desk, "renew")
    answer = desk.ask("mailbox", "renew", id_, "--years", "2", "--yes")
    assert answer.exit == (0, "complete")
    assert answer.document["mailbox"]["expires_at"][:10] == "2032-01-01"
    assert calls(desk, "renew") == before + 1
    with desk.with_ledger() as ledger:
        kept = ledger.registrations(desk.url).of_id(id_)
    assert kept is not None
    assert kept.registration.expires_at is not None
    assert kept.registration.expires_at > IN_2030 * 1000


@pytest.mark.parametrize("command", ["renew", "revoke"])
def test_without_a_yes_nothing_is_sent(desk: Desk, command: str) -> None:
    """No terminal and no --yes: 2, and the registry saw nothing at all, not even a question."""
    id_ = desk.put(f"{command}@pecmassiva.com", "evasa")
    before = desk.seen()
    answer = desk.ask("mailbox", command, id_)
    assert answer.exit == (2, "usage")
    assert "--yes" in answer.document["error"]["hint"]
    assert desk.seen() == before


@pytest.mark.parametrize(
    ("command", "stato"),
    [("renew", "registrata"), ("renew", "chiusa"), ("revoke", "revocata"), ("revoke", "in_evasione")],
)
def test_a_state_in_which_it_cannot_be_done(desk: Desk, command: str, stato: str) -> None:
    """Refused before the call that would be refused, with the state and what it means."""
    id_ = desk.put(f"{command}-{stato.replace('_', '-')}@pecmassiva.com", stato)
    before = calls(desk, command)
    answer = desk.ask("mailbox", command, id_, "--yes")
    assert answer.exit == (65, "data")
    assert stato in answer.document["error"]["what"]
    assert "Nothing was sent." in answer.document["error"]["what"]
    assert calls(desk, command) == before


@pytest.mark.parametrize("command", ["renew", "revoke"])
def test_a_state_nobody_documented_is_the_registrys_to_judge(desk: Desk, command: str) -> None:
    """The registry is asked, and refuses; its code stands in the document."""
    id_ = desk.put(f"{command}-sospesa@pecmassiva.com", "sospesa")
    answer = desk.ask("mailbox", command, id_, "--yes")
    assert answer.exit == (65, "data")
    assert answer.document["code"] == {"renew": 203, "revoke": 304}[command]
    assert "Nothing changed." in answer.document["error"]["what"]


@pytest.mark.parametrize("fault", ["reset-after", "half", "500-after"])
@pytest.mark.parametrize("command", ["renew", "revoke"])
def test_an_answer_in_doubt_is_said_and_never_repeated(desk: Desk, command: str, fault: str) -> None:
    """The answer is lost: 3, "in doubt", and `show` to look with, which tells what became of the one call."""
    id_ = desk.put(f"{command}-{fault}@pecmassiva.com", "evasa", scadenza=IN_2030)
    before = calls(desk, command)
    strike(desk.url, {"kind": fault, "on": command})
    answer = desk.ask("mailbox", command, id_, "--yes")
    assert answer.exit == (3, "in_doubt")
    doubt = answer.document["in_doubt"]
    assert "in doubt" in doubt["what"]
    assert doubt["look"] == f"bulk-pec mailbox show {id_}"
    assert calls(desk, command) == before + 1
    assert doubt.get("expires_at_before", "")[:4] == {"renew": "2030", "revoke": ""}[command]
    assert ("before, its expiry was 2030-01-01." in doubt["hint"]) is (command == "renew")
    now = desk.ask("mailbox", "show", id_).document["mailbox"]
    assert (now["state"], now["expires_at"][:4]) == {
        "renew": ("evasa", "2031"),
        "revoke": ("revocata", "2030"),
    }[command]


def test_revoke_ends_a_mailbox_and_a_renewal_brings_it_back(desk: Desk) -> None:
    """Active, revoked, and active again; each told in words with what comes next."""
    id_ = desk.put("revoca@pecmassiva.com", "evasa", scadenza=IN_2030)
    gone = desk.call("mailbox", "revoke", id_, "--yes")
    assert gone.code == 0, gone
    assert "revocata (revoked)" in gone.stdout
    assert f"`bulk-pec mailbox renew {id_}` would bring it back" in gone.stdout
    back = desk.ask("mailbox", "renew", id_, "--yes")
    assert back.document["mailbox"]["state"] == "evasa"


def test_an_empty_wallet_ends_a_renewal_with_77(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """402 is no credit: nothing was renewed."""
    monkeypatch.setenv("BULK_PEC_TOKEN", SECRETS["BULK_PEC_TOKEN"])
    with background(SandboxOptions(registry_credit=0)) as running:
        desk = Desk.settled(tmp_path, running.url)
        id_ = desk.put(ADDRESS, "evasa", scadenza=IN_2030)
        answer = desk.ask("mailbox", "renew", id_, "--yes")
        assert answer.exit == (77, "credit")
        assert desk.ask("mailbox", "show", id_).document["mailbox"]["expires_at"][:4] == "2030"


COMMANDS = [
    ("check", ADDRESS),
    ("show", UNKNOWN),
    ("list",),
    ("renew", UNKNOWN, "--yes"),
    ("revoke", UNKNOWN, "--yes"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_token_that_is_refused_is_77(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """Every command says so, and where the token comes from is what to look at."""
    monkeypatch.setenv("BULK_PEC_TOKEN", SECRETS["BULK_PEC_TOKEN"])
    with background(SandboxOptions(tokens=("another",))) as running:
        answer = Desk.settled(tmp_path, running.url).ask("mailbox", *command)
    assert answer.exit == (77, "credentials")
    assert "token" in answer.document["error"]["hint"]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_token_that_is_missing_is_78(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """The variable is named; nobody is asked."""
    monkeypatch.delenv("BULK_PEC_TOKEN")
    before = desk.seen()
    answer = desk.ask("mailbox", *command)
    assert answer.exit == (78, "config")
    assert "BULK_PEC_TOKEN" in answer.document["error"]["what"]
    assert desk.seen() == before


@pytest.mark.parametrize("keys", ["y\n", "n\n"], ids=["yes", "no"])
def test_a_renewal_is_asked_for_once(desk: Desk, keys: str) -> None:
    """The question names mailbox, years and expiry; only a yes renews, anything else is 2."""
    yes = keys == "y\n"
    id_ = desk.put(f"domanda-{keys[0]}@pecmassiva.com", "evasa", scadenza=IN_2030)
    before = calls(desk, "renew")
    code, shown = on_terminal(Shell(desk.folder, dict(SECRETS)), "mailbox", "renew", id_, keys=keys)
    assert f"Renew domanda-{keys[0]}@pecmassiva.com for 1 year?" in shown
    assert "it expires on 2030-01-01" in shown
    assert shown.count("[y/N]") == 1
    assert (code, calls(desk, "renew") - before) == ((0, 1) if yes else (2, 0)), shown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_renewal_is_out_leaves_it_in_doubt(desk: Desk, number: signal.Signals) -> None:
    """It has left and no answer has come: 3 and in doubt, never 75, which would mean "run it again"."""
    id_ = desk.put(f"segnale-{number}@pecmassiva.com", "evasa", scadenza=IN_2030)
    strike(desk.url, {"kind": "slow", "on": "renew", "seconds": 60})
    before = calls(desk, "renew")
    running = Shell(desk.folder, dict(SECRETS)).start("mailbox", "renew", id_, "--yes", "--json")
    running.wait_until(lambda: calls(desk, "renew") > before)
    running.process.send_signal(number)
    answer = running.ended()
    assert answer.exit == (3, "in_doubt"), answer
    assert asked(desk.url, "GET", "/_sandbox/registry")["asked"]["renew"] == before + 1


def test_no_provider_is_69(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewal that cannot even be asked about is 69, and said to be nothing sent."""
    monkeypatch.setenv("BULK_PEC_TOKEN", SECRETS["BULK_PEC_TOKEN"])
    answer = Desk.settled(tmp_path, NOWHERE).ask("mailbox", "renew", UNKNOWN, "--yes")
    assert answer.exit == (69, "unavailable")
    assert "registry_url" in answer.document["error"]["hint"]
