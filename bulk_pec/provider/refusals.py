"""How the registry says no: its envelopes, codes and plain texts, as errors and as sentences.

Its own word counts only if it is its own: a gateway or another server answers under the same statuses, and
then nobody has looked at what was asked. An envelope has `success` or a number in `error`; the form's
refusals are plain texts, of which the vendor's OpenAPI document shows three.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bulk_pec.domain.errors import BulkPecError, NoCredit, ProviderUnavailable, RegistryRefused
from bulk_pec.domain.exits import Reason
from bulk_pec.domain.registry_codes import CODES, Meaning, meaning_of
from bulk_pec.provider import slips
from bulk_pec.provider.parsing import as_count
from bulk_pec.provider.registrations import is_failure
from bulk_pec.provider.veil import Veil

LONGEST_TEXT = 500
"""Bytes of a plain text that can be a refusal; a page is longer."""

REFUSING = frozenset({400, 404, 406, 409, 410, 413, 417, 422, 428})
"""Statuses under which what was asked was looked at and not done; of 404 only the registry's own."""

UNREAD = frozenset({400, 413})
"""Statuses under which nobody carried it out, whoever says so: it could not be read, or is too long."""

# "no pec found", "no request matches this id:", "the domain … belongs to someone else"
_NO_SUCH_THING = re.compile(r"\b(?:pec|id|request|domain|dominio|account)\b", re.IGNORECASE)
_OTHER_THAN_ID = re.compile(r"\b(?:domain|dominio)\b", re.IGNORECASE)
_CREDIT = re.compile(r"\binsufficient credit\b", re.IGNORECASE)
_NOT_ITS_LAST_WORD = re.compile(
    r"sql|internal|\bintern[oai]\b|time[\s_-]*(?:d[\s_-]*)?out|unavailable|try again|riprova|database|gateway"
    r"|(?:server|system|generic|unexpected) error|errore (?:generico|imprevisto|di sistema|del server)"
    r"|in progress|in corso",
    re.IGNORECASE,
)

_NO_CREDIT = CODES[262]
_NO_SUCH_ID = CODES[202]
_READ_IT = "Read what the registry says, mend it, and run again; `bulk-pec mailbox show ID` tells the state."


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer says, whatever form it has.

    Attributes:
        status: The HTTP status.
        own: Whether the registry itself says it.
        failed: Whether its envelope says in so many words that it was not done.
        code: `error`; None if it is absent, null or 0.
        words: Its message, secrets masked, one line; "" if it has none.
        of_id: Whether a mailbox was asked about by its id.
    """

    status: int
    own: bool
    failed: bool
    code: int | None
    words: str
    of_id: bool = True

    @property
    def documented(self) -> Meaning | None:
        """What the code means, else what the words do; None if neither is documented."""
        return meaning_of(self.code) or (_NO_CREDIT if _CREDIT.search(self.words) else None)

    @property
    def meaning(self) -> Meaning | None:
        """The same, and what a 404 means for an id; None if it is none of these."""
        if self.documented is not None or not self.of_id or self.status != 404 or self.is_outage:
            return self.documented
        return None if _OTHER_THAN_ID.search(self.words) else _NO_SUCH_ID

    @property
    def is_outage(self) -> bool:
        """Whether its own words tell of a failure of its own; never with a documented reason."""
        return self.documented is None and bool(_NOT_ITS_LAST_WORD.search(self.words))

    @property
    def is_final(self) -> bool:
        """Whether a failure is the registry's last word: no outage of its own, and not without a reason."""
        if self.documented is not None:
            return self.documented.reason is not Reason.UNAVAILABLE
        return (self.code is not None or bool(self.words)) and not self.is_outage

    @property
    def sentence(self) -> str:
        """In plain words what was refused, and the registry's own."""
        words = f"It says: “{self.words}”." if self.words else ""
        if self.meaning is not None:
            return f"{self.meaning.sentence} {words}".strip()
        return (
            f"The registry gives no documented reason. {words}" if words else "The registry gives no reason."
        )

    @property
    def hint(self) -> str:
        """What to do."""
        return self.meaning.hint if self.meaning is not None else _READ_IT

    def as_error(self) -> BulkPecError:
        """The error that ends a command which was told so."""
        number = f"HTTP {self.status}" if self.code is None else f"HTTP {self.status}, error {self.code}"
        what = f"{self.sentence} ({number})"
        reason = self.meaning.reason if self.meaning is not None else Reason.DATA
        if reason is Reason.CREDIT:
            return NoCredit(what, hint=self.hint)
        if self.is_outage:
            return ProviderUnavailable(what, hint="Try again later.")
        if reason is Reason.UNAVAILABLE:
            return ProviderUnavailable(what, hint=self.hint)
        return RegistryRefused(what, hint=self.hint, code=self.code, status=self.status)


def said(status: int, body: bytes | None, veil: Veil, *, of_id: bool = True) -> Said:
    """What an answer says.

    Args:
        status: The HTTP status.
        body: None if it could not be read to its end.
        veil: Masks what nobody may read.
        of_id: Whether a mailbox was asked about by its id.
    """
    reply = slips.decode(body) if body else None
    if isinstance(reply, dict):
        code = _code(reply.get("error"))
        own = "success" in reply or code is not None
        return Said(status, own, is_failure(reply), code, veil(_message(reply)), of_id)
    text = _plain(body) if body and not isinstance(reply, list) else ""
    own = bool(text) and status >= 400 and (status != 404 or bool(_NO_SUCH_THING.search(text)))
    return Said(status, own, failed=own, code=None, words=veil(text) if own else "", of_id=of_id)


def judged(status: int, body: bytes, veil: Veil, *, of_id: bool = True) -> BulkPecError | None:
    """What the registry's own refusal of a GET comes to; None: the status alone says what it means."""
    if status not in REFUSING and not (200 <= status < 300 and b"success" in body):
        return None
    what = said(status, body, veil, of_id=of_id)
    refused = what.own and (status in REFUSING or (what.failed and what.is_final))
    return what.as_error() if refused else None


def _code(error: object) -> int | None:
    number = as_count(error)
    return int(number) if number and number.is_integer() else None


def _message(reply: Mapping[str, Any]) -> str:
    """The message as text; what is no text, as JSON."""
    message = reply.get("message")
    if isinstance(message, str):
        return message
    return json.dumps(message, ensure_ascii=False) if message else ""


def _plain(body: bytes) -> str:
    """A plain text; "" for a page, and for what is longer than a refusal."""
    text = body.decode("utf-8-sig", "replace").strip() if len(body) <= LONGEST_TEXT else ""
    return "" if text.startswith("<") else text.strip('"')
