"""A dossier's form: every byte follows from its files; whatever is changed is refused and named."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from support.dossiers import bound

from bulk_pec.domain.errors import DossierRefused, LedgerError, UsageError
from bulk_pec.domain.exits import ExitCode
from bulk_pec.reporting.dossier_check import check
from bulk_pec.reporting.dossier_zip import MANIFEST, Binder, Filed, directory, header, safe
from bulk_pec.reporting.manifests import NotCanonical, canonical, parsed

FILES = {"README.txt": b"leggimi\n", "message.json": b"{}\n", "letter/body.html": "<p>però</p>".encode()}


def saved(tmp_path: Path, content: bytes) -> Path:
    """A file with this content."""
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    return path


def refusal(tmp_path: Path, content: bytes) -> str:
    """Why a file is refused, with the exit code of refused data."""
    with pytest.raises(DossierRefused) as caught:
        check(saved(tmp_path, content))
    assert caught.value.exit.code is ExitCode.DATA
    return caught.value.what


def test_every_tool_opens_it(tmp_path: Path) -> None:
    """It is an ordinary ZIP: names in order, stored, nothing damaged, dated 1980, its owner's alone."""
    with zipfile.ZipFile(saved(tmp_path, bound(FILES))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [*FILES, MANIFEST]
        assert {one.compress_type for one in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {one.external_attr >> 16 for one in archive.infolist()} == {0o100600}
        assert archive.comment == b""
        assert {name: archive.read(name) for name in FILES} == FILES


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    """Whenever it is made; the check tells both digests, which common tools tell too."""
    content = bound(FILES)
    assert content == bound(FILES)
    found = check(saved(tmp_path, content))
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert found.manifest_sha256 == hashlib.sha256(archive.read(MANIFEST)).hexdigest()
    assert [one.name for one in found.files] == [*FILES, MANIFEST]
    assert (found.about, found.made_by) == ({"run": "giugno"}, "bulk-pec test")


def test_the_digest_that_was_kept_decides(tmp_path: Path) -> None:
    """With the file's digest, or its manifest's, a check passes; with another one it is refused."""
    path = saved(tmp_path, bound(FILES))
    found = check(path)
    for kept in (found.sha256, found.manifest_sha256, found.sha256.upper(), f" {found.sha256}\n"):
        assert check(path, kept) == found
    with pytest.raises(DossierRefused, match="not the one that was kept"):
        check(path, "0" * 64)


def rezipped(change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> bytes:
    """A dossier whose files were changed and put back in its own form, the old manifest with them."""
    with zipfile.ZipFile(io.BytesIO(bound(FILES))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    target = io.BytesIO()
    binder = Binder(target)
    for name, content in change(files).items():
        binder.add(name, content)
    binder.close()
    return target.getvalue()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda files: files | {"message.json": b"[]\n"}, "message.json"),
        (lambda files: {name: files[name] for name in files if name != "message.json"}, "letter/body.html"),
        (lambda files: {name: files[name] for name in files if name != "letter/body.html"}, "missing"),
        (lambda files: {"extra.txt": b"", **files}, "extra.txt"),
        (lambda files: {name.replace("README", "LEGGIMI"): files[name] for name in files}, "LEGGIMI"),
        (lambda files: {name: files[name] for name in (*list(files)[1::-1], *list(files)[2:])}, "file 1"),
        (lambda files: {name: files[name] for name in files if name != MANIFEST}, MANIFEST),
        (lambda files: files | {"z.txt": b"later"}, "another file follows"),
        (lambda files: files | {MANIFEST: files[MANIFEST] + b"\n"}, "canonical"),
        (
            lambda files: files | {MANIFEST: files[MANIFEST].replace(b'"version": 1', b'"version": 2')},
            "version",
        ),
        (lambda files: files | {MANIFEST: b"[]"}, "format"),
        (lambda files: files | {MANIFEST: b"{"}, "JSON"),
    ],
)
def test_files_changed_in_its_own_form_are_refused(
    tmp_path: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]], word: str
) -> None:
    """Files changed, removed, added, renamed, reordered; a manifest not the last, or not canonical."""
    assert word in refusal(tmp_path, rezipped(change))


def by_common_tool(**options: int) -> bytes:
    """The same files in the same order, put together by Python's own writer."""
    with zipfile.ZipFile(io.BytesIO(bound(FILES))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", **options) as archive:  # type: ignore[call-overload]  # by keyword
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, **({"compress_type": 8} if options else {}))
    return target.getvalue()


def test_another_writer_s_form_is_refused(tmp_path: Path) -> None:
    """The same names and contents, but compressed, or stored with other attributes, are not what was made."""
    assert "header of 'README.txt'" in refusal(tmp_path, by_common_tool(compression=zipfile.ZIP_DEFLATED))
    assert refusal(tmp_path, by_common_tool())


@pytest.mark.parametrize("where", ["before", "between", "after"])
def test_not_a_byte_may_stand_beside(tmp_path: Path, where: str) -> None:
    """Before the first file, between two, behind the end: everything is part of the check."""
    content = bound(FILES)
    second = content.index(b"PK\x03\x04", 4)
    place = {"before": 0, "between": second, "after": len(content)}[where]
    assert refusal(tmp_path, content[:place] + b"\0" + content[place:])


