"""A mailbox in the registry: its states from the registration to its end.

Source: the vendor's OpenAPI document for pec.openapi.it (`Casella.stato`, `timestamp`) and the vendor's
product page. States keep the provider's own words; `docs/glossary.md` translates them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_ID = re.compile(r"(?!\.+$)[\w.~-]{1,64}", re.ASCII)


class RegistryState(StrEnum):
    """`stato`, as the registry writes it."""

    REGISTERED = "registrata"
    IN_PROGRESS = "in_evasione"
    ACTIVE = "evasa"
    WRONG_DOCUMENTS = "documenti_errati"
    REVOKED = "revocata"
    CLOSED = "chiusa"
    CANCELLED = "registrazione_annullata"


ACTIVATABLE = frozenset({RegistryState.REGISTERED, RegistryState.WRONG_DOCUMENTS})
"""States in which PATCH /pec/{id}/attivazione takes documents (its answer 267 names them)."""

RENEWABLE = frozenset({RegistryState.ACTIVE, RegistryState.REVOKED})
"""States in which GET /pec/{id}/rinnovo renews (its answer 203)."""

MOST_YEARS = 10
"""Years of one renewal that are asked for at most: more is a slip of the hand, and would be paid."""

OVER = frozenset({RegistryState.REVOKED, RegistryState.CLOSED, RegistryState.CANCELLED})
"""States of a mailbox that is there no more: its address may be registered again."""

SETTLED = OVER | {RegistryState.ACTIVE, RegistryState.WRONG_DOCUMENTS}
"""States that do not change by waiting: somebody has to do something, or nothing is left to do."""


def is_id(text: str) -> bool:
    """Whether a text can be the registry's id of a mailbox.

    Its own have 24 hexadecimal digits; the vendor promises no form, so whatever stands as it is in a URL's
    path (RFC 3986, 2.3) and leads nowhere else counts as one, up to 64 characters.
    """
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Registration:
    """What the registry says of one mailbox; of all it says, only what must be remembered.

    The applicant's data (names, tax code, documents) are never part of it.

    Attributes:
        id: The registry's own, such as 24 hexadecimal digits.
        address: `casella_pec`; "" if it was not told.
        kind: `tipo_casella`, in capitals; "" if it was not told.
        stato: As the registry wrote it, which may be a word that is not documented.
        expires_at: Milliseconds since the epoch, UTC; None if it was not told.
        changed_at: When the registry says it last changed it, in the same unit.
        auto_renew: `autorinnovo`; None if it was not told.
    """

    id: str
    address: str
    kind: str
    stato: str
    expires_at: int | None = None
    changed_at: int | None = None
    auto_renew: bool | None = None

    @property
    def state(self) -> RegistryState | None:
        """The state, whatever the case it is written in; None for a word that is not documented."""
        try:
            return RegistryState(self.stato.strip().lower())
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Done:
    """The registry did what it was asked, and says how the mailbox stands now."""

    registration: Registration


@dataclass(frozen=True, slots=True)
class Refused:
    """The registry, or a check before the call, said no: nothing changed and nothing was paid.

    Attributes:
        code: `error` of the answer; None if it gave none.
        sentence: In plain words, what was refused.
        hint: What to do.
    """

    code: int | None
    sentence: str
    hint: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The request may have been carried out; nothing here can say. It is never repeated by the program.

    Attributes:
        cause: What ended it, without secrets.
    """

    cause: str


Answer = Done | Refused | InDoubt
"""What came of a call that changes something (register, activate, renew, revoke): a value, never retried."""
