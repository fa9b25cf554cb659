"""`PecClient`: one method for each call of ws.pecmassiva.com.

The vendor's OpenAPI document for that host is the source of paths, headers and bodies. POST /send
carries the mailbox's credentials in its body, GET and DELETE in two headers; every call carries the
bearer token.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import httpx

from bulk_pec.domain.errors import BulkPecError, ConfigError
from bulk_pec.domain.inbox import InboxItem, InboxPage, Quota
from bulk_pec.domain.letters import Letter, Mailbox, Secret
from bulk_pec.domain.outcomes import Outcome, Verdict
from bulk_pec.provider import parsing, payload
from bulk_pec.provider.address import checked_base_url, segment
from bulk_pec.provider.outcomes import Asked, of_answer, without_answer
from bulk_pec.provider.reading import Patience, Reader
from bulk_pec.provider.transport import BeforeFirstByte, Post, Route, Withheld
from bulk_pec.provider.veil import Veil


class PecClient:
    """The sending service, for any number of mailboxes.

    Args:
        http: From `transport.open_http`; the caller closes it.
        base_url: For example ``https://ws.pecmassiva.com``. Plain HTTP is for this machine only, since a
            request carries credentials.
        token: The account's bearer token.
        patience: How GET and DELETE are retried. POST never is.
        now: Seconds since the epoch, for Retry-After headers that are dates.

    Raises:
        ConfigError: `base_url` is not such an address, or the token cannot stand in a header.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        base_url: str,
        token: Secret,
        patience: Patience | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._base_url = checked_base_url(base_url)
        self._token = token
        self._now = now
        if not is_header_word(token.reveal()):
            raise ConfigError(
                "The API token is empty or holds a character that cannot stand in an HTTP header.",
                hint="Check the variable or file that token_env or token_file names.",
            )
        self._send_url = f"{self._base_url}/send"
        headers = httpx.Headers(http.headers)
        headers.update(
            {
                "Authorization": f"Bearer {token.reveal()}",
                "Content-Type": "application/json",
                "Accept": "application/json",
            }
        )
        self._route = Route(httpx.URL(self._send_url), headers)
        self._last_veil: tuple[Mailbox, Veil] | None = None
        self._reader = Reader(http, token, patience or Patience(), now)

    async def send(
        self,
        mailbox: Mailbox,
        letter: Letter,
        *,
        before_first_byte: BeforeFirstByte,
        timeout: float,  # noqa: ASYNC109 - it counts from the first byte, which no caller's scope can
    ) -> Outcome:
        """POST /send, once: the provider is asked to send `letter` from `mailbox`.

        Nothing the network or the provider does is raised; it becomes the outcome.

        Args:
            mailbox: The sender, with its credentials.
            letter: What to send.
            before_first_byte: Awaited once at most, with the connection open and the request's first byte
                next; it may take as long as it likes. Returning None is the mark that the request began:
                from then on an end without an outcome, such as a cancellation, means in doubt. Returning
                a text drops the request and gives NOT_SENT with that text. What it raises comes out of
                `send`, after the connection was dropped, and then nothing left. If it was never awaited,
                nothing left either.
            timeout: Seconds for connecting, and again from the first byte to the end of the answer.
        """
        veil = self._veil(mailbox)
        post = Post(self._http, before_first_byte, timeout=timeout)
        try:
            body = payload.encode(mailbox, letter)
            answer = await post.answer(self._route, body)
        except Withheld as withheld:
            if withheld.cause is not None:
                raise withheld.cause from None
            return _withheld(withheld.why or "", post, veil)
        except TimeoutError as error:
            return without_answer(f"Timeout, {error}", began=post.began, veil=veil)
        except Exception as error:  # noqa: BLE001 - whatever it is, what counts is whether a byte had left
            return without_answer(cause_of(error), began=post.began, veil=veil)
        asked = Asked(self._send_url, len(letter.recipients))
        return of_answer(answer, asked, now=self._now(), veil=veil)

    def _veil(self, mailbox: Mailbox) -> Veil:
        """The veil over what this mailbox's requests hold; most are of the mailbox before."""
        if self._last_veil is None or self._last_veil[0] is not mailbox:
            self._last_veil = mailbox, Veil.over(self._token, mailbox)
        return self._last_veil[1]

    async def inbox_page(self, mailbox: Mailbox, page: int, query: str | None = None) -> InboxPage:
        """GET /inbox: one page of the inbox, or of what a search finds. "Result empty" is an empty page.

        So is a page 0 that the service refuses in its own words: whether pages count from 0 or 1 is not
        documented, and a walk goes on with page 1. A search that is refused stays an error.

        Raises:
            BulkPecError: See `Reader.read`.
        """
        params = {"page": str(page)} | ({} if query is None else {"q": query})
        url = f"{self._base_url}/inbox"
        refused = _NO_MAIL if page == 0 and query is None else None
        return await self._reader.read(
            mailbox, url, parsing.page_of, empty=_NO_MAIL, refused=refused, params=params
        )

    async def sending(self, mailbox: Mailbox, message_id: str) -> tuple[InboxItem, ...]:
        """GET /send/{message_id}: the receipts of one sending so far; none yet is an empty tuple.

        Raises:
            BulkPecError: See `Reader.read`.
        """
        url = f"{self._base_url}/send/{segment(message_id)}"
        return (await self._reader.read(mailbox, url, parsing.page_of, empty=_NO_MAIL)).items

    async def inbox_item(self, mailbox: Mailbox, item_id: str) -> parsing.MailText | None:
        """GET /inbox/{id}: one mail with its text; None if there is none of that id.

        Raises:
            BulkPecError: See `Reader.read`.
        """
        url = f"{self._base_url}/inbox/{segment(item_id)}"
        nothing: tuple[parsing.MailText, ...] = ()
        found = await self._reader.read(mailbox, url, parsing.text_of, empty=nothing)
        return found[0] if found else None

    async def delete_inbox_item(self, mailbox: Mailbox, item_id: str) -> bool:
        """DELETE /inbox/{id}. Whether it was there; False when it was gone already.

        Never retried: ids may be sequence numbers that shift after a delete, so that a second one would
        delete another mail.

        Raises:
            BulkPecError: See `Reader.read`.
        """
        url = f"{self._base_url}/inbox/{segment(item_id)}"
        return await self._reader.delete(mailbox, url)

    async def quota(self, mailbox: Mailbox, folder: str = "INBOX") -> Quota:
        """GET /quota/{mailbox}: how full a folder is.

        Raises:
            BulkPecError: See `Reader.read`. A 404 too means a wrong address here.
        """
        url = f"{self._base_url}/quota/{segment(folder)}"
        return await self._reader.read(mailbox, url, parsing.quota_of)

    async def quotas(self, mailboxes: Iterable[Mailbox]) -> dict[str, Quota | BulkPecError]:
        """GET /quota of each mailbox, one after the other, by its address; one that fails hides no other."""
        found = dict[str, Quota | BulkPecError]()
        for mailbox in mailboxes:
            try:
                found[mailbox.address] = await self.quota(mailbox)
            except BulkPecError as error:
                found[mailbox.address] = error
        return found


_NO_MAIL = InboxPage((), None, None, None)


def is_header_word(text: str) -> bool:
    """Whether a text can stand in a header after a blank: visible ASCII only."""
    return bool(text) and all("!" <= char <= "~" for char in text)


def _withheld(why: str, post: Post, veil: Veil) -> Outcome:
    if post.began:
        return without_answer(why, began=True, veil=veil)
    return Outcome(Verdict.NOT_SENT, veil(why))


def cause_of(error: Exception) -> str:
    """A transport error in words. A local protocol error quotes headers, so its text is left out."""
    if isinstance(error, httpx.LocalProtocolError) or not isinstance(error, httpx.HTTPError | OSError):
        return type(error).__name__
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
