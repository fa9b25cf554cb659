"""Which columns a template needs, which may be empty, and what an empty cell does to a letter."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.papers import composer

from bulk_pec.composing import Uncomposable
from bulk_pec.composing.columns import _FAILING, _PRINTING
from bulk_pec.composing.press import EmptyCell, plate
from bulk_pec.domain.errors import ListRefused

CASES = [
    ("Gentile {{ nome }}", {"nome"}, set(), True),
    ("{{ nome }} {{ nome | default('x') }}", {"nome"}, set(), True),
    ("Gentile {{ nome | default('Cliente') }}", set(), {"nome"}, True),
    ("x{{ nome | d('') | upper }}", set(), {"nome"}, True),
    ("{{ nome | trim | upper }}", {"nome"}, set(), True),
    ("{{ importo | float }}", {"importo"}, set(), False),
    ("{{ importo | replace('.', ',') }}", {"importo"}, set(), False),
    ("{{ nome or 'Cliente' }}", set(), {"nome"}, False),
    ("{{ nome if nome else 'Cliente' }}", set(), {"nome"}, False),
    ("{% if nome %}Gentile {{ nome }}{% endif %}.", set(), {"nome"}, False),
    ("{% if tipo == 'A' %}{{ importo }}{% endif %}.", set(), {"tipo", "importo"}, False),
    ("{% if nome is defined %}{{ nome }}{% endif %}.", set(), {"nome"}, False),
    ("{% set saluto = nome or 'Cliente' %}{{ saluto }}", set(), {"nome"}, False),
    ("{% set nome = 'x' %}{{ nome }}", set(), set(), False),
    ("{% macro riga(voce) %}{{ voce }}{% endmacro %}{{ riga(nome) }}", set(), {"nome"}, False),
    ("{% for v in elenco.split('|') %}{{ v }}{% endfor %}", {"elenco"}, set(), False),
    ("{% for v in elenco %}{{ v }}{{ loop.index }}{% endfor %}.", set(), {"elenco"}, False),
    ("{{ nome.upper() }}", {"nome"}, set(), False),
    ("{{ nome[0] }}", {"nome"}, set(), False),
    ("{{ 'Sig. ' ~ nome }}", {"nome"}, set(), False),
    ("{{ a + b }}", {"a", "b"}, set(), False),
    ("{{ a and b }}.", set(), {"a", "b"}, False),
    ("{{ range(3) | join(',') }}", set(), set(), False),
    ("{# {{ nome }} #}x{% raw %}{{ cognome }}{% endraw %}", set(), set(), True),
    ("{{ nome | default(altro) }}.", set(), {"nome", "altro"}, False),
]


@pytest.mark.parametrize(("body", "required", "optional", "certain"), CASES)
def test_what_a_template_needs_is_read_from_its_syntax(
    body: str, required: set[str], optional: set[str], certain: bool
) -> None:
    """Printed bare: required. Defaulted, tested, or in a branch: optional, and then rendering decides."""
    made = composer(body)
    assert made.required_columns == required
    assert made.optional_columns == optional
    assert made.certain is certain


def test_a_column_required_in_one_template_is_required() -> None:
    """The subject's default does not excuse the body."""
    made = composer("{{ nome }}", subject="Avviso {{ nome | default('') }} {{ numero }}")
    assert made.required_columns == {"nome", "numero"}
    assert made.optional_columns == frozenset()
    assert made.subject_columns == {"nome", "numero"}


@pytest.mark.parametrize("empty", ["", "  ", "\u00a0", "\u200b", None])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("Gentile {{ nome | default('Cliente') }}", "Gentile Cliente"),
        ("Gentile {{ nome or 'Cliente' }}", "Gentile Cliente"),
        ("{% if nome %}Gentile {{ nome }}{% else %}Salve{% endif %}", "Salve"),
        ("{% if nome == '' %}Salve{% endif %}", "Salve"),
        ("{% if nome is not defined %}Salve{% endif %}", "Salve"),
        ("{% for lettera in nome %}{{ lettera }}{% endfor %}Salve", "Salve"),
        ("Salve{% if nome | length > 3 %}!{% endif %}", "Salve"),
    ],
)
def test_a_template_that_allows_an_empty_cell_is_given_one(body: str, said: str, empty: str | None) -> None:
    """A blank cell counts as missing, in whatever way the template asks."""
    assert composer(body).compose("a@pec.example", {"nome": empty}, "R").body == said


