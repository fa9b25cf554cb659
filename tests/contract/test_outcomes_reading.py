"""GET and DELETE on real sockets: what is retried, what is not, and which error a refusal becomes."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable

import pytest
from support.fault_server import (
    HTML,
    Act,
    FaultServer,
    answer,
    close,
    drip,
    half_answer,
    refusing_port,
    reset,
    sent,
    silence,
    then_close,
)
from support.pec import MAILBOX, NO_WAITING, PASSWORD, TOKEN, USERNAME, Sender, sender

from bulk_pec.domain.errors import (
    BulkPecError,
    ConfigError,
    CredentialsRefused,
    NoCredit,
    ProviderUnavailable,
)
from bulk_pec.domain.inbox import InboxPage, Quota
from bulk_pec.domain.letters import Mailbox, Secret
from bulk_pec.provider.client import PecClient
from bulk_pec.provider.reading import Patience
from bulk_pec.provider.transport import open_http

pytestmark = pytest.mark.anyio

ROW = {
    "sender": "posta-certificata@example.com",
    "date": "Wed, 26 Aug 2020 10:00:35 +0200",
    "object": "ACCETTAZIONE: Prova 2020082610003492",
    "id": 1,
}
PAGE = {"data": [ROW], "success": True, "message": "", "total": 1, "page": 1, "n_of_pages": 1}
QUOTA = {"data": {"usage": 171012, "limit": 1048576}, "success": True, "message": ""}
NOTHING = {"success": False, "message": "Result empty"}
EMPTY = InboxPage((), None, None, None)

CALLS: dict[str, Callable[[PecClient], Awaitable[object]]] = {
    "inbox_page": lambda client: client.inbox_page(MAILBOX, 1),
    "sending": lambda client: client.sending(MAILBOX, "2020082610003492"),
    "inbox_item": lambda client: client.inbox_item(MAILBOX, "3"),
    "quota": lambda client: client.quota(MAILBOX),
    "delete_inbox_item": lambda client: client.delete_inbox_item(MAILBOX, "3"),
}

PASSING: dict[str, Act] = {
    "closed": close,
    "reset": reset,
    "half a body": half_answer(200),
    "HTML under 200": answer(200, HTML),
    "nothing under 200": answer(200, b""),
    "a failure of the server's own": answer(200, {"success": False, "message": "MySQL Error 2006"}),
    "not compressed": answer(200, b"{}", {"Content-Encoding": "gzip"}),
    "408": answer(408),
    "429": answer(429),
    "429 with a time": answer(429, b"", {"Retry-After": "0"}),
    "500": answer(500, {"success": False, "message": "MySQL Error 2006"}),
    "502": answer(502, HTML),
    "503": answer(503, HTML),
    "504": answer(504, HTML),
}


def hides_secrets(error: BaseException) -> bool:
    """Whether neither the error nor what led to it shows a secret or the query."""
    shown = f"{error!r} {error} {error.__cause__!r}"
    return not any(secret in shown for secret in (TOKEN, USERNAME, PASSWORD, "REFERENCE"))


async def test_the_page_the_query_and_the_credentials() -> None:
    """Credentials go in headers, the page and the search in the query."""
    async with FaultServer(answer(200, PAGE)) as server, sender(server.url) as it:
        page = await it.client.inbox_page(MAILBOX, 39, "R&F +1")
        (request,) = server.seen
        assert (request.method, request.target) == ("GET", "/inbox?page=39&q=R%26F+%2B1")
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert (request.headers["x-username"], request.headers["x-password"]) == (USERNAME, PASSWORD)
        assert request.headers["user-agent"].startswith("bulk-pec/")
        assert (page.items[0].item_id, page.total) == ("1", 1)


@pytest.mark.parametrize("text", ["a/b", "..", ".", "a?b#c", "è", "%2F"])
async def test_an_id_is_one_segment_of_the_path(text: str) -> None:
    """Whatever an id holds, it cannot lead to another call."""
    async with FaultServer(answer(200, PAGE)) as server, sender(server.url) as it:
        await it.client.sending(MAILBOX, text)
        (request,) = server.seen
        assert request.target.startswith("/send/")
        assert not set(request.target[len("/send/") :]) & set("/?#")
        assert request.target not in {"/send/.", "/send/.."}


async def test_credentials_that_are_not_ascii_travel_as_utf8() -> None:
    """A password may hold any printable character."""
    mailbox = Mailbox(MAILBOX.address, MAILBOX.username, Secret("pàsswörd €"))
    async with FaultServer(answer(200, QUOTA)) as server, sender(server.url) as it:
        assert await it.client.quota(mailbox) == Quota(171012.0, 1048576.0)
        assert server.seen[0].headers["x-password"].encode("latin-1").decode() == "pàsswörd €"


@pytest.mark.parametrize("password", ["", "two\r\nlines", " lead", "trail "])
async def test_credentials_that_no_header_can_hold_are_a_setting_to_mend(password: str) -> None:
    """They are named by their setting and not shown, and nothing is asked."""
    mailbox = Mailbox(MAILBOX.address, MAILBOX.username, Secret(password))
    async with FaultServer(answer(200, QUOTA)) as server, sender(server.url) as it:
        with pytest.raises(ConfigError, match=r"password of mailbox ufficio@example\.com") as refused:
            await it.client.quota(mailbox)
        assert not password.strip() or password not in str(refused.value)
        assert not server.seen


@pytest.mark.parametrize("token", ["", "two words", "line\nend", "ñ"])
async def test_a_token_that_no_header_can_hold_is_a_setting_to_mend(token: str) -> None:
    """It is refused when the client is made, and not shown."""
    async with open_http(timeout=1.0, connections=1) as http:
        with pytest.raises(ConfigError) as refused:
            PecClient(http, base_url="https://pec.example", token=Secret(token))
        assert not token or token not in str(refused.value)


@pytest.mark.parametrize("name", PASSING)
async def test_what_may_pass_is_tried_again(name: str) -> None:
    """One bad answer does not end a harvest."""
    async with FaultServer(PASSING[name], answer(200, PAGE)) as server, sender(server.url) as it:
        page = await it.client.inbox_page(MAILBOX, 1)
        assert len(page.items) == 1
        assert len(server.seen) == 2


@pytest.mark.parametrize("name", PASSING)
async def test_what_does_not_pass_is_unavailable_in_the_end(name: str) -> None:
    """After the last attempt the error says what was asked, without secrets."""
    async with FaultServer(PASSING[name]) as server, sender(server.url) as it:
        with pytest.raises(ProviderUnavailable, match="GET http://127") as unavailable:
            await it.client.inbox_page(MAILBOX, 1, "REFERENCE")
        assert len(server.seen) == NO_WAITING.attempts
        assert hides_secrets(unavailable.value)


async def test_a_wait_longer_than_our_patience_ends_the_trying() -> None:
    """An hour's Retry-After is not waited for, and not ignored either."""
    async with FaultServer(answer(429, b"", {"Retry-After": "3600"})) as server, sender(server.url) as it:
        with pytest.raises(ProviderUnavailable):
            await it.client.quota(MAILBOX)
        assert len(server.seen) == 1


