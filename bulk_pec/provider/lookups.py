"""Two questions that cost money: a company's certified address, and whether a domain uses certified mail.

Sources: the vendor's OpenAPI document for pec.openapi.it (GET /domini_pec/{dominio}), and the vendor's
product page for the company service (GET /IT-pec/{vat-or-tax-code}), whose answer's exact form is not
documented: an address is looked for under `data`, an object or a list, key `pec`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from bulk_pec.domain.errors import BulkPecError, RegistryRefused
from bulk_pec.domain.letters import Secret
from bulk_pec.domain.registry_codes import meaning_of
from bulk_pec.provider import parsing, slips
from bulk_pec.provider.address import checked_base_url, segment
from bulk_pec.provider.reading import Patience, Reader
from bulk_pec.provider.refusals import Said, judged
from bulk_pec.provider.registrations import is_failure, yes_or_no
from bulk_pec.provider.veil import Veil


@dataclass(frozen=True, slots=True)
class Found:
    """An answer.

    Attributes:
        address: The certified address the service names; None: it names none.
        certified: Whether a domain uses certified mail.
    """

    address: str | None = None
    certified: bool = False


_NOTHING = Found()


class LookUps:
    """Asks the company service and the registry. Each call may cost; what it answers is worth keeping.

    Args:
        http: From `transport.open_http`; the caller closes it.
        company_url: For example ``https://company.openapi.com``.
        registry_url: For example ``https://pec.openapi.it``.
        token: The account's bearer token.
        patience: How a call is retried when no answer came.
        now: Seconds since the epoch, for Retry-After headers that are dates.

    Raises:
        ConfigError: One of the URLs is not such an address.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        company_url: str,
        registry_url: str,
        token: Secret,
        patience: Patience | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._company_url = checked_base_url(company_url, "company_url")
        self._registry_url = checked_base_url(registry_url, "registry_url")
        patient = patience or Patience()
        self._company = Reader(http, token, patient, now, setting="company_url")
        self._registry = Reader(http, token, patient, now, setting="registry_url", judge=_judged)

    async def address_of(self, tax_code: str) -> str | None:
        """The certified address of a company by its codice fiscale or partita IVA; None if none is known.

        No error shows the tax code, which may be a person's.

        Raises:
            BulkPecError: See `Reader.read`.
        """
        url = f"{self._company_url}/IT-pec/{segment(tax_code)}"
        found = await self._company.read(None, url, _address_in, empty=_NOTHING, hidden=tax_code)
        return found.address

    async def is_certified(self, domain: str) -> bool:
        """Whether a domain uses certified mail. "Nothing" (204, 404) means no; a refusal never does.

        Raises:
            RegistryRefused: The registry does not take it for a domain.
            BulkPecError: See `Reader.read`.
        """
        url = f"{self._registry_url}/domini_pec/{segment(domain)}"
        try:
            return (await self._registry.read(None, url, _yes, empty=_NOTHING)).certified
        except RegistryRefused as refused:
            what = f"Of the domain {domain}: {refused.what}"
            raise RegistryRefused(
                what, hint=refused.hint, code=refused.code, status=refused.status
            ) from refused


def _address_in(reply: object) -> Found | None:
    """The address under `data`, in any of the forms it may have; None if this is no answer."""
    if not isinstance(reply, dict) or "data" not in reply or reply.get("success") is False:
        return None
    data = reply["data"]
    rows = data if isinstance(data, list) else [data]
    for row in rows:
        address = row.get("pec") if isinstance(row, dict) else row
        if isinstance(address, str) and "@" in address:
            return Found(address=address.strip())
    return _NOTHING


def _judged(status: int, body: bytes, veil: Veil) -> BulkPecError | None:
    """What a refusal comes to; None also where it says, without a code, that there is no such domain."""
    error = judged(status, body, veil, of_id=False)
    if not isinstance(error, RegistryRefused) or meaning_of(error.code) is not None:
        return error
    there_is_none = status == 404 or (200 <= status < 300 and parsing.is_empty_word(slips.decode(body)))
    return None if there_is_none else error


def _yes(reply: object) -> Found | None:
    """A success means yes: the document's sample says so in words only. A failure that says "none", no.

    None: it says neither. What comes out is kept for ever, so nothing is guessed.
    """
    if not isinstance(reply, dict):
        return None
    if not is_failure(reply):
        is_yes = yes_or_no(reply.get("success")) and not reply.get("error")
        return Found(certified=True) if is_yes else None
    said = Said(200, own=True, failed=True, code=None, words=str(reply.get("message") or ""))
    says_none = not reply.get("error") and parsing.is_empty_word(reply) and said.is_final
    return Found(certified=False) if says_none else None