@pytest.mark.parametrize(
    "body",
    ["{{ nome }}", "{% if tipo %}{{ nome }}{% endif %}", "{% set x = nome %}{{ x }}", "{{ nome ~ 1 }}"],
)
def test_an_empty_cell_is_never_printed(body: str) -> None:
    """Wherever it is reached, the letter fails and names the column, not the value of another."""
    with pytest.raises(Uncomposable, match="the cell 'nome' is empty") as caught:
        composer(body).compose("a@pec.example", {"nome": "", "tipo": "segreto"}, "R")
    assert [problem.column for problem in caught.value.problems] == ["nome"]
    assert "segreto" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(_FAILING))
def test_every_filter_that_is_held_to_fail_on_an_empty_cell_does(name: str) -> None:
    """The table of filters is what jinja2 does: a required column is one that really cannot be empty."""
    arguments = {"replace": "('a', 'b')", "center": "(8)"}.get(name, "")
    with pytest.raises(Uncomposable):
        plate(f"{{{{ nome | {name}{arguments} }}}}", "t", html=True).print({"nome": EmptyCell("nome")})


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text.strip()))
@pytest.mark.parametrize("name", sorted(_PRINTING))
def test_every_filter_that_is_held_to_take_any_text_does(name: str, text: str) -> None:
    """A certain template is not tried on each row, so its filters must not fail on any text."""
    plate(f"{{{{ nome | {name} }}}}", "t", html=True).print({"nome": text})


@settings(deadline=None)
@given(nome=st.sampled_from(["", "Anna"]), tipo=st.sampled_from(["", "A"]), body=st.sampled_from(CASES))
def test_required_means_that_no_letter_can_be_made_without(
    nome: str, tipo: str, body: tuple[str, set[str], set[str], bool]
) -> None:
    """Were it not so, a row would be refused that the template could print; certain means the opposite."""
    made = composer(body[0])
    values = {
        name: tipo if name == "tipo" else nome for name in made.required_columns | made.optional_columns
    }
    filled = all(values[name] for name in made.required_columns)
    try:
        made.compose("a@pec.example", values, "R")
    except Uncomposable:
        assert not (made.certain and filled)
    else:
        assert filled


@pytest.mark.parametrize(
    "body",
    [
        "{% include 'altro.html' %}",
        "{% import 'altro.html' as a %}",
        "{% from 'a' import b %}",
        "{% extends 'a' %}",
    ],
)
def test_other_files_are_refused(body: str) -> None:
    """What they say would be in no digest, and could change between two attempts."""
    with pytest.raises(ListRefused, match="another file"):
        composer(body)


def test_nothing_in_a_template_depends_on_chance() -> None:
    """Every attempt must say the same (invariant 8): jinja2's dice are no filter and no function here."""
    with pytest.raises(ListRefused, match="random"):
        composer("{{ [1, 2] | random }}")
    assert composer("{{ lipsum() }}").required_columns == {"lipsum"}


@pytest.mark.parametrize(
    "body",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ nome.__class__ }}",
        "{{ nome.format.__globals__ }}",
        "{% set x = namespace() %}{{ x.__init__ }}",
        "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    ],
)
def test_a_template_that_reaches_for_python_makes_no_letter(body: str) -> None:
    """The sandbox refuses, and the row is told of it like of any other failure."""
    with pytest.raises(Uncomposable, match="the template fails on this row"):
        composer(body).compose("a@pec.example", {"nome": "Anna"}, "R")


def test_values_are_never_evaluated_and_escaped_in_html_only() -> None:
    """What looks like a template or like HTML in a cell is text."""
    values = {"nome": "{{ 7 * 7 }}<b>&"}
    assert composer("{{ nome }}").compose("a@pec.example", values, "R").body == "{{ 7 * 7 }}&lt;b&gt;&amp;"
    plain = composer("{{ nome }}", html=False, subject="{{ nome }}").compose("a@pec.example", values, "R")
    assert plain.body == "{{ 7 * 7 }}<b>&"
    assert plain.subject == "{{ 7 * 7 }}<b>& [rif. R]"
