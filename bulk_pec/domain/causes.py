"""Why a message was not delivered, read from the text of a notice. Pure and table-driven.

Sources: the technical rules of DM 2 November 2005 (6.3, 6.4, 6.5: notices of non-acceptance and of
non-delivery), AgID's note 12 of 2015 (the causes in one wording for all providers), RFC 3463 (enhanced
status codes). None of them makes the wording binding, and every provider has its own; so words and codes
are looked for, and what is not recognised is `OTHER`, never an error.
"""

from __future__ import annotations

import html
import re
import unicodedata
from enum import StrEnum

LONGEST = 20_000
"""Characters of a text that are looked at; a notice has some hundreds, then the message itself may follow."""


class Cause(StrEnum):
    """Why a message was refused or not delivered."""

    UNKNOWN_USER = "unknown_user"
    REVOKED_USER = "revoked_user"
    MAILBOX_FULL = "mailbox_full"
    DISABLED = "disabled"
    VIRUS = "virus"
    NOT_PEC = "not_pec"
    UNKNOWN_DOMAIN = "unknown_domain"
    TOO_LARGE = "too_large"
    REFUSED = "refused"
    FORMAL_ERROR = "formal_error"
    TOO_LATE = "too_late"
    OTHER = "other"

    @property
    def words(self) -> str:
        """In plain words."""
        return _WORDS[self]

    @property
    def advice(self) -> Advice:
        """What the sender can do about it."""
        return _ADVICE[self]

    @property
    def weaker(self) -> tuple[Cause, ...]:
        """The causes that give way to this one where notices of one message name several."""
        return _RANKED[_RANKED.index(self) + 1 :]


class Advice(StrEnum):
    """What to do about a cause, in one plain sentence."""

    LATER = "write again later"
    ADDRESS = "correct the address"
    CHANNEL = "use another channel"
    ATTACHMENT = "check the attachment"
    READ = "read the notice in the mailbox"


_WORDS = {
    Cause.UNKNOWN_USER: "unknown user",
    Cause.REVOKED_USER: "revoked user",
    Cause.MAILBOX_FULL: "mailbox full",
    Cause.DISABLED: "mailbox disabled",
    Cause.VIRUS: "a virus was found",
    Cause.NOT_PEC: "not a certified mailbox",
    Cause.UNKNOWN_DOMAIN: "unknown domain",
    Cause.TOO_LARGE: "message too large",
    Cause.REFUSED: "refused by the recipient's provider",
    Cause.FORMAL_ERROR: "formal error in the message",
    Cause.TOO_LATE: "no delivery within the time allowed",
    Cause.OTHER: "cause not recognised",
}

_ADVICE = {
    Cause.UNKNOWN_USER: Advice.ADDRESS,
    Cause.REVOKED_USER: Advice.CHANNEL,
    Cause.MAILBOX_FULL: Advice.LATER,
    Cause.DISABLED: Advice.CHANNEL,
    Cause.VIRUS: Advice.ATTACHMENT,
    Cause.NOT_PEC: Advice.CHANNEL,
    Cause.UNKNOWN_DOMAIN: Advice.ADDRESS,
    Cause.TOO_LARGE: Advice.ATTACHMENT,
    Cause.REFUSED: Advice.CHANNEL,
    Cause.FORMAL_ERROR: Advice.ADDRESS,
    Cause.TOO_LATE: Advice.LATER,
    Cause.OTHER: Advice.READ,
}

