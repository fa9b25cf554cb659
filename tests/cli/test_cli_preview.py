"""`preview`: one message as its recipient would see it, in files; nothing is sent or written elsewhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from support.commands import ADDRESS, SECRETS, Shell, good, refused
from support.papers import PDF, put


@pytest.fixture
def office(tmp_path: Path) -> Shell:
    """A list of three rows, the second without its file, the third without an address; and no secret."""
    shell = Shell.settled(tmp_path / "home", "http://127.0.0.1:9")
    for name in SECRETS:
        del shell.environ[name]
    shell.edit("[message]", '[message]\nattachments = ["carte/{{ numero }}.pdf"]')
    put(shell.home, "carte/001.pdf")
    shell.write_list("avvisi.csv", [*good(2), "senza-arroba"])
    return shell


def test_a_message_is_shown_with_everything_in_it(office: Shell) -> None:
    """A page, the plain facts and the attachments' copies, in a new folder, readable by their owner only."""
    answer = office.call("preview", "avvisi.csv", "--row", "1", "-o", "vista/prima", "--json")
    assert answer.exit == (0, "complete"), answer
    files = ["attachments/001.pdf", "message.html", "message.txt"]
    assert (answer.document["row"], answer.document["files"]) == (1, files)
    folder = office.home / answer.document["directory"]
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == files
    assert {(folder / name).stat().st_mode & 0o777 for name in files} == {0o600}
    assert (folder / files[0]).read_bytes() == PDF
    page = (folder / "message.html").read_text(encoding="utf-8")
    told = (folder / "message.txt").read_text(encoding="utf-8")
    assert "Avviso n. 001 per Ditta 1" in page
    assert all(header in page for header in ("info@ditta-1.example", ADDRESS, "Avviso n. 001 [rif. 0000"))
    assert f"From: {ADDRESS}\nTo: info@ditta-1.example\nSubject: Avviso n. 001 [rif. 0000" in told
    assert hashlib.sha256(PDF).hexdigest() in told
    assert office.ledger_content() == ()


def test_what_cannot_be_shown(office: Shell) -> None:
    """A row of which no message can be made: 65, with why. A row that is not there, a folder in use: 2."""
    view = ("preview", "avvisi.csv", "-o", "vista", "--row")
    (office.home / "vista").mkdir()
    words = ["row 2", "carte/002.pdf", "Put it there"]
    refused(office, *view, "2", ends=(65, "data"), words=words)
    refused(office, *view, "3", ends=(65, "data"), words=["Row 3", "invalid", "address"])
    refused(office, *view, "4", ends=(2, "usage"), words=["3 rows", "no row 4"])
    assert list((office.home / "vista").iterdir()) == []
    (office.home / "vista" / "altro.txt").touch()
    refused(office, *view, "1", ends=(2, "usage"), words=["vista is not empty", "-o"])
    assert [path.name for path in (office.home / "vista").iterdir()] == ["altro.txt"]
    zero = office.call(*view, "0", "--json")
    assert zero.exit == (2, "usage"), zero
