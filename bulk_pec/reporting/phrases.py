"""What states, outcomes and receipts mean, in plain Italian and English. Pure; every value has its words.

Sources for what proves what: DPR 68/2005 art. 6 (the receipts of acceptance and delivery), DM 2 November
2005, technical rules 6, and RFC 6109 section 2. An HTTP answer of the provider's proves neither.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, assert_never

from bulk_pec.domain.causes import Cause
from bulk_pec.domain.outcomes import Verdict
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.states import Delivery, MessageState, SetAside


class Words(NamedTuple):
    """One thing said in Italian and in English."""

    it: str
    en: str


def together(*said: Words) -> Words:
    """Several sayings, one after the other."""
    return Words(" ".join(one.it for one in said), " ".join(one.en for one in said))


class Settlement(StrEnum):
    """How an attempt in doubt ended; the words that the ledger keeps (`attempts.settlement`)."""

    RECEIPT = "receipt"
    ABSENCE = "absence"
    LATE_ANSWER = "late_answer"
    OPERATOR = "operator"
    POLICY = "policy"


def plain(text: str) -> str:
    """A value as part of one line: whatever could not be printed there stands as an escape."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\u00a0" else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def state_words(state: MessageState) -> Words:
    """Where a message stands."""
    match state:
        case MessageState.PENDING:
            said = Words("da inviare", "still to be sent")
        case MessageState.SENDING:
            said = Words(
                "in corso di invio: il tentativo è registrato, l'esito non ancora",
                "being sent: the attempt is on record, its outcome not yet",
            )
        case MessageState.SENT:
            said = Words("inviato", "sent")
        case MessageState.REJECTED:
            said = Words("rifiutato in via definitiva dal fornitore", "refused by the provider for good")
        case MessageState.IN_DOUBT:
            said = Words("in dubbio: può essere partito oppure no", "in doubt: it may or may not have left")
        case MessageState.CANCELLED:
            said = Words("annullato prima dell'invio", "cancelled before it left")
        case MessageState.ABANDONED:
            said = Words(
                "abbandonato dall'operatore: non si sa se sia partito",
                "given up by the operator: whether it left is not known",
            )
        case _:
            assert_never(state)
    return said


def delivery_words(delivery: Delivery) -> Words:
    """What the receipts of a sent message say so far."""
    match delivery:
        case Delivery.NONE:
            return Words("nessuna ricevuta finora", "no receipt so far")
        case Delivery.ACCEPTED:
            return Words("accettato; la consegna non è ancora attestata", "accepted; delivery not shown yet")
        case Delivery.NOT_ACCEPTED:
            return Words("non accettato dal gestore del mittente", "not accepted by the sender's provider")
        case Delivery.DELIVERED:
            return Words("consegnato", "delivered")
        case Delivery.UNDELIVERED:
            return Words("non consegnato", "not delivered")
        case Delivery.OVERDUE:
            return Words(
                "in ritardo: nessuna ricevuta definitiva nel tempo previsto",
                "overdue: no final receipt in time",
            )
        case _:
            assert_never(delivery)


_ACCEPTED = Words(
    "La ricevuta di accettazione prova l'invio (DPR 68/2005, art. 6).",
    "The ACCETTAZIONE proves that it was sent (DPR 68/2005 art. 6).",
)
_ANSWER_PROVES_NOTHING = Words(
    "La risposta del servizio (HTTP 201) non prova né l'invio né la consegna.",
    "The service's answer (HTTP 201) proves neither sending nor delivery.",
)


def proof_words(state: MessageState, delivery: Delivery, *, accepted: bool) -> Words:
    """What can be proved of a message, in a sentence or two.

    Args:
        state: The message's.
        delivery: Of a message that was sent.
        accepted: Whether its ACCETTAZIONE is on record.
    """
    match state:
        case MessageState.SENT:
            return _of_sent(delivery, accepted=accepted)
        case MessageState.PENDING | MessageState.SENDING:
            return Words(
                "Non c'è ancora nulla da provare: nessuna ricevuta ne attesta l'invio.",
                "There is nothing to prove yet: no receipt says that it was sent.",
            )
        case MessageState.REJECTED:
            return Words(
                "Il servizio non l'ha preso in carico: non è stato inviato.",
                "The service did not take it: it was not sent.",
            )
        case MessageState.IN_DOUBT | MessageState.ABANDONED:
            return Words(
                "Nulla prova che sia stato inviato, e nulla che non lo sia stato.",
                "Nothing proves that it was sent, and nothing that it was not.",
            )
        case MessageState.CANCELLED:
            return Words("Non è stato inviato.", "It was not sent.")
        case _:
            assert_never(state)


