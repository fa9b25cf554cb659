"""Which paths may be attached: nothing outside the folder and no odd files, whatever a row says."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from support.papers import PDF, composer, put

from bulk_pec.composing import Folder, Uncomposable
from bulk_pec.composing.paths import fault
from bulk_pec.domain.errors import ListRefused


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of attachments with one file, and a secret beside it."""
    put(tmp_path / "dentro", "a.pdf")
    put(tmp_path, "segreto.pdf")
    return tmp_path / "dentro"


def opened(home: Path, path: str) -> bytes:
    """The file's bytes, as far as the folder hands it out."""
    with Folder(home).open(path) as (descriptor, stamp):
        return os.read(descriptor, stamp.size)


def refusal(home: Path, path: str) -> str:
    """Why a path that a row gives is refused."""
    with pytest.raises(Uncomposable) as caught:
        composer(attachments=("{{ path }}",), folder=home).compose("a@pec.example", {"path": path}, "R")
    assert all(problem.column == "attachments" and problem.todo for problem in caught.value.problems)
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("../segreto.pdf", "leads outside"),
        ("a/../../segreto.pdf", "leads outside"),
        ("a/..", "leads outside"),
        ("/etc/passwd", "leads outside"),
        ("~/a.pdf", "leads outside"),
        ("*.pdf", "wildcard"),
        ("?.pdf", "wildcard"),
        ("**/a.pdf", "wildcard"),
        ("a\\b.pdf", "backslash"),
        ("a\x00.pdf", "control character"),
        ("a\nb.pdf", "control character"),
        ("a\u2028b.pdf", "control character"),
        ("fdp.\u202egpj.exe", "writing direction"),
        ("./a.pdf", "no path to a file"),
        ("documenti//a.pdf", "no path to a file"),
        ("documenti/", "no path to a file"),
        ("è" * 128 + ".pdf", "longer than 255 bytes"),
        ("manca.pdf", "there is no file 'manca.pdf'"),
        ("[a].pdf", "there is no file"),
        ("a.pdf/b.pdf", "there is no file"),
        ("manca/a.pdf", "there is no file"),
        ("x/" * 3000 + "a.pdf", "there is no file"),
        ("x" * 300 + "/a.pdf", "cannot be read: File name too long"),
    ],
)
def test_a_path_that_a_row_gives_stays_inside_the_folder(home: Path, path: str, why: str) -> None:
    """Each is a problem of its row, in words; no file is opened for those that lead elsewhere."""
    assert why in refusal(home, path)


def test_a_long_value_is_cut_where_it_is_shown(home: Path) -> None:
    """A cell may hold anything; what is shown of it is short and printable."""
    told = refusal(home, "a\x1b[2J" + "b" * 5000)
    assert len(told) < 400
    assert told.isprintable()


@pytest.mark.parametrize(
    "path", ["a.pdf", "b/c/d.pdf", "fattura [1].pdf", "perché sì.pdf", "a..b.pdf", "..a.pdf"]
)
def test_a_file_inside_is_opened(home: Path, path: str) -> None:
    """Folders inside the folder, blanks, accents and brackets in names are fine."""
    put(home, path, PDF)
    assert fault(path) is None
    assert opened(home, path) == PDF


@pytest.mark.parametrize("path", ["via.pdf", "fuori/segreto.pdf", "su/segreto.pdf", "catena.pdf", "giro.pdf"])
def test_a_link_never_leads_outside(home: Path, path: str) -> None:
    """Neither a linked file nor a linked folder, absolute, relative, or by way of others."""
    (home / "via.pdf").symlink_to(home.parent / "segreto.pdf")
    (home / "fuori").symlink_to(home.parent)
    (home / "su").symlink_to("..")
    (home / "catena.pdf").symlink_to("via.pdf")
    (home / "giro.pdf").symlink_to("giro.pdf")
    assert any(why in refusal(home, path) for why in ("leads outside attachments_dir", "leads nowhere"))


def test_a_folder_beside_with_the_same_beginning_is_outside(home: Path) -> None:
    """Containment is told by components, not by letters."""
    put(home.parent / "dentro-di-altri", "a.pdf")
    (home / "b.pdf").symlink_to("../dentro-di-altri/a.pdf")
    assert "leads outside" in refusal(home, "b.pdf")


