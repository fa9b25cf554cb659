"""What lies in an inbox: receipts and other mail, and the words they are written in.

Subjects and texts follow the forms of the technical rules of DM 2 November 2005 and RFC 6109.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bulk_pec.sandbox.clock import local


class MailKind(Enum):
    """The kinds of mail a sender's inbox holds; the value is what the subject starts with."""

    ACCEPTED = "ACCETTAZIONE"
    NOT_ACCEPTED = "AVVISO DI NON ACCETTAZIONE"
    NOT_ACCEPTED_VIRUS = "AVVISO DI NON ACCETTAZIONE PER VIRUS"
    DELIVERED = "CONSEGNA"
    DELIVERED_LONG = "AVVENUTA CONSEGNA"
    UNDELIVERED = "AVVISO DI MANCATA CONSEGNA"
    UNDELIVERED_VIRUS = "AVVISO DI MANCATA CONSEGNA PER VIRUS"
    LATE = "AVVISO DI MANCATA CONSEGNA PER SUP. TEMPO MASSIMO"
    EARLY_WARNING = "PREAVVISO DI MANCATA CONSEGNA"
    CERTIFIED = "POSTA CERTIFICATA"
    ANOMALY = "ANOMALIA MESSAGGIO"
    TAKEN_OVER = "PRESA IN CARICO"
    NEW_FORM = "REM SubmissionAcceptance"
    PLAIN = ""
    """Somebody's mail with a subject wholly of its own."""

    def __init__(self, words: str) -> None:
        self.prefix = f"{words}: " if words else ""
        self.folded = self.prefix.casefold()


HOLDS_ORIGINAL = frozenset(
    {MailKind.DELIVERED, MailKind.DELIVERED_LONG, MailKind.CERTIFIED, MailKind.ANOMALY, MailKind.PLAIN}
)
"""Kinds that carry the whole original message with its attachments."""

_ON_BEHALF = frozenset({MailKind.CERTIFIED, MailKind.PLAIN})
_OWN_PROVIDER = frozenset(
    {MailKind.ACCEPTED, MailKind.NOT_ACCEPTED, MailKind.NOT_ACCEPTED_VIRUS, MailKind.LATE}
)

_TEXTS = {
    MailKind.ACCEPTED: "è stato accettato dal sistema ed inoltrato",
    MailKind.NOT_ACCEPTED: "non è stato accettato: errore formale nel messaggio",
    MailKind.NOT_ACCEPTED_VIRUS: "non è stato accettato: il messaggio contiene un virus",
    MailKind.DELIVERED: "è stato consegnato nella casella di destinazione",
    MailKind.DELIVERED_LONG: "è stato consegnato nella casella di destinazione",
    MailKind.UNDELIVERED_VIRUS: "è stato respinto: il messaggio contiene un virus",
    MailKind.LATE: "non risulta consegnato nel tempo massimo previsto",
    MailKind.EARLY_WARNING: "non risulta ancora consegnato dopo dodici ore",
    MailKind.TAKEN_OVER: "è stato preso in carico dal gestore di destinazione",
    MailKind.NEW_FORM: "has been accepted for delivery",
}


@dataclass(slots=True)
class Letter:
    """A message as the provider holds it once taken. Receipts share it.

    Attributes:
        sender: Its sender's address.
        recipients: Its addressees.
        subject: As shown in receipts: with the message id at the end, if it has one.
        folded: The subject in one case, for the search.
        message_id: The provider's id; empty for mail that came from outside.
        excerpt: The beginning of its body.
        size: Bytes, as a mail with its attachments.
    """

    sender: str
    recipients: tuple[str, ...]
    subject: str
    folded: str
    message_id: str
    excerpt: str
    size: int


@dataclass(slots=True)
class Mail:
    """One mail of an inbox, due or arrived.

    Attributes:
        kind: What it is.
        at: When it arrives, in sandbox seconds since the epoch.
        letter: The message it is about, or is.
        about: The addressee it speaks of; for an ACCETTAZIONE, all of them.
        reason: Why it was not delivered, if it was not.
        size: Bytes it takes up.
        number: Its number in the inbox, from 1 upwards; 0 until it has arrived.
    """

    kind: MailKind
    at: float
    letter: Letter
    about: str
    reason: str
    size: int
    number: int = 0

    @property
    def subject(self) -> str:
        """The whole subject."""
        return self.kind.prefix + self.letter.subject

    def sender(self) -> str:
        """The sender: a provider's service address, or somebody a provider writes on behalf of."""
        if self.kind in _ON_BEHALF:
            return f'"Per conto di: {self.letter.sender}" '
        address = self.letter.sender if self.kind in _OWN_PROVIDER else self.about
        return f"posta-certificata@{address.rpartition('@')[2]}"

    def recipient(self, mailbox: str) -> str:
        """The recipient: always the mailbox it lies in, never the addressee of the message."""
        return f'"{mailbox}" ' if self.kind in _ON_BEHALF else mailbox

    def text(self) -> str:
        """The body of the mail; it names the addressee."""
        words = _TEXTS.get(self.kind)
        if self.kind is MailKind.UNDELIVERED:
            who = f'destinato all\'utente "{self.about}"'
            return f"{self._opening()} {who} non è stato consegnato: {self.reason}."
        if words is None:
            return self.letter.excerpt
        return f'{self._opening()} ed indirizzato a "{self.about}" {words}.'

    def _opening(self) -> str:
        return (
            f"Il giorno {local(self.at):%d/%m/%Y alle ore %H:%M:%S (%z)} il messaggio "
            f'"{self.letter.subject}" proveniente da "{self.letter.sender}"'
        )
