"""Receipts: what a subject and a sender make of a mail, and what the receipts of a message amount to."""

from __future__ import annotations

from email.header import Header

import pytest

from bulk_pec.domain.receipts import FINAL_AFTER, RECEIPTS, Evidence, Heard, ReceiptKind, classify, rest_of
from bulk_pec.domain.states import Delivery
from bulk_pec.domain.subjects import decoded

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
        "AVVISO DI MANCATA CONSEGNA PER IL SUPERAMENTO DEI TEMPI MASSIMI",
        "MANCATA CONSEGNA PER SUP. TEMPO MASSIMO",
    ],
)
def test_other_spellings_of_the_notice(words: str) -> None:
    """The maximum-time notice is spelt in several ways; none of them is final by itself."""
    assert classify(f"{words}: {OURS}", PROVIDER) is ReceiptKind.LATE


@pytest.mark.parametrize(
    ("words", "kind"),
    {
        "AVVISO DI PREAVVISO DI MANCATA CONSEGNA": ReceiptKind.EARLY_WARNING,
        "PREAVVISO DI MANCATA CONSEGNA PER SUP. TEMPO MASSIMO": ReceiptKind.EARLY_WARNING,
        "AVVISO DI NON ACCETTAZIONE PER VIRUS INFORMATICO": ReceiptKind.NOT_ACCEPTED,
        "AVVISO DI MANCATA CONSEGNA PER VIRUS INFORMATICO": ReceiptKind.UNDELIVERED,
        "AVVISO DI MANCATA CONSEGNA PER ERRORE TECNICO": ReceiptKind.UNDELIVERED,
        "ACCETTAZIONE / ACCEPTANCE": ReceiptKind.ACCEPTED,
        "CONSEGNA/DELIVERY": ReceiptKind.DELIVERED,
        "AVVISO DI MANCATA CONSEGNA / NON-DELIVERY NOTICE": ReceiptKind.UNDELIVERED,
        "AVVISO DI MANCATA CONSEGNA PER SUP. TEMPO MASSIMO / TIMEOUT": ReceiptKind.LATE,
        "AVVISO DI MANCATA CONSEGNA / NON-DELIVERY PER SUP. TEMPO MASSIMO": ReceiptKind.LATE,
        "AVVISO DI MANCATA CONSEGNA / NON-DELIVERY: TIME LIMIT": ReceiptKind.UNDELIVERED,
        "MANCATA CONSEGNA / NON-DELIVERY FOR TIME LIMIT": ReceiptKind.LATE,
        "POSTA CERTIFICATA / CERTIFIED MAIL": ReceiptKind.FOREIGN,
        "REM SubmissionRejection": ReceiptKind.UNKNOWN,
        "REM RelayAcceptance": ReceiptKind.UNKNOWN,
        "REM RelayFailure": ReceiptKind.UNKNOWN,
        "REM DeliveryNonDelivery": ReceiptKind.UNKNOWN,
        "DeliveryNonDelivery": ReceiptKind.UNKNOWN,
    }.items(),
)
def test_longer_forms(words: str, kind: ReceiptKind) -> None:
    """A reason, or a second language after a slash, may follow; European forms are unknown."""
    assert classify(f"{words}: {OURS}", PROVIDER) is kind


@pytest.mark.parametrize(
    "odd",
    [
        "\N{ZERO WIDTH NO-BREAK SPACE}CONSEGNA:",
        "CONS\N{SOFT HYPHEN}EGNA:",
        "\N{LEFT-TO-RIGHT MARK}CONSEGNA\N{ZERO WIDTH SPACE}:",
        "\N{NO-BREAK SPACE}AVVENUTA\N{NO-BREAK SPACE}\N{EM SPACE}CONSEGNA\N{IDEOGRAPHIC SPACE}:",
        "\x85\x1favvenuta\t\x0b\r\n consegna\N{NARROW NO-BREAK SPACE}:",
    ],
)
def test_blanks_of_every_kind_and_what_shows_nothing(odd: str) -> None:
    """A subject is compared as it is seen: any blank is a blank, and what cannot be seen is not there."""
    assert classify(decoded(f"{odd} {OURS}"), PROVIDER) is ReceiptKind.DELIVERED


