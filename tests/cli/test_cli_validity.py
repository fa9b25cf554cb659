"""What ends before a run does is said before anything is sent: a mailbox, or the token."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import ADDRESS, SECRETS, Shell, good
from support.ledgers import open_ledger

from bulk_pec.cli import validity
from bulk_pec.cli.session import Session
from bulk_pec.domain.registrations import Registration
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.orders import Order, Word

ID = "6040e4613a716838dc4eee0e"
HOUR = 3_600_000
LIVE = "https://pec.openapi.it"
"""The registry of a configuration that names none."""
Warned = Callable[[], list[str]]


def _now() -> int:
    return time.time_ns() // 1_000_000


def _jwt(expires: int) -> str:
    """A token that says when it ends; milliseconds since the epoch."""
    parts = ({"alg": "HS256"}, {"exp": expires // 1000, "sub": "someone@example.org"})
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        + ".x"
    )


def _remember(
    ledger: Ledger,
    stato: str = "evasa",
    expires_at: int | None = None,
    *,
    renews: bool | None = None,
    service: str = LIVE,
) -> None:
    told = Registration(ID, ADDRESS, "PECMASSIVA", stato, expires_at, None, renews)
    ledger.registrations(service).remember(told, _now(), "list")


@pytest.fixture
def slow(loaded: Shell) -> Shell:
    """A run of three messages is loaded whose forecast end is some 16 hours from now."""
    loaded.edit("max_per_second = 500.0", "max_per_second = 0.00005")
    return loaded


@pytest.fixture
def ledger(slow: Shell) -> Ledger:
    """Its ledger, open for writing."""
    return open_ledger(f"sqlite:///{slow.home / 'ledger.db'}")


@pytest.fixture
def warned(
    slow: Shell, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Warned:
    """What is said of the run in the ledger, line by line; the time in front is left out."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)

    def warn() -> list[str]:
        with ledger:
            validity.warn(Session(slow.home / "config.toml"), ledger, ledger.runs.get("prima"))
        return [said.partition(" ")[2] for said in capsys.readouterr().err.splitlines()]

    return warn


def test_nothing_is_said_where_nothing_is_known(warned: Warned) -> None:
    """A mailbox bought on the vendor's website is not in the registry, and most tokens are bare words."""
    assert warned() == []


def test_a_mailbox_that_expires_before_the_forecast_end(ledger: Ledger, warned: Warned) -> None:
    """Both moments, and the command that renews it."""
    _remember(ledger, expires_at=_now() + HOUR)
    (said,) = warned()
    assert said.startswith(f"Warning: The mailbox {ADDRESS} expires on ")
    assert "before this run's forecast end" in said
    assert f"bulk-pec mailbox renew {ID}" in said


def test_a_mailbox_that_outlives_the_run(ledger: Ledger, warned: Warned) -> None:
    """Nothing is said."""
    _remember(ledger, expires_at=_now() + 48 * HOUR)
    assert warned() == []


def test_a_mailbox_that_has_expired(ledger: Ledger, warned: Warned) -> None:
    """It is said as what it is."""
    _remember(ledger, expires_at=_now() - HOUR)
    (said,) = warned()
    assert f"The mailbox {ADDRESS} expired on " in said


def test_a_mailbox_that_renews_itself(ledger: Ledger, warned: Warned) -> None:
    """It is said all the same, for the wallet may be empty; nobody is told to pay twice."""
    _remember(ledger, expires_at=_now() + HOUR, renews=True)
    (said,) = warned()
    assert "renews itself if the wallet has credit" in said
    assert "mailbox renew" not in said


@pytest.mark.parametrize("stato", ["revocata", "chiusa", "registrazione_annullata"])
def test_a_mailbox_that_is_gone(ledger: Ledger, warned: Warned, stato: str) -> None:
    """Whatever its expiry was."""
    _remember(ledger, stato, _now() + 480 * HOUR)
    (said,) = warned()
    assert f"The mailbox {ADDRESS} was " in said
    assert f"bulk-pec mailbox show {ID}" in said


@pytest.mark.parametrize("stato", ["registrata", "in_evasione", "documenti_errati"])
def test_a_mailbox_that_is_not_active_yet(ledger: Ledger, warned: Warned, stato: str) -> None:
    """The registry's word, and what it means: nothing can be sent from it."""
    _remember(ledger, stato)
    (said,) = warned()
    assert said.startswith(f"Warning: The mailbox {ADDRESS} is not active yet: {stato}, ")
    assert f"bulk-pec mailbox show {ID}" in said