def several_words(addresses: int, delivered: int) -> Words:
    """Of a message to several addresses: how many have a CONSEGNA. Each has one of its own, if it arrives.

    Args:
        addresses: Of the message.
        delivered: Receipts of delivery on record.
    """
    return Words(
        f"Ha {addresses} destinatari e {delivered} ricevute di avvenuta consegna; "
        "l'elenco della casella non dice di chi.",
        f"It has {addresses} addresses and {delivered} CONSEGNA; the mailbox's list does not say whose.",
    )


def _of_sent(delivery: Delivery, *, accepted: bool) -> Words:
    sending = _ACCEPTED if accepted else _ANSWER_PROVES_NOTHING
    match delivery:
        case Delivery.NONE:
            return _ANSWER_PROVES_NOTHING
        case Delivery.ACCEPTED:
            return together(_ACCEPTED, Words("La consegna non è provata.", "Delivery is not proved."))
        case Delivery.DELIVERED:
            delivered = Words(
                "La ricevuta di avvenuta consegna prova che il messaggio è giunto nella casella del "
                "destinatario, e quando, letto o no (DPR 68/2005, art. 6).",
                "The CONSEGNA proves that it reached the recipient's mailbox, and when, read or not "
                "(DPR 68/2005 art. 6).",
            )
            return together(_ACCEPTED, delivered) if accepted else delivered
        case Delivery.NOT_ACCEPTED:
            return Words(
                "L'avviso di non accettazione attesta che il messaggio non è stato inviato.",
                "The notice of non-acceptance states that it was not sent.",
            )
        case Delivery.UNDELIVERED:
            return together(
                sending,
                Words(
                    "Un avviso di mancata consegna attesta che non è stato consegnato.",
                    "A notice of non-delivery states that it was not delivered.",
                ),
            )
        case Delivery.OVERDUE:
            return together(
                sending,
                Words(
                    "Né la consegna né la mancata consegna è attestata.",
                    "Neither delivery nor non-delivery is stated by any receipt.",
                ),
            )
        case _:
            assert_never(delivery)


def verdict_words(verdict: Verdict | None) -> Words:
    """What one attempt came to; None: its outcome is not on record yet."""
    match verdict:
        case None:
            said = Words("esito non ancora registrato", "outcome not on record yet")
        case Verdict.SENT:
            said = Words("preso in carico dal servizio", "taken by the service")
        case Verdict.REJECTED:
            said = Words("rifiutato in via definitiva", "refused for good")
        case Verdict.NOT_SENT:
            said = Words("certamente non partito", "known not to have left")
        case Verdict.THROTTLED:
            said = Words("non preso: troppe richieste", "not taken: too many requests")
        case Verdict.REFUSED:
            said = Words("non preso: account rifiutato", "not taken: the account was refused")
        case Verdict.IN_DOUBT:
            said = Words("in dubbio: può essere partito o no", "in doubt: it may or may not have left")
        case _:
            assert_never(verdict)
    return said


def settlement_words(settlement: Settlement) -> Words:
    """How a doubt ended."""
    match settlement:
        case Settlement.RECEIPT:
            return Words("una ricevuta prova che è partito", "a receipt shows that it left")
        case Settlement.ABSENCE:
            return Words(
                "assenza accettata: nulla di esso si trova, e dovrebbe trovarsi (non è una prova)",
                "absence accepted: nothing of it is found where it should be (a finding, not a proof)",
            )
        case Settlement.LATE_ANSWER:
            return Words("la risposta è arrivata in ritardo", "its own answer came late")
        case Settlement.OPERATOR:
            return Words("decisione dell'operatore", "the operator's decision")
        case Settlement.POLICY:
            return Words(
                "reinvio senza prove, come da configurazione (on_in_doubt = resend)",
                "sent again without evidence, as configured (on_in_doubt = resend)",
            )
        case _:
            assert_never(settlement)