@pytest.mark.parametrize(
    "sender",
    [
        '"Per conto di: mario@example.org" ',
        "'Per conto di: \"Mario, R.\" <mario@example.org>' <posta-certificata@example.net>",
        '""Per conto di: mario@example.org" "',
        "=?iso-8859-1?Q?Per_conto_di:_Niccol=F2?= <posta-certificata@example.net>",
        "=?no-such-charset?Q?Per_conto_di:_Niccol=F2?=",
        "=?utf-8?B?UGVyIGNvbg==?= =?utf-8?B?dG8gZGk6IG1hcmlv?=",
        "Per\N{NO-BREAK SPACE}conto\N{ZERO WIDTH SPACE}\tdi\N{NO-BREAK SPACE}: mario@example.org",
        "PER CONTO DI mario@example.org",
    ],
)
def test_a_sender_on_somebody_s_behalf_however_it_is_written(sender: str) -> None:
    """Quoted, encoded, in a charset nobody knows, with odd blanks: it stays somebody's message."""
    assert classify(f"CONSEGNA: {OURS}", sender) is ReceiptKind.FOREIGN


def test_nothing_else_is_asked_of_the_sender() -> None:
    """The provider leaves senders null and writes names: a true receipt is never dropped for its sender."""
    for sender in ("", "Servizio PEC", "noreply@example.net", '"posta-certificata@example.net" '):
        assert classify(f"CONSEGNA: {OURS}", sender) is ReceiptKind.DELIVERED


def test_what_follows_the_words_is_ours() -> None:
    """Our subject, whatever it begins with; only the receipt's own words are taken away."""
    assert rest_of("CONSEGNA: CONSEGNA: pacco: 7 2020082610003492") == "CONSEGNA: pacco: 7 2020082610003492"
    assert rest_of("AVVISO DI NON ACCETTAZIONE PER VIRUS:x") == "x"
    assert rest_of("CONSEGNA") == rest_of("CONSEGNA:") == ""


