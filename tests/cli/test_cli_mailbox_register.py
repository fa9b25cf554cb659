"""`mailbox register`, `form` and `activate`: a new mailbox, from its application to its papers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.applications import SAMPLE, applied
from support.calls import Desk
from support.commands import SECRETS, Answer, Shell, asked, strike
from support.terminals import on_terminal

from bulk_pec.cli import main
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

ADDRESS = "avvisi@pecmassiva.com"
PDF = b"%PDF-1.7\n1 0 obj << >> endobj\ntrailer << >>\nstartxref\n0\n%%EOF\n"


@pytest.fixture
def registry() -> Iterator[str]:
    """A simulated registry, new for each test."""
    with background(SandboxOptions()) as running:
        yield running.url


@pytest.fixture
def desk(tmp_path: Path, registry: str, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A working folder configured for it, with an application and a signed form; both secrets are set."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    write(tmp_path, applied())
    (tmp_path / "signed.pdf").write_bytes(PDF)
    return Desk.settled(tmp_path, registry)


def write(folder: Path, fields: dict[str, object]) -> None:
    """Put an application into the folder."""
    (folder / "new.json").write_text(json.dumps(fields), encoding="utf-8")


def mailboxes(desk: Desk) -> list[dict[str, Any]]:
    """The mailboxes that the registry has."""
    return list(asked(desk.url, "GET", "/_sandbox/registry")["mailboxes"])


def changes(desk: Desk) -> int:
    """How often the registry was asked to change something, whatever came of it."""
    return sum(desk.seen().get(call, 0) for call in ("register", "activate", "renew", "revoke"))


def registered(desk: Desk) -> str:
    """Register the application; the id."""
    answer = desk.ask("mailbox", "register", "new.json", "--yes")
    assert answer.exit == (0, "complete"), answer
    return str(answer.document["mailbox"]["id"])


def refused(answer: Answer, *words: str) -> None:
    """Assert that nothing was wrong but the data (65), in these words."""
    assert answer.exit == (65, "data"), answer
    said = answer.document["error"]
    assert [word for word in words if word not in f"{said['what']} {said['hint']}"] == [], said
    assert f"bulk-pec: {said['what']} {said['hint']}\n" in answer.stderr


def test_a_mailbox_is_registered_once_and_remembered(desk: Desk) -> None:
    """The id, in one document; and a new ledger that knows the mailbox, not the applicant."""
    answer = desk.ask("mailbox", "register", "new.json", "--yes")
    assert answer.exit == (0, "complete"), answer
    told = answer.document["mailbox"]
    assert (told["address"], told["kind"], told["state"]) == (ADDRESS, "PECMASSIVA", "registrata")
    assert answer.document["warnings"] == []
    (known,) = mailboxes(desk)
    assert (known["id"], known["mailbox"]) == (told["id"], ADDRESS)
    assert changes(desk) == 1
    ledger = (desk.folder / "ledger.db").read_bytes()
    assert ADDRESS.encode() in ledger
    for personal in ("BNCMRA82D11X999L", "nicolo@example.org", "Verdi"):
        assert personal.encode() not in ledger


def test_the_sample_is_registered_and_the_next_step_is_told(desk: Desk) -> None:
    """For people: the mailbox, and the command that comes next."""
    shutil.copyfile(SAMPLE, desk.folder / "registration.toml")
    answer = desk.call("mailbox", "register", "registration.toml", "--yes")
    assert answer.code == 0, answer
    assert "ufficio.avvisi@pecmassiva.com" in answer.stdout
    assert "`bulk-pec mailbox form" in answer.stdout


def test_all_faults_are_told_before_anything_is_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """65, a line each, in --json a list; the registry is not asked, no token is needed and no ledger made."""
    write(desk.folder, applied(cap_titolare="187", telefono=None, tipo_casella="GOLD", Email="x"))
    monkeypatch.delenv("BULK_PEC_TOKEN")
    answer = desk.ask("mailbox", "register", "new.json", "--yes")
    refused(answer, "new.json has 4 faults", "nothing was sent")
    found = {fault["field"]: fault for fault in answer.document["faults"]}
    assert list(found) == ["tipo_casella", "telefono", "cap_titolare", "Email"]
    assert found["cap_titolare"]["value"] == '"187"'
    assert found["telefono"]["value"] is None
    assert all(fault["what"] and fault["hint"] for fault in found.values())
    told = desk.call("mailbox", "register", "new.json")
    assert told.code == 65
    assert 'cap_titolare = "187" is no Italian postcode' in told.stdout
    assert len(told.stdout.splitlines()) == 4
    assert "187" not in told.stderr
    assert desk.seen() == {}
    assert not desk.has_ledger


def test_without_a_yes_nothing_is_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither registered nor activated: 2; and a missing token is told before (78)."""
    for words in (("register", "new.json"), ("activate", "a1", "signed.pdf")):
        answer = desk.ask("mailbox", *words)
        assert answer.exit == (2, "usage"), answer
        assert "--yes" in answer.document["error"]["hint"]
    assert desk.seen() == {}
    monkeypatch.delenv("BULK_PEC_TOKEN")
    assert desk.ask("mailbox", "register", "new.json").exit == (78, "config")


