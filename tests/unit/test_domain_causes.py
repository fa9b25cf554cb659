"""Causes of non-delivery: what a notice's text says, whoever wrote it, in whichever form it comes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_pec.domain.causes import Advice, Cause, cause_of

OPENING = (
    'Il giorno 23/11/2026 alle ore 20:15:00 (+0100) il messaggio "Avviso n. 12 [rif. 0123456789ABC] '
    '2026112320150001" proveniente da "ufficio@pec.example" e destinato all\'utente "mario@ditta.example" '
    "non è stato consegnato nella casella di destinazione: "
)
SUBJECT = "AVVISO DI MANCATA CONSEGNA: Avviso n. 12 [rif. 0123456789ABC] 2026112320150001"
SAID = [
    ("5.1.1 - indirizzo non valido: utente sconosciuto", Cause.UNKNOWN_USER),
    ("5.1.1 - Gestore S.p.A. - indirizzo non valido", Cause.UNKNOWN_USER),
    ("5.1.1 - Gestore S.p.A. - casella inesistente", Cause.UNKNOWN_USER),
    ("550 5.1.1 User unknown in virtual mailbox table", Cause.UNKNOWN_USER),
    ("the recipient address is invalid", Cause.UNKNOWN_USER),
    ("No such user here", Cause.UNKNOWN_USER),
    ("5.1.1 - indirizzo non valido: utente revocato", Cause.REVOKED_USER),
    ("L'utenza risulta cessata", Cause.REVOKED_USER),
    ("la casella è stata chiusa dal titolare", Cause.REVOKED_USER),
    ("the user has been revoked", Cause.REVOKED_USER),
    ("5.2.2 - casella piena", Cause.MAILBOX_FULL),
    ("5.2.2 Spazio esaurito", Cause.MAILBOX_FULL),
    ("la casella del destinatario risulta satura", Cause.MAILBOX_FULL),
    ("552 5.2.2 Over quota", Cause.MAILBOX_FULL),
    ("the recipient's mailbox is full", Cause.MAILBOX_FULL),
    ("5.2.1 - casella disabilitata", Cause.DISABLED),
    ("casella inibita alla ricezione", Cause.DISABLED),
    ("utenza sospesa", Cause.DISABLED),
    ("mailbox disabled, not accepting messages", Cause.DISABLED),
    ("5.1.2 - dominio inesistente", Cause.UNKNOWN_DOMAIN),
    ("il dominio del destinatario è sconosciuto", Cause.UNKNOWN_DOMAIN),
    ("Domain not found", Cause.UNKNOWN_DOMAIN),
    ("il messaggio contiene un virus", Cause.VIRUS),
    ("malware detected in the attachment", Cause.VIRUS),
    ("il destinatario non è una casella di posta elettronica certificata", Cause.NOT_PEC),
    ("the recipient is not a certified mailbox", Cause.NOT_PEC),
    ("5.2.3 - il messaggio supera le dimensioni massime", Cause.TOO_LARGE),
    ("message too large", Cause.TOO_LARGE),
    ("5.7.1 - messaggio rifiutato", Cause.REFUSED),
    ("554 5.7.605 delivery denied", Cause.REFUSED),
    ("respinto dal filtro antispam: spam", Cause.REFUSED),
    ("errore formale nel messaggio", Cause.FORMAL_ERROR),
    ("non risulta consegnato nel tempo massimo previsto", Cause.TOO_LATE),
    ("non consegnato entro ventiquattro ore", Cause.TOO_LATE),
    ("4.4.7 delivery time expired", Cause.TOO_LATE),
    ("il gestore non ha detto altro", Cause.OTHER),
    ("", Cause.OTHER),
]


@pytest.mark.parametrize(("said", "cause"), SAID)
def test_the_words_of_providers(said: str, cause: Cause) -> None:
    """Words and codes are understood in Italian and in English, behind the opening that all notices share."""
    assert cause_of(OPENING + said, SUBJECT) is cause
    assert cause_of(said, SUBJECT) is cause


@pytest.mark.parametrize(("said", "cause"), SAID)
def test_their_form_does_not_matter(said: str, cause: Cause) -> None:
    """Case, blanks, line breaks, markup, entities and characters that were lost change nothing."""
    text = OPENING + said
    assert cause_of(text.upper(), SUBJECT.upper()) is cause
    assert cause_of(text.replace(" ", " \r\n\t "), SUBJECT) is cause
    assert (
        cause_of(f"<html><head><style>p {{ }}</style></head><p>{text.replace(' ', ' <b></b>')}</p>", SUBJECT)
        is cause
    )
    assert cause_of(text.replace("è", "&egrave;").replace('"', "&quot;"), SUBJECT) is cause
    assert cause_of(text.replace("è", "\N{REPLACEMENT CHARACTER}"), SUBJECT) is cause
    assert cause_of(text.replace("è", "e'"), SUBJECT) is cause


def test_a_bilingual_text() -> None:
    """What newer providers write in two languages says one thing."""
    text = OPENING + (
        "5.2.2 - casella piena. The message sent to the user was not delivered to the destination mailbox: "
        "5.2.2 - mailbox full."
    )
    assert cause_of(text, SUBJECT) is Cause.MAILBOX_FULL


@pytest.mark.parametrize(
    "subject", ["AVVISO DI NON ACCETTAZIONE PER VIRUS: x", "AVVISO DI MANCATA CONSEGNA PER VIRUS: Avviso"]
)
def test_the_fixed_words_of_a_subject_count(subject: str) -> None:
    """PER VIRUS stands in the notice's subject; its text need not say it again."""
    assert cause_of("rifiutato", subject) is Cause.VIRUS