@pytest.mark.parametrize("act", [silence, drip(b"HTTP/1.1 200 OK\r\nX: ")], ids=["silence", "drip"])
async def test_a_get_is_bounded_in_time(act: Act) -> None:
    """No answer, or one that never ends: each attempt ends."""
    patience = Patience(attempts=2, timeout=0.1, first_wait=0.001)
    async with FaultServer(act) as server, sender(server.url, patience=patience) as it:
        with pytest.raises(ProviderUnavailable, match="no answer within"):
            await it.client.quota(MAILBOX)
        assert len(server.seen) == 2


async def test_nobody_there_is_unavailable() -> None:
    """A refused connection, after the last attempt."""
    with refusing_port() as port:
        async with sender(f"http://127.0.0.1:{port}") as it:
            with pytest.raises(ProviderUnavailable, match="could not be reached"):
                await it.client.quota(MAILBOX)


REFUSALS: list[tuple[int, type[BulkPecError]]] = [
    (401, CredentialsRefused),
    (403, CredentialsRefused),
    (402, NoCredit),
    *((status, ConfigError) for status in (301, 302, 303, 304, 307, 308, 405, 415)),
    *((status, ProviderUnavailable) for status in (400, 406, 413, 422)),
]


@pytest.mark.parametrize(("status", "error"), REFUSALS)
@pytest.mark.parametrize("call", CALLS)
async def test_a_refusal_is_an_error_at_once(call: str, status: int, error: type[BulkPecError]) -> None:
    """One request, the error of the table, the provider's words in it and no secret."""
    words = f"no, {TOKEN} and {PASSWORD}"
    headers = {"Location": "/elsewhere"}
    async with FaultServer(answer(status, {"success": False, "message": words}, headers)) as server:
        async with sender(server.url) as it:
            with pytest.raises(error, match=f"HTTP {status}") as refused:
                await CALLS[call](it.client)
        assert type(refused.value) is error
        assert len(server.seen) == 1
        assert hides_secrets(refused.value)