@pytest.mark.parametrize("keys", ["y\n", "n\n"], ids=["yes", "no"])
def test_a_registration_is_asked_for_once(desk: Desk, keys: str) -> None:
    """The question names the address, the registry and that it costs; only a yes registers."""
    shell = Shell(desk.folder, dict(SECRETS))
    code, shown = on_terminal(shell, "mailbox", "register", "new.json", keys=keys)
    assert f"Register {ADDRESS} (PECMASSIVA) at {desk.url}? The fee is paid" in shown
    assert shown.count("[y/N]") == 1
    assert (code, len(mailboxes(desk))) == ((0, 1) if keys == "y\n" else (2, 0)), shown


def test_what_is_suspicious_is_said_without_values(desk: Desk) -> None:
    """On stderr, which may be a log, only the field; in the document also the value. It is registered."""
    write(desk.folder, applied(data_nascita_richiedente="12/04/1982"))
    answer = desk.ask("mailbox", "register", "new.json", "--yes")
    assert answer.exit == (0, "complete"), answer
    (warning,) = answer.document["warnings"]
    assert (warning["field"], warning["value"]) == ("data_nascita_richiedente", '"12/04/1982"')
    assert "Warning: data_nascita_richiedente is another day" in answer.stderr
    assert "12/04/1982" not in answer.stderr


def test_what_the_registry_refuses_is_told(desk: Desk) -> None:
    """65 with its code: here a domain that is not the account's."""
    write(desk.folder, applied(casella_pec="avvisi@altri.it"))
    answer = desk.ask("mailbox", "register", "new.json", "--yes")
    refused(answer, "avvisi@altri.it", "326")
    assert answer.document["code"] == 326


def test_an_answer_in_doubt_is_told_as_such(desk: Desk) -> None:
    """3, once sent and never again; how to look is told."""
    strike(desk.url, {"kind": "reset-after", "on": "register"})
    answer = desk.ask("mailbox", "register", "new.json", "--yes")
    assert answer.exit == (3, "in_doubt"), answer
    assert "mailbox list" in answer.document["in_doubt"]["look"]
    assert changes(desk) == 1


def test_an_address_the_account_has_is_not_registered_again(desk: Desk) -> None:
    """It may be there from an answer in doubt: 65 with its id, nothing is posted. One that ended may be."""
    id_ = desk.put(ADDRESS, "registrata")
    again = desk.ask("mailbox", "register", "new.json", "--yes")
    refused(again, ADDRESS, id_, "registrata", "Nothing was sent")
    told = again.document["mailbox"]
    assert (told["id"], told["address"], told["state"]) == (id_, ADDRESS, "registrata")
    assert changes(desk) == 0
    desk.put(ADDRESS, "registrazione_annullata")
    desk.ask("mailbox", "register", "new.json", "--yes")
    assert changes(desk) == 1


