"""A preview is one letter as its recipient would see it, in files that open alone and overwrite nothing."""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.papers import PDF, composer, put

from bulk_pec.composing.preview import Preview, write
from bulk_pec.domain.errors import UsageError

HOSTILE = (
    '<p>Gentile <b>"A & B"</b></p><script>alert(1)</script><img src="https://example.com/x.png"></iframe>'
)


class Page(HTMLParser):
    """A page's tags, and its text outside of them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


@pytest.fixture
def preview(tmp_path: Path) -> Preview:
    """A letter with an attachment whose name is not kind to HTML."""
    put(tmp_path / "dentro", "<a & b>.pdf")
    made = composer(HOSTILE, subject="Avviso <7>", attachments=("<a & b>.pdf",), folder=tmp_path / "dentro")
    letter = made.compose("x@pec.example, y@pec.example", {}, "ABCD")
    return Preview(letter, "ufficio@pec.example", True, row=3, reference="ABCD")


def test_the_page_shows_headers_attachments_and_body(preview: Preview) -> None:
    """Subject, sender, recipients, files; and the body exactly, in a frame."""
    page = Page(preview.html())
    for shown in (
        "Avviso <7> [rif. ABCD]",
        "ufficio@pec.example",
        "x@pec.example, y@pec.example",
        "<a & b>.pdf",
    ):
        assert shown in page.text
    assert f"{len(PDF)} bytes" in page.text
    (frame,) = [attributes for tag, attributes in page.tags if tag == "iframe"]
    assert frame["sandbox"] == ""
    assert str(frame["srcdoc"]).endswith(HOSTILE)


def test_the_page_opens_alone(preview: Preview) -> None:
    """No script, link, image or form outside the frame; a policy that forbids every address, inside too."""
    page = Page(preview.html())
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "img", "a", "form", "base", "object"})
    assert not any({"src", "href"} & attributes.keys() for _, attributes in page.tags)
    policies = re.findall(r'content="(default-src[^"]*)"', preview.html())
    (frame,) = [attributes for tag, attributes in page.tags if tag == "iframe"]
    policies += [attributes["content"] for _, attributes in Page(str(frame["srcdoc"])).tags[:1]]
    assert len(policies) == 2
    assert all("default-src 'none'" in str(policy) and "http" not in str(policy) for policy in policies)


def test_a_plain_text_body_is_shown_as_text() -> None:
    """What looks like HTML in it is no HTML."""
    letter = composer("a <b>b</b>\nc", html=False).compose("x@pec.example", {}, "R")
    page = Page(Preview(letter, "u@pec.example", False).html())
    assert "a <b>b</b>\nc" in page.text
    assert "b" not in {tag for tag, _ in page.tags}


def test_the_facts_are_told_as_text(preview: Preview) -> None:
    """Headers first, then row, sizes and the digest of each attachment."""
    text = preview.text()
    assert text.splitlines()[2] == "Subject: Avviso <7> [rif. ABCD]"
    assert "Row of the list: 3" in text
    assert (
        f"<a & b>.pdf · application/pdf · {len(PDF)} bytes · SHA-256 {hashlib.sha256(PDF).hexdigest()}"
        in text
    )


def test_the_files_are_written_with_copies_of_the_attachments(preview: Preview, tmp_path: Path) -> None:
    """Into a folder that is made for it, readable by its owner alone."""
    folder = tmp_path / "a" / "b"
    write(preview.files(), folder)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert names == ["attachments/<a & b>.pdf", "message.html", "message.txt"]
    assert (folder / names[0]).read_bytes() == PDF
    assert (folder / "message.html").stat().st_mode & 0o077 == 0


def test_an_empty_folder_is_used(preview: Preview, tmp_path: Path) -> None:
    """It need not be new."""
    (tmp_path / "vuota").mkdir()
    write(preview.files(), tmp_path / "vuota")
    assert (tmp_path / "vuota" / "message.txt").is_file()


def test_nothing_is_overwritten(preview: Preview, tmp_path: Path) -> None:
    """A folder with anything in it, or a file, is refused untouched."""
    put(tmp_path / "piena", "mio.txt", b"x")
    for folder in (tmp_path / "piena", tmp_path / "piena" / "mio.txt"):
        with pytest.raises(UsageError):
            write(preview.files(), folder)
    assert [path.name for path in (tmp_path / "piena").iterdir()] == ["mio.txt"]
