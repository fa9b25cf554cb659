"""What states, outcomes and receipts mean, in plain Italian and English. Pure; every value has its words."""

from __future__ import annotations

from typing import NamedTuple, assert_never

from bulk_pec.domain.causes import Cause
from bulk_pec.domain.outcomes import Verdict
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.settlements import Settlement
from bulk_pec.domain.states import Delivery, MessageState, SetAside


class Words(NamedTuple):
    """One thing said in Italian and in English."""

    it: str
    en: str


def together(*said: Words) -> Words:
    """Several sayings, one after the other."""
    return Words(" ".join(one.it for one in said), " ".join(one.en for one in said))


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
            said = Words("rifiutato in via definitiva dal servizio", "refused by the service for good")
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


def verdict_words(verdict: Verdict | None) -> Words:
    """What one attempt came to; None: its outcome is not on record yet."""
    match verdict:
        case None:
            said = Words("esito non ancora registrato", "outcome not on record yet")
        case Verdict.SENT:
            said = Words("il servizio ha risposto positivamente", "the service answered that it took it")
        case Verdict.REJECTED:
            said = Words("rifiutato in via definitiva", "refused for good")
        case Verdict.NOT_SENT:
            said = Words("certamente non partito", "known not to have left")
        case Verdict.THROTTLED:
            said = Words("non accolto: troppe richieste", "not taken: too many requests")
        case Verdict.REFUSED:
            said = Words("non accolto: account rifiutato", "not taken: the account was refused")
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


def notice_words(*, final: bool | None) -> Words:
    """What a "maximum time" notice is: the 24 h one, which is final, the 12 h one, or either (None)."""
    if final is None:
        return receipt_words(ReceiptKind.LATE)
    if final:
        return Words(
            "avviso di mancata consegna per superamento del tempo massimo di 24 ore: definitivo",
            "24-hour notice of non-delivery, for exceeding the longest time: final",
        )
    return Words(
        "avviso di mancata consegna per superamento del tempo massimo di 12 ore: non definitivo",
        "12-hour notice of non-delivery, for exceeding the longest time: not final",
    )


def name_of(receipt: Words) -> Words:
    """A receipt's name alone, out of what it is."""
    return Words(receipt.it.partition(":")[0], receipt.en.partition(":")[0])


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


def cause_holds(state: MessageState, delivery: Delivery) -> bool:
    """Whether a notice's cause says why a message is where it is; else it is an earlier notice's."""
    return state is MessageState.SENT and delivery in {Delivery.UNDELIVERED, Delivery.NOT_ACCEPTED}


def earlier_cause_words(cause: Cause) -> Words:
    """A cause that says no more why a message is where it is."""
    said = cause_words(cause)
    return Words(f"un avviso precedente diceva: {said.it}", f"an earlier notice said: {said.en}")
