"""``mailbox listen``: the real command, called back by the simulated registry and by others."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from support.commands import TOKEN, Running, Shell, asked, good, refused
from support.ledgers import open_ledger

from bulk_pec.cli.commands.mailbox.listen import _is_loopback

ADDRESS = "ufficio@pecmassiva.com"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def shell(shell: Shell, provider: str) -> Shell:
    """The command in a folder of its own, configured for both hosts of the provider."""
    shell.edit("[api]\n", f'[api]\nregistry_url = "{provider}"\n')
    return shell


@contextmanager
def _listening(shell: Shell, *options: str) -> Iterator[tuple[Running, str]]:
    """The command while it listens, and the address it printed."""
    running = shell.start("mailbox", "listen", *options)
    told = running.err if "--json" in options else running.out
    try:
        running.wait_until(lambda: told.read_text("utf-8").endswith("\n"))
        yield running, told.read_text("utf-8").split()[-1]
    finally:
        running.process.kill()


def _stopped(running: Running) -> Any:
    running.process.send_signal(signal.SIGTERM)
    return running.ended()


def _post(url: str, body: str, headers: dict[str, str]) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request("POST", parts.path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def _call_back(url: str, identity: str, stato: str = "evasa") -> int:
    return _post(url, urlencode({"data": json.dumps({"id": identity, "stato": stato})}), FORM)


def _known(provider: str, stato: str) -> str:
    """The id of a mailbox that the registry knows in this state."""
    body = json.dumps({"mailbox": ADDRESS, "stato": stato})
    return str(asked(provider, "POST", "/_sandbox/registry", body)["id"])


def _times_asked(provider: str) -> int:
    return int(asked(provider, "GET", "/_sandbox/registry")["asked"].get("mailbox", 0))


def _states(home: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home / "ledger.db")) as ledger:
        return ledger.execute("SELECT stato, source FROM registration_states ORDER BY id").fetchall()


@pytest.mark.parametrize("method", ["POST", "JSON"])
def test_the_registry_s_own_callback_is_recorded(shell: Shell, provider: str, method: str) -> None:
    """A mailbox registered with this receiver's address: its next state is in the ledger, as it was read."""
    with _listening(shell, "--field", "esito", "--path", "/pec") as (running, url):
        callback = {"url": url, "field": "esito", "method": method}
        answer = _registered(provider, callback)
        identity = answer["data"]["id"]
        running.wait_until(lambda: ("registrata", "callback") in _states(shell.home))
        _known(provider, "evasa")
        running.wait_until(lambda: ("evasa", "callback") in _states(shell.home))
        ended = _stopped(running)
    assert ended.code == 0, ended
    assert f"{ADDRESS} is evasa" in ended.stderr
    with open_ledger(f"sqlite:///{shell.home / 'ledger.db'}", "read") as ledger:
        known = ledger.registrations(provider).of_id(identity)
    assert known is not None
    assert known.registration.address == ADDRESS


