"""What becomes of a message is written in its recipient's local part. The table is docs/sandbox.md's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bulk_pec.sandbox.mail import MailKind

HOUR = 3600.0
EARLY_NOTICE = 12 * HOUR
"""Sandbox seconds to the first notice of a message not delivered (technical rules of DM 2 November 2005)."""
FINAL_NOTICE = 24 * HOUR
"""Sandbox seconds to the second and final one."""


@dataclass(frozen=True, slots=True)
class Step:
    """One mail that comes back: its kind, sandbox seconds after the send (None: `delivered_after`), why."""

    kind: MailKind
    after: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a message to one recipient.

    Attributes:
        steps: What comes back about this recipient, beside the message's one ACCETTAZIONE.
        refused: POST /send answers 400.
        not_accepted: In place of the ACCETTAZIONE this comes, and nothing else.
        silent: Not even the ACCETTAZIONE comes.
        accepted_after: Sandbox seconds to the ACCETTAZIONE, if not the usual.
        fault: What goes wrong with the HTTP exchange (see `bulk_pec.sandbox.faults`), at the first POST
            of this message to this recipient only.
    """

    steps: tuple[Step, ...] = (Step(MailKind.DELIVERED),)
    refused: bool = False
    not_accepted: MailKind | None = None
    silent: bool = False
    accepted_after: float | None = None
    fault: str | None = None


DELIVERED = Fate()

_REASONS = {
    "utente-sconosciuto": "5.1.1 - indirizzo non valido: utente sconosciuto",
    "utente-revocato": "5.1.1 - indirizzo non valido: utente revocato",
    "casella-disabilitata": "5.2.1 - casella disabilitata",
    "casella-piena": "5.2.2 - casella piena",
    "dominio-inesistente": "5.1.2 - dominio inesistente",
}

_FATES: dict[str, Fate] = {
    "rifiutata": Fate(refused=True),
    "mancata": Fate((Step(MailKind.UNDELIVERED, reason=_REASONS["utente-sconosciuto"]),)),
    "mancata-virus": Fate((Step(MailKind.UNDELIVERED_VIRUS),)),
    "non-accettata": Fate((), not_accepted=MailKind.NOT_ACCEPTED),
    "non-accettata-virus": Fate((), not_accepted=MailKind.NOT_ACCEPTED_VIRUS),
    "tempo-massimo": Fate((Step(MailKind.LATE, EARLY_NOTICE), Step(MailKind.LATE, FINAL_NOTICE))),
    "tempo-massimo-poi-consegna": Fate(
        (
            Step(MailKind.LATE, EARLY_NOTICE),
            Step(MailKind.LATE, FINAL_NOTICE),
            Step(MailKind.DELIVERED, FINAL_NOTICE + HOUR),
        )
    ),
    "preavviso": Fate((Step(MailKind.EARLY_WARNING, EARLY_NOTICE), Step(MailKind.LATE, FINAL_NOTICE))),
    "preavviso-poi-consegna": Fate(
        (Step(MailKind.EARLY_WARNING, EARLY_NOTICE), Step(MailKind.DELIVERED, EARLY_NOTICE + HOUR))
    ),
    "non-pec": Fate(()),
    "ritardo": Fate((Step(MailKind.DELIVERED, 6 * HOUR),)),
    "muta": Fate((), silent=True),
    "doppia": Fate((Step(MailKind.DELIVERED), Step(MailKind.DELIVERED))),
    "disordine": Fate((Step(MailKind.DELIVERED, 1.0),), accepted_after=HOUR),
    "avvenuta": Fate((Step(MailKind.DELIVERED_LONG),)),
    "presa-in-carico": Fate((Step(MailKind.TAKEN_OVER, 5.0), Step(MailKind.DELIVERED))),
    "anomalia": Fate((Step(MailKind.DELIVERED), Step(MailKind.ANOMALY))),
    "rem": Fate((Step(MailKind.NEW_FORM, 1.0), Step(MailKind.DELIVERED))),
    **{
        f"mancata-{words}": Fate((Step(MailKind.UNDELIVERED, reason=reason),))
        for words, reason in _REASONS.items()
    },
    **{
        words: Fate(fault=fault)
        for words, fault in {
            "errore-500": "500-after",
            "errore-500-prima": "500-before",
            "taglio-prima": "close-before",
            "taglio-dopo": "close-after",
            "strappo-prima": "reset-before",
            "strappo-dopo": "reset-after",
            "mezza-risposta": "half",
            "lento": "slow",
            "in-ritardo": "late",
            "senza-id": "no-id",
            "html": "html",
            "html-prima": "html-before",
            "json-doppio": "json-string",
            "esito-falso": "success-false",
            "errore-smtp": "smtp-id",
        }.items()
    },
}

# A word counts only where no letter follows it, so that "mutatis" is an ordinary addressee.
_WORDS = re.compile(
    "(" + "|".join(sorted(map(re.escape, _FATES), key=len, reverse=True)) + r")(?![a-z])(?:-(\d+)([smh]))?"
)
_SECONDS = {"s": 1.0, "m": 60.0, "h": HOUR}
ALWAYS = "-sempre"
"""In a local part: the fault strikes at every POST, not only at the first."""


def fate_of(recipient: str) -> Fate:
    """The fate that an address asks for; most ask for none and are delivered."""
    found = _WORDS.match(recipient.rpartition("@")[0].lower())
    if found is None:
        return DELIVERED
    word, number, unit = found.groups()
    if word == "ritardo" and number is not None:
        return Fate((Step(MailKind.DELIVERED, int(number) * _SECONDS[unit]),))
    return _FATES[word]
