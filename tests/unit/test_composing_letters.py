"""Letters: what a row becomes, the digest that fixes it, and the problems that keep it from being one."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.papers import PAPERS, PDF, composer, put

from bulk_pec.composing import Composer, Problem, Proof, Proofreader, Templates, Uncomposable, digest_of
from bulk_pec.composing.sizes import letter_size
from bulk_pec.domain.addresses import recipient_key
from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.letters import Attachment, Letter

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
RECIPIENT = "a@pec.example"


def problems(made: Composer, columns: tuple[str, ...], *values: str) -> tuple[Problem, ...]:
    """What a proof-reader says of a row that is not good."""
    found = Proofreader(made, columns).read(RECIPIENT, values)
    assert not isinstance(found, bytes)
    return found


def digest(made: Composer, columns: tuple[str, ...], *values: str) -> bytes:
    """The digest of a row that is good."""
    found = Proofreader(made, columns).read(RECIPIENT, values)
    assert isinstance(found, bytes), found
    return found


def test_several_recipients_are_one_letter_to_all() -> None:
    """The list's text holds them joined by a comma and a blank."""
    assert composer().compose("a@pec.example, b@pec.example", {}, "R").recipients == (
        "a@pec.example",
        "b@pec.example",
    )


def test_the_letter_holds_its_reference_in_the_subject() -> None:
    """Appended in the configured form."""
    assert (
        composer(subject="Avviso {{ n }}").compose(RECIPIENT, {"n": "7"}, "ABC").subject
        == "Avviso 7 [rif. ABC]"
    )


@pytest.mark.parametrize("mark", ["\n", "\r", "\x00", "\x85", "\u2028", "\u2029", "\x1b"])
def test_a_control_character_never_gets_into_a_subject(mark: str) -> None:
    """No row can add a header line, by whatever kind of line end."""
    with pytest.raises(Uncomposable, match="control character or a line break"):
        composer(subject="a {{ n }} b").compose(RECIPIENT, {"n": f"x{mark}Bcc: y"}, "R")


def test_an_empty_body_is_a_problem_of_its_row() -> None:
    """The provider refuses a message without a body."""
    made = composer("{{ testo | default('') }}")
    assert made.certain is False
    assert [problem.column for problem in problems(made, ("testo",), "  ")] == ["body"]
    assert digest(made, ("testo",), "Salve")


def test_an_empty_template_is_refused(tmp_path: Path) -> None:
    """One error, instead of a letter without text."""
    (tmp_path / "vuoto.html.j2").write_text(" \n", encoding="utf-8")
    with pytest.raises(ListRefused, match="is empty"):
        Templates.read(subject="a", body=None, body_file=tmp_path / "vuoto.html.j2", reference="{ref}")


@settings(deadline=None)
@given(a=st.tuples(TEXT, TEXT, TEXT), b=st.tuples(TEXT, TEXT, TEXT))
def test_rows_that_differ_have_digests_that_differ(a: tuple[str, str, str], b: tuple[str, str, str]) -> None:
    """Also where the texts of one, put together, are those of the other; recipients compare canonically."""
    made = composer("x{{ p | default('') }}{{ q | default('') }}")
    places = made.places_of(("p", "q"))
    first, second = (made.content_digest(row[0], row[1:], places) for row in (a, b))
    same = (recipient_key(a[0]), a[1:]) == (recipient_key(b[0]), b[1:])
    assert (first == second) is same


def test_separators_in_values_do_not_make_two_rows_one() -> None:
    """The form of the digest is unambiguous."""
    made = composer("{{ p }}{{ q }}")
    places = made.places_of(("p", "q"))
    assert made.content_digest("r", ("a\x1fb", "c"), places) != made.content_digest(
        "r", ("a", "b\x1fc"), places
    )
    assert made.content_digest("r", ('a","b', "c"), places) != made.content_digest(
        "r", ("a", 'b","c'), places
    )


