"""Receipts: what a subject and a sender make of a mail, and what the receipts of a message amount to."""

from __future__ import annotations

from email.header import Header

import pytest

from bulk_pec.domain.receipts import FINAL_AFTER, RECEIPTS, Evidence, ReceiptKind, classify, decoded
from bulk_pec.domain.states import Delivery

HOUR = 3_600_000
SENT_AT = 1_800_000_000_000
PROVIDER = '"Posta Certificata" <posta-certificata@example.net>'
OURS = "Avviso n. 7 [rif. 0000000000000] 2020082610003492"

TABLE = {
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
    "REM ContentConsignment": ReceiptKind.UNKNOWN,
    "": ReceiptKind.UNKNOWN,
}


@pytest.mark.parametrize("words", TABLE)
class TestTable:
    """The fixed words at a subject's start, one by one."""

    def test_as_written(self, words: str) -> None:
        """Words, colon, our subject."""
        assert classify(decoded(f"{words}: {OURS}"), PROVIDER) is TABLE[words]

    def test_in_any_case_and_with_any_blanks(self, words: str) -> None:
        """Case and blanks differ between providers."""
        odd = f"  {words.title().replace(' ', chr(9) + '  ')} : {OURS}\r\n"
        assert classify(decoded(odd), PROVIDER) is TABLE[words]
        assert classify(decoded(f"{words.lower()}:{OURS}"), PROVIDER) is TABLE[words]

    def test_encoded(self, words: str) -> None:
        """A subject with characters beyond ASCII comes as RFC 2047 words, folded where they please."""
        subject = Header(f"{words}: Però è così, perché {OURS}", "utf-8", maxlinelen=40).encode()
        assert "=?" in subject
        assert classify(decoded(subject), PROVIDER) is TABLE[words]

    def test_on_somebody_s_behalf(self, words: str) -> None:
        """A message of somebody's is never a receipt, whatever its subject says."""
        for sender in (
            '"Per conto di: mario@example.org" <posta-certificata@example.net>',
            "per  CONTO di : mario@example.org",
            Header('"Per conto di: niccolò@example.org"', "utf-8").encode(),
        ):
            assert classify(decoded(f"{words}: {OURS}"), sender) is ReceiptKind.FOREIGN

    def test_of_a_subject_of_ours_that_begins_so(self, words: str) -> None:
        """The receipt's own words come first: what our subject begins with says nothing."""
        assert classify(f"ACCETTAZIONE: {words}: {OURS}", PROVIDER) is ReceiptKind.ACCEPTED
        assert classify(f"POSTA CERTIFICATA: {words}: {OURS}", PROVIDER) is ReceiptKind.FOREIGN
        late = f"AVVISO DI MANCATA CONSEGNA PER SUP. TEMPO MASSIMO: {words}: {OURS}"
        assert classify(late, PROVIDER) is ReceiptKind.LATE


@pytest.mark.parametrize(
    "words",
    [
        "AVVISO DI MANCATA CONSEGNA PER SUP.TEMPO MASSIMO",
        "AVVISO DI MANCATA CONSEGNA PER SUPERAMENTO TEMPO MASSIMO",
        "AVVISO DI MANCATA CONSEGNA PER SUPERAMENTO DEL TEMPO MASSIMO",
    ],
)
def test_other_spellings_of_the_notice(words: str) -> None:
    """The maximum-time notice is spelt in several ways; none of them is final by itself."""
    assert classify(f"{words}: {OURS}", PROVIDER) is ReceiptKind.LATE


@pytest.mark.parametrize(
    "subject",
    [
        "CONSEGNA DEL PACCO: domani",
        "CONSEGNATO: Avviso",
        "ACCETTAZIONE2: Avviso",
        "Re: CONSEGNA: Avviso",
        "La CONSEGNA: Avviso",
        "Avviso di mancata fattura: 7",
    ],
)
def test_words_that_only_begin_alike_are_unknown(subject: str) -> None:
    """The fixed words must stand whole at the start, up to the colon."""
    assert classify(subject, PROVIDER) is ReceiptKind.UNKNOWN