def test_a_state_that_is_not_documented_is_not_judged(ledger: Ledger, warned: Warned) -> None:
    """Nobody knows what it means."""
    _remember(ledger, "sospesa")
    assert warned() == []


def test_what_a_rehearsal_s_registry_said_is_no_warning(ledger: Ledger, warned: Warned) -> None:
    """The sandbox first, then live, in one folder: a mailbox revoked there is none of this run's."""
    _remember(ledger, "revocata", service="http://127.0.0.1:8025")
    assert warned() == []


def test_another_mailbox_is_none_of_the_run_s_business(ledger: Ledger, warned: Warned) -> None:
    """Only those of the configuration count."""
    told = Registration(ID, "altro@pecmassiva.com", "PECMASSIVA", "revocata", _now())
    ledger.registrations(LIVE).remember(told, _now(), "list")
    assert warned() == []


def test_a_token_that_ends_before_the_run(warned: Warned, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the token says of itself; nothing else of it is shown."""
    token = _jwt(_now() + HOUR)
    monkeypatch.setenv("BULK_PEC_TOKEN", token)
    (said,) = warned()
    assert said.startswith("Warning: The API token expires on ")
    assert token not in said
    assert "someone" not in said


def test_a_token_that_outlives_the_run(warned: Warned, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said."""
    monkeypatch.setenv("BULK_PEC_TOKEN", _jwt(_now() + 48 * HOUR))
    assert warned() == []


def test_a_run_of_which_nothing_is_left_is_not_warned_of(ledger: Ledger, warned: Warned) -> None:
    """Whatever ends, nothing is to be sent any more."""
    _remember(ledger, expires_at=_now() - HOUR)
    ledger.orders.obey(Order(Word.CANCEL, "prima", "tests", _now()), _now())
    assert warned() == []


def test_run_send_and_a_dry_run_say_it(slow: Shell, ledger: Ledger) -> None:
    """The real commands, before the question whether to send; that nobody answers it changes nothing."""
    with ledger:
        _remember(ledger, expires_at=_now() + HOUR)
    for arguments, code in (
        (("send", "prima"), 2),
        (("run", "prima.csv"), 2),
        (("send", "prima", "--dry-run"), 0),
        (("run", "prima.csv", "--dry-run"), 0),
    ):
        answer = slow.call(*arguments)
        assert answer.code == code, answer
        assert answer.stderr.count("Warning: The mailbox") == 1, answer
        assert answer.stdout.count("Warning: The mailbox") == (code == 0), answer


def test_a_dry_run_s_document_has_it(slow: Shell, ledger: Ledger) -> None:
    """Of a run that goes on as a sentence; of a list to be loaded beside the warnings about its rows."""
    with ledger:
        _remember(ledger, expires_at=_now() + HOUR)
    (said,) = slow.call("send", "prima", "--dry-run", "--json").document["warnings"]
    assert said.startswith(f"The mailbox {ADDRESS} expires on ")
    document = slow.call("run", "prima.csv", "--name", "altra", "--dry-run", "--json").document
    (entry,) = [one for one in document["warnings"] if f"The mailbox {ADDRESS} expires on " in one["what"]]
    assert entry["row"] is None
    assert document["warnings_total"] == len(document["warnings"])


def test_it_is_only_said(tmp_path: Path, provider: str) -> None:
    """A run goes on with a mailbox that is said to have expired: the provider knows better."""
    shell = Shell.settled(tmp_path / "home", provider)
    shell.write_list("prima.csv", good(2))
    with open_ledger(f"sqlite:///{shell.home / 'ledger.db'}") as ledger:
        _remember(ledger, expires_at=_now() - HOUR)
    answer = shell.call("run", "prima.csv", "--yes", "--json")
    assert answer.exit == (0, "complete"), answer
    assert "Warning: The mailbox" in answer.stderr
    (said,) = answer.document["warnings"]
    assert said.startswith(f"The mailbox {ADDRESS} expired on ")
    again = shell.call("send", "prima", "--yes", "--json")
    assert again.document["warnings"] == [], "nothing is left to be sent"
