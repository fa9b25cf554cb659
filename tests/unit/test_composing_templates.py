"""Composing: what templates and a row make of a letter, and what they are never allowed to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bulk_pec.composing import Composer, Templates, Uncomposable, digest_of
from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.letters import Attachment, Letter

REFERENCE = "0000000000000"
TO = "mario@example.org"


def _templates(
    body: str = "<p>Gentile {{ nome }}</p>", subject: str = "Avviso n. {{ numero }}", *, html: bool = True
) -> Templates:
    return Templates(subject, body, body_is_html=html, body_name="avviso.html.j2", reference="[rif. {ref}]")


def _letter(templates: Templates, **values: str | None) -> Letter:
    return Composer(templates).compose(TO, values, REFERENCE)


def _body(body: str, *, html: bool = True, **values: str | None) -> str:
    return _letter(_templates(body, "Avviso", html=html), **values).body


class TestRendering:
    """What a letter says."""

    def test_values_go_where_they_are_named(self) -> None:
        """Subject, body and recipient; the reference is appended to the subject."""
        letter = _letter(_templates(), nome="Mario", numero="007")
        assert letter == Letter((TO,), f"Avviso n. 007 [rif. {REFERENCE}]", "<p>Gentile Mario</p>")

    @pytest.mark.parametrize(
        "body", ["{{ nome.upper }}", "{{ range }}", "{% macro m() %}x{% endmacro %}{{ m }}"]
    )
    def test_no_function_is_printed(self, body: str) -> None:
        """Its text would hold an address of memory, and differ from one process to the next."""
        with pytest.raises(Uncomposable, match="fails on this row"):
            _body(body, nome="Mario")

    @pytest.mark.parametrize("name", ["dict", "cycler", "joiner", "lipsum"])
    def test_a_column_may_have_a_name_that_jinja_gives_a_function(self, name: str) -> None:
        """Every column of the list is a name in the template."""
        letter = _letter(_templates(f"{{{{ {name} }}}}", "Avviso"), **{name: "Mario"})
        assert letter.body == "Mario"

    @pytest.mark.parametrize("body", ['{{ "x" * (n|int) }}', '{{ (n|int) * "x" }}', "{{ [1] * (n|int) }}"])
    def test_a_cell_cannot_make_a_letter_of_any_length(self, body: str) -> None:
        """The row is invalid; the others are not lost to a want of memory."""
        with pytest.raises(Uncomposable, match="fails on this row"):
            _body(body, n="99999999999999")
        assert _body(body, n="2") in {"xx", "[1, 1]"}

    def test_values_are_escaped_in_html(self) -> None:
        """A cell cannot put tags into the letter."""
        body = _body("<p>{{ nome }}</p>", nome='<b>A & "B"</b>')
        assert body == "<p>&lt;b&gt;A &amp; &#34;B&#34;&lt;/b&gt;</p>"

    def test_values_stand_as_they_are_in_plain_text_and_subject(self) -> None:
        """Nothing is escaped where nothing reads HTML."""
        assert _body("Gentile {{ nome }}", html=False, nome="A & <B>") == "Gentile A & <B>"
        assert _letter(_templates("x", "Per {{ nome }}"), nome="A & <B>").subject.startswith("Per A & <B> ")

    @pytest.mark.parametrize(
        "cell", ["{{ 7*7 }}", "{% for x in y %}", "{{ nome.__class__ }}", "{# no #}", "${7}"]
    )
    def test_values_are_never_evaluated(self, cell: str) -> None:
        """Whatever a cell holds is text, in subject and body."""
        letter = _letter(_templates("{{ nome }}", "{{ nome }}", html=False), nome=cell)
        assert letter.body == cell
        assert letter.subject.startswith(cell)

    def test_trailing_line_ends_stay_in_the_body(self) -> None:
        """The body is the file's text, its last line end included."""
        assert _body("Salve\n", html=False) == "Salve\n"

    def test_blanks_around_the_subject_go(self) -> None:
        """A line end at a subject's end is the file's, not the sender's."""
        assert _letter(_templates("x", " Avviso \n")).subject == f"Avviso [rif. {REFERENCE}]"

    def test_without_a_reference_nothing_is_appended(self) -> None:
        """Who chose to have none gets the bare subject."""
        assert _letter(replace(_templates("x", "Avviso"), reference="")).subject == "Avviso"

    def test_characters_beyond_ascii(self) -> None:
        """Letters are Unicode from end to end."""
        letter = _letter(_templates("{{ nome }}", "Perché {{ nome }} €"), nome="Niccolò 🐢")
        assert (letter.subject[:20], letter.body) == ("Perché Niccolò 🐢 € [", "Niccolò 🐢")