# Looked for in this order, in a text without accents, in lower case. Words that say exactly what happened
# come before the codes, of which providers use some for more than one thing (5.1.1 for a revoked user too);
# words that only say that something did come after them.
_EXACT: tuple[tuple[Cause, str], ...] = (
    (Cause.VIRUS, r"\bvirus\b|\bmalware\b|codice malevolo|malicious (?:code|content)"),
    (
        Cause.NOT_PEC,
        r"\bnon (?:e |risulta )?(?:essere )?(?:una |un |di )?(?:casella |indirizzo |dominio |utente )?"
        r"(?:di )?(?:posta (?:elettronica )?certificat|pec\b|certificat)"
        r"|\bnot (?:a |an )?(?:certified|pec\b|rem\b)|\bnon[- ](?:pec|certified)\b",
    ),
    (
        Cause.REVOKED_USER,
        r"\b(?:utente|utenza|casella|account|titolare|indirizzo)\b[^.;]{0,40}"
        r"\b(?:revocat|cessat|cancellat|chius|eliminat|dismess|scadut)"
        r"|\b(?:user|mailbox|account|recipient|address)\b[^.;]{0,40}"
        r"\b(?:revoked|closed|deleted|expired|terminated)\b|\b(?:revoked|deleted|closed) (?:user|account)",
    ),
    (
        Cause.MAILBOX_FULL,
        r"\bcasella\b[^.;]{0,40}\b(?:pien|esaurit|satur)|\b(?:mailbox|inbox)\b[^.;]{0,30}\bfull\b"
        r"|\b(?:over ?quota|quota exceeded|quota superata|superamento (?:della )?quota)\b"
        r"|\bspazio\b[^.;]{0,40}\b(?:esaurit|insufficient)|\bfull mailbox\b|\bstorage exceeded\b",
    ),
    (
        Cause.DISABLED,
        r"\b(?:casella|utente|utenza|account|dominio)\b[^.;]{0,40}"
        r"\b(?:disabilitat|disattivat|sospes|inibit|bloccat|inattiv|non (?:e )?attiv|non (?:e )?abilitat)"
        r"|\b(?:mailbox|user|account|recipient)\b[^.;]{0,40}"
        r"\b(?:disabled|suspended|blocked|inactive|not active|not enabled)\b|\bdisabled (?:mailbox|user)\b",
    ),
    (
        Cause.UNKNOWN_DOMAIN,
        r"\bdominio\b[^.;]{0,40}\b(?:sconosciut|inesistent|non (?:valid|esist|trovat|riconosciut))"
        r"|\b(?:domain|host)\b[^.;]{0,30}\b(?:unknown|not found|does not exist|invalid)\b"
        r"|\b(?:unknown|invalid|non-?existent) (?:domain|host)\b",
    ),
    (
        Cause.UNKNOWN_USER,
        r"\b(?:utente|utenza|casella|indirizzo|destinatario|account)\b[^.;]{0,40}"
        r"\b(?:sconosciut|inesistent|non (?:e )?(?:valid|esist|trovat|presente|riconosciut)|errat)"
        r"|\b(?:user|mailbox|recipient|address|account)\b[^.;]{0,30}"
        r"\b(?:unknown|not found|does not exist|invalid|not valid)\b"
        r"|\b(?:unknown|invalid|no such|non-?existent) (?:user|mailbox|recipient|address)\b",
    ),
    (
        Cause.TOO_LARGE,
        r"\b(?:messaggio|dimension[ei])\b[^.;]{0,40}\b(?:troppo grand|ecced|superior|superat|oltre il limite)"
        r"|\bmessage\b[^.;]{0,30}\b(?:too (?:large|big)|size exceed)",
    ),
)
_VAGUE: tuple[tuple[Cause, str], ...] = (
    (
        Cause.REFUSED,
        r"\b(?:rifiutat|respint)\w* (?:dal|per|da)\b[^.;]{0,30}(?:policy|politic|sicurezza|spam|filtr)"
        r"|\bspam\b|\bpolicy\b|\baccess denied\b|\bnot authori[sz]ed\b|\bnon autorizzat",
    ),
    (Cause.FORMAL_ERROR, r"\b(?:errore|errori|eccezion[ei]) formal|\bformal (?:error|exception)"),
    (
        Cause.TOO_LATE,
        r"\btempo massimo\b|\bnel tempo previsto\b|\b(?:12|24|dodici|ventiquattro) ore\b"
        r"|\b(?:maximum|expected) time\b|\bwithin (?:12|24|the first (?:12|24)) ?h",
    ),
)

