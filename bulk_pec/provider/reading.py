"""GET and DELETE: what is asked of the provider more than once, and how its refusals become errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import anyio
import httpx
import stamina

from bulk_pec.domain.errors import (
    BulkPecError,
    ConfigError,
    CredentialsRefused,
    NoCredit,
    ProviderUnavailable,
)
from bulk_pec.domain.letters import Mailbox, Secret
from bulk_pec.provider import parsing, slips
from bulk_pec.provider.outcomes import retry_after
from bulk_pec.provider.veil import Veil

T = TypeVar("T")

stamina.instrumentation.set_on_retry_hooks([])  # it would log by itself, in a form of its own

Judge = Callable[[int, bytes, Veil], BulkPecError | None]
"""From an answer's status and body, the error that a service's own words come to; None: see `Reader.read`."""

LONGEST_PAGE = 64 << 20
"""Bytes of a response that are read; a single mail may be large, an endless answer is not read."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a GET is tried, and how long is waited.

    Attributes:
        attempts: Requests at most, the first one included.
        timeout: Seconds for one request, from asking for a connection to the end of the answer.
        first_wait: Seconds before the second request; doubled each time, with jitter.
        longest_wait: Seconds; a Retry-After that asks for more ends the trying.
    """

    attempts: int = 5
    timeout: float = 60.0
    first_wait: float = 0.5
    longest_wait: float = 30.0


class _Failed(Exception):
    """One request failed in a way that may pass."""

    def __init__(self, error: BulkPecError, wait: float | None = None) -> None:
        super().__init__("a request failed in a way that may pass")
        self.error = error
        self.wait = wait


@dataclass(frozen=True, slots=True)
class _Call:
    """One GET or DELETE: where, for whom, and what masks the secrets in the words about it.

    `shown` is the URL for people: without what is not for them.
    """

    method: str
    url: str
    shown: str
    headers: Mapping[bytes, bytes]
    params: Mapping[str, str] | None
    veil: Veil

    @property
    def what(self) -> str:
        return f"{self.method} {self.shown}"


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes
    retry_after: str | None


class Reader:
    """Reads from the provider on behalf of a mailbox.

    Args:
        http: From `transport.open_http`.
        token: The account's bearer token.
        patience: How often and how long.
        now: Seconds since the epoch, for a Retry-After that is a date.
        setting: What in [api] names the service's address.
        judge: Asked first what an answer means; its error ends the call, without another try.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        token: Secret,
        patience: Patience,
        now: Callable[[], float],
        *,
        setting: str = "base_url",
        judge: Judge | None = None,
    ) -> None:
        self._http = http
        self._token = token
        self._patience = patience
        self._now = now
        self._setting = setting
        self._judge = judge

    async def read(
        self,
        mailbox: Mailbox | None,
        url: str,
        parse: Callable[[object], T | None],
        *,
        empty: T | None = None,
        refused: T | None = None,
        params: Mapping[str, str] | None = None,
        hidden: str = "",
    ) -> T:
        """GET `url` and parse the answer.

        Args:
            mailbox: Whose credentials go along; None: the token alone.
            url: Without query.
            parse: From the decoded JSON; None if it is not what was asked for.
            empty: What "there is nothing" (404, 204) comes to; None if it makes no sense here.
            refused: What it comes to when the service itself, every time it is asked, says that it cannot
                (see `_is_refusal`); None if that is an error.
            params: The query.
            hidden: What is asked about, in the URL's last part, if no error may show it.

        Raises:
            CredentialsRefused: 401, 403.
            NoCredit: 402.
            ConfigError: A redirect, 405, 415, or a 404 that is no "there is nothing": not the service.
            ProviderUnavailable: Not reached, 429, 5xx or unreadable, after `patience`; any other refusal.
        """
        call = self._call("GET", mailbox, url, params, hidden=hidden)
        return await self._get(call, lambda body: parse(slips.decode(body)), empty, refused)

    async def fetch(self, url: str, parse: Callable[[bytes], T | None], *, accept: str) -> T:
        """GET `url` with the token alone, for an answer that is no JSON.

        Args:
            url: Without query.
            parse: From the answer's bytes; None if they are not what was asked for.
            accept: The media type that is wanted.

        Raises:
            BulkPecError: See `read`.
        """
        call = self._call("GET", None, url, accept=accept)
        return await self._get(call, parse, None, None)

    async def _get(
        self, call: _Call, parse: Callable[[bytes], T | None], empty: T | None, refused: T | None
    ) -> T:
        refusals: list[bool] = []

        async def once() -> T:
            refusals.append(False)
            reply = await self._ask(call)
            refusals[-1] = _is_refusal(reply)
            if reply.status == 204 and empty is not None:
                return empty
            self._heed(call, reply)
            if reply.status == 404 and empty is not None and _is_envelope(reply.body):
                return empty
            self._refuse(call, reply)
            found = parse(reply.body)
            if found is None:
                raise _Failed(self._unreadable(call, reply))
            return found

        try:
            return await self._patiently(once)
        except ProviderUnavailable:
            if refused is None or not all(refusals):
                raise
            return refused

    async def delete(self, mailbox: Mailbox, url: str) -> bool:
        """DELETE `url`, once. Whether it was there.

        Raises:
            BulkPecError: As `read`.
        """
        call = self._call("DELETE", mailbox, url)
        try:
            reply = await self._ask(call)
            if reply.status == 404 and _is_envelope(reply.body):
                return False
            self._refuse(call, reply)
        except _Failed as failed:
            error = failed.error
        else:
            decoded = slips.decode(reply.body)
            if not isinstance(decoded, dict) or decoded.get("success") is not False:
                return True
            if parsing.is_empty_word(decoded):
                return False
            error = self._unreadable(call, reply)
        raise error

    def _call(
        self,
        method: str,
        mailbox: Mailbox | None,
        url: str,
        params: Mapping[str, str] | None = None,
        *,
        hidden: str = "",
        accept: str = "application/json",
    ) -> _Call:
        bearer = f"Bearer {self._token.reveal()}".encode()
        headers = {b"Authorization": bearer, b"Accept": accept.encode()}
        if mailbox is None:
            masked = (Secret(hidden), Secret(hidden.lower()), Secret(hidden.upper())) if hidden else ()
            shown = f"{url.rpartition('/')[0]}/…" if hidden else url
            return _Call(method, url, shown, headers, params, Veil(self._token, *masked))
        veil = Veil.over(self._token, mailbox)
        headers[b"x-username"] = _header(mailbox.username, mailbox, "username")
        headers[b"x-password"] = _header(mailbox.password, mailbox, "password")
        return _Call(method, url, url, headers, params, veil)

    async def _ask(self, call: _Call) -> _Reply:
        """One request. Raises `_Failed` when no answer could be read."""
        why = f"no answer within {self._patience.timeout:g} s"
        with anyio.move_on_after(self._patience.timeout):
            try:
                return await self._exchange(call)
            except (httpx.HTTPError, httpx.StreamError, OSError) as error:
                local = isinstance(error, httpx.LocalProtocolError)  # its text quotes headers
                why = type(error).__name__ if local or not str(error) else f"{type(error).__name__}: {error}"
        raise _Failed(
            ProviderUnavailable(
                f"The provider could not be reached ({call.what}): {call.veil(why)}.",
                hint=f"Check the network and {self._setting} in [api], or try again later.",
            )
        )

    async def _exchange(self, call: _Call) -> _Reply:
        async with self._http.stream(
            call.method,
            call.url,
            params=call.params,
            headers=call.headers,
            auth=None,
            follow_redirects=False,
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LONGEST_PAGE:
                    raise httpx.DecodingError(f"the answer is longer than {LONGEST_PAGE} bytes")
            return _Reply(response.status_code, bytes(body), response.headers.get("retry-after"))

    def _heed(self, call: _Call, reply: _Reply) -> None:
        """Raise what the service's own words refuse."""
        if self._judge is not None:
            judged = self._judge(reply.status, reply.body, call.veil)
            if judged is not None:
                raise judged

    def _refuse(self, call: _Call, reply: _Reply) -> None:
        """Raise what an answer means that is no 2xx."""
        status = reply.status
        if 200 <= status < 300:
            return
        said = call.veil(_said(reply.body))
        what = f"HTTP {status} from {call.what}" + (f": {said}" if said else "")
        if status in {401, 403}:
            whose = ", and the mailbox's user name and password" if b"x-password" in call.headers else ""
            raise CredentialsRefused(
                f"The provider refused the credentials. {what}.", hint=f"Check the token{whose}."
            )
        if status == 402:
            raise NoCredit(f"The provider's wallet is empty. {what}.", hint="Top it up, then run again.")
        if 300 <= status < 400 or status in {404, 405, 415}:
            raise ConfigError(
                f"The configured address is not the service. {what}.", hint=f"Check {self._setting} in [api]."
            )
        error = ProviderUnavailable(f"The provider did not answer as asked. {what}.", hint="Try again later.")
        if status in {408, 429} or status >= 500:
            raise _Failed(error, retry_after(reply.retry_after, self._now()))
        raise error

    def _unreadable(self, call: _Call, reply: _Reply) -> ProviderUnavailable:
        """The error for an answer that is not what was asked for."""
        said = call.veil(_said(reply.body))
        return ProviderUnavailable(
            f"The provider's answer to {call.what} cannot be understood" + (f": {said}." if said else "."),
            hint=f"Try again later; if it stays, check {self._setting} in [api].",
        )

    async def _patiently(self, once: Callable[[], Awaitable[T]]) -> T:
        try:
            async for attempt in stamina.retry_context(
                on=self._wait,
                attempts=self._patience.attempts,
                timeout=None,
                wait_initial=self._patience.first_wait,
                wait_max=self._patience.longest_wait,
                wait_jitter=self._patience.first_wait,
            ):
                with attempt:
                    return await once()
        except _Failed as failed:
            error = failed.error
        else:
            raise AssertionError("a retry context ends with a result or an error")
        raise error

    def _wait(self, error: Exception) -> bool | float:
        """Whether to try again, or after how many seconds."""
        if not isinstance(error, _Failed):
            return False
        if error.wait is None:
            return True
        return error.wait if error.wait <= self._patience.longest_wait else False


def _header(secret: Secret, mailbox: Mailbox, name: str) -> bytes:
    value = secret.reveal()
    if not value or value != value.strip() or not value.isprintable():
        raise ConfigError(
            f"The {name} of mailbox {mailbox.address} is empty or cannot stand in an HTTP header.",
            hint=f"Check its {name} for blanks at the ends and line breaks.",
        )
    return value.encode()


def _is_envelope(body: bytes) -> bool:
    """Whether a 404's body is the service's own: its JSON, or nothing. Another server sends a page."""
    return not body.strip() or isinstance(slips.decode(body), dict)


def _is_refusal(reply: _Reply) -> bool:
    """Whether the service itself says that it cannot answer this: no outage, no gateway, no "later".

    Its own envelope has ``success: false``; a gateway's has not. A status of 200 with it is known of the
    vendor, and 500 ("MySQL Error …") is what it documents for a query that failed, as one for a page below
    the first may.
    """
    decoded = slips.decode(reply.body)
    own = isinstance(decoded, dict) and decoded.get("success") is False
    return own and reply.retry_after is None and reply.status in {200, 400, 422, 500}


def _said(body: bytes) -> str:
    reply = slips.decode(body)
    message = reply.get("message") if isinstance(reply, dict) else None
    return message if isinstance(message, str) else ""
