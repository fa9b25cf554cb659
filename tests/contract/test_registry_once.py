"""One call that changes a mailbox is one request at the server, whatever happens to its connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from support.fault_server import (
    FaultServer,
    Wire,
    answer,
    close,
    half_answer,
    refusing_port,
    reset,
    silence,
    then_close,
)
from support.pec import NO_WAITING, TOKEN
from support.registries import CHANGES, ID, READS, changed, mailbox, registry, told

from bulk_pec.domain.errors import BulkPecError, ConfigError, ProviderUnavailable
from bulk_pec.domain.letters import Secret
from bulk_pec.domain.registrations import Done, InDoubt, Registration
from bulk_pec.provider.reading import Patience
from bulk_pec.provider.registry import Registry
from bulk_pec.provider.transport import open_http

pytestmark = pytest.mark.anyio

LOST = {"closed": close, "reset": reset, "broken off": half_answer(200, b'{"success": true, "data"')}
SHORT = Patience(attempts=3, timeout=0.2, first_wait=0.001)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("lost", LOST)
async def test_a_connection_lost_after_the_request_is_one_request_and_a_doubt(change: str, lost: str) -> None:
    """On a new connection: nothing is sent again, and nobody says that it was not carried out."""
    async with registry(LOST[lost], told(mailbox())) as (client, server):
        result = await CHANGES[change](client)
        assert isinstance(result, InDoubt)
        assert len(server.seen) == 1


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("lost", LOST)
async def test_a_kept_connection_lost_after_the_request_is_one_request_and_a_doubt(
    change: str, lost: str
) -> None:
    """On a connection that has served before, where HTTP libraries send what they hold harmless again."""
    acts = (told({"available": True}), LOST[lost], told(mailbox()))
    async with registry(*acts) as (client, server):
        assert await client.available("a@pecmassiva.com")
        result = await CHANGES[change](client)
        assert isinstance(result, InDoubt)
        assert len(server.seen) == 2
        assert {seen.connection for seen in server.seen} == {1}, (
            "the connection was not kept: nothing was shown"
        )


@pytest.mark.parametrize("change", CHANGES)
async def test_a_kept_connection_that_died_in_between_is_replaced_before_the_first_byte(change: str) -> None:
    """The server left after its last answer: the one request goes out on a new connection, and is clear."""
    acts = (then_close(told({"available": True})), told(changed(change)))
    async with registry(*acts) as (client, server):
        assert await client.available("a@pecmassiva.com")
        await server.ended[0].wait()
        assert isinstance(await CHANGES[change](client), Done)
        assert [seen.connection for seen in server.seen] == [1, 2]


@pytest.mark.parametrize("change", CHANGES)
async def test_an_answer_that_never_comes_is_one_request_and_a_doubt(change: str) -> None:
    """The time is up after the request has left: it may have been carried out."""
    async with registry(silence, patience=SHORT) as (client, server):
        result = await CHANGES[change](client)
        assert isinstance(result, InDoubt)
        assert len(server.seen) == 1


@pytest.mark.parametrize("change", CHANGES)
async def test_an_interruption_after_the_request_has_left_is_a_doubt(change: str) -> None:
    """Whoever presses Ctrl-C while the answer is awaited is told that it may have been carried out."""
    read = asyncio.Event()

    async def wait_for_ever(wire: Wire) -> None:
        read.set()
        await silence(wire)

    async with registry(wait_for_ever) as (client, server):
        task = asyncio.ensure_future(CHANGES[change](client))
        await read.wait()
        task.cancel()
        assert isinstance(await task, InDoubt)
        assert len(server.seen) == 1


async def test_an_interruption_before_the_first_byte_is_none() -> None:
    """Nothing has left: the cancellation goes on as any other."""
    async with registry(told(mailbox())) as (client, server):
        task = asyncio.ensure_future(client.renew(ID, 1))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert server.seen == []


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(change: str, status: int) -> None:
    """Neither to the same host nor elsewhere: it is not the registry's address, and nothing is sent again."""
    async with registry(answer(status, b"", {"Location": "/elsewhere"}), told(mailbox())) as (client, server):
        with pytest.raises(ConfigError, match="is not the registry"):
            await CHANGES[change](client)
        assert len(server.seen) == 1


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_a_status_for_which_reads_are_retried_is_one_request(change: str, status: int) -> None:
    """With a Retry-After of no time at all, too."""
    acts = (answer(status, b"", {"Retry-After": "0"}), told(mailbox()))
    async with registry(*acts) as (client, server):
        if status == 429:
            with pytest.raises(ProviderUnavailable, match="no more requests"):
                await CHANGES[change](client)
        else:
            assert isinstance(await CHANGES[change](client), InDoubt)
        assert len(server.seen) == 1