@pytest.mark.parametrize(
    "subject",
    [
        "CONSEGNA DEL PACCO: domani",
        "CONSEGNA PER VIA BREVE: domani",
        "R: CONSEGNA: Avviso",
        "I: ACCETTAZIONE: Avviso",
        "Fwd: AVVISO DI MANCATA CONSEGNA: Avviso",
        "CONSEGNA " * 60 + ": Avviso",
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

    def _of(self, *receipts: tuple[ReceiptKind, float]) -> Delivery:
        evidence = Evidence()
        for kind, hours in receipts:
            evidence = evidence.with_receipts([(kind, SENT_AT + round(hours * HOUR))])
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

    @pytest.mark.parametrize("order", [1, -1])
    @pytest.mark.parametrize(
        ("hours", "delivery"),
        [((24,), Delivery.NONE), ((12, 13), Delivery.NONE), ((12, 24), Delivery.UNDELIVERED)],
    )
    def test_notices_of_a_message_whose_acceptance_is_unknown(
        self, order: int, hours: tuple[int, ...], delivery: Delivery
    ) -> None:
        """Of two, half a day apart, the second is final; one alone may be the first."""
        receipts = [(ReceiptKind.LATE, hour) for hour in hours]
        assert self._of(*receipts[::order]) is delivery

    @pytest.mark.parametrize("order", [1, -1])
    def test_an_early_warning_and_then_the_end(self, order: int) -> None:
        """The notice after twelve hours says nothing final; the one after a day does."""
        early = [(ReceiptKind.ACCEPTED, 0), (ReceiptKind.EARLY_WARNING, 12)]
        assert self._of(*early[::order]) is Delivery.ACCEPTED
        assert self._of(*[*early, (ReceiptKind.LATE, 24)][::order]) is Delivery.UNDELIVERED
        assert self._of(*[*early, (ReceiptKind.UNDELIVERED, 20)][::order]) is Delivery.UNDELIVERED

    @pytest.mark.parametrize("order", [1, -1])
    def test_refused_once_and_accepted_once_is_on_its_way(self, order: int) -> None:
        """A sending has one of the two, so there were two sendings: to send a third time would be wrong."""
        receipts = [(ReceiptKind.NOT_ACCEPTED, 0), (ReceiptKind.ACCEPTED, 1)]
        assert self._of(*receipts[::order]) is Delivery.ACCEPTED
        receipts.append((ReceiptKind.UNDELIVERED, 2))
        assert self._of(*receipts[::order]) is Delivery.UNDELIVERED


class TestSeveralAddresses:
    """The delivery state of one message to several addresses."""

    def _of(self, addresses: int, *receipts: tuple[ReceiptKind, int]) -> Evidence:
        heard = [Heard(kind, SENT_AT + hours * HOUR) for kind, hours in receipts]
        return Evidence.of_several(heard, addresses)

    @pytest.mark.parametrize("order", [1, -1])
    def test_delivered_is_a_delivery_for_each(self, order: int) -> None:
        """Two of three are not enough; the third completes it, and its time is the message's."""
        receipts = [
            (ReceiptKind.ACCEPTED, 0),
            (ReceiptKind.DELIVERED, 1),
            (ReceiptKind.DELIVERED, 2),
            (ReceiptKind.DELIVERED, 9),
        ]
        most = [receipts[0], receipts[2], receipts[3]]
        assert self._of(3, *most[::order]).delivery is Delivery.ACCEPTED
        assert self._of(3, *most[::order]).delivered_at is None
        assert self._of(3, *receipts[::order]).delivery is Delivery.DELIVERED
        assert self._of(3, *receipts[::order]).delivered_at == SENT_AT + 9 * HOUR
        assert self._of(2, *receipts[::order]).delivered_at == SENT_AT + 2 * HOUR

    @pytest.mark.parametrize("order", [1, -1])
    @pytest.mark.parametrize("bad", [(ReceiptKind.UNDELIVERED, 1), (ReceiptKind.LATE, 24)])
    def test_undelivered_is_a_final_notice_beside_too_few(
        self, order: int, bad: tuple[ReceiptKind, int]
    ) -> None:
        """One address that surely has it not is enough, whatever else is delivered, and however often.

        A CONSEGNA may come twice, so that two beside a notice for two addresses prove nothing of the other.
        """
        receipts = [(ReceiptKind.ACCEPTED, 0), (ReceiptKind.DELIVERED, 1), bad]
        assert self._of(2, *receipts[::order]).delivery is Delivery.UNDELIVERED
        for hours in (1, 30, 31):
            receipts.append((ReceiptKind.DELIVERED, hours))
            assert self._of(2, *receipts[::order]).delivery is Delivery.UNDELIVERED
            assert self._of(2, *receipts[::order]).delivered_at is None

    @pytest.mark.parametrize("order", [1, -1])
    def test_two_sendings_do_not_add_up(self, order: int) -> None:
        """One address may have both copies, and the other neither; what names no sending is of either."""
        first, again, either = (
            Heard(ReceiptKind.DELIVERED, SENT_AT + at, sending)
            for at, sending in ((1, "one"), (2, "other"), (5, None))
        )
        assert Evidence.of_several([first, again][::order], 2).delivery is Delivery.NONE
        found = Evidence.of_several([first, again, either][::order], 2)
        assert (found.delivery, found.delivered_at) == (Delivery.DELIVERED, SENT_AT + 5)

    def test_an_early_notice_is_not_final(self) -> None:
        """After twelve hours nothing is said yet of any address."""
        receipts = [(ReceiptKind.ACCEPTED, 0), (ReceiptKind.DELIVERED, 1), (ReceiptKind.LATE, 12)]
        assert self._of(2, *receipts).delivery is Delivery.ACCEPTED