def test_the_digest_covers_templates_values_recipient_and_files(tmp_path: Path) -> None:
    """And neither the reference nor a column that no template uses, nor when a file was written."""
    put(tmp_path, "a.pdf")
    put(tmp_path, "b.pdf", PDF + b"b")
    columns = ("n", "altro")
    made = composer("{{ n }}", attachments=("{{ n }}.pdf",), folder=tmp_path)
    one = digest(made, columns, "a", "x")
    put(tmp_path, "a.pdf", age=5.0)
    assert digest(made, columns, "a", "y") == one
    assert digest(made, columns, "b", "x") != one
    other = composer("{{ n }}", attachments=("{{ n }}.pdf",), folder=tmp_path)
    other.templates = replace(made.templates, reference="{ref}")
    assert digest(other, columns, "a", "x") == one
    assert (
        digest(composer("{{ n }}.", attachments=("{{ n }}.pdf",), folder=tmp_path), columns, "a", "x") != one
    )
    assert digest(composer("{{ n }}"), columns, "a", "x") != one
    assert Proofreader(made, columns).read("b@pec.example", ("a", "x")) != one
    put(tmp_path, "a.pdf", PDF + b"changed")
    assert (
        digest(composer("{{ n }}", attachments=("{{ n }}.pdf",), folder=tmp_path), columns, "a", "x") != one
    )


def test_the_digest_at_load_is_the_digest_at_sending(tmp_path: Path) -> None:
    """The file is hashed at load and read at sending: the same bytes have the same digest."""
    put(tmp_path, "a.pdf")
    put(tmp_path, "b.xml", PAPERS["a.xml"])
    made = composer("{{ n }}", attachments=("{{ n }}.pdf", "b.xml"), folder=tmp_path)
    letter = made.compose(RECIPIENT, {"n": "a"}, "R")
    enclosed = [bytes.fromhex(one.sha256) for one in letter.attachments]
    assert made.content_digest(RECIPIENT, ("a",), made.places_of(("n",)), enclosed) == digest(
        made, ("n",), "a"
    )


def test_every_problem_of_a_row_is_told_at_once(tmp_path: Path) -> None:
    """A person mends a row once: an empty cell, a missing file, an empty file, a wrong name, in one go."""
    put(tmp_path, "vuoto.pdf", b"")
    put(tmp_path, "foto.pdf", PAPERS["a.png"])
    made = composer(
        "{% if a %}{{ b }}{% endif %}x",
        attachments=("{{ c }}.pdf", "vuoto.pdf", "foto.pdf"),
        folder=tmp_path,
    )
    found = problems(made, ("a", "b", "c"), "1", "", "manca")
    assert [problem.column for problem in found] == ["b", "attachments", "attachments", "attachments"]
    whats = [problem.what for problem in found]
    assert "the cell 'b' is empty" in whats[0]
    assert "there is no file 'manca.pdf'" in whats[1]
    assert "'vuoto.pdf' is empty" in whats[2]
    assert "its content is a PNG image" in whats[3]


@pytest.mark.parametrize("second", ["b/a.pdf", "b/A.PDF", "a.pdf"])
def test_two_attachments_of_one_name_are_a_problem(tmp_path: Path, second: str) -> None:
    """A recipient who saves both would keep one; upper and lower case are the same to many systems."""
    put(tmp_path, "a.pdf")
    put(tmp_path, second)
    made = composer(attachments=("a.pdf", second), folder=tmp_path)
    assert "two attachments are called" in problems(made, ())[0].what


def test_a_path_template_that_comes_out_blank_attaches_nothing(tmp_path: Path) -> None:
    """So a template can leave a file out of some rows, where it says so."""
    put(tmp_path, "a.pdf")
    made = composer(attachments=("{% if file %}{{ file }}.pdf{% endif %}",), folder=tmp_path)
    assert made.optional_columns == {"file"}
    assert made.compose(RECIPIENT, {"file": ""}, "R").attachments == ()
    assert [one.name for one in made.compose(RECIPIENT, {"file": "a"}, "R").attachments] == ["a.pdf"]
    assert digest(made, ("file",), "") != digest(made, ("file",), "a")


