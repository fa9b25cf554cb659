"""The newcomer's first day: from no mailbox to a delivered run, with the real command and its sandbox."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.commands import Answer, Running, Shell, asked, seen

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

CHECKOUT = Path(__file__).parents[2]
MAILBOX = "ufficio.avvisi@pecmassiva.com"
TOKEN, PASSWORD = "gettone-del-primo-giorno", "parola-del-primo-giorno"
WAIT = ("--every", "100ms")
RUN = ("run", "avvisi.csv", "--yes", "--json")
MARKED = b"\n% DOCUMENTI-ERRATI\n"


@dataclass
class Day:
    """A newcomer in an empty folder, and the sandbox that answers for both of the vendor's hosts."""

    shell: Shell
    url: str

    def does(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Call a command with --json; it must end so. What it answers."""
        answer = self.shell.call(*arguments, "--json")
        assert answer.code == code, answer
        return answer.document

    def says(self, *arguments: str, code: int = 0) -> Answer:
        """Call a command as a person does; it must end so."""
        answer = self.shell.call(*arguments)
        assert answer.code == code, answer
        assert "Traceback" not in answer.stderr
        return answer

    def registry(self) -> dict[str, Any]:
        """What the sandbox's registry has seen."""
        return dict(asked(self.url, "GET", "/_sandbox/registry"))

    def application(self, *further: str) -> None:
        """Copy the sample that ships, with these lines at its end."""
        text = (CHECKOUT / "samples/registration.toml").read_text(encoding="utf-8")
        (self.shell.home / "registration.toml").write_text(
            "\n".join([text, *further]) + "\n", encoding="utf-8"
        )

    def registered(self) -> str:
        """Register the mailbox of the application, and return its id."""
        document = self.does("mailbox", "register", "registration.toml", "--yes")
        return str(document["mailbox"]["id"])

    def remembered(self) -> list[str]:
        """The states of the mailbox in the ledger's memory, oldest first; none where there is no ledger."""
        path = self.shell.home / "bulk-pec.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as ledger:
            rows = ledger.execute("SELECT stato FROM registration_states ORDER BY rowid")
            return [str(stato) for (stato,) in rows]


@contextmanager
def serving(shell: Shell, *arguments: str) -> Iterator[tuple[Running, str]]:
    """A command that serves, and the address it prints first; told to stop at the end."""
    running = shell.start(*arguments)
    try:
        running.wait_until(lambda: running.out.read_text(encoding="utf-8").endswith("\n"))
        yield running, running.out.read_text(encoding="utf-8").splitlines()[0]
    finally:
        running.process.send_signal(signal.SIGTERM)
        running.ended()


def begun(home: Path, url: str) -> Day:
    """A newcomer who has a configuration and a token; the configuration knows the two hosts, no more."""
    shell = Shell(home, {"BULK_PEC_TOKEN": TOKEN})
    shell.edit('base_url = "https://ws.pecmassiva.com"', f'base_url = "{url}"')
    shell.edit('registry_url = "https://pec.openapi.it"', f'registry_url = "{url}"')
    return Day(shell, url)


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    """A newcomer after `init`, whose files are copied here, and a sandbox in a thread."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(CHECKOUT / "config.example.toml", home / "config.toml")
    with background(SandboxOptions(activation_after=0.2)) as sandbox:
        yield begun(home, sandbox.url)


def test_from_nothing_to_a_delivered_run(tmp_path: Path) -> None:
    """Sandbox, init, check, register, form, activate, wait, configure, doctor, run: in the order of a day.

    Nothing is registered without a yes; what was learnt is remembered; the mailbox sends while it is active;
    no secret and no tax code is left behind in any file, or printed.
    """
    options = ("--activation-after", "0.3", "--accepted-after", "0", "--delivered-after", "0")
    with serving(Shell(tmp_path), "sandbox", *options, "--token", TOKEN) as (_, url):
        assert Shell(tmp_path).call("init", "home").code == 0
        _live(begun(tmp_path / "home", url))


def _live(day: Day) -> None:
    assert day.does("mailbox", "check", MAILBOX)["available"] is True
    day.application()
    day.says("mailbox", "register", "registration.toml", code=2)
    assert "register" not in day.registry()["asked"]

    id_ = day.registered()
    assert day.does("mailbox", "check", MAILBOX, code=3)["available"] is False
    assert day.does("mailbox", "show", id_)["mailbox"]["state"] == "registrata"

    day.says("mailbox", "form", id_, "-o", "form.pdf")
    assert (day.shell.home / "form.pdf").read_bytes().startswith(b"%PDF-")
    assert day.does("mailbox", "activate", id_, "form.pdf", "--yes")["mailbox"]["state"] == "in_evasione"
    waited = day.does("mailbox", "wait", id_, *WAIT)
    assert (waited["mailbox"]["state"], waited["mailbox"]["address"]) == ("evasa", MAILBOX)
    assert waited["mailbox"]["expires_at"] is not None
    assert day.remembered() == ["registrata", "in_evasione", "evasa"]

    _configure(day)
    assert "It is active until" in day.says("doctor").stdout
    answer = day.shell.call(*RUN)
    assert answer.exit == (0, "complete"), answer
    assert answer.document["delivery"]["delivered"] == answer.document["messages"]["sent"] == 5
    assert (seen(day.url)["posts"], seen(day.url)["taken_twice"]) == (5, [])
    sends = asked(day.url, "GET", "/_sandbox/sends")["sends"]
    assert {send["mailbox"] for send in sends} == {MAILBOX}
    assert day.does("quota")["mailboxes"][0]["address"] == MAILBOX

    day.does("mailbox", "revoke", id_, "--yes")
    _write_list(day, 6, 8)
    assert day.shell.call(*RUN, "--name", "dopo").exit == (77, "credentials")
    assert seen(day.url)["taken"] == 5
    assert _traces(day) == []


def test_documents_that_are_refused_can_be_sent_again(day: Day) -> None:
    """`wait` ends 3 and says so; the next documents are taken."""
    day.application()
    id_ = day.registered()
    day.says("mailbox", "form", id_, "-o", "form.pdf")
    form = day.shell.home / "form.pdf"
    (day.shell.home / "wrong.pdf").write_bytes(form.read_bytes() + MARKED)
    day.does("mailbox", "activate", id_, "wrong.pdf", "--yes")
    refused = day.does("mailbox", "wait", id_, *WAIT, code=3)
    assert refused["mailbox"]["state"] == "documenti_errati"

    day.does("mailbox", "activate", id_, "form.pdf", "--yes")
    assert day.does("mailbox", "wait", id_, *WAIT)["mailbox"]["state"] == "evasa"
    day.says("mailbox", "activate", id_, "form.pdf", "--yes", code=65)
    assert day.registry()["asked"]["activate"] == 2
    assert day.remembered()[-1] == "evasa"


def test_a_callback_is_enough_to_know_the_state(day: Day) -> None:
    """`listen` is told by the registry, asks it itself, and records what it says: nobody polls."""
    with serving(day.shell, "mailbox", "listen", "--port", "0", "--field", "pratica") as (listening, url):
        day.application("[callback]", f'url = "{url}"', 'field = "pratica"')
        id_ = day.registered()
        day.says("mailbox", "form", id_, "-o", "form.pdf")
        day.does("mailbox", "activate", id_, "form.pdf", "--yes")
        listening.wait_until(lambda: day.remembered()[-1:] == ["evasa"])
    assert listening.process.returncode == 0
    told = day.registry()["callbacks"]
    assert (told["posted"], told["failed"], told["elsewhere"]) == (3, 0, 0)


def test_an_answer_that_is_lost_is_in_doubt_and_the_call_is_not_repeated(day: Day) -> None:
    """3, and the command that looks is named; it finds what the registry did."""
    day.application()
    asked(day.url, "POST", "/_sandbox/faults", json.dumps({"kind": "reset-after", "on": "register"}))
    answer = day.shell.call("mailbox", "register", "registration.toml", "--yes", "--json")
    assert answer.exit == (3, "in_doubt"), answer
    assert answer.document["in_doubt"]["look"] == "bulk-pec mailbox list"
    assert day.registry()["asked"]["register"] == 1
    (found,) = day.does("mailbox", "list")["mailboxes"]
    assert (found["address"], found["state"]) == (MAILBOX, "registrata")


def _configure(day: Day) -> None:
    """What the newcomer writes when the mailbox is there, and a list of five."""
    day.shell.edit('address = "ufficio@pec.example.com"', f'address = "{MAILBOX}"')
    day.shell.environ |= {
        "BULK_PEC_PASSWORD": PASSWORD,
        "BULK_PEC_API__MAX_PER_SECOND": "500",
        "BULK_PEC_RECEIPTS__MAX_PER_SECOND": "1000",
    }
    _write_list(day, 1, 5)


def _write_list(day: Day, first: int, last: int) -> None:
    """Rows of the shipped sample list, all of them to addressees that are delivered to."""
    head, *rows = (CHECKOUT / "samples/avvisi.csv").read_text(encoding="utf-8").splitlines()
    plain = [row for row in rows[:30] if "taglio" not in row]
    text = "\n".join([head, *plain[first - 1 : last]]) + "\n"
    (day.shell.home / "avvisi.csv").write_text(text, encoding="utf-8")


def _traces(day: Day) -> list[str]:
    """Files that hold a secret or the applicant's tax code: of the folder, and what commands printed.

    The application is none of them: the newcomer wrote it.
    """
    words = (TOKEN.encode(), PASSWORD.encode(), b"BNCMRA82D51X999P")
    printed = day.shell.home.with_name("home-talk")
    files = [path for folder in (day.shell.home, printed) for path in folder.rglob("*") if path.is_file()]
    found = [path.name for path in files if any(word in path.read_bytes() for word in words)]
    return [name for name in found if name != "registration.toml"]