def test_what_we_wrote_ourselves_does_not() -> None:
    """Our own subject, which the text repeats, and addresses may hold any word: none of it is a cause."""
    own = 'Casella piena: il "virus" dell\'utente revocato'
    text = f'il messaggio "{own}" proveniente da "virus@dominio-inesistente.example" non valido: 5.1.2'
    assert cause_of(text, f"AVVISO DI MANCATA CONSEGNA: {own}") is Cause.UNKNOWN_DOMAIN
    assert cause_of("nessun virus: 5.2.2", SUBJECT) is Cause.MAILBOX_FULL


@pytest.mark.parametrize("said", ["il 5.1.2026", "versione 15.1.1", "da 5.1.1.7", "rif. 5.1", "2.1.5"])
def test_numbers_that_are_no_codes(said: str) -> None:
    """Dates, addresses of hosts and versions are not taken for status codes."""
    assert cause_of(said) is Cause.OTHER


def test_every_cause_has_words_and_advice() -> None:
    """Each cause can be said in plain words, and something can be done about each."""
    assert {cause.advice for cause in Cause} == set(Advice)
    assert len({cause.words for cause in Cause}) == len(Cause)
    assert Cause.UNKNOWN_USER.advice == "correct the address"
    assert Cause.MAILBOX_FULL.advice == "write again later"
    assert Cause.NOT_PEC.advice == "use another channel"
    assert Cause.VIRUS.advice == "check the attachment"


def test_the_strongest_cause_of_a_message_is_one() -> None:
    """Of any two causes exactly one gives way, so a message's cause does not depend on the notices' order."""
    for one in Cause:
        for other in Cause:
            assert (one in other.weaker) + (other in one.weaker) == (one is not other)
    assert Cause.OTHER.weaker == ()


_WORDS = st.sampled_from(
    [said for said, _ in SAID] + ["<", ">", "&", '"', "<script", "@", "5.1.", "\x00", "�"]
)


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(st.one_of(_WORDS, st.text(max_size=5))).map(" ".join)), st.text())
def test_any_text_has_a_cause(text: str, subject: str) -> None:
    """Whatever a text is, a cause comes out, and always the same one."""
    assert cause_of(text, subject) is cause_of(text, subject)
    assert isinstance(cause_of(text, subject), Cause)


@pytest.mark.parametrize("stuff", ['"', "<", "<script>", "a", "indirizzato a ", "5.1.", "utente ", "&", "@"])
def test_a_long_text_is_read_all_the_same(stuff: str) -> None:
    """A megabyte of anything ends in a cause: only the beginning of it is looked at."""
    assert cause_of(stuff * (1_000_000 // len(stuff))) in Cause