def test_values_are_not_html_escaped_in_paths(tmp_path: Path) -> None:
    """A file called ``Rossi & Figli`` is found."""
    put(tmp_path, "Rossi & Figli.pdf")
    made = composer(attachments=("{{ nome }}.pdf",), folder=tmp_path)
    assert made.compose(RECIPIENT, {"nome": "Rossi & Figli"}, "R").attachments[0].name == "Rossi & Figli.pdf"


def test_a_template_that_fails_on_a_row_is_its_problem_at_load() -> None:
    """Not at night: a letter that might fail is tried when the list is checked."""
    made = composer("{{ '%.2f' | format(importo | float(default='x')) }}")
    assert "the template fails on this row" in problems(made, ("importo",), "molto")[0].what
    assert digest(made, ("importo",), "1.5")


def test_the_attempts_digest_tells_letters_apart() -> None:
    """Recipients, subject, body, and an attachment's name, type and content (invariant 8)."""
    attachment = Attachment("a.pdf", "application/pdf", hashlib.sha256(PDF).hexdigest(), b"")
    letter = Letter((RECIPIENT,), "s", "b", (attachment,))
    others = [
        replace(letter, recipients=("b@pec.example",)),
        replace(letter, subject="t"),
        replace(letter, body="c"),
        replace(letter, attachments=()),
        replace(letter, attachments=(replace(attachment, name="x"),)),
        replace(letter, attachments=(replace(attachment, mime="x"),)),
        replace(letter, attachments=(replace(attachment, sha256="x"),)),
    ]
    assert len({digest_of(one) for one in [letter, *others]}) == 1 + len(others)


def test_problems_keep_the_rows_values_to_themselves() -> None:
    """A problem's repr, as a log would show it, holds no value."""
    assert "Rossi" not in repr(Problem("a", "Rossi", "what", "todo"))


def test_a_plan_is_told_how_large_a_letter_is(tmp_path: Path) -> None:
    """Text and files apart, and together as a mail; the digest is the one that loading fixes."""
    put(tmp_path, "a.pdf")
    proofs = Proofreader(composer("<p>è {{ n }}</p>", attachments=("a.pdf",), folder=tmp_path), ("n",))
    proof = proofs.proof(RECIPIENT, ("1",))
    assert isinstance(proof, Proof)
    assert proof.digest == proofs.read(RECIPIENT, ("1",))
    assert proof.text == len("Avviso [rif. 0000000000000]<p>è 1</p>".encode())
    assert [(facts.path, facts.size) for facts in proof.enclosed] == [("a.pdf", len(PDF))]
    assert proof.size == letter_size(proof.text, [len(PDF)])
    assert not isinstance(proofs.proof(RECIPIENT, ("",)), Proof)


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=5),
    body=st.sampled_from(["x", "{{ q }}", "{{ q }}{{ p }}"]),
)
def test_digests_of_many_rows_are_those_of_each(rows: list[tuple[str, str, str]], body: str) -> None:
    """Loading makes them a batch at a time, from the values as JSON; sending makes them again one by one."""
    made = Proofreader(composer(body), ("p", "q"))
    found = made.digests([row[0] for row in rows], [orjson.dumps(row[1:]).decode() for row in rows])
    assert found == [made.read(row[0], row[1:]) for row in rows]


def test_digests_of_letters_with_attachments_are_not_made_from_rows_alone(tmp_path: Path) -> None:
    """Their files must be looked at, so each row is read on its own."""
    put(tmp_path, "a.pdf")
    made = composer("{{ n }}", attachments=("{{ n }}.pdf",), folder=tmp_path)
    assert Proofreader(made, ("n",)).digests([RECIPIENT], ['["a"]']) is None