class TestRefusals:
    """A row whose letter cannot be made."""

    @pytest.mark.parametrize(
        "body",
        [
            "{{ assente }}",
            "{{ nome.assente }}",
            "{{ nome | int + 'x' }}",
            "{{ 1 / (nome | int) }}",
            "{{ nome[99] }}",
        ],
    )
    def test_a_template_that_fails(self, body: str) -> None:
        """A missing value or an error in the template concerns its row; the row's values are not shown."""
        with pytest.raises(Uncomposable) as refused:
            _body(body, nome="Rossi")
        assert "Rossi" not in str(refused.value)

    @pytest.mark.parametrize("char", ["\n", "\r", "\x00", "\t", "\x7f", "\x85", "\u2028", "\u2029"])
    def test_control_characters_in_a_subject(self, char: str) -> None:
        """A subject is one header line: nothing a cell holds may break it."""
        with pytest.raises(Uncomposable, match="control character"):
            _letter(_templates("x", "Avviso {{ nome }} fine"), nome=f"A{char}Bcc: b@example.org")

    @pytest.mark.parametrize(
        "body",
        [
            "{{ ''.__class__ }}",
            "{{ ''.__class__.__mro__[1].__subclasses__() }}",
            "{{ nome.__init__.__globals__ }}",
            "{{ self.__init__.__globals__ }}",
            "{{ cycler.__init__.__globals__.os }}",
            "{{ (lambda: 1)() }}",
            "{{ ''.format.__globals__ }}",
            "{{ '{0.__class__}'.format(nome) }}",
            "{{ [].append(1) }}",
            "{{ range(10000000) }}",
        ],
    )
    def test_a_template_reaches_no_python(self, body: str) -> None:
        """Attributes of Python's own are undefined or refused, however they are reached."""
        with pytest.raises((Uncomposable, ListRefused)):
            _body(body, nome="Rossi")

    @pytest.mark.parametrize("body", ["{% include '/etc/passwd' %}", "{% import 'os' as os %}{{ os }}"])
    def test_a_template_reads_no_file(self, body: str) -> None:
        """Without a loader there is nothing to include."""
        with pytest.raises((Uncomposable, ListRefused)):
            _body(body)


class TestErrors:
    """A template that cannot be used at all."""

    @pytest.mark.parametrize("source", ["uno\ndue\n{{ tre", "\n\n{% if %}", "a\nb\n{{ x | nessuno }}"])
    def test_the_line_is_named(self, source: str) -> None:
        """The error says which template, which line, and ends a command with 65."""
        with pytest.raises(ListRefused, match=r"avviso\.html\.j2 has an error in line 3") as refused:
            Composer(_templates(source))
        assert refused.value.exit.code == 65

    def test_the_subject_is_named(self) -> None:
        """The subject's template stands in the configuration."""
        with pytest.raises(ListRefused, match=r"\[message\] subject"):
            Composer(_templates("x", "{{"))


class TestColumns:
    """The columns a list must have."""

    def test_what_is_named_is_needed(self) -> None:
        """Of both templates, conditions and filters included; what the template sets itself is not.

        Printed outside of any condition it must be filled too.
        """
        letters = Composer(
            _templates(
                "{% set x = importo %}{% if saluto %}{{ x }}{% endif %}{{ nome | upper }}", "{{ numero }}"
            )
        )
        assert letters.required_columns == {"nome", "numero"}
        assert letters.optional_columns == {"importo", "saluto"}
        assert letters.subject_columns == {"numero"}

    def test_the_helpers_of_the_language_are_not(self) -> None:
        """A loop over `range` needs no column of that name."""
        body = "{% for n in range(3) %}{{ n }}{{ loop.index }}{% endfor %}"
        assert Composer(_templates(body, "Avviso")).required_columns == frozenset()
        assert _body(body) == "011223"


