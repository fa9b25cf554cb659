"""The hook before the first byte: when it runs, what it can stop, and that nothing leaves without it."""

from __future__ import annotations

import asyncio

import httpcore
import httpx
import pytest
from support.fault_server import Act, FaultServer, Wire, answer, close, response, sent, silence, slamming_port
from support.pec import LETTER, MAILBOX, FirstByte, agrees, sender

from bulk_pec.domain.letters import Secret
from bulk_pec.domain.outcomes import Verdict
from bulk_pec.provider.client import PecClient
from bulk_pec.provider.wire import FIRST_BYTE

pytestmark = pytest.mark.anyio


class Frozen(Exception):
    """What a hook of these tests raises."""


async def test_the_hook_runs_once_on_a_new_and_once_on_a_kept_connection() -> None:
    """One call for each POST, whether or not a connection had to be opened for it."""
    async with FaultServer(sent()) as server, sender(server.url) as it:
        outcomes = [await it.send() for _ in range(3)]
        assert [outcome.verdict for outcome in outcomes] == [Verdict.SENT] * 3
        assert [hook.calls for hook in it.hooks] == [1, 1, 1]
        assert [post.connection for post in server.posts] == [1, 1, 1]


async def test_the_connection_is_open_when_the_hook_runs_and_nothing_was_sent() -> None:
    """The server has accepted before the hook returns, and has not got a byte."""
    async with FaultServer(sent()) as server, sender(server.url) as it:
        arrived: list[bytes] = []

        async def look() -> None:
            await server.connected.wait()
            arrived.append(server.raw)

        outcome = await it.send(look)
        assert (outcome.verdict, arrived) == (Verdict.SENT, [b""])


@pytest.mark.parametrize("kept", [False, True], ids=["new connection", "kept connection"])
async def test_a_text_drops_the_request_before_its_first_byte(kept: bool) -> None:
    """NOT_SENT with the hook's own words, and the server got no byte of it."""

    async def stop() -> str:
        return "the run was paused"

    async with FaultServer(sent()) as server, sender(server.url) as it:
        if kept:
            await it.send()
        before = server.raw
        outcome = await it.send(stop)
        assert (outcome.verdict, outcome.detail) == (Verdict.NOT_SENT, "the run was paused")
        await asyncio.gather(*(ended.wait() for ended in server.ended))
        assert server.raw == before
        assert agrees(outcome, it.hook, server.raw[len(before) :])


@pytest.mark.parametrize("kept", [False, True], ids=["new connection", "kept connection"])
async def test_what_the_hook_raises_comes_out_and_nothing_left(kept: bool) -> None:
    """The hook's own exception, unchanged, after the connection was dropped."""

    async def fail() -> str:
        raise Frozen

    async with FaultServer(sent()) as server, sender(server.url) as it:
        if kept:
            await it.send()
        before = server.raw
        with pytest.raises(Frozen):
            await it.send(fail)
        await asyncio.gather(*(ended.wait() for ended in server.ended))
        assert server.raw == before
        assert it.hook.calls == 1


async def test_a_timeout_error_of_the_hook_is_not_taken_for_the_networks() -> None:
    """A hook that raises TimeoutError raises it out of `send`: it is the caller's business."""

    async def late() -> str:
        raise TimeoutError("the commit was late")

    async with FaultServer(sent()) as server, sender(server.url) as it:
        with pytest.raises(TimeoutError, match="the commit was late"):
            await it.send(late)


async def test_the_hook_may_take_longer_than_the_timeout() -> None:
    """Waiting for the pace does not count: the timeout starts with the first byte."""
    limit = 0.2

    async def wait_for_the_pace() -> None:
        loop = asyncio.get_running_loop()
        passed = asyncio.Event()
        loop.call_later(2 * limit, passed.set)
        await passed.wait()

    async with FaultServer(sent()) as server, sender(server.url) as it:
        outcome = await it.send(wait_for_the_pace, limit=limit)
        assert outcome.verdict is Verdict.SENT


