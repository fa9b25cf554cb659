"""Answers that cost money: kept for ever, found whatever the case, and replaced by newer ones."""

from __future__ import annotations

from support.ledgers import NOW, open_ledger, query

from bulk_pec.ledger.ledger import Ledger

CODE, OTHER = "RSSMRA85T10A562S", "01234567897"


def test_an_address_that_was_found_is_kept(ledger: Ledger) -> None:
    """Under its tax code in upper case; a code nobody asked about is not among the answers."""
    ledger.answers.keep_address(CODE.lower(), "info@example.org", NOW)
    assert ledger.answers.addresses([CODE, OTHER]) == {CODE: "info@example.org"}
    assert ledger.answers.addresses([CODE.lower()]) == {CODE: "info@example.org"}
    assert ledger.answers.addresses([]) == {}


def test_that_there_is_none_is_an_answer_too(ledger: Ledger) -> None:
    """It was paid for: None is told apart from never asked."""
    ledger.answers.keep_address(CODE, None, NOW)
    assert ledger.answers.addresses([CODE, OTHER]) == {CODE: None}


def test_a_newer_answer_takes_the_place_of_an_older(ledger: Ledger) -> None:
    """In whichever direction; the day is the newer one's."""
    ledger.answers.keep_address(CODE, None, NOW)
    ledger.answers.keep_address(CODE, "info@example.org", NOW + 1)
    assert ledger.answers.addresses([CODE]) == {CODE: "info@example.org"}
    assert query(ledger, "SELECT asked_at FROM lookups") == [{"asked_at": NOW + 1}]
    ledger.answers.keep_address(CODE, None, NOW + 2)
    assert ledger.answers.addresses([CODE]) == {CODE: None}


def test_domains_are_kept(ledger: Ledger) -> None:
    """Both answers, in lower case, as truth values on either database."""
    ledger.answers.keep_domain("PEC.example", NOW, certified=True)
    ledger.answers.keep_domain("mail.example", NOW, certified=False)
    asked = ["pec.example", "MAIL.example", "nessuno.example"]
    found = ledger.answers.domains(asked)
    assert found == {"pec.example": True, "mail.example": False}
    assert all(isinstance(answer, bool) for answer in found.values())
    assert ledger.answers.domains([]) == {}


def test_a_domain_s_newer_answer_counts(ledger: Ledger) -> None:
    """A domain may begin to use certified mail."""
    ledger.answers.keep_domain("pec.example", NOW, certified=False)
    ledger.answers.keep_domain("pec.example", NOW + 1, certified=True)
    assert ledger.answers.domains(["pec.example"]) == {"pec.example": True}
    assert query(ledger, "SELECT asked_at FROM domains") == [{"asked_at": NOW + 1}]


def test_an_answer_is_there_at_once_and_for_the_next_process(ledger: Ledger, ledger_url: str) -> None:
    """Each is committed by itself: who pays for a thousand and dies at the last has all but that."""
    ledger.answers.keep_address(CODE, "info@example.org", NOW)
    ledger.answers.keep_domain("pec.example", NOW, certified=True)
    with open_ledger(ledger_url, "read") as reader:
        assert reader.answers.addresses([CODE]) == {CODE: "info@example.org"}
        assert reader.answers.domains(["pec.example"]) == {"pec.example": True}


def test_many_are_asked_for_at_once(ledger: Ledger) -> None:
    """A page of thousands is one statement."""
    codes = [f"{number:011}" for number in range(6_000)]
    for code in codes[::1_000]:
        ledger.answers.keep_address(code, None, NOW)
    assert ledger.answers.addresses(codes) == dict.fromkeys(codes[::1_000])