def test_a_link_inside_is_followed(home: Path) -> None:
    """A link to a file or folder of the same folder is the file; its own name is what the recipient sees."""
    put(home, "b/c.pdf", PDF + b"c")
    (home / "via.pdf").symlink_to("b/c.pdf")
    (home / "d").symlink_to("b")
    (home / "assoluto.pdf").symlink_to(home / "b" / "c.pdf")
    for path in ("via.pdf", "d/c.pdf", "assoluto.pdf"):
        assert opened(home, path) == PDF + b"c"
    letter = composer(attachments=("via.pdf",), folder=home).compose("a@pec.example", {}, "R")
    assert letter.attachments[0].name == "via.pdf"


def test_the_folder_itself_may_be_a_link(home: Path) -> None:
    """Where the operator puts the folder is the operator's; containment is in what it stands for."""
    (home.parent / "scelta").symlink_to(home)
    assert opened(home.parent / "scelta", "a.pdf") == PDF


def test_a_folder_swapped_for_a_link_between_look_and_read_is_not_followed(home: Path) -> None:
    """The walk follows no link, so that what was resolved a moment ago cannot be turned elsewhere."""
    put(home, "b/segreto.pdf")
    folder = Folder(home)
    resolved = folder._resolved("b/segreto.pdf")
    (home / "b").rename(home / "c")
    (home / "b").symlink_to(home.parent)
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        folder._walk(resolved)


def test_what_is_no_plain_file_is_refused_without_waiting(home: Path) -> None:
    """A folder, a named pipe nobody writes to, a socket, a device by a link: none is read."""
    (home / "cartella.pdf").mkdir()
    os.mkfifo(home / "pipe.pdf")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(home / "s.pdf"))
        for path in ("cartella.pdf", "pipe.pdf", "s.pdf"):
            assert "is no plain file" in refusal(home, path)


def test_an_empty_file_is_refused(home: Path) -> None:
    """Nobody attaches nothing on purpose."""
    put(home, "vuoto.pdf", b"")
    assert "'vuoto.pdf' is empty" in refusal(home, "vuoto.pdf")


@pytest.mark.parametrize("name", ["token", "./token", "link", "hard", "b/../token"])
def test_private_files_are_never_attached_by_whatever_name(home: Path, name: str) -> None:
    """A cell of the list could name the token's file, which stands beside the configuration."""
    put(home, "token", b"secret")
    put(home, "b/c.pdf")
    (home / "link").symlink_to("token")
    (home / "hard").hardlink_to(home / "token")
    with (
        pytest.raises(Uncomposable, match="is never attached"),
        Folder(home, private=[home / "token", home / "missing"]).open(name),
    ):
        pass
    assert opened(home, "a.pdf") == PDF


@pytest.mark.parametrize("name", ["manca", "a.pdf"])
def test_a_folder_that_is_none_refuses_the_whole_list(home: Path, name: str) -> None:
    """It is a mistake of the configuration, not of each row."""
    with pytest.raises(ListRefused, match=r"The folder of attachments .* cannot be used"):
        Folder(home / name)


@pytest.mark.parametrize(
    "template",
    ["/srv/{{ a }}.pdf", "../{{ a }}.pdf", "x/../{{ a }}", "{{ a }}/*.pdf", "{{ a }}?.pdf", "~/{{ a }}"],
)
def test_a_template_that_no_row_could_use_is_refused_at_once(home: Path, template: str) -> None:
    """One error that names the template, instead of one for each of a million rows."""
    with pytest.raises(ListRefused, match=r"\[message\] attachments"):
        composer(attachments=(template,), folder=home)


def test_no_descriptor_is_left_open(home: Path) -> None:
    """Neither where a file is opened nor where it is refused: a run of a million rows opens as many."""
    put(home, "b/c/d.pdf")
    (home / "fuori").symlink_to(home.parent)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("a.pdf", "b/c/d.pdf"):
        assert opened(home, path) == PDF
    for path in ("b/c", "b/c/manca.pdf", "manca/c/d.pdf", "fuori/segreto.pdf", "a.pdf/b/c"):
        assert refusal(home, path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
