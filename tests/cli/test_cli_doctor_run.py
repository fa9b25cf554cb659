"""`doctor` and `run` agree: what would keep a run from starting, or its receipts from being kept, is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.calls import Desk
from support.commands import SECRETS

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

ADDRESS = "ufficio@pec.example"
LETTER = '[message]\nsubject = "Avviso {{ numero }}"\nbody_file = "avviso.html.j2"\n'
WITH_FILES = f'{LETTER}attachments = ["{{{{ numero }}}}.pdf"]\nattachments_dir = "documenti"\n'
GOOD, BAD = "<p>Gentile cliente {{ numero }}</p>", "<p>{{ numero"
CONFIG, DATA, IO = (78, "config"), (65, "data"), (74, "io")


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """A simulated provider that takes any credentials, shared by this file."""
    with background(SandboxOptions()) as running:
        yield running.url


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both secrets are in the environment."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def told(desk: Desk, name: str) -> list[tuple[str, str]]:
    """Verdict and words of the findings of a name."""
    document = json.loads(desk.call("doctor", "--json").stdout)
    return [
        (one["verdict"], f"{one['what']} {one['hint'] or ''}")
        for one in document["checks"]
        if one["name"] == name
    ]


@pytest.mark.parametrize(
    ("more", "body", "problem"),
    [
        ("", GOOD, (CONFIG, "message.subject")),
        (LETTER, None, (DATA, "avviso.html.j2")),
        (LETTER, " \n", (DATA, "is empty")),
        (LETTER, BAD, (DATA, "avviso.html.j2")),
        (WITH_FILES, GOOD, (DATA, "documenti")),
    ],
)
def test_a_message_that_keeps_a_run_from_starting_fails(
    tmp_path: Path, provider: str, more: str, body: str | None, problem: tuple[tuple[int, str], str]
) -> None:
    """No message, its body missing, empty or faulty, no folder of attachments: `run` ends with the same."""
    ends, word = problem
    desk = Desk.settled(tmp_path, provider, ADDRESS, more=more)
    (tmp_path / "list.csv").write_text("numero,pec\n1,info@ditta.example\n", encoding="utf-8")
    if body is not None:
        (tmp_path / "avviso.html.j2").write_text(body, encoding="utf-8")
    before = sorted(path.name for path in tmp_path.iterdir())
    answer = desk.ask("doctor")
    assert answer.exit == ends
    ((verdict, words),) = told(desk, "message")
    assert verdict == "failure"
    assert word in words
    assert desk.call("doctor").stdout.endswith("1 check failed.\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert desk.ask("run", str(tmp_path / "list.csv"), "--yes").exit == ends


@pytest.mark.parametrize("archive", ["taken", "taken/below", "nowhere"])
def test_an_archive_that_cannot_be_written_fails(tmp_path: Path, provider: str, archive: str) -> None:
    """A file in its place or above it, a link that leads nowhere: 74, as the run would end."""
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    (tmp_path / "nowhere").symlink_to(tmp_path / "not" / "there")
    (tmp_path / "avviso.html.j2").write_text(GOOD, encoding="utf-8")
    (tmp_path / "list.csv").write_text("numero,pec\n1,info@ditta.example\n", encoding="utf-8")
    more = f'{LETTER}[receipts]\narchive = "{archive}"\n'
    desk = Desk.settled(tmp_path, provider, ADDRESS, more=more)
    assert desk.ask("doctor").exit == IO
    ((verdict, words),) = told(desk, "archive")
    assert verdict == "failure"
    assert str(tmp_path / archive) in words
    assert desk.ask("run", str(tmp_path / "list.csv"), "--yes").exit == IO


@pytest.mark.parametrize("made", [True, False])
def test_an_archive_that_can_be_written_is_left_as_it_was(
    tmp_path: Path, provider: str, *, made: bool
) -> None:
    """There or still to be made, several folders deep: ok; no file is left in it, and no folder made."""
    folder = tmp_path / "kept" / "receipts"
    if made:
        folder.mkdir(parents=True)
    (tmp_path / "avviso.html.j2").write_text(GOOD, encoding="utf-8")
    more = f'{LETTER}[receipts]\narchive = "kept/receipts"\n'
    desk = Desk.settled(tmp_path, provider, ADDRESS, more=more)
    before = sorted(tmp_path.rglob("*"))
    answer = desk.ask("doctor")
    assert answer.exit == (0, "complete"), answer
    assert [verdict for verdict, _ in told(desk, "archive")] == ["ok"]
    assert [verdict for verdict, _ in told(desk, "message")] == ["ok"]
    assert sorted(tmp_path.rglob("*")) == before
