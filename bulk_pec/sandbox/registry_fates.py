"""What becomes of a registration is written in its mailbox's local part, or in the documents sent for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

EVASA, ERRATI, ANNULLATA = "evasa", "documenti_errati", "registrazione_annullata"

MARKER = b"DOCUMENTI-ERRATI"
"""In a document's bytes: whoever looks at it finds it wrong."""

TAKEN = "occupata"
"""At the beginning of a local part: somebody else has the address."""

_FATES = {"documenti-errati": ERRATI, "annullata": ANNULLATA}
_ALWAYS = "-sempre"
_LATE = re.compile(r"ritardo-(\d+)([smhd])(?![a-z])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}

WORDS = (TAKEN, *_FATES, "ritardo")
"""What a local part can begin with; the table is docs/sandbox.md's."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What comes of documents.

    Attributes:
        stato: The state they lead to.
        after: Sandbox seconds until then; None means the usual.
    """

    stato: str
    after: float | None = None


def is_taken(address: str) -> bool:
    """Whether the local part says that somebody else has the address."""
    return _begins(address.partition("@")[0].lower(), TAKEN)


def judgement_of(address: str, documents: tuple[bytes, ...], *, earlier: int) -> Judgement:
    """What comes of these documents; `earlier` says how often some were sent before.

    A local part strikes at the first documents only, so that the second are taken; with ``-sempre`` in it,
    at all. A marked document is wrong whatever the local part says.
    """
    local = address.partition("@")[0].lower()
    if any(MARKER in document for document in documents):
        return Judgement(ERRATI)
    if late := _LATE.match(local):
        return Judgement(EVASA, int(late[1]) * _SECONDS[late[2]])
    for word, stato in _FATES.items():
        if _begins(local, word) and (not earlier or _ALWAYS in local):
            return Judgement(stato)
    return Judgement(EVASA)


def _begins(local: str, word: str) -> bool:
    """A word counts only where no letter follows it."""
    return local.startswith(word) and not local[len(word) : len(word) + 1].isalpha()
