"""Files are hashed while rows are checked, encoded once for all who share them, and read anew if changed."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
import tracemalloc
from pathlib import Path

import pytest
from support.papers import PAPERS, PDF, composer, put

from bulk_pec.composing import Files, Folder, Uncomposable
from bulk_pec.composing.media import agrees, content_of, mime_of
from bulk_pec.composing.sizes import encoded_size
from bulk_pec.domain.letters import Attachment

MB = 1_000_000


def files(folder: Path, *, kept: int = 64 << 20, young: float = 0.0) -> Files:
    """The files of a folder; in tests a file may be as young as it likes."""
    return Files(Folder(folder), kept=kept, young=young, glance=0.0)


@pytest.mark.parametrize("name", PAPERS)
def test_a_file_is_told_by_its_content(tmp_path: Path, name: str) -> None:
    """Each known format is recognised, under its own suffix in any case, and gets its media type."""
    put(tmp_path, name, PAPERS[name])
    put(tmp_path, name.upper(), PAPERS[name])
    found = files(tmp_path).facts(name)
    assert found.sha256 == hashlib.sha256(PAPERS[name]).digest()
    assert "/" in mime_of(name, found.content)
    assert mime_of(name, found.content) != "application/octet-stream"
    assert files(tmp_path).facts(name.upper()).content == found.content


@pytest.mark.parametrize(
    "name", ["a.pdf", "a.p7m", "a.png", "a.jpg", "a.tif", "a.docx", "a.zip", "a.xml", "a.txt"]
)
@pytest.mark.parametrize("content", ["a.pdf", "a.p7m", "a.png", "a.jpg", "b.tiff", "a.zip", "c.xml", "a.txt"])
def test_a_name_that_claims_another_format_is_a_problem(tmp_path: Path, name: str, content: str) -> None:
    """A scan called .pdf, a signed file that lost its .p7m: told before it is sent to anybody."""
    put(tmp_path, name, PAPERS[content])
    same = {"a.tif": "b.tiff", "a.docx": "a.zip", "a.xml": "c.xml"}.get(name, name) == content
    assert agrees(name, content_of(PAPERS[content])) is same or (name, content) == ("a.txt", "c.xml")
    if not same and name != "a.txt":
        with pytest.raises(Uncomposable, match="is not what its name says"):
            files(tmp_path).facts(name)
        with pytest.raises(Uncomposable, match="is not what its name says"):
            files(tmp_path).attachment(name)


def test_a_format_not_known_here_is_attached_as_it_is(tmp_path: Path) -> None:
    """Only a claim that is wrong is a problem; a suffix of no known format claims nothing."""
    put(tmp_path, "disegno.dwg", b"AC1032" + bytes(40))
    put(tmp_path, "senza", PDF)
    assert files(tmp_path).attachment("disegno.dwg").mime == "application/octet-stream"
    assert files(tmp_path).attachment("senza").mime == "application/pdf"


def test_an_attachment_is_the_file(tmp_path: Path) -> None:
    """Name, type, digest and content; the folder it lies in is nobody's business."""
    content = PDF + os.urandom(100_000)
    put(tmp_path, "documenti/A1.pdf", content)
    found = files(tmp_path).attachment("documenti/A1.pdf")
    assert (found.name, found.mime) == ("A1.pdf", "application/pdf")
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert base64.b64decode(found.base64, validate=True) == content


