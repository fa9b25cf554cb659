"""`Registry`: one method for each call of pec.openapi.it that a mailbox's life needs.

The vendor's OpenAPI document for that host is the source of paths and bodies. Every call carries the bearer
token and nothing else. What only asks is asked again when no answer came; what changes a mailbox (register,
activate, renew, revoke) is sent once (`bulk_pec.provider.changes`).
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from functools import partial

import anyio
import httpx
import orjson

from bulk_pec.domain.errors import ConfigError, RegistryRefused, UsageError
from bulk_pec.domain.exits import Reason
from bulk_pec.domain.letters import Secret
from bulk_pec.domain.registrations import MOST_YEARS, Answer, InDoubt, Registration, is_id
from bulk_pec.domain.registry_codes import CODES, meaning_of
from bulk_pec.provider import fulfilment, registrations, slips
from bulk_pec.provider.address import checked_base_url, segment
from bulk_pec.provider.changes import Change, of_answer, without_answer
from bulk_pec.provider.client import cause_of, is_header_word
from bulk_pec.provider.personal import secrets_of
from bulk_pec.provider.reading import Patience, Reader
from bulk_pec.provider.refusals import judged
from bulk_pec.provider.transport import Post, Route, Withheld
from bulk_pec.provider.veil import Veil

SLOWEST_UPLOAD = 64 << 10
"""Bytes a second: a body may take this long on its way before its answer counts as missing."""

_NONE_LISTED = 200  # `error` of GET /pec: no mailbox is registered
_PDF = b"%PDF-"
_HEAD = 1024  # bytes of a file in which its mark stands


class Registry:
    """The registry of mailboxes, for one account.

    Args:
        http: From `transport.open_http`; the caller closes it.
        registry_url: For example ``https://pec.openapi.it``. Plain HTTP is for this machine only, since a
            request carries the token.
        token: The account's bearer token.
        patience: How a call that only asks is retried; its timeout is also that of the others.
        now: Seconds since the epoch, for Retry-After headers that are dates.

    Raises:
        ConfigError: `registry_url` is not such an address, or the token cannot stand in a header.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        registry_url: str,
        token: Secret,
        patience: Patience | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._url = checked_base_url(registry_url, "registry_url")
        if not is_header_word(token.reveal()):
            raise ConfigError(
                "The API token is empty or holds a character that cannot stand in an HTTP header.",
                hint="Check the variable or file that token_env or token_file names.",
            )
        self._token = token
        self._patience = patience or Patience()
        reader = partial(Reader, http, token, self._patience, now, setting="registry_url")
        self._reader = reader(judge=judged)
        self._general = reader(judge=partial(judged, of_id=False))

    async def available(self, address: str) -> bool:
        """GET /verifica_pec/{pec}: whether an address is free for a *new* mailbox.

        Raises:
            RegistryRefused: The registry does not take it for an address.
            BulkPecError: See `Reader.read`.
        """
        url = f"{self._url}/verifica_pec/{segment(address)}"
        return await self._general.read(None, url, registrations.availability_of)

    async def all(self) -> tuple[Registration, ...]:
        """GET /pec: the account's mailboxes that were registered through the API; none is an answer.

        Raises:
            BulkPecError: See `Reader.read`.
        """
        return await self._listed(registrations.registrations_of)

    async def roll(self) -> tuple[Registration, ...]:
        """GET /pec, row by row: to tell whether the account has an address already.

        A row may lack all but its address: then its id, state and kind are "".

        Raises:
            ProviderUnavailable: A row tells no address, so that nothing can be told of any.
            BulkPecError: See `Reader.read`.
        """
        return await self._listed(registrations.roll_of)

    async def _listed(
        self, parse: Callable[[object], tuple[Registration, ...] | None]
    ) -> tuple[Registration, ...]:
        try:
            return await self._general.read(None, f"{self._url}/pec", parse)
        except RegistryRefused as refused:
            if refused.code == _NONE_LISTED or (refused.status == 404 and refused.code is None):
                return ()
            raise

    async def show(self, mailbox_id: str) -> Registration | None:
        """GET /pec/{id}: one mailbox; None if the registry knows no such id.

        An answer about another id is none to this question.

        Raises:
            RegistryRefused: It is no id, or the registry does not take it for one.
            BulkPecError: See `Reader.read`.
        """

        def found_in(reply: object) -> Registration | None:
            found = registrations.registration_of(reply, mailbox_id)
            return found if found is not None and found.id == mailbox_id else None

        try:
            return await self._reader.read(None, self._mailbox(mailbox_id), found_in)
        except RegistryRefused as refused:
            if _says_there_is_none(refused):
                return None
            raise

    async def form(self, mailbox_id: str) -> bytes:
        """GET /pec/{id}/modulo_attivazione: the form to be signed, a PDF.

        Raises:
            RegistryRefused: There is no form for this id, or not now.
            BulkPecError: See `Reader.read`.
        """
        url = f"{self._mailbox(mailbox_id)}/modulo_attivazione"
        return await self._reader.fetch(url, _pdf_in, accept="application/pdf, */*;q=0.1")

    async def register(self, fields: Mapping[str, object]) -> Answer:
        """POST /pec, once: register a new mailbox. It may be paid for.

        Args:
            fields: Under the vendor's names (`BodyPostPec`), checked already. They are personal data: no
                error and no answer repeats what they hold, but for the new address.

        Raises:
            BulkPecError: See `changes.of_answer`; or nothing was sent.
        """
        address = fields.get("casella_pec")
        change = Change(
            "POST",
            f"{self._url}/pec",
            fulfilment.registered,
            address=address if isinstance(address, str) else "",
        )
        return await self._change(change, fields, masked=secrets_of(fields))

    async def activate(self, mailbox_id: str, pdf: bytes, before: Registration | None = None) -> Answer:
        """PATCH /pec/{id}/attivazione, once: hand in the signed form with the identity document.

        Args:
            mailbox_id: Of a mailbox in one of the states `ACTIVATABLE`.
            pdf: The one PDF that a mailbox of the kind PECMASSIVA wants.
            before: The mailbox as it was just before; an answer with another address is in doubt.

        Raises:
            BulkPecError: See `changes.of_answer`; or nothing was sent.
        """
        url = f"{self._mailbox(mailbox_id)}/attivazione"
        change = Change("PATCH", url, fulfilment.activated, mailbox_id, _address(before))
        return await self._change(change, {"documenti": [base64.b64encode(pdf).decode()]})

    async def renew(self, mailbox_id: str, years: int, before: Registration | None = None) -> Answer:
        """GET /pec/{id}/rinnovo, once: renew a mailbox, or bring a revoked one back. It costs.

        Args:
            mailbox_id: Of a mailbox in one of the states `RENEWABLE`.
            years: From 1 to `MOST_YEARS`.
            before: The mailbox as it was just before: only its expiry shows what an answer is worth.

        Raises:
            UsageError: `years` is below 1, or above `MOST_YEARS`.
            BulkPecError: See `changes.of_answer`; or nothing was sent.
        """
        if not 1 <= years <= MOST_YEARS:
            raise UsageError(
                f"A mailbox is renewed for whole years, from 1 to {MOST_YEARS}. Nothing was sent.",
                hint=f"Give --years 1, or up to {MOST_YEARS}.",
            )
        url = f"{self._mailbox(mailbox_id)}/rinnovo?anni={years}"
        lacks = fulfilment.renewal_of(before)
        return await self._change(Change("GET", url, lacks, mailbox_id, _address(before)))

    async def revoke(self, mailbox_id: str, before: Registration | None = None) -> Answer:
        """DELETE /pec/{id}, once: revoke a mailbox.

        Args:
            mailbox_id: Of a mailbox that is active.
            before: The mailbox as it was just before; an answer with another address is in doubt.

        Raises:
            BulkPecError: See `changes.of_answer`; or nothing was sent.
        """
        url = self._mailbox(mailbox_id)
        return await self._change(Change("DELETE", url, fulfilment.revoked, mailbox_id, _address(before)))

    def _mailbox(self, mailbox_id: str) -> str:
        """The URL of a mailbox. A text that would lead elsewhere, such as to all of them, is refused."""
        if is_id(mailbox_id):
            return f"{self._url}/pec/{segment(mailbox_id)}"
        raise RegistryRefused(CODES[201].sentence, hint=CODES[201].hint)

    async def _change(
        self, change: Change, body: Mapping[str, object] | None = None, *, masked: tuple[Secret, ...] = ()
    ) -> Answer:
        """Send a request once, and say what came of it.

        Cancelled after the first byte (Ctrl-C), it ends with that doubt rather than with nothing: nobody
        else knows that a request has left.
        """
        veil = Veil(self._token, *masked)
        content = b"" if body is None else orjson.dumps(dict(body))
        timeout = self._patience.timeout + len(content) / SLOWEST_UPLOAD
        post = Post(self._http, _let_go, timeout=timeout)
        try:
            answer = await post.answer(self._route(change, has_body=body is not None), content)
        except Withheld as withheld:
            return without_answer(change, withheld.why or "dropped", began=post.began, veil=veil)
        except TimeoutError as error:
            return without_answer(change, f"{error}", began=post.began, veil=veil)
        except anyio.get_cancelled_exc_class():
            if not post.began:
                raise
            return InDoubt("it was interrupted after the request had left")
        except Exception as error:  # noqa: BLE001 - whatever it is, what counts is whether a byte had left
            return without_answer(change, cause_of(error), began=post.began, veil=veil)
        return of_answer(change, answer, veil)

    def _route(self, change: Change, *, has_body: bool) -> Route:
        headers = httpx.Headers(self._http.headers)
        headers.update({"Authorization": f"Bearer {self._token.reveal()}", "Accept": "application/json"})
        if has_body:
            headers["Content-Type"] = "application/json"
        return Route(httpx.URL(change.url), headers, change.method)


async def _let_go() -> None:
    """Nothing keeps a request back once its connection is open."""


def _says_there_is_none(refused: RegistryRefused) -> bool:
    """Whether a refusal of a question by id says that there is no such mailbox, or none at all."""
    meaning = meaning_of(refused.code)
    return refused.status == 404 if meaning is None else meaning.unknown or meaning.reason is Reason.COMPLETE


def _address(before: Registration | None) -> str:
    return "" if before is None else before.address


def _pdf_in(body: bytes) -> bytes | None:
    """The PDF in an answer, bare or in the envelope; None if there is none."""
    if _PDF in body[:_HEAD]:
        return body
    reply = slips.decode(body)
    data = reply.get("data") if isinstance(reply, dict) else reply
    try:
        found = base64.b64decode(data, validate=True) if isinstance(data, str) else b""
    except ValueError:
        return None
    return found if _PDF in found[:_HEAD] else None
