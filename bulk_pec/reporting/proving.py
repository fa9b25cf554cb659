"""What is proved of a message, in plain Italian and English. Pure; no more is claimed than is on record.

Sources for what proves what: DPR 68/2005 art. 6 (the receipts of acceptance and delivery), DM 2 November
2005, technical rules 6, and RFC 6109 section 2. An HTTP answer of the provider's proves neither, nor that a
message was not sent.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from bulk_pec.domain.states import Delivery, MessageState
from bulk_pec.reporting.phrases import Words, together

_ACCEPTED = Words(
    "La ricevuta di accettazione prova l'invio (DPR 68/2005, art. 6).",
    "The ACCETTAZIONE proves that it was sent (DPR 68/2005 art. 6).",
)


class Grounds(NamedTuple):
    """What is on record of a message beside its state, and decides what can be said to be proved.

    Attributes:
        accepted: Its ACCETTAZIONE.
        answered: The HTTP status with which the service said that it took it; None: no such answer came.
        word: The operator said that it was sent.
        attempts: How many were made.
        unsent: Each of them is known not to have left.
    """

    accepted: bool = False
    answered: int | None = None
    word: bool = False
    attempts: int = 0
    unsent: bool = False


def proof_words(state: MessageState, delivery: Delivery, grounds: Grounds) -> Words:
    """What can be proved of a message, in a sentence or two.

    Args:
        state: The message's.
        delivery: Of a message that was sent.
        grounds: What else is on record of it.
    """
    match state:
        case MessageState.SENT:
            return _of_sent(delivery, grounds)
        case MessageState.PENDING | MessageState.SENDING:
            return Words(
                "Non c'è ancora nulla da provare: nessuna ricevuta ne attesta l'invio.",
                "There is nothing to prove yet: no receipt says that it was sent.",
            )
        case MessageState.REJECTED:
            return Words(
                "Nessuna ricevuta ne prova l'invio; il servizio ha risposto di non averlo accolto.",
                "No receipt proves sending; the service answered that it did not take it.",
            )
        case MessageState.IN_DOUBT | MessageState.ABANDONED:
            return Words(
                "Nulla prova che sia stato inviato, e nulla che non lo sia stato.",
                "Nothing proves that it was sent, and nothing that it was not.",
            )
        case MessageState.CANCELLED:
            return _of_cancelled(grounds)
        case _:
            assert_never(state)


def several_words(addresses: int, delivered: int) -> Words:
    """Of a message to several addresses: what was counted. Each has a CONSEGNA of its own, if it arrives.

    Args:
        addresses: Of the message.
        delivered: Receipts of delivery on record; the provider may have repeated one.
    """
    return Words(
        f"Ha {addresses} destinatari e {delivered} ricevute di avvenuta consegna; l'elenco della casella non "
        "dice di chi. Vale come consegnato solo se un unico invio ne ha una per ogni destinatario, contando "
        "una volta sola quelle uguali per mittente, oggetto e data, e se non c'è un avviso di mancata "
        "consegna definitivo.",
        f"It has {addresses} addresses and {delivered} CONSEGNA; the mailbox's list does not say whose. It "
        "counts as delivered only if one sending has one for each address, of those with one sender, "
        "subject and date only one counted, and if no final notice of non-delivery stands beside them.",
    )


def _of_cancelled(grounds: Grounds) -> Words:
    if not grounds.attempts:
        return Words("Non ne è stato tentato l'invio.", "No attempt to send it was made.")
    if not grounds.unsent:
        return Words(
            "Nessuna ricevuta ne prova l'invio; di un tentativo non si sa se sia partito.",
            "No receipt proves sending; of an attempt it is not known whether it left.",
        )
    one = grounds.attempts == 1
    return Words(
        "Nessuna ricevuta ne prova l'invio; "
        + ("l'unico tentativo risulta" if one else f"i {grounds.attempts} tentativi risultano")
        + " nel registro come non partit"
        + ("o." if one else "i."),
        "No receipt proves sending; its "
        + ("one attempt is" if one else f"{grounds.attempts} attempts are")
        + " on record as not sent.",
    )


def _sending(grounds: Grounds) -> Words:
    """What shows that it was sent. The service's answer is named only where there was one."""
    if grounds.accepted:
        return _ACCEPTED
    said = [Words("Nessuna ricevuta ne prova l'invio.", "No receipt proves that it was sent.")]
    if grounds.answered is not None:
        status = f"HTTP {grounds.answered}"
        said.append(
            Words(
                f"La risposta del servizio ({status}) non prova né l'invio né la consegna.",
                f"The service's answer ({status}) proves neither sending nor delivery.",
            )
        )
    elif grounds.word:
        said.append(
            Words(
                "Vale come inviato sulla parola dell'operatore.",
                "It counts as sent on the operator's word.",
            )
        )
    return together(*said)


def _of_sent(delivery: Delivery, grounds: Grounds) -> Words:
    sending = _sending(grounds)
    match delivery:
        case Delivery.NONE:
            return sending
        case Delivery.ACCEPTED:
            return together(_ACCEPTED, Words("La consegna non è provata.", "Delivery is not proved."))
        case Delivery.DELIVERED:
            delivered = Words(
                "La ricevuta di avvenuta consegna prova che il messaggio è giunto nella casella del "
                "destinatario, e quando, letto o no (DPR 68/2005, art. 6).",
                "The CONSEGNA proves that it reached the recipient's mailbox, and when, read or not (DPR "
                "68/2005 art. 6).",
            )
            return together(_ACCEPTED, delivered) if grounds.accepted else delivered
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