def _registered(provider: str, callback: dict[str, str]) -> Any:
    """What the registry answers to an application with this callback."""
    fields = {
        "casella_pec": ADDRESS,
        "tipo_casella": "PECMASSIVA",
        "tipo_cliente": "PV",
        "nome_richiedente": "Maria",
        "cognome_richiedente": "Esempio",
        "email": "maria@example.org",
        "telefono": "0500000000",
        "codice_fiscale_richiedente": "SMPMRA80A41H501B",
        "data_nascita_richiedente": "01/01/1980",
        "sesso_richiedente": "F",
        "nazione_nascita_richiedente": "IT",
        "provincia_nascita_richiedente": "RM",
        "indirizzo_titolare": "Via Esempio 1",
        "comune_titolare": "Roma",
        "cap_titolare": "00100",
        "nazione_titolare": "IT",
        "provincia_titolare": "RM",
        "callback": callback,
    }
    parts = urlsplit(provider)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=30)) as connection:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        connection.request("POST", "/pec", json.dumps(fields), headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        assert answer.status == 200, body
        return body


def test_its_address_is_told_to_programs_too(shell: Shell) -> None:
    """Bare on stderr, also when quiet: stdout is the one document, and nobody else knows the free port."""
    with _listening(shell, "--json", "-q") as (running, url):
        assert running.err.read_text("utf-8") == f"{url}\n"
        assert _post(url, "{", {"Content-Type": "application/json"}) == 400
        ended = _stopped(running)
    assert ended.exit == (0, "complete")
    assert ended.document["left"] == []
    assert ended.stderr == f"{url}\n"


def test_what_a_callback_claims_is_not_believed(shell: Shell, provider: str) -> None:
    """A stranger says that a mailbox is active; the registry, asked, says that it is not."""
    identity = _known(provider, "in_evasione")
    with _listening(shell) as (running, url):
        assert _call_back(url, identity, "evasa") == 204
        running.wait_until(lambda: bool(_states(shell.home)))
        assert _call_back(url, "6040c9df3a716838dc4eede4", "evasa") == 204
        assert _post(url, "{", {"Content-Type": "application/json"}) == 400
        assert _post(url, "x" * 65_537, FORM) == 413
        assert _post(url + "/altro", "", FORM) == 404
        running.wait_until(lambda: _times_asked(provider) == 2)
        ended = _stopped(running)
    assert ended.code == 0, ended
    assert _states(shell.home) == [("in_evasione", "callback")]


def test_runs_go_on_while_it_listens(shell: Shell, provider: str) -> None:
    """The ledger is open only while something is recorded: a whole run is loaded and sent meanwhile."""
    shell.write_list("avvisi.csv", good(3))
    with _listening(shell) as (running, url):
        assert shell.call("run", "avvisi.csv", "--yes", "--json").exit == (0, "complete")
        assert _call_back(url, _known(provider, "evasa")) == 204
        running.wait_until(lambda: _states(shell.home) == [("evasa", "callback")])
        assert _stopped(running).code == 0


def test_a_hint_that_meets_a_busy_ledger_is_kept(shell: Shell, provider: str) -> None:
    """It is said once; whoever ends the receiver before it could be recorded is told which: 75."""
    identity = _known(provider, "evasa")
    with _listening(shell, "--json") as (running, url), open_ledger(f"sqlite:///{shell.home / 'ledger.db'}"):
        assert _call_back(url, identity) == 204
        running.wait_until(lambda: "not recorded yet" in running.err.read_text("utf-8"))
        ended = _stopped(running)
    assert ended.exit == (75, "signal"), ended
    assert ended.document["left"] == [identity]
    assert ended.stderr.count("not recorded yet") == 1
    assert _states(shell.home) == []


def test_a_hint_that_met_a_busy_ledger_is_recorded_once_it_is_free(shell: Shell, provider: str) -> None:
    """The registry is not asked a second time for it."""
    with _listening(shell) as (running, url):
        with open_ledger(f"sqlite:///{shell.home / 'ledger.db'}"):
            assert _call_back(url, _known(provider, "evasa")) == 204
            running.wait_until(lambda: "not recorded yet" in running.err.read_text("utf-8"))
        running.wait_until(lambda: _states(shell.home) == [("evasa", "callback")])
        assert _stopped(running).code == 0
    assert _times_asked(provider) == 1


def test_a_token_that_the_registry_refuses_ends_it(shell: Shell, provider: str) -> None:
    """77, when the first hint is read; which hint is lost is told."""
    refusals = [{"kind": "401", "on": place, "count": 1} for place in ("mailbox", "mailboxes")]
    asked(provider, "POST", "/_sandbox/faults", json.dumps(refusals))
    with _listening(shell) as (running, url):
        identity = _known(provider, "evasa")
        assert _call_back(url, identity) == 204
        ended = running.ended()
    assert ended.code == 77, ended
    assert f"Not recorded: 1 hint ({identity})" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_refusal_of_a_stranger_s_hint_does_not_end_it(shell: Shell, provider: str) -> None:
    """An id that was made up, and refused: what the account itself is answered is what counts."""
    asked(provider, "POST", "/_sandbox/faults", json.dumps([{"kind": "403", "on": "mailbox", "count": 1}]))
    with _listening(shell) as (running, url):
        assert _call_back(url, "6040c9df3a716838dc4eede4") == 204
        assert _call_back(url, _known(provider, "evasa")) == 204
        running.wait_until(lambda: _states(shell.home) == [("evasa", "callback")])
        assert _stopped(running).code == 0


@pytest.mark.parametrize("host", ["", " ", "a..b"])
def test_a_host_that_is_none_is_a_usage_error(shell: Shell, host: str) -> None:
    """2: an empty one would be every address of this machine."""
    refused(shell, "mailbox", "listen", "--host", host, ends=(2, "usage"), words=["--host"])


def test_a_port_that_is_taken_is_a_usage_error(shell: Shell) -> None:
    """2, naming the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused(shell, "mailbox", "listen", "--port", port, ends=(2, "usage"), words=[port, "--port 0"])


def test_a_path_without_a_slash_is_a_usage_error(shell: Shell) -> None:
    """2, before anything listens."""
    refused(shell, "mailbox", "listen", "--path", "pec", ends=(2, "usage"), words=["--path", "slash"])


def test_a_missing_token_is_told_before_anybody_calls(shell: Shell) -> None:
    """78: a receiver that could not ask would only lose hints."""
    del shell.environ["BULK_PEC_TOKEN"]
    refused(shell, "mailbox", "listen", ends=(78, "config"), words=["BULK_PEC_TOKEN"])


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("192.0.2.1", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_only_this_machine_s_own_addresses_are_nobody_else_s(host: str, own: bool) -> None:
    """On any other address it is said that whoever reaches it may send hints."""
    assert _is_loopback(host) is own
