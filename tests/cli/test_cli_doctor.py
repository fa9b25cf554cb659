"""`doctor`: every check by its name, one failure hides no other, and the worst one is the exit code."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.calls import Desk
from support.commands import PASSWORD, SECRETS, TOKEN, Answer, seen

from bulk_pec.sandbox.options import Credential, SandboxOptions
from bulk_pec.sandbox.server import background

ADDRESS, OTHER = "ufficio@pec.example", "altro@pec.example"
NOWHERE = "http://127.0.0.1:9"
DAY = 86_400
MESSAGE = '[message]\nsubject = "Avviso {{ numero }}"\nbody = "<p>Gentile cliente</p>"\n'
NAMES = {
    "configuration",
    "secrets",
    "token",
    "scopes",
    "message",
    "disk",
    "ledger",
    "sending_host",
    "registry",
}
NAMES |= {"clock"}
OF_A_MAILBOX = {"mailbox", "credentials", "quota"}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """A simulated provider that takes any credentials, shared by this file; mailboxes are each test's own."""
    with background(SandboxOptions()) as running:
        yield running.url


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both secrets are in the environment."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def settled(
    folder: Path, url: str, *addresses: str, ledger: str = "sqlite:///ledger.db", more: str = ""
) -> Desk:
    """A desk with a message: nothing stands in the way of a run."""
    return Desk.settled(folder, url, *addresses, ledger=ledger, more=more + MESSAGE)


def verdicts(answer: Answer, name: str, about: str | None = None) -> list[str]:
    """How the checks of a name came out, of all that they were about or of one of it."""
    checks = [one for one in answer.document["checks"] if one["name"] == name]
    return [one["verdict"] for one in checks if about in (None, one["about"])]


def words(answer: Answer, name: str) -> str:
    """What the checks of a name say, hints included."""
    checks = [one for one in answer.document["checks"] if one["name"] == name]
    return " ".join(f"{one['what']} {one['hint'] or ''}" for one in checks)