@pytest.mark.parametrize("change", CHANGES)
async def test_a_registry_that_cannot_be_reached_was_sent_nothing(change: str) -> None:
    """Refused before the first byte: that is no doubt, and the command ends with 69."""
    with refusing_port() as port:
        async with open_http(timeout=5.0, connections=1, verify=False) as http:
            url = f"http://127.0.0.1:{port}"
            client = Registry(http, registry_url=url, token=Secret(TOKEN), patience=NO_WAITING)
            with pytest.raises(ProviderUnavailable, match="nothing was sent"):
                await CHANGES[change](client)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("lost", ["closed", "reset"])
async def test_any_other_httpx_client_sends_once_too(change: str, lost: str) -> None:
    """The transport of httpx, told to retry: what is retried is connecting, and the answer is in doubt."""
    acts = (told({"available": True}), LOST[lost], told(mailbox()))
    transport = httpx.AsyncHTTPTransport(retries=3)
    async with FaultServer(*acts) as server, httpx.AsyncClient(transport=transport) as http:
        client = Registry(http, registry_url=server.url, token=Secret(TOKEN), patience=NO_WAITING)
        assert await client.available("a@pecmassiva.com")
        assert isinstance(await CHANGES[change](client), InDoubt)
        assert len(server.seen) == 2


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("lost", ["closed", "reset"])
async def test_what_only_asks_is_asked_again(read: str, lost: str) -> None:
    """A lost answer to a question costs a second question."""
    body: dict[str, object] = {
        "available": {"available": True},
        "all": [mailbox()],
        "show": mailbox(),
        "form": "JVBERi0xLjQgYSBmb3Jt",
    }
    async with registry(LOST[lost], told(body[read])) as (client, server):
        assert await READS[read](client)
        assert len(server.seen) == 2


@pytest.mark.parametrize("read", READS)
async def test_what_only_asks_gives_up_after_its_patience(read: str) -> None:
    """A registry that is away ends in 69, after as many questions as were allowed."""
    async with registry(answer(503)) as (client, server):
        with pytest.raises(ProviderUnavailable):
            await READS[read](client)
        assert len(server.seen) == NO_WAITING.attempts


async def test_a_large_document_is_sent_whole_and_once() -> None:
    """A scan of several megabytes goes out in pieces, on one request."""
    pdf = b"%PDF-1.4 " + bytes(range(256)) * (3 << 12)
    async with registry(told(mailbox(stato="in_evasione"))) as (client, server):
        result = await client.activate(ID, pdf)
        assert isinstance(result, Done)
        assert isinstance(result.registration, Registration)
        assert len(server.seen) == 1
        assert len(server.seen[0].body) > len(pdf)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a?b", "a b", "à", "x" * 101, "a\n"])
@pytest.mark.parametrize("call", ["show", "form", "activate", "renew", "revoke"])
async def test_a_text_that_is_no_id_is_refused_before_anything_is_sent(call: str, name: str) -> None:
    """An empty id would lead to all mailboxes, one with a slash to another call."""
    calls: dict[str, Callable[[Registry], Awaitable[object]]] = {
        "show": lambda client: client.show(name),
        "form": lambda client: client.form(name),
        "activate": lambda client: client.activate(name, b""),
        "renew": lambda client: client.renew(name, 1),
        "revoke": lambda client: client.revoke(name),
    }
    async with registry(told(mailbox())) as (client, server):
        with pytest.raises(BulkPecError) as refused:
            await calls[call](client)
        assert refused.value.exit.code == 65
        assert server.wires == []