def test_a_file_is_encoded_once_however_many_letters_share_it(tmp_path: Path) -> None:
    """A thousand letters, eight threads: one encoding, one object in memory."""
    put(tmp_path, "a.pdf", PDF * 1000)
    shared = files(tmp_path)
    found: list[Attachment] = []
    threads = [
        threading.Thread(target=lambda: found.extend(shared.attachment("a.pdf") for _ in range(125)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shared.encodings == 1
    assert len(found) == 1000
    assert len({id(one.base64) for one in found}) == 1
    assert shared.at_hand("a.pdf") is found[0]


def test_checking_encodes_nothing(tmp_path: Path) -> None:
    """A list is planned without a byte of base64."""
    put(tmp_path, "a.pdf")
    checked = files(tmp_path)
    checked.facts("a.pdf")
    assert checked.encodings == 0
    assert checked.at_hand("a.pdf") == len(PDF)


@pytest.mark.parametrize("keep_time", [False, True])
def test_a_changed_file_is_read_again(tmp_path: Path, keep_time: bool) -> None:
    """Also if it has the same size, the same inode, and a time of modification that was set back."""
    path = put(tmp_path, "a.pdf", PDF)
    known = files(tmp_path)
    before, hashed = known.attachment("a.pdf"), known.facts("a.pdf")
    times = path.stat()
    path.write_bytes(PDF.replace(b"obj", b"OBJ"))
    if keep_time:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert known.at_hand("a.pdf") == len(PDF)
    assert known.attachment("a.pdf").sha256 != before.sha256
    assert known.facts("a.pdf").sha256 != hashed.sha256


def test_a_file_just_written_is_not_taken_from_memory(tmp_path: Path) -> None:
    """Within the file system's step of time a change may leave no mark, so such a file is read each time."""
    put(tmp_path, "a.pdf", age=0.0)
    fresh = files(tmp_path, young=3600.0)
    fresh.attachment("a.pdf")
    fresh.attachment("a.pdf")
    assert fresh.encodings == 2
    assert fresh.at_hand("a.pdf") == len(PDF)


def test_a_file_at_hand_is_looked_at_now_and_then(tmp_path: Path) -> None:
    """Not for each of thousands of messages a second; what is sent meanwhile is what was loaded."""
    path = put(tmp_path, "a.pdf")
    seldom = Files(Folder(tmp_path), young=0.0, glance=3600.0)
    found = seldom.attachment("a.pdf")
    path.write_bytes(PDF + b"changed")
    assert seldom.at_hand("a.pdf") is found
    often = Files(Folder(tmp_path), young=0.0, glance=0.0)
    often.attachment("a.pdf")
    path.write_bytes(PDF + b"changed again")
    assert often.at_hand("a.pdf") == len(PDF + b"changed again")


def test_what_is_kept_is_bounded_by_bytes(tmp_path: Path) -> None:
    """What was not asked for the longest goes first; what is too large alone is never kept."""
    for name in ("a", "b", "c"):
        put(tmp_path, f"{name}.pdf", PDF + bytes(30_000))
    put(tmp_path, "grande.pdf", PDF + bytes(90_000))
    few = files(tmp_path, kept=2 * encoded_size(len(PDF) + 30_000))
    few.attachment("a.pdf")
    few.attachment("b.pdf")
    few.attachment("a.pdf")
    few.attachment("c.pdf")
    few.attachment("grande.pdf")
    kept = {
        name: isinstance(few.at_hand(name), Attachment) for name in ("a.pdf", "b.pdf", "c.pdf", "grande.pdf")
    }
    assert kept == {"a.pdf": True, "b.pdf": False, "c.pdf": True, "grande.pdf": False}
    assert few._weight <= few._kept


def test_hashing_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    """Twenty megabytes are read in pieces."""
    put(tmp_path, "a.pdf", PDF + bytes(20 * MB))
    checked = files(tmp_path)
    tracemalloc.start()
    try:
        checked.facts("a.pdf")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * MB


def test_a_huge_file_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    """A file of a terabyte is told at once: it is never read."""
    with put(tmp_path, "a.pdf").open("r+b") as file:
        file.truncate(1 << 40)
    for ask in (files(tmp_path).facts, files(tmp_path).attachment):
        with pytest.raises(Uncomposable, match="the provider takes 100 MB"):
            ask("a.pdf")


def test_all_attachments_of_a_letter_count_together(tmp_path: Path) -> None:
    """Two files of 40 MB are 110 MB in a mail."""
    for name in ("a.pdf", "b.pdf"):
        with put(tmp_path, name).open("r+b") as file:
            file.truncate(40 * MB)
    both = composer(attachments=("a.pdf", "b.pdf"), folder=tmp_path)
    from bulk_pec.composing import Proofreader

    problems = Proofreader(both, ()).read("a@pec.example", ())
    assert not isinstance(problems, bytes)
    assert "would make a message of 109.5 MB as a mail" in problems[0].what


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """Half a document is never hashed, nor sent, as if it were whole."""
    path = put(tmp_path, "a.pdf")
    from bulk_pec.composing.files import _pieces, _whole

    folder = Folder(tmp_path)
    for read in (lambda *given: b"".join(_pieces(*given)), _whole):
        with folder.open("a.pdf") as (descriptor, stamp), path.open("ab") as more:
            more.write(b"more")
            more.flush()
            with pytest.raises(Uncomposable, match="changes while it is read"):
                read("a.pdf", descriptor, stamp)