def test_all_is_well(tmp_path: Path, provider: str) -> None:
    """Every check is there, none fails, nothing is sent, and nothing is written anywhere."""
    desk = settled(tmp_path, provider, ADDRESS, OTHER)
    answer = desk.ask("doctor")
    assert answer.exit == (0, "complete"), answer
    checks = answer.document["checks"]
    assert {one["name"] for one in checks} == NAMES | OF_A_MAILBOX
    assert all(one.keys() == {"name", "about", "verdict", "what", "hint"} for one in checks)
    assert {one["verdict"] for one in checks} == {"ok", "unknown"}
    assert {one["name"] for one in checks if one["verdict"] == "unknown"} == {"token", "scopes"}
    for name in OF_A_MAILBOX:
        assert verdicts(answer, name, ADDRESS) == verdicts(answer, name, OTHER) == ["ok"]
    told = desk.call("doctor")
    assert told.stdout.endswith("Nothing stands in the way of a run.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]
    assert seen(provider)["posts"] == 0


def test_a_mailbox_bought_elsewhere_is_no_fault(tmp_path: Path, provider: str) -> None:
    """The registry does not know it: said, and ok."""
    answer = settled(tmp_path, provider, "comprata@pec.example").ask("doctor")
    assert verdicts(answer, "mailbox") == ["ok"]
    assert "bought on the vendor's website" in words(answer, "mailbox")
    assert "no fault" in words(answer, "mailbox")


@pytest.mark.parametrize(
    ("days", "renews", "verdict"),
    [(400, False, "ok"), (10, False, "warning"), (10, True, "ok")],
)
def test_an_active_mailbox_by_its_expiry(
    tmp_path: Path, provider: str, days: int, verdict: str, *, renews: bool
) -> None:
    """Soon is a warning that names the renewal, unless it renews itself, which the list does not tell."""
    address = f"scade-{days}-{renews}@pec.example".lower()
    desk = settled(tmp_path, provider, address)
    id_ = desk.put(address, "evasa", scadenza=int(time.time()) + days * DAY, autorinnovo=renews)
    answer = desk.ask("doctor")
    assert verdicts(answer, "mailbox") == [verdict], answer.document
    assert answer.code == 0
    if verdict == "warning":
        assert f"`bulk-pec mailbox renew {id_}`" in words(answer, "mailbox")
        assert desk.call("doctor").stdout.endswith("Nothing stands in the way of a run; see the warnings.\n")


@pytest.mark.parametrize("stato", ["registrata", "in_evasione", "documenti_errati", "chiusa"])
def test_a_mailbox_that_is_not_active_is_77(tmp_path: Path, provider: str, stato: str) -> None:
    """Its state and the command that tells more; its room cannot be asked either, and the rest is checked."""
    address = f"stato-{stato.replace('_', '-')}@pec.example"
    desk = settled(tmp_path, provider, address, OTHER)
    id_ = desk.put(address, stato)
    answer = desk.ask("doctor")
    assert answer.exit == (77, "credentials")
    assert verdicts(answer, "mailbox", address) == ["failure"]
    assert stato in words(answer, "mailbox")
    assert f"`bulk-pec mailbox show {id_}`" in words(answer, "mailbox")
    assert verdicts(answer, "credentials", OTHER) == ["ok"]


def test_wrong_credentials_of_one_mailbox_hide_no_other(tmp_path: Path) -> None:
    """77; the token is good, since the sending host takes it with the other mailbox."""
    with background(SandboxOptions(credentials=(Credential(OTHER, PASSWORD),))) as running:
        answer = settled(tmp_path, running.url, ADDRESS, OTHER).ask("doctor")
    assert answer.exit == (77, "credentials")
    assert verdicts(answer, "credentials", ADDRESS) == ["failure"]
    assert verdicts(answer, "credentials", OTHER) == ["ok"]
    assert verdicts(answer, "quota", ADDRESS) == ["unknown"]
    assert verdicts(answer, "token", "sending host") == ["ok"]


def test_a_token_that_both_hosts_refuse_is_77(tmp_path: Path) -> None:
    """Both say so; that the hosts are there is known all the same."""
    with background(SandboxOptions(tokens=("another",))) as running:
        answer = settled(tmp_path, running.url, ADDRESS).ask("doctor")
    assert answer.exit == (77, "credentials")
    assert verdicts(answer, "token", "sending host") == ["failure"]
    assert verdicts(answer, "token", "registry") == ["failure"]
    assert verdicts(answer, "sending_host") == verdicts(answer, "registry") == ["ok"]


def test_a_token_that_only_the_registry_refuses_is_a_warning(tmp_path: Path) -> None:
    """It was not made for the registry, which no sending needs."""
    options = SandboxOptions(tokens=(TOKEN, "another"), registry_tokens=("another",))
    with background(options) as running:
        answer = settled(tmp_path, running.url, ADDRESS).ask("doctor")
    assert answer.exit == (0, "complete")
    assert verdicts(answer, "token", "sending host") == ["ok"]
    assert verdicts(answer, "token", "registry") == ["warning"]
    assert verdicts(answer, "mailbox") == ["unknown"]


def jwt(**claims: object) -> str:
    """A token that tells something of itself."""
    parts = (json.dumps(part).encode() for part in ({"alg": "HS256"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "c2ln"])


@pytest.mark.parametrize(("seconds", "verdict"), [(90 * DAY, "ok"), (DAY, "warning"), (-DAY, "failure")])
def test_what_a_token_tells_of_itself(
    tmp_path: Path, provider: str, monkeypatch: pytest.MonkeyPatch, seconds: int, verdict: str
) -> None:
    """Its expiry; and for each host whether its scopes name it, which is never a failure by itself."""
    scopes = ["GET:127.0.0.1/quota"]
    ends = int(time.time()) + seconds
    monkeypatch.setenv("BULK_PEC_TOKEN", jwt(exp=ends, scopes=scopes))
    desk = settled(tmp_path, provider, ADDRESS)
    answer = desk.ask("doctor")
    own = [one for one in answer.document["checks"] if one["name"] == "token" and one["about"] is None]
    assert [one["verdict"] for one in own] == [verdict]
    clock = datetime.fromtimestamp(ends, ZoneInfo("Europe/Rome"))
    assert own[0]["what"].endswith(f" on {clock:%Y-%m-%d %H:%M} (Europe/Rome).")
    assert verdicts(answer, "scopes") == ["ok"]
    assert answer.code == (77 if verdict == "failure" else 0)
    assert "eyJ" not in answer.stdout + answer.stderr
    monkeypatch.setenv("BULK_PEC_TOKEN", jwt(scope="GET:elsewhere.example/send"))
    assert verdicts(desk.ask("doctor"), "scopes") == ["unknown"]


def test_the_registry_alone_is_not_there(tmp_path: Path, provider: str) -> None:
    """69; the sending host and the mailbox's credentials are checked all the same."""
    desk = settled(tmp_path, provider, ADDRESS)
    config = tmp_path / "config.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(
        text.replace(f'registry_url = "{provider}"', f'registry_url = "{NOWHERE}"'), encoding="utf-8"
    )
    answer = desk.ask("doctor")
    assert answer.exit == (69, "unavailable")
    assert verdicts(answer, "registry") == ["failure"]
    assert "registry_url" in words(answer, "registry")
    assert verdicts(answer, "credentials") == ["ok"]
    assert verdicts(answer, "mailbox") == ["unknown"]


def test_secrets_that_are_missing_are_78_and_hide_nothing(
    tmp_path: Path, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are named; that the hosts are there is known all the same, and 78 comes before 69."""
    monkeypatch.delenv("BULK_PEC_TOKEN")
    monkeypatch.delenv("BULK_PEC_PASSWORD")
    answer = settled(tmp_path, provider, ADDRESS).ask("doctor")
    assert answer.exit == (78, "config")
    assert verdicts(answer, "secrets") == ["failure", "failure"]
    assert {"BULK_PEC_TOKEN", "BULK_PEC_PASSWORD"} <= set(words(answer, "secrets").replace(",", " ").split())
    assert verdicts(answer, "sending_host") == verdicts(answer, "registry") == ["ok"]
    assert verdicts(answer, "credentials") == ["unknown"]


def test_one_password_that_is_missing_hides_no_other_mailbox(tmp_path: Path, provider: str) -> None:
    """The mailbox whose password is there is asked about; the other's is named, 78."""
    other = f'[[mailboxes]]\naddress = "{OTHER}"\npassword_env = "NOT_SET_ANYWHERE"\n'
    answer = settled(tmp_path, provider, ADDRESS, more=other).ask("doctor")
    assert answer.exit == (78, "config")
    assert "NOT_SET_ANYWHERE" in words(answer, "secrets")
    assert verdicts(answer, "secrets", "token") == ["ok"]
    assert verdicts(answer, "credentials", ADDRESS) == verdicts(answer, "quota", ADDRESS) == ["ok"]
    assert verdicts(answer, "credentials", OTHER) == verdicts(answer, "quota", OTHER) == ["unknown"]


def test_a_configuration_that_cannot_be_used_is_all_there_is_to_say(tmp_path: Path, provider: str) -> None:
    """78, with everything that is wrong with it; a warning of one that can be used is a finding."""
    desk = settled(tmp_path, provider, ADDRESS, more='[sending]\nconcurency = 3\nwindow = "x"\n')
    answer = desk.ask("doctor")
    assert answer.exit == (78, "config")
    assert [one["name"] for one in answer.document["checks"]] == ["configuration"]
    assert "did you mean sending.concurrency?" in words(answer, "configuration")
    token = tmp_path / "token"
    token.write_text(TOKEN, encoding="utf-8")
    token.chmod(0o644)
    config = settled(tmp_path, provider, ADDRESS).folder / "config.toml"
    text = config.read_text(encoding="utf-8").replace("[api]", f'[api]\ntoken_file = "{token}"')
    config.write_text(text, encoding="utf-8")
    warned = desk.ask("doctor")
    assert warned.exit == (0, "complete")
    assert verdicts(warned, "configuration") == ["warning"]
    assert "chmod 600" in words(warned, "configuration")
    assert warned.stderr == "", "a warning is said once, among the findings"


def test_a_ledger_of_an_older_version_is_78_and_one_that_is_none_is_74(tmp_path: Path, provider: str) -> None:
    """`ledger upgrade` is named; damage is told as damage."""
    desk = settled(tmp_path, provider, ADDRESS)
    desk.with_ledger().close()
    sound = desk.ask("doctor")
    assert verdicts(sound, "ledger") == ["ok", "ok"]
    assert "journal WAL" in words(sound, "ledger")
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    old = desk.ask("doctor")
    assert old.exit == (78, "config")
    assert "`bulk-pec ledger upgrade`" in words(old, "ledger")
    for path in tmp_path.glob("ledger.db*"):
        path.unlink()
    (tmp_path / "ledger.db").write_bytes(b"no database at all, but long enough to be looked at " * 100)
    damaged = desk.ask("doctor")
    assert damaged.exit == (74, "io")
    assert verdicts(damaged, "credentials") == ["ok"]


def test_a_ledger_whose_folder_is_missing_is_74(tmp_path: Path, provider: str) -> None:
    """The folder is named; it is not made."""
    answer = settled(tmp_path, provider, ADDRESS, ledger="sqlite:///nowhere/ledger.db").ask("doctor")
    assert answer.exit == (74, "io")
    assert str(tmp_path / "nowhere") in words(answer, "disk")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("name", "ends"),
    [("folder", (74, "io")), ("pipe", (74, "io")), ("loop", (78, "config")), ("x" * 300, (78, "config"))],
)
def test_what_can_be_no_ledger_is_a_failure(
    tmp_path: Path, provider: str, name: str, ends: tuple[int, str]
) -> None:
    """A folder, a pipe, a link to itself, a name too long: none is waited for, or called not there yet."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    answer = settled(tmp_path, provider, ADDRESS, ledger=f"sqlite:///{name}").ask("doctor")
    assert answer.exit == ends
    assert verdicts(answer, "ledger") == ["failure"]
    assert verdicts(answer, "credentials") == ["ok"]


def test_a_mailbox_past_its_mark_is_a_warning(tmp_path: Path) -> None:
    """A run would end at once with nothing lost: it is said, with what to do."""
    with background(SandboxOptions(quota_kib=1000, quota_used_kib=950)) as running:
        answer = settled(tmp_path, running.url, ADDRESS).ask("doctor")
    assert answer.code == 0
    assert verdicts(answer, "quota") == ["warning"]
    assert "95.0%" in words(answer, "quota")