async def test_cancelled_before_the_first_byte_leaves_nothing_behind() -> None:
    """A cancellation while the hook waits goes through; `began` stays unset and the server got no byte."""
    async with FaultServer(sent()) as server, sender(server.url) as it:
        waiting = asyncio.Event()

        async def wait_for_ever() -> None:
            waiting.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(it.send(wait_for_ever))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.ended[0].wait()
        assert (it.hook.calls, it.hook.began, server.raw) == (1, 0, b"")


async def test_cancelled_after_the_first_byte_the_caller_knows_it_began() -> None:
    """A cancellation while the answer is awaited goes through; the hook's None tells that it began."""
    took = asyncio.Event()

    async def take(wire: Wire) -> None:
        took.set()
        await silence(wire)

    async with FaultServer(take) as server, sender(server.url) as it:
        task = asyncio.create_task(it.send())
        await took.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (it.hook.began, len(server.posts)) == (1, 1)


async def test_cancelled_while_connecting_leaves_no_connection_open() -> None:
    """A cancellation during the TLS handshake ends the connection, which the server sees."""
    async with (
        FaultServer(sent(), on_connect=silence) as server,
        sender(f"https://127.0.0.1:{server.port}") as it,
    ):
        task = asyncio.create_task(it.send())
        await server.connected.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.ended[0].wait()
        assert it.hook.calls == 0


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_connection_that_ends_while_the_hook_waits_is_not_sent(end: str) -> None:
    """The server hangs up while the request waits for its pace: it is known that nothing left."""
    hang_up = asyncio.Event()

    async def answer_then_hang_up(wire: Wire) -> None:
        await sent("1")(wire)
        await hang_up.wait()
        wire.close() if end == "close" else wire.reset()

    async with FaultServer(answer_then_hang_up, sent("2")) as server, sender(server.url) as it:
        await it.send()

        async def wait_till_ended() -> None:
            hang_up.set()
            await server.ended[0].wait()

        before = server.raw
        outcome = await it.send(wait_till_ended)
        assert (outcome.verdict, it.hook.calls, server.raw) == (Verdict.NOT_SENT, 1, before)
        assert agrees(outcome, it.hook, server.raw[len(before) :])
        assert (await it.send()).message_id == "2"


@pytest.mark.parametrize("status", [201, 400, 429])
async def test_a_surplus_answer_on_an_idle_connection_answers_nothing(status: int) -> None:
    """An answer nobody asked for is not the next POST's: the connection is dropped, another one is taken."""
    one_too_many, told = asyncio.Event(), asyncio.Event()

    async def answer_twice(wire: Wire) -> None:
        await sent("1")(wire)
        await one_too_many.wait()
        await wire.write(response(status, {"success": True, "sent": 1, "message": "", "message_id": "666"}))
        told.set()

    async with FaultServer(answer_twice, sent("2")) as server, sender(server.url) as it:
        await it.send()
        one_too_many.set()
        await told.wait()
        outcome = await it.send()
        assert (outcome.verdict, outcome.message_id, it.hook.calls) == (Verdict.SENT, "2", 1)
        assert [post.connection for post in server.posts] == [1, 2]


@pytest.mark.parametrize("kept", [False, True], ids=["new connection", "kept connection"])
async def test_an_answer_that_comes_while_the_hook_waits_is_not_this_posts(kept: bool) -> None:
    """The server speaks before it was asked: the request is dropped, and it is known that nothing left."""
    speak, told = asyncio.Event(), asyncio.Event()

    async def speak_unasked(wire: Wire) -> None:
        await speak.wait()
        await sent("666")(wire)
        told.set()

    async def answer_then_speak(wire: Wire) -> None:
        await sent("1")(wire)
        await speak_unasked(wire)

    async def wait_till_told() -> None:
        speak.set()
        await told.wait()

    on_connect = None if kept else speak_unasked
    async with FaultServer(answer_then_speak, on_connect=on_connect) as server, sender(server.url) as it:
        if kept:
            await it.send()
        before = server.raw
        outcome = await it.send(wait_till_told)
        await server.ended[0].wait()
        assert (outcome.verdict, it.hook.calls, server.raw) == (Verdict.NOT_SENT, 1, before)
        assert agrees(outcome, it.hook, server.raw[len(before) :])