def test_a_comment_is_refused(tmp_path: Path) -> None:
    """A comment in the end record, told right, is a change all the same."""
    content = bound(FILES)
    assert "directory" in refusal(tmp_path, content[:-2] + struct.pack("<H", 3) + b"hey")


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    """Two files of one name, with a manifest that names both: which one counts would depend on the tool."""
    target = io.BytesIO()
    twice = []
    for content in (b"one", b"two"):
        twice.append(
            Filed("a.txt", 3, zlib.crc32(content), hashlib.sha256(content).hexdigest(), target.tell())
        )
        target.write(header("a.txt", 3, zlib.crc32(content)) + content)
    manifest = canonical("x", {}, twice)
    crc, digest = zlib.crc32(manifest), hashlib.sha256(manifest).hexdigest()
    last = Filed(MANIFEST, len(manifest), crc, digest, target.tell())
    target.write(header(MANIFEST, len(manifest), crc) + manifest)
    target.write(b"".join(directory([*twice, last], target.tell())))
    assert "twice" in refusal(tmp_path, target.getvalue())


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 18, b"no zip" * 20])
def test_what_is_no_dossier_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty file, a beginning, an empty ZIP, a text."""
    assert refusal(tmp_path, content)


def test_a_dossier_cut_short_is_refused_at_every_length(tmp_path: Path) -> None:
    """Wherever a copy ended."""
    content = bound({"a.txt": b"a"})
    path = tmp_path / "x.zip"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(DossierRefused):
            check(path)


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    """A path that leads nowhere, or to a folder, is told as such."""
    for path in (tmp_path / "none.zip", tmp_path):
        with pytest.raises(UsageError):
            check(path)


def test_a_file_that_cannot_be_read_is_an_io_error(tmp_path: Path) -> None:
    """A disk that fails is not called a forgery."""
    with pytest.raises(LedgerError):
        check(Path("/proc/self/mem"))


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a//b", "a\\b", "a b", "", ".hidden", "a/", "a.", "però"])
def test_names_that_could_lead_elsewhere_are_never_written(name: str) -> None:
    """Only plain letters in plain folders stand in a dossier."""
    assert not safe(name)
    with pytest.raises(ValueError, match="no name"):
        Binder(io.BytesIO()).add(name, b"")


def test_two_files_that_one_disk_would_not_keep_apart_are_never_written() -> None:
    """Names that differ in case only are one name on some systems."""
    binder = Binder(io.BytesIO())
    binder.add("a.txt", b"")
    with pytest.raises(ValueError, match="no name"):
        binder.add("A.txt", b"")


def test_large_dossiers_have_the_records_that_common_tools_read() -> None:
    """Beyond 65,535 files and 4 GiB it is ZIP64, and Python's reader finds every file and place."""
    places = [0, 5_000_000_000, 5_000_000_100]
    files = [Filed(f"f{number}", 7, 1, "", place) for number, place in enumerate(places)]
    tail = b"".join(directory(files, 6_000_000_000))

    class Sparse(io.RawIOBase):
        """A file that is all nought but for its end."""

        at = 0
        size = 6_000_000_000 + len(tail)

        def seek(self, place: int, whence: int = 0) -> int:
            self.at = place + (0, self.at, self.size)[whence]
            return self.at

        def tell(self) -> int:
            return self.at

        def read(self, count: int = -1) -> bytes:
            begin = self.at - 6_000_000_000
            count = self.size - self.at if count < 0 else min(count, self.size - self.at)
            self.at += count
            return tail[begin : begin + count] if begin >= 0 else bytes(count)

        def seekable(self) -> bool:
            return True

        def readable(self) -> bool:
            return True

    with zipfile.ZipFile(Sparse()) as archive:
        assert [one.header_offset for one in archive.infolist()] == places
        assert [one.file_size for one in archive.infolist()] == [7, 7, 7]
    many = [Filed("f", 0, 0, "", 0)] * 70_000
    end = b"".join(directory(many, 0))
    with zipfile.ZipFile(io.BytesIO(end)) as archive:
        assert len(archive.infolist()) == 70_000


def test_a_manifest_reads_back_and_only_in_one_form() -> None:
    """What was written is read; any other spelling of the same is refused, keys twice and numbers too."""
    content = canonical("bulk-pec 1", {"run": "però", "row": 3, "key": None}, [Filed("a", 1, 0, "0" * 64, 0)])
    assert parsed(content)["about"] == {"run": "però", "row": 3, "key": None}
    for other in (
        content.replace(b'"row": 3', b'"row": 3.0'),
        content.replace(b'"row": 3', b'"row": true'),
        content.replace(b'"row": 3', b'"row": NaN'),
        content.replace(b'"row": 3', b'"row": 3, "row": 3'),
        content.replace(b'"size": 1', b'"size": 01'),
        content.replace(b'"size": 1', b'"size": "1"'),
        content.replace(b"\\u00f2", "ò".encode()),
        content.replace(b"\n", b"\r\n"),
        content.replace(b'"made_by"', b'"madeby"'),
        b" " + content,
    ):
        assert other != content
        with pytest.raises(NotCanonical):
            parsed(other)
