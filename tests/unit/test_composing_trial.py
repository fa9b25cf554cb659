"""Which templates are tried on every row at load: those that can fail though no needed cell is empty."""

from __future__ import annotations

import pytest

from bulk_pec.composing import Composer, Templates, Uncomposable

VALUES = {"numero": "7", "nome": "Società & C."}


def composer(subject: str, body: str) -> Composer:
    """A composer with these templates."""
    return Composer(Templates(subject, body, body_is_html=True, body_name="body", reference="[rif. {ref}]"))


@pytest.mark.parametrize(
    "body",
    [
        "<p>ciao</p>",
        "<p>{{ nome }} {{ numero|upper }}</p>",
        "{{ nome|trim|title|e }}",
        "{# a comment #}testo {{ 'text' }}",
    ],
)
def test_plain_templates_need_no_trial(body: str) -> None:
    """Texts, names and simple filters cannot fail on texts, so that loading a large list stays quick."""
    letters = composer("Avviso n. {{ numero }}", body)
    assert letters.certain is True
    letters.compose("a@b.example", VALUES, "0" * 13)


@pytest.mark.parametrize(
    "body", ["{% if nome and not numero %}{{ nome }}{% else %}{{ numero }}{% endif %}", "{{ 3 }}"]
)
def test_templates_with_a_choice_are_tried(body: str) -> None:
    """What is printed only on a condition may be an empty cell: rendering tells, and here it is filled."""
    letters = composer("Avviso n. {{ numero }}", body)
    assert letters.certain is False
    letters.compose("a@b.example", VALUES, "0" * 13)


@pytest.mark.parametrize(
    "body",
    [
        "{{ 100 // (nome|int) }}",
        "{{ numero.nothing.at_all }}",
        "{{ numero + 1 }}",
        "{{ nome|upper('surplus') }}",
        "{{ numero() }}",
        "{% for letter in numero %}{{ loop.nothing.at_all }}{% endfor %}",
    ],
)
def test_templates_that_can_fail_are_tried(body: str) -> None:
    """Whatever reckons, calls or reaches into a value may fail on some row, and here does."""
    letters = composer("Avviso n. {{ numero }}", body)
    assert letters.certain is False
    with pytest.raises(Uncomposable, match="the template fails on this row"):
        letters.compose("a@b.example", VALUES, "0" * 13)


def test_line_break_in_the_subject_is_found_by_a_trial() -> None:
    """A subject that breaks its header fails on every row, though nothing in it is reckoned."""
    letters = composer("Avviso\nn. {{ numero }}", "x")
    assert letters.certain is False
    with pytest.raises(Uncomposable, match="line break"):
        letters.compose("a@b.example", VALUES, "0" * 13)
    assert composer("\nAvviso {{ numero }}\n", "x").certain is True