def test_a_form_is_written_whole_and_over_nothing(desk: Desk) -> None:
    """A PDF; over what is there only by --force, and over the configuration not even then."""
    id_ = registered(desk)
    answer = desk.ask("mailbox", "form", id_, "-o", "form.pdf")
    assert answer.exit == (0, "complete"), answer
    content = (desk.folder / "form.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert answer.document["bytes"] == len(content)
    (desk.folder / "form.pdf").write_bytes(b"mine")
    again = desk.ask("mailbox", "form", id_, "-o", "form.pdf")
    assert again.exit == (2, "usage"), again
    assert (desk.folder / "form.pdf").read_bytes() == b"mine"
    assert desk.call("mailbox", "form", id_, "-o", "form.pdf", "--force").code == 0
    assert (desk.folder / "form.pdf").read_bytes() == content
    for own in ("config.toml", "./ledger.db"):
        before = (desk.folder / own).read_bytes()
        assert desk.call("mailbox", "form", id_, "-o", own, "--force").code == 2
        assert (desk.folder / own).read_bytes() == before
    for place, code in (("-", 2), (".", 2), ("none/form.pdf", 74)):
        assert desk.call("mailbox", "form", id_, "-o", place).code == code


def test_a_form_is_to_be_filled_in_only_where_it_is_awaited(desk: Desk) -> None:
    """The next step for a mailbox that waits for it; of an active one that it does not."""
    id_ = registered(desk)
    told = desk.call("mailbox", "form", id_, "-o", "form.pdf").stdout
    assert "Next: fill it in and sign it" in told
    assert f"`bulk-pec mailbox activate {id_} signed.pdf`" in told
    desk.put(ADDRESS, "evasa")
    told = desk.call("mailbox", "form", id_, "-o", "again.pdf").stdout
    assert f"It is not awaited: {ADDRESS} is evasa (active)." in told
    assert "Next" not in told
    strike(desk.url, {"kind": "500", "on": "mailbox", "count": 9})
    third = desk.call("mailbox", "form", id_, "-o", "third.pdf")
    assert (third.code, (desk.folder / "third.pdf").exists()) == (0, True)
    assert "could not be asked" in third.stdout


def test_the_help_names_the_sample_where_it_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one piece, to be copied: who installed a wheel has no folder `samples`."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main.app(args=["mailbox", "register", "-h"], prog_name="bulk-pec")
    assert f"\n  {SAMPLE}\n" in capsys.readouterr().out


def test_no_form_leaves_no_file(desk: Desk) -> None:
    """An id that the registry does not know: 65, and not a part of a file."""
    before = sorted(path.name for path in desk.folder.iterdir())
    refused(desk.ask("mailbox", "form", "0" * 24, "-o", "form.pdf"))
    assert sorted(path.name for path in desk.folder.iterdir()) == before


def test_papers_are_handed_in_once(desk: Desk) -> None:
    """One PDF of the size that is told; then the mailbox is being examined, and the next step is to wait."""
    id_ = registered(desk)
    answer = desk.ask("mailbox", "activate", id_, "signed.pdf", "--yes")
    assert answer.exit == (0, "complete"), answer
    assert answer.document["mailbox"]["state"] == "in_evasione"
    assert answer.document["bytes"] == len(PDF)
    assert mailboxes(desk)[0]["documents"] == [len(PDF)]
    assert changes(desk) == 2
    again = desk.ask("mailbox", "activate", id_, "signed.pdf", "--yes")
    refused(again, ADDRESS, "in_evasione", "registrata or documenti_errati", "mailbox wait")
    assert changes(desk) == 2


def test_papers_are_taken_again_after_they_were_wrong(desk: Desk) -> None:
    """`documenti_errati` is a state in which the registry takes papers; the size of the file is told."""
    id_ = registered(desk)
    desk.put(ADDRESS, "documenti_errati")
    answer = desk.call("mailbox", "activate", id_, "signed.pdf", "--yes")
    assert answer.code == 0, answer
    assert f"signed.pdf ({len(PDF)} bytes) was taken." in answer.stdout


@pytest.mark.parametrize("state", ["evasa", "revocata", "chiusa", "registrazione_annullata", "mai_visto"])
def test_papers_are_not_handed_in_in_any_other_state(desk: Desk, state: str) -> None:
    """Read first: nothing is sent to a mailbox that awaits none."""
    id_ = registered(desk)
    desk.put(ADDRESS, state)
    refused(desk.ask("mailbox", "activate", id_, "signed.pdf", "--yes"), state, "Nothing was sent")
    assert changes(desk) == 1


def test_what_is_no_pdf_is_not_handed_in(desk: Desk) -> None:
    """Before the registry is asked anything, as for a file that is not there."""
    (desk.folder / "scan.pdf").write_bytes(b"\xff\xd8\xff\xe0")
    refused(desk.ask("mailbox", "activate", "a1", "scan.pdf", "--yes"), "scan.pdf", "JPEG")
    refused(desk.ask("mailbox", "activate", "a1", "none.pdf", "--yes"), "none.pdf")
    assert desk.seen() == {}


def test_mailboxes_that_want_two_files_are_refused(desk: Desk) -> None:
    """Another kind than PECMASSIVA, registered elsewhere; and an id that nobody knows."""
    id_ = desk.put("altra@legalmail.it", "registrata", tipo_casella="BRONZE")
    refused(desk.ask("mailbox", "activate", id_, "signed.pdf", "--yes"), "BRONZE", "two files")
    refused(desk.ask("mailbox", "activate", "0" * 24, "signed.pdf", "--yes"), "mailbox list")
    assert changes(desk) == 0