class TestContentDigest:
    """What tells that a message would say something else than what was loaded."""

    COLUMNS = ("pec", "nome", "numero", "note")
    VALUES = (TO, "Mario", "7", "privato")

    def _digest(
        self, templates: Templates | None = None, recipient: str = TO, values: tuple[str | None, ...] = VALUES
    ) -> bytes:
        letters = Composer(templates or _templates())
        return letters.content_digest(recipient, values, letters.places_of(self.COLUMNS))

    def test_the_same_is_the_same(self) -> None:
        """Two composers of the same templates agree."""
        assert self._digest() == self._digest()

    @pytest.mark.parametrize(
        "templates",
        [
            _templates(subject="Avviso {{ numero }}"),
            _templates(body="<p>Caro {{ nome }}</p>"),
            _templates(html=False),
        ],
        ids=["subject", "body", "form"],
    )
    def test_a_template_changes_it(self, templates: Templates) -> None:
        """Subject, body, and whether values are escaped."""
        assert self._digest(templates) != self._digest()

    def test_the_recipient_and_used_values_change_it(self) -> None:
        """Whatever the letter would say."""
        digests = {
            self._digest(),
            self._digest(recipient="luigi@example.org"),
            self._digest(values=(TO, "Luigi", "7", "privato")),
            self._digest(values=(TO, "Mario", "8", "privato")),
            self._digest(values=(TO, "7", "Mario", "privato")),
        }
        assert len(digests) == 5

    def test_unused_values_do_not(self) -> None:
        """A column no template names says nothing."""
        assert self._digest(values=(TO, "Mario", "7", "altro")) == self._digest()

    def test_the_run_s_digest_covers_how_the_reference_is_written(self) -> None:
        """A run whose subjects changed their form half way would not be the run that was loaded."""
        other = replace(_templates(), reference="({ref})")
        assert Composer(other).digest != Composer(_templates()).digest

    def test_the_reference_does_not(self) -> None:
        """How the reference is written is not part of what was loaded."""
        assert self._digest(replace(_templates(), reference="({ref})")) == self._digest()


class TestDigestOf:
    """The digest of one attempt: what it says, in every part (invariant 8)."""

    FILE = Attachment("a.pdf", "application/pdf", "ab" * 32, b"QUJD")
    LETTER = Letter((TO, "b@example.org"), "Avviso", "<p>Corpo</p>", (FILE,))

    @pytest.mark.parametrize(
        "changed",
        [
            replace(LETTER, recipients=(TO,)),
            replace(LETTER, recipients=("b@example.org", TO)),
            replace(LETTER, subject="Altro"),
            replace(LETTER, body="<p>Altro</p>"),
            replace(LETTER, attachments=()),
            replace(LETTER, attachments=(FILE, FILE)),
            replace(LETTER, attachments=(replace(FILE, sha256="cd" * 32),)),
            replace(LETTER, attachments=(replace(FILE, name="b.pdf"),)),
            replace(LETTER, attachments=(replace(FILE, mime="text/plain"),)),
        ],
    )
    def test_every_part_counts(self, changed: Letter) -> None:
        """Recipients and their order, subject, body, and each file's content, name and type."""
        assert digest_of(changed) != digest_of(self.LETTER)

    def test_the_same_is_the_same(self) -> None:
        """It is over what is said, not over how it is held."""
        assert digest_of(self.LETTER) == digest_of(replace(self.LETTER))
        assert digest_of(Letter((TO,), "\ud800", "")) != digest_of(Letter((TO,), "", ""))


class TestRead:
    """Where the body's text comes from."""

    @pytest.mark.parametrize(
        ("name", "html"),
        [("a.html", True), ("a.html.j2", True), ("a.j2", True), ("a.txt", False), ("A.TXT.J2", False)],
    )
    def test_the_file_s_ending_tells_its_form(self, tmp_path: Path, name: str, html: bool) -> None:
        """A text file's values are not escaped; everything else is HTML."""
        (tmp_path / name).write_text("\ufeffSalve {{ nome }}", encoding="utf-8")
        read = Templates.read(subject="S", body=None, body_file=tmp_path / name, reference="")
        assert (read.body_is_html, read.body) == (html, "Salve {{ nome }}")

    def test_a_body_in_place_is_html(self) -> None:
        """The configuration's own text."""
        read = Templates.read(subject="S", body="<p>", body_file=None, reference="")
        assert (read.body_is_html, read.body) == (True, "<p>")

    def test_a_file_that_cannot_be_read(self, tmp_path: Path) -> None:
        """Missing, or not UTF-8: 65, naming the file."""
        (tmp_path / "b.html").write_bytes(b"perch\xe9")
        for name in ("a.html", "b.html"):
            with pytest.raises(ListRefused, match=name):
                Templates.read(subject="S", body=None, body_file=tmp_path / name, reference="")
