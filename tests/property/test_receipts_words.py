"""A mail's kind: the words at a subject's start and nothing behind them, however they are written."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from email.header import Header

from hypothesis import example, given
from hypothesis import strategies as st

from bulk_pec.domain.receipts import ReceiptKind, classify, rest_of
from bulk_pec.domain.subjects import decoded, parted, subject_digest

PROVIDER = '"Posta Certificata" <posta-certificata@example.net>'
WORDS = {
    "ACCETTAZIONE": ReceiptKind.ACCEPTED,
    "AVVISO DI NON ACCETTAZIONE": ReceiptKind.NOT_ACCEPTED,
    "AVVISO DI NON ACCETTAZIONE PER VIRUS": ReceiptKind.NOT_ACCEPTED,
    "CONSEGNA": ReceiptKind.DELIVERED,
    "AVVENUTA CONSEGNA": ReceiptKind.DELIVERED,
    "AVVISO DI MANCATA CONSEGNA": ReceiptKind.UNDELIVERED,
    "AVVISO DI MANCATA CONSEGNA PER VIRUS": ReceiptKind.UNDELIVERED,
    "AVVISO DI MANCATA CONSEGNA PER SUP. TEMPO MASSIMO": ReceiptKind.LATE,
    "PREAVVISO DI MANCATA CONSEGNA": ReceiptKind.EARLY_WARNING,
    "POSTA CERTIFICATA": ReceiptKind.FOREIGN,
    "ANOMALIA MESSAGGIO": ReceiptKind.FOREIGN,
    "PRESA IN CARICO": ReceiptKind.FOREIGN,
    "PROBLEMA DI SICUREZZA": ReceiptKind.FOREIGN,
    "REM SubmissionAcceptance": ReceiptKind.UNKNOWN,
    "REM DeliveryNonDelivery": ReceiptKind.UNKNOWN,
}
KINDS = st.sampled_from(sorted(WORDS))
OURS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=60),
    st.tuples(KINDS, st.text(max_size=20)).map(": ".join),
)
BLANK = st.sampled_from(
    [" ", "  ", "\t", "\r\n ", "\u00a0", "\u2003", "\u202f", "\u3000", "\x85", "\x1f", " \u200b", "\ufeff "]
)


@st.composite
def respelt(draw: st.DrawFn, words: st.SearchStrategy[str]) -> str:
    """These words in any case, with any blanks between them, before them and behind them."""
    cased = [
        "".join(draw(st.sampled_from((char.lower(), char.upper()))) for char in word)
        for word in draw(words).split()
    ]
    return draw(BLANK).join(["", *cased, ""])


def _q(text: str) -> str:
    """One encoded word that holds all of it, every octet spelt out."""
    return "=?utf-8?Q?" + "".join(f"={octet:02X}" for octet in text.encode("utf-8", "replace")) + "?="


def _b(text: str) -> str:
    """Two encoded words, cut anywhere, also inside a character."""
    octets = text.encode("utf-8", "replace")
    half = len(octets) // 2
    return " ".join(f"=?UTF-8?b?{b64encode(part).decode()}?=" for part in (octets[:half], octets[half:]))


def _header(text: str) -> str:
    """As Python's own mail package writes it, folded."""
    return Header(text, "utf-8", maxlinelen=40).encode()


def _plain(text: str) -> str:
    return text


_WAYS: list[Callable[[str], str]] = [_plain, _q, _b, _header]
WRITTEN = st.sampled_from(_WAYS)


@given(KINDS, OURS)
@example("CONSEGNA", "")
@example("ACCETTAZIONE", "CONSEGNA: pacco")
@example("POSTA CERTIFICATA", "CONSEGNA: avviso [rif. 0000000000000] 2020082610003492")
def test_the_receipt_s_own_words_alone_say_its_kind(words: str, ours: str) -> None:
    """Whatever a user's subject says behind them, "CONSEGNA:" and "ACCETTAZIONE:" included."""
    assert classify(decoded(f"{words}: {ours}"), PROVIDER) is WORDS[words]


@given(KINDS, OURS, st.data())
def test_case_blanks_and_encoding_change_nothing(words: str, ours: str, data: st.DataObject) -> None:
    """Upper or lower case, any blanks, plain or as RFC 2047 words of either form."""
    odd = data.draw(respelt(st.just(words)))
    written = data.draw(WRITTEN)
    assert classify(decoded(written(f"{odd}: {ours}")), PROVIDER) is WORDS[words]


@given(KINDS, OURS, respelt(st.just("Per conto di")), st.text(st.characters(codec="utf-8")), st.data())
def test_what_comes_on_somebody_s_behalf_is_foreign(
    words: str, ours: str, behalf: str, name: str, data: st.DataObject
) -> None:
    """A forged receipt from another's certified mailbox, however the provider spells who sends it."""
    sender = data.draw(WRITTEN)(f'"{behalf}: {name}')
    assert classify(decoded(f"{words}: {ours}"), f"{sender} <posta-certificata@x.example>") is (
        ReceiptKind.FOREIGN
    )


@given(st.sampled_from(["Re", "R", "I", "Fwd", "Fw", "Risposta", "WG", "Inoltro", "[SPAM]"]), KINDS, OURS)
def test_what_is_answered_or_passed_on_is_no_receipt(before: str, words: str, ours: str) -> None:
    """Somebody's answer to a receipt, or a receipt passed on, begins with words of its own."""
    for text in (f"{before}: {words}: {ours}", f"{before} {words}: {ours}"):
        assert classify(decoded(text), PROVIDER) is ReceiptKind.UNKNOWN


@given(
    st.sampled_from(sorted(words for words in WORDS if WORDS[words] is not ReceiptKind.UNKNOWN)),
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=40),
    st.from_regex(r"[0-9]{15,16}", fullmatch=True),
    st.data(),
)
def test_our_subject_and_the_token_are_found_again(
    words: str, ours: str, token: str, data: st.DataObject
) -> None:
    """From a receipt of any kind, however encoded: the digest is our subject's, the token is whole."""
    written = data.draw(WRITTEN)
    if written is _plain:  # as plain text ours may itself look like an encoded word, and be read as one
        ours = ours.replace("=?", "")
    found, last = parted(rest_of(decoded(written(f"{words}: {ours} {token}"))))
    assert (subject_digest(found), last) == (subject_digest(ours), token)


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None)))
@example("=?utf-8?Q?" * 300, "=?utf-8?B?" * 300)
@example("AVVISO DI MANCATA CONSEGNA PER " + "SUP " * 300, "")
def test_every_text_has_a_kind_and_parts(subject: str, sender: str) -> None:
    """Half surrogates, NUL, unfinished words: none is an error."""
    text = decoded(subject)
    assert classify(text, sender) in ReceiptKind
    ours, token = parted(rest_of(text))
    assert token is None or not any(char.isspace() for char in token)
    assert len(subject_digest(ours)) == 32