async def test_a_server_that_closes_every_connection_at_once_is_not_hammered() -> None:
    """A new connection that is dead already is a failure to connect; no second one is opened at once."""
    with slamming_port() as (port, accepted):
        async with sender(f"http://127.0.0.1:{port}") as it:
            outcomes = [await it.send() for _ in range(50)]
    assert len(accepted) <= 50
    assert {outcome.verdict for outcome in outcomes} <= {Verdict.NOT_SENT, Verdict.IN_DOUBT}
    unasked = [outcome for outcome, hook in zip(outcomes, it.hooks, strict=True) if not hook.calls]
    assert {outcome.verdict for outcome in unasked} <= {Verdict.NOT_SENT}


class Repeating(httpx.AsyncBaseTransport):
    """A transport at fault: it sends every request twice."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Announce the first byte twice, as two requests would."""
        for _ in range(2):
            await request.extensions["trace"](FIRST_BYTE, {"request": httpcore.Request("POST", b"http://x/")})
        return httpx.Response(201, json={"success": True, "sent": 1, "message_id": "1"})


async def test_a_second_first_byte_is_refused() -> None:
    """Should a transport ever come to the same event twice, the second request stops there: in doubt."""
    hook = FirstByte()
    async with httpx.AsyncClient(transport=Repeating()) as http:
        client = PecClient(http, base_url="http://127.0.0.1", token=Secret("t"))
        outcome = await client.send(MAILBOX, LETTER, before_first_byte=hook, timeout=1.0)
    assert (outcome.verdict, hook.calls) == (Verdict.IN_DOUBT, 1)


async def test_many_at_once_are_one_post_and_one_hook_each() -> None:
    """More POSTs than connections: each is posted once, after its own hook."""
    async with FaultServer(sent()) as server, sender(server.url, connections=3) as it:
        outcomes = await asyncio.gather(*(it.send() for _ in range(20)))
        assert {outcome.verdict for outcome in outcomes} == {Verdict.SENT}
        assert [hook.calls for hook in it.hooks] == [1] * 20
        assert len(server.posts) == 20
        assert len(server.wires) <= 3


async def test_connections_that_failed_do_not_fill_the_pool() -> None:
    """After more failures than there are connections, a POST still gets one."""
    async with FaultServer(*[close] * 5, sent()) as server, sender(server.url, connections=2) as it:
        outcomes = [await it.send() for _ in range(6)]
        assert [outcome.verdict for outcome in outcomes] == [Verdict.IN_DOUBT] * 5 + [Verdict.SENT]


async def _tunnel_to_nowhere(wire: Wire) -> None:
    await wire.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await wire.read()
    await wire.write(response(400))
    wire.close()


PROXY: dict[str, Act] = {
    "asks who we are": answer(407, b"", {"Proxy-Authenticate": "Basic"}),
    "cannot reach it": answer(502),
    "hangs up": close,
    "says nothing": silence,
    "opens the tunnel and hangs up": _tunnel_to_nowhere,
}


@pytest.mark.parametrize("name", PROXY)
async def test_the_word_to_a_proxy_is_not_the_request(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """CONNECT to a proxy is not the POST: when the proxy fails, nothing was sent, time after time."""
    async with FaultServer(PROXY[name]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with sender("https://pec.example", connections=2) as it:
            outcomes = [await it.send(limit=0.3) for _ in range(4)]
        assert [outcome.verdict for outcome in outcomes] == [Verdict.NOT_SENT] * 4
        assert [hook.calls for hook in it.hooks] == [0] * 4
        assert {request.method for request in proxy.seen} == {"CONNECT"}
        assert b"POST" not in proxy.raw


async def test_a_proxy_is_not_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain HTTP carries credentials: what is meant for this machine does not go through a proxy."""
    async with FaultServer(answer(502)) as proxy, FaultServer(sent()) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        async with sender(server.url) as it:
            outcome = await it.send()
        assert outcome.verdict is Verdict.SENT
        assert not proxy.wires