def settled_words(settlement: str) -> Words:
    """How a doubt ended, by the ledger's word; one that this version does not know is shown as it is."""
    if settlement in set(Settlement):
        return settlement_words(Settlement(settlement))
    return Words(plain(settlement), plain(settlement))


def receipt_words(kind: ReceiptKind) -> Words:
    """What a receipt is."""
    match kind:
        case ReceiptKind.ACCEPTED:
            said = Words("ricevuta di accettazione: prova l'invio", "ACCETTAZIONE: proves sending")
        case ReceiptKind.NOT_ACCEPTED:
            said = Words(
                "avviso di non accettazione: non è stato inviato", "notice of non-acceptance: it was not sent"
            )
        case ReceiptKind.DELIVERED:
            said = Words("ricevuta di avvenuta consegna: prova la consegna", "CONSEGNA: proves delivery")
        case ReceiptKind.UNDELIVERED:
            said = Words("avviso di mancata consegna", "notice of non-delivery")
        case ReceiptKind.LATE:
            said = Words(
                "avviso di mancata consegna per superamento del tempo massimo (12 o 24 ore)",
                "notice of non-delivery for exceeding the longest time (12 or 24 hours)",
            )
        case ReceiptKind.EARLY_WARNING:
            said = Words("preavviso di mancata consegna: non definitivo", "12-hour notice: not final")
        case ReceiptKind.FOREIGN:
            said = Words("messaggio di terzi: non è una ricevuta", "somebody's mail: no receipt")
        case ReceiptKind.UNKNOWN:
            said = Words("forma non riconosciuta", "of a form that is not known")
        case _:
            assert_never(kind)
    return said


def aside_words(state: SetAside) -> Words:
    """Why a row never became a message."""
    match state:
        case SetAside.INVALID:
            return Words("riga non valida: mai divenuta un messaggio", "invalid: it never became a message")
        case SetAside.DUPLICATE:
            return Words(
                "riga doppia: il messaggio è quello di un'altra riga",
                "duplicate: another row's message stands for it",
            )
        case SetAside.SUPPRESSED:
            return Words(
                "indirizzo a cui non si deve scrivere: mai divenuta un messaggio",
                "its address is never to be written to: it never became a message",
            )
        case _:
            assert_never(state)


def order_words(kind: str) -> Words:
    """What an operator ordered; a kind that this version does not know is shown as it is."""
    known = {
        "pause": Words("l'operatore ha sospeso la lavorazione", "the operator paused the run"),
        "resume": Words("l'operatore ha ripreso la lavorazione", "the operator resumed the run"),
        "cancel": Words("l'operatore ha annullato la lavorazione", "the operator cancelled the run"),
        "settle": Words("l'operatore ha deciso sui dubbi", "the operator decided doubts"),
    }
    return known.get(kind, Words(plain(kind), plain(kind)))


_CAUSES: dict[Cause, str] = {
    Cause.UNKNOWN_USER: "utente sconosciuto",
    Cause.REVOKED_USER: "utente revocato",
    Cause.MAILBOX_FULL: "casella piena",
    Cause.DISABLED: "casella disabilitata",
    Cause.VIRUS: "rilevato un virus",
    Cause.NOT_PEC: "casella non certificata",
    Cause.UNKNOWN_DOMAIN: "dominio sconosciuto",
    Cause.TOO_LARGE: "messaggio troppo grande",
    Cause.REFUSED: "respinto dal gestore del destinatario",
    Cause.FORMAL_ERROR: "errore formale nel messaggio",
    Cause.TOO_LATE: "mancata consegna nel tempo previsto",
    Cause.OTHER: "causa non riconosciuta",
}


def cause_words(cause: Cause) -> Words:
    """Why it was not delivered."""
    return Words(_CAUSES[cause], cause.words)


def known_cause(word: str | None) -> Cause | None:
    """The cause that the ledger names; None: none, or one that this version does not know."""
    return Cause(word) if word in set(Cause) else None
