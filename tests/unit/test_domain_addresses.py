"""When two addresses are the same: however they are written, it is one mailbox."""

from __future__ import annotations

import unicodedata

import pytest

from bulk_pec.domain.addresses import canonical, canonicals, domains, recipient_key
from bulk_pec.domain.letters import recipients_of

CITTA = "info@xn--citt-3na.it"
"""`info@città.it` as it goes over the wire (RFC 5890 2.3.2.1: its A-label)."""


@pytest.mark.parametrize(
    "written",
    [
        *("info@città.it", "INFO@CITTÀ.IT", " Info@Città.it\t", "info@citta\u0300.it", "INFO@CITTA\u0300.it"),
        *(CITTA, CITTA.upper(), "info@città\u3002it", "info@ｃittà.it"),
    ],
)
def test_every_form_of_a_domain_is_one(written: str) -> None:
    """Upper and lower case, composed and decomposed letters, full-width ones, Unicode and A-label."""
    assert canonical(written) == CITTA


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("Mario.Rossi@PEC.example", "mario.rossi@pec.example"),
        ("  a@x.example\u00a0", "a@x.example"),
        ("x@straße.example", "x@xn--strae-oqa.example"),
        ("x@strasse.example", "x@strasse.example"),
        ("a@xn--ls8h.test", "a@xn--ls8h.test"),
        ("è@x.example", "è@x.example"),
        ("E\u0300@X.example", "è@x.example"),
        ("", ""),
        ("nessuno", "nessuno"),
        ("È", "è"),
        ("a@", "a@"),
        ("@città.it", "@xn--citt-3na.it"),
        ("x@-à.it", "x@-à.it"),
    ],
)
def test_what_else_may_stand_there(written: str, form: str) -> None:
    """Lower-case; what is no domain at all is only composed and lower-cased, never an error."""
    assert canonical(written) == form


@pytest.mark.parametrize("written", ["A@X.example", "info@città.it", "x@-à.it", "È@è", "\u212a@x.it"])
def test_the_form_of_a_form_is_itself(written: str) -> None:
    """Comparing forms with forms, in whatever layer, changes nothing."""
    assert canonical(canonical(written)) == canonical(written)
    assert unicodedata.is_normalized("NFC", canonical(written))


def test_several_addresses_each_once() -> None:
    """In the order of the text; two forms of one address are one, and it is written as it stood first."""
    text = "B@x.example; info@Città.it, b@X.example info@citta\u0300.it"
    assert canonicals(text) == ("b@x.example", CITTA)
    assert recipients_of(text) == ("B@x.example", "info@Città.it")
    assert canonicals(" ; ") == ()


@pytest.mark.parametrize(
    "written", ["a@x.example, B@x.example", "b@x.example; A@X.example", "B@x.example a@x.example b@x.example"]
)
def test_a_message_to_the_same_people_has_one_key(written: str) -> None:
    """Whatever their order, their case and what stands between them."""
    assert recipient_key(written) == "a@x.example, b@x.example"


def test_the_key_of_one_address_is_its_form() -> None:
    """Blanks and separators at its ends are no part of it."""
    assert recipient_key("A@x.example; ") == "a@x.example"
    assert recipient_key("info@CITTÀ.it") == CITTA
    assert recipient_key("") == ""


def test_domains_are_those_of_the_forms() -> None:
    """What is asked about a domain is asked about its A-label, once."""
    assert domains("a@X.example, b@Città.it, c@citta\u0300.it") == ("x.example", "xn--citt-3na.it")