_CODE = re.compile(r"(?<![\d.])[45]\.(\d{1,3})\.(\d{1,3})(?![\d]|\.\d)")
_CODES = {
    ("1", "1"): Cause.UNKNOWN_USER,
    ("1", "2"): Cause.UNKNOWN_DOMAIN,
    ("1", "3"): Cause.UNKNOWN_USER,
    ("1", "6"): Cause.REVOKED_USER,
    ("1", "10"): Cause.UNKNOWN_DOMAIN,
    ("2", "1"): Cause.DISABLED,
    ("2", "2"): Cause.MAILBOX_FULL,
    ("2", "3"): Cause.TOO_LARGE,
    ("3", "1"): Cause.MAILBOX_FULL,
    ("3", "4"): Cause.TOO_LARGE,
    ("4", "1"): Cause.TOO_LATE,
    ("4", "4"): Cause.UNKNOWN_DOMAIN,
    ("4", "7"): Cause.TOO_LATE,
}
"""RFC 3463: subject and detail, the class (4 or 5) left out; of 7 (security) every detail means refused."""

_RANKED = (
    Cause.VIRUS,
    Cause.NOT_PEC,
    Cause.REVOKED_USER,
    Cause.MAILBOX_FULL,
    Cause.DISABLED,
    Cause.UNKNOWN_DOMAIN,
    Cause.UNKNOWN_USER,
    Cause.TOO_LARGE,
    Cause.REFUSED,
    Cause.FORMAL_ERROR,
    Cause.TOO_LATE,
    Cause.OTHER,
)

_FORMS = tuple((cause, re.compile(form)) for cause, form in _EXACT)
_LAST_FORMS = tuple((cause, re.compile(form)) for cause, form in _VAGUE)
_NO_VIRUS = re.compile(r"\b(?:nessun|senza|privo di|no|not? contain(?:s|ing)?(?: a)?) virus\b")
_HIDDEN = re.compile(r"<(script|style)\b.{0,4000}?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]{0,2000}>")
_QUOTED = re.compile(r"[\"“”«»][^\"“”«»]{0,998}[\"“”«»]")
_ANY_ADDRESS = re.compile(r"[^\s\"“”«»<>(),;:]{1,320}@[^\s\"“”«»<>(),;:]{1,255}")


def cause_of(text: str, subject: str = "") -> Cause:
    """Why a notice says that its message was not delivered.

    Args:
        text: The notice's, plain or HTML, in any language; Italian, English and codes are understood.
        subject: The notice's own. Its fixed words may name the cause (``… PER VIRUS:``). What stands after
            them is our own message's subject, which the text repeats and which says nothing of the cause.
    """
    head, _, own = subject.partition(":")
    folded = _folded(_without(_plain(text), own))
    for said in (_folded(head), _NO_VIRUS.sub(" ", folded)):
        for cause, form in _FORMS:
            if form.search(said):
                return cause
    if (coded := _by_code(folded)) is not None:
        return coded
    for said in (folded, _folded(head)):
        for cause, form in _LAST_FORMS:
            if form.search(said):
                return cause
    return Cause.OTHER


def _by_code(folded: str) -> Cause | None:
    """What the first code that is known means."""
    for match in _CODE.finditer(folded):
        if match[1] == "7":
            return Cause.REFUSED
        if (cause := _CODES.get((match[1], match[2]))) is not None:
            return cause
    return None


def _plain(text: str) -> str:
    """A text's first part without markup, entities undone, blanks made one."""
    text = _TAG.sub(" ", _HIDDEN.sub(" ", text[:LONGEST]))
    return " ".join(html.unescape(text).split())


def _without(text: str, own: str) -> str:
    """The text without the subject of the message it is about."""
    own = " ".join(own.split())
    return text.replace(own, " ") if own else text


def _folded(text: str) -> str:
    """Without quoted words, addresses, case and accents; what could not be decoded is a blank."""
    text = _ANY_ADDRESS.sub(" ", _QUOTED.sub(" ", text)).replace("\ufffd", " ")
    parts = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in parts if not unicodedata.combining(char))
    return " ".join(bare.replace("’", "'").replace("e'", "e ").split())