@pytest.mark.parametrize("body", [NOTHING, {"message": "Message not found"}, b""], ids=str)
async def test_404_from_the_service_is_nothing_there(body: object) -> None:
    """Its 404 is an envelope: nothing yet, which is no error; a quota is always there."""
    async with FaultServer(answer(404, body)) as server, sender(server.url) as it:
        assert await it.client.inbox_page(MAILBOX, 1) == EMPTY
        assert await it.client.sending(MAILBOX, "1") == ()
        assert await it.client.inbox_item(MAILBOX, "1") is None
        assert await it.client.delete_inbox_item(MAILBOX, "1") is False
        with pytest.raises(ConfigError, match=r"/quota/INBOX"):
            await it.client.quota(MAILBOX)


@pytest.mark.parametrize("call", CALLS)
async def test_404_from_somebody_else_is_a_wrong_address(call: str) -> None:
    """A page in place of an envelope is another server: taken for "nothing there" it would prove absence."""
    async with FaultServer(answer(404, HTML)) as server, sender(server.url) as it:
        with pytest.raises(ConfigError, match="not the service"):
            await CALLS[call](it.client)
        assert len(server.seen) == 1


@pytest.mark.parametrize(
    "act", [answer(200, NOTHING), answer(204), answer(200, {"success": True, "data": []})]
)
async def test_nothing_there_in_other_words(act: Act) -> None:
    """An answer of "Result empty" under 200, 204, an empty list: no items."""
    async with FaultServer(act) as server, sender(server.url) as it:
        assert await it.client.inbox_page(MAILBOX, 1) == EMPTY
        assert await it.client.sending(MAILBOX, "1") == ()
        assert await it.client.inbox_item(MAILBOX, "1") is None


BAD_PAGE = {"success": False, "message": "MySQL Error 1064"}


@pytest.mark.parametrize(
    ("act", "asked"),
    [
        (answer(400, BAD_PAGE), 1),
        (answer(422, BAD_PAGE), 1),
        (answer(404, BAD_PAGE), 1),
        (answer(500, BAD_PAGE), NO_WAITING.attempts),
        (answer(200, BAD_PAGE), NO_WAITING.attempts),
    ],
    ids=["400", "422", "404", "500", "success false"],
)
async def test_a_refused_page_0_is_empty(act: Act, asked: int) -> None:
    """Where pages count from 1 the service may refuse page 0, time after time: no mail is on it."""
    async with FaultServer(act) as server, sender(server.url) as it:
        assert await it.client.inbox_page(MAILBOX, 0) == EMPTY
        assert len(server.seen) == asked


NO_REFUSAL: dict[str, tuple[tuple[Act, ...], type[BulkPecError]]] = {
    "401": ((answer(401, BAD_PAGE),), CredentialsRefused),
    "402": ((answer(402, BAD_PAGE),), NoCredit),
    "403": ((answer(403, BAD_PAGE),), CredentialsRefused),
    "302": ((answer(302, BAD_PAGE),), ConfigError),
    "405": ((answer(405, BAD_PAGE),), ConfigError),
    "404 from somebody else": ((answer(404, HTML),), ConfigError),
    "400 from somebody else": ((answer(400, HTML),), ProviderUnavailable),
    "500 from somebody else": ((answer(500, HTML),), ProviderUnavailable),
    "500 from a gateway": ((answer(500, {"message": "Internal server error"}),), ProviderUnavailable),
    "500 with a time": ((answer(500, BAD_PAGE, {"Retry-After": "0"}),), ProviderUnavailable),
    "500 after a failure": ((close, answer(500, BAD_PAGE)), ProviderUnavailable),
    "503": ((answer(503, BAD_PAGE),), ProviderUnavailable),
    "429": ((answer(429, BAD_PAGE),), ProviderUnavailable),
    "closed": ((close,), ProviderUnavailable),
}