def test_the_kinds_that_speak_of_a_message() -> None:
    """Foreign and unknown mail says nothing of ours; every other kind does."""
    assert set(ReceiptKind) - RECEIPTS == {ReceiptKind.FOREIGN, ReceiptKind.UNKNOWN}


class TestDecoded:
    """What is made of a subject before it is compared."""

    def test_plain_text_is_left_but_for_blanks(self) -> None:
        """Runs of blanks and line ends become one blank."""
        assert decoded("  A\t B\r\n  C ") == "A B C"

    @pytest.mark.parametrize(
        "odd",
        [
            "=?",
            "=?utf-8?B?====?=",
            "=?no-such-charset?Q?abc?=",
            "=?utf-8?B?a?=",
            "=?utf-8?Q?=FF=FE?= =?",
            "=??=",
        ],
    )
    def test_what_cannot_be_decoded_is_no_error(self, odd: str) -> None:
        """A broken word stays, in some form; the text beside it does too."""
        assert decoded(f"CONSEGNA: {odd}").startswith("CONSEGNA:")


class TestFold:
    """The delivery state that several receipts amount to."""

    def _of(self, *receipts: tuple[ReceiptKind, int]) -> Delivery:
        evidence = Evidence()
        for kind, hours in receipts:
            evidence = evidence.with_receipt(kind, SENT_AT + hours * HOUR)
        return evidence.delivery

    def test_nothing_is_none(self) -> None:
        """Without a receipt there is nothing to say."""
        assert self._of() is Delivery.NONE

    @pytest.mark.parametrize(
        ("kind", "delivery"),
        [
            (ReceiptKind.ACCEPTED, Delivery.ACCEPTED),
            (ReceiptKind.NOT_ACCEPTED, Delivery.NOT_ACCEPTED),
            (ReceiptKind.DELIVERED, Delivery.DELIVERED),
            (ReceiptKind.UNDELIVERED, Delivery.UNDELIVERED),
            (ReceiptKind.LATE, Delivery.NONE),
            (ReceiptKind.EARLY_WARNING, Delivery.NONE),
            (ReceiptKind.FOREIGN, Delivery.NONE),
            (ReceiptKind.UNKNOWN, Delivery.NONE),
        ],
    )
    def test_one_alone(self, kind: ReceiptKind, delivery: Delivery) -> None:
        """What each kind says by itself."""
        assert self._of((kind, 0)) is delivery

    @pytest.mark.parametrize("order", [1, -1])
    @pytest.mark.parametrize(
        ("hours", "delivery"),
        [
            (12, Delivery.ACCEPTED),
            (17, Delivery.ACCEPTED),
            (19, Delivery.UNDELIVERED),
            (24, Delivery.UNDELIVERED),
        ],
    )
    def test_the_notice_is_final_after_a_day_only(self, order: int, hours: int, delivery: Delivery) -> None:
        """The 12 h notice is not final, the 24 h one is: the time since acceptance tells, in any order."""
        receipts = [(ReceiptKind.ACCEPTED, 0), (ReceiptKind.LATE, hours)]
        assert self._of(*receipts[::order]) is delivery

    @pytest.mark.parametrize("order", [1, -1])
    def test_both_notices(self, order: int) -> None:
        """After the second notice the message is undelivered, in whichever order the two are read."""
        receipts = [(ReceiptKind.ACCEPTED, 0), (ReceiptKind.LATE, 12), (ReceiptKind.LATE, 24)]
        assert self._of(*receipts[::order]) is Delivery.UNDELIVERED

    def test_the_mark_lies_between_the_notices(self) -> None:
        """Half way between 12 and 24 hours, for clocks that differ."""
        assert 12 * HOUR < FINAL_AFTER < 24 * HOUR

    @pytest.mark.parametrize("order", [1, -1])
    @pytest.mark.parametrize("bad", [ReceiptKind.UNDELIVERED, ReceiptKind.LATE, ReceiptKind.NOT_ACCEPTED])
    def test_a_delivery_wins_in_any_order(self, order: int, bad: ReceiptKind) -> None:
        """A CONSEGNA proves delivery, whatever was said before or is read after."""
        receipts = [(ReceiptKind.ACCEPTED, 0), (bad, 25), (ReceiptKind.DELIVERED, 30)]
        assert self._of(*receipts[::order]) is Delivery.DELIVERED
