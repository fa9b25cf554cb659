"""How large a message is, and how large it may be: one reckoning, whoever asks."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from support.papers import PDF, composer, put

from bulk_pec.composing import Composer, Proof, Proofreader, Templates
from bulk_pec.composing.preview import Preview
from bulk_pec.composing.sizes import LARGEST, LARGEST_TEXT, encoded_size, letter_size, mailed_size, too_large
from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.problems import Problem

TO = "info@uno.example"
LONG = "x" * 20_000_000


def letters(body: str, *, html: bool = True) -> Composer:
    """A composer of a body alone."""
    return Composer(Templates("Avviso", body, html, "avviso.html.j2", "[rif. {ref}]"))


@pytest.mark.parametrize("size", [1, 2, 3, 56, 57, 58, 1000, 999_999])
def test_the_size_in_a_mail_is_that_of_a_mail(size: int) -> None:
    """Base64 in lines of 76 characters that end in CR LF, as the standard library writes it."""
    assert encoded_size(size) == len(base64.b64encode(bytes(size)))
    assert mailed_size(size) == len(base64.encodebytes(bytes(size)).replace(b"\n", b"\r\n"))


def test_text_and_files_count_together_and_leave_room_for_headers() -> None:
    """What is just allowed stays below the vendor's limit; a byte of text or of a file can be too much."""
    assert letter_size(LARGEST_TEXT) < LARGEST
    assert not too_large(LARGEST_TEXT)
    assert too_large(LARGEST_TEXT + 2 * 57)
    assert too_large(LARGEST_TEXT // 2, [LARGEST_TEXT // 2, 57, 57, 57])
    assert letter_size(58, [57, 1]) == mailed_size(58) + mailed_size(57) + mailed_size(1)


def test_a_template_of_more_than_a_message_is_refused_as_a_whole() -> None:
    """101 MB of HTML: no row could ever be a letter, so nothing is rendered to find that out."""
    with pytest.raises(
        ListRefused, match=r"avviso\.html\.j2 is refused: its text would make a message of 138"
    ):
        letters("<p>{{ nome }}</p>" + "x" * 101_000_000)


@pytest.mark.parametrize("allowed", ["{{ nome }}", "{% if nome %}{{ nome }}{% endif %}"])
def test_a_letter_that_is_too_large_is_a_problem_of_its_row(allowed: str) -> None:
    """For loading, which renders no sure template, as for a plan: cells that are long, printed four times."""
    proofs = Proofreader(letters(f"<p>{allowed * 4}</p>"), ("nome",))
    for check in (proofs.read, proofs.proof):
        (problem,) = check(TO, (LONG,))  # type: ignore[misc]  # what is wrong, not a digest
        assert isinstance(problem, Problem)
        assert (problem.column, "the text would make a message of 109.5 MB" in problem.what) == ("body", True)
    assert isinstance(proofs.read(TO, ("y" * 3_000_000,)), bytes)  # looked at, and found to fit
    assert isinstance(proofs.read(TO, ("Rossi",)), bytes)


def test_what_escaping_adds_is_counted() -> None:
    """A letter of which the text alone would fit, if `"` were not five characters in HTML."""
    for html, fits in ((False, True), (True, False)):
        found = Proofreader(letters("{{ nome }}", html=html), ("nome",)).read(TO, ('"' * 20_000_000,))
        assert isinstance(found, bytes) is fits


def test_text_and_attachments_are_too_large_together_only(tmp_path: Path) -> None:
    """70 MB of file would fit, and so would 20 MB of text; both together are told with the attachments."""
    with put(tmp_path, "a.pdf").open("r+b") as file:
        file.truncate(70_000_000)
    both = composer("<p>{{ nome }}</p>", attachments=("a.pdf",), folder=tmp_path)
    found = Proofreader(both, ("nome",)).read(TO, (LONG,))
    assert not isinstance(found, bytes)
    assert [problem.column for problem in found] == ["attachments"]
    assert "the text with its attachments would make a message of 123" in found[0].what
    assert isinstance(Proofreader(both, ("nome",)).read(TO, ("Rossi",)), bytes)


def test_plan_and_preview_say_the_same_size(tmp_path: Path) -> None:
    """Subject, body and attachments, as they are in a mail."""
    put(tmp_path, "a.pdf", PDF * 100)
    both = composer("<p>è {{ nome }}</p>", attachments=("a.pdf",), folder=tmp_path)
    proof = Proofreader(both, ("nome",)).proof(TO, ("Rossi",))
    assert isinstance(proof, Proof)
    letter = both.compose(TO, {"nome": "Rossi"}, "0" * 13)
    view = Preview(letter, "ufficio@pec.example", body_is_html=True)
    assert view.size == proof.size
    (told,) = re.findall(r"about ([\d,]+) bytes", view.text())
    assert int(told.replace(",", "")) == proof.size
    assert not view.too_large


def test_a_preview_says_what_loading_would_set_aside() -> None:
    """The same limit, for a letter that is there already."""
    letter = letters("{{ nome }}", html=False).compose(TO, {"nome": LONG * 4}, "0" * 13)
    assert Preview(letter, "ufficio@pec.example", body_is_html=False).too_large