@pytest.mark.parametrize("name", NO_REFUSAL)
async def test_what_is_no_refusal_of_page_0_stays_an_error(name: str) -> None:
    """An outage, an account refused, another server: a page 0 taken for empty would hide mail."""
    acts, error = NO_REFUSAL[name]
    async with FaultServer(*acts) as server, sender(server.url) as it:
        with pytest.raises(error):
            await it.client.inbox_page(MAILBOX, 0)


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize(("page", "query"), [(1, None), (0, "REFERENCE")])
async def test_only_page_0_of_the_whole_inbox_may_be_refused(
    status: int, page: int, query: str | None
) -> None:
    """Any other page, or a search, that is refused is not read: it proves no absence."""
    async with FaultServer(answer(status, BAD_PAGE)) as server, sender(server.url) as it:
        with pytest.raises(ProviderUnavailable):
            await it.client.inbox_page(MAILBOX, page, query)


async def test_one_mail_with_its_text() -> None:
    """GET /inbox/{id} gives the text, form-encoding undone."""
    body = {"success": True, "message": "", "data": ROW | {"body": "Ricevuta+di+accettazione"}}
    async with FaultServer(answer(200, body)) as server, sender(server.url) as it:
        mail = await it.client.inbox_item(MAILBOX, "3")
        assert mail is not None
        assert mail.body == "Ricevuta di accettazione"
        assert server.seen[0].target == "/inbox/3"


async def test_a_compressed_answer_is_read() -> None:
    """We ask for none; a server that compresses all the same is understood."""
    packed = gzip.compress(json.dumps(PAGE).encode())
    act = answer(200, packed, {"Content-Encoding": "gzip"})
    async with FaultServer(act) as server, sender(server.url) as it:
        assert len((await it.client.inbox_page(MAILBOX, 1)).items) == 1


async def test_a_delete_that_was_done() -> None:
    """200 is done; the method and the path are the vendor's."""
    async with FaultServer(answer(200, {"success": True, "message": "Message deleted"})) as server:
        async with sender(server.url) as it:
            assert await it.client.delete_inbox_item(MAILBOX, "7") is True
        assert [(request.method, request.target) for request in server.seen] == [("DELETE", "/inbox/7")]


@pytest.mark.parametrize("act", [close, reset, half_answer(200), answer(500), answer(429), answer(503)])
@pytest.mark.parametrize("kept", [False, True], ids=["new connection", "kept connection"])
async def test_a_delete_is_never_repeated(act: Act, kept: bool) -> None:
    """Ids may shift after a delete: a second one would delete another mail."""
    async with FaultServer(*[answer(200, QUOTA)] * kept, act) as server, sender(server.url) as it:
        if kept:
            await it.client.quota(MAILBOX)
        with pytest.raises(ProviderUnavailable):
            await it.client.delete_inbox_item(MAILBOX, "7")
        assert [request.method for request in server.seen if request.method == "DELETE"] == ["DELETE"]


async def test_a_connection_closed_while_idle_costs_a_get_nothing() -> None:
    """A kept connection that the server closed is noticed before it is used."""
    acts = (then_close(answer(200, PAGE)), answer(200, PAGE))
    async with FaultServer(*acts) as server, sender(server.url) as it:
        await it.client.inbox_page(MAILBOX, 1)
        await server.ended[0].wait()
        await it.client.inbox_page(MAILBOX, 2)
        assert [request.target for request in server.seen] == ["/inbox?page=1", "/inbox?page=2"]


async def test_cookies_are_not_carried_from_one_mailbox_to_the_next() -> None:
    """A session that the provider opens for one mailbox is not shown with another's request."""
    cookie = {"Set-Cookie": "session=1; Path=/"}
    async with FaultServer(answer(200, QUOTA, cookie), sent()) as server, sender(server.url) as it:
        await it.client.quota(MAILBOX)
        await it.send()
        assert all("cookie" not in request.headers for request in server.seen)


async def test_cancelling_a_get_ends_it() -> None:
    """A cancellation goes through and is not taken for a failure to retry."""
    async with FaultServer(silence) as server, sender(server.url) as it:
        task = asyncio.create_task(_quota(it))
        await server.connected.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(server.wires) == 1


async def _quota(it: Sender) -> Quota:
    return await it.client.quota(MAILBOX)
