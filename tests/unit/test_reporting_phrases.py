"""Every state, outcome, receipt and cause has its words, in both languages, and what proves what is right."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from bulk_pec.domain.causes import Cause
from bulk_pec.domain.outcomes import Verdict
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.settlements import Settlement
from bulk_pec.domain.states import Delivery, MessageState, SetAside
from bulk_pec.reporting import phrases
from bulk_pec.reporting.phrases import Words
from bulk_pec.reporting.proving import Grounds, proof_words

LEDGER = Path(__file__).resolve().parents[2] / "bulk_pec" / "ledger"


@pytest.mark.parametrize(
    ("say", "values"),
    [
        (phrases.state_words, MessageState),
        (phrases.delivery_words, Delivery),
        (phrases.verdict_words, [*Verdict, None]),
        (phrases.settlement_words, Settlement),
        (phrases.receipt_words, ReceiptKind),
        (phrases.aside_words, SetAside),
        (phrases.cause_words, Cause),
        (phrases.order_words, ["pause", "resume", "cancel", "settle"]),
    ],
)
def test_each_has_words_of_its_own(say: Callable[[Any], Words], values: Iterable[Any]) -> None:
    """None is left out, none is said as another is, and the Italian is not the English."""
    said = [say(value) for value in values]
    assert len({one.en for one in said}) == len({one.it for one in said}) == len(said)
    assert all(one.it and one.en and one.it != one.en for one in said)


def test_what_is_proved_is_what_the_law_says() -> None:
    """ACCETTAZIONE proves sending, CONSEGNA delivery, and an answer of the service neither (DPR 68/2005)."""

    def proved(delivery: Delivery, *, accepted: bool = True) -> str:
        return proof_words(MessageState.SENT, delivery, Grounds(accepted=accepted, answered=201)).en

    assert "(HTTP 201) proves neither sending nor delivery" in proved(Delivery.NONE, accepted=False)
    assert "ACCETTAZIONE proves that it was sent" in proved(Delivery.ACCEPTED)
    assert "Delivery is not proved" in proved(Delivery.ACCEPTED)
    assert "CONSEGNA proves" in proved(Delivery.DELIVERED)
    assert "ACCETTAZIONE" not in proved(Delivery.DELIVERED, accepted=False)
    assert "not sent" in proved(Delivery.NOT_ACCEPTED)
    for delivery in (Delivery.UNDELIVERED, Delivery.OVERDUE):
        assert "ACCETTAZIONE proves" in proved(delivery)
        assert "No receipt proves that it was sent" in proved(delivery, accepted=False)
        assert "CONSEGNA proves" not in proved(delivery)


@pytest.mark.parametrize("state", MessageState)
@pytest.mark.parametrize("delivery", Delivery)
def test_only_a_consegna_proves_delivery(state: MessageState, delivery: Delivery) -> None:
    """Of no other state is it said, in either language, that delivery is proved."""
    for accepted in (True, False):
        said = proof_words(state, delivery, Grounds(accepted=accepted))
        delivered = state is MessageState.SENT and delivery is Delivery.DELIVERED
        assert ("CONSEGNA proves" in said.en) == delivered
        assert ("avvenuta consegna prova" in said.it) == delivered


@pytest.mark.parametrize("state", MessageState)
@pytest.mark.parametrize("delivery", Delivery)
@pytest.mark.parametrize(
    "grounds", [Grounds(), Grounds(word=True), Grounds(attempts=2), Grounds(accepted=True)]
)
def test_an_answer_that_never_came_is_not_told(
    state: MessageState, delivery: Delivery, grounds: Grounds
) -> None:
    """Where no attempt was answered with success, no success of HTTP is named, in either language."""
    said = proof_words(state, delivery, grounds)
    assert "HTTP 2" not in said.it + said.en


def test_an_operator_s_word_is_told_as_such() -> None:
    """A doubt settled as sent rests on that alone until a receipt comes."""
    said = proof_words(MessageState.SENT, Delivery.NONE, Grounds(word=True, attempts=1))
    assert said.en == "No receipt proves that it was sent. It counts as sent on the operator's word."
    assert said.it == "Nessuna ricevuta ne prova l'invio. Vale come inviato sulla parola dell'operatore."


def test_no_answer_proves_that_nothing_was_sent() -> None:
    """HTTP 400 proves the contrary as little as HTTP 201 proves sending; cancelled says what was tried."""

    def proved(state: MessageState, **grounds: Any) -> Words:
        return proof_words(state, Delivery.NONE, Grounds(**grounds))

    rejected = proved(MessageState.REJECTED, attempts=1)
    assert rejected.en == "No receipt proves sending; the service answered that it did not take it."
    assert "non è stato inviato" not in rejected.it
    assert "was not sent" not in rejected.en
    assert proved(MessageState.CANCELLED).en == "No attempt to send it was made."
    unsent = proved(MessageState.CANCELLED, attempts=2, unsent=True).en
    assert "No receipt proves sending; its 2 attempts are on record as not sent." in unsent
    unsure = proved(MessageState.CANCELLED, attempts=2).en
    assert "not sent" not in unsure
    assert "no receipt proves sending" in unsure.lower()


def test_no_term_of_art_is_borrowed() -> None:
    """No answer of HTTP is called "presa in carico", a receipt between providers."""
    said = [phrases.verdict_words(verdict).it for verdict in Verdict]
    said += [phrases.state_words(state).it for state in MessageState]
    said += [proof_words(state, Delivery.NONE, Grounds()).it for state in MessageState]
    assert not re.search(r"in carico|fornitore", " ".join(said))


def test_the_ledger_s_settlements_are_known() -> None:
    """Every word that the ledger writes as a settlement has its sentence here."""
    written = set()
    for path in LEDGER.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        written |= set(re.findall(r"SET settlement = '(\w+)'", text))
        written |= set(re.findall(r"settlement = '(\w+)'", text))
        written |= set(re.findall(r'_Ended\([^,]+, "(\w+)"', text))
    assert written == {one.value for one in Settlement}


def test_a_word_of_another_version_is_shown_as_it_is() -> None:
    """What a newer version wrote is no error: settlements, orders and causes are shown by their own names."""
    assert phrases.settled_words("oracle") == Words("oracle", "oracle")
    assert phrases.settled_words("absence") == phrases.settlement_words(Settlement.ABSENCE)
    assert phrases.order_words("levitate").en == "levitate"
    assert phrases.known_cause("weather") is None
    assert phrases.known_cause("virus") is Cause.VIRUS


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain è fine", "plain è fine"),
        ("a\nb", "a\\nb"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\u00a0b", "a\u00a0b"),
        ("x\u202ey", "x\\u202ey"),
    ],
)
def test_a_value_cannot_make_up_a_line(text: str, shown: str) -> None:
    """Line breaks, terminal commands and turned text stand as escapes."""
    assert phrases.plain(text) == shown
