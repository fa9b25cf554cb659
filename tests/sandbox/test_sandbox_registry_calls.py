"""Callbacks, the registry's control path, its faults and its oddities."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sandbox.registering import (
    ADDRESS,
    PDF,
    activated,
    documents,
    registered,
    registration,
    shown,
    state,
    steered,
    witnessed,
)
from sandbox.talking import Talk, talking

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import Sandbox

pytestmark = pytest.mark.anyio

PATIENCE = 20
"""Seconds after which a callback that does not come is a failure."""
LONG = 100_000.0
"""Seconds that pass only where a clock is fast, or moved."""

QUICK = SandboxOptions(speed=1_000_000, activation_after=LONG)


@dataclass
class Receiver:
    """What a callback's URL was sent: media type and fields, in order."""

    url: str = ""
    status: int = 204
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Queue[tuple[str, dict[str, Any]]] = field(default_factory=asyncio.Queue)

    async def next(self) -> tuple[str, dict[str, Any]]:
        """The next callback."""
        with anyio.fail_after(PATIENCE):
            return await self.came.get()

    async def take(self, request: web.Request) -> web.Response:
        """Note it, and answer when nobody holds the answer back."""
        form = request.content_type == "application/x-www-form-urlencoded"
        fields = {k: json.loads(str(v)) for k, v in (await request.post()).items()} if form else None
        self.came.put_nowait((request.content_type, fields or await request.json()))
        await self.hold.wait()
        return web.Response(status=self.status, headers={"Location": "/altrove"})

    async def follow(self, request: web.Request) -> web.Response:
        """Where a redirection leads: whoever comes here is noted, and welcome."""
        self.came.put_nowait((request.method, {}))
        return web.Response()


@asynccontextmanager
async def receiving(*, hold: bool = False) -> AsyncIterator[Receiver]:
    """A receiver that listens; if told, it answers only once its `hold` is set."""
    receiver = Receiver()
    if not hold:
        receiver.hold.set()
    application = web.Application()
    application.router.add_post("/richiamo", receiver.take)
    application.router.add_route("*", "/altrove", receiver.follow)
    async with TestServer(application, host="127.0.0.1") as server:
        receiver.url = str(server.make_url("/richiamo"))
        yield receiver
        receiver.hold.set()


async def settled(talk: Talk) -> dict[str, int]:
    """The counts of callbacks once none is under way."""
    with anyio.fail_after(PATIENCE):
        while (counts := (await witnessed(talk))["callbacks"])["under_way"]:
            await anyio.lowlevel.checkpoint()
    return {name: count for name, count in counts.items() if name != "under_way"}


@pytest.mark.parametrize(
    ("method", "media"),
    [
        (None, "application/x-www-form-urlencoded"),
        ("POST", "application/x-www-form-urlencoded"),
        ("JSON", "application/json"),
    ],
)
async def test_every_change_of_state_is_posted(method: str | None, media: str) -> None:
    """In the field that was named, the mailbox as it was then; also one that time brings about."""
    async with receiving() as receiver, talking(activation_after=LONG) as talk:
        callback = {"url": receiver.url, "field": "pratica", "data": {"mia": 7}}
        callback |= {"method": method} if method else {}
        id_ = await registered(talk, callback=callback)
        told = [await receiver.next()]
        await talk.http.patch(f"/pec/{id_}/attivazione", json=documents())
        told.append(await receiver.next())
        await talk.http.post("/_sandbox/clock", json={"advance": LONG})
        told.append(await receiver.next())
        counts = await settled(talk)
        now = await shown(talk, id_)
    assert [kind for kind, _ in told] == [media] * 3
    assert [list(fields) for _, fields in told] == [["pratica"]] * 3
    states = [fields["pratica"]["stato"] for _, fields in told]
    assert states == ["registrata", "in_evasione", "evasa"]
    assert told[-1][1]["pratica"] == now
    assert now["callback"]["data"] == {"mia": 7}
    assert counts == {"posted": 3, "failed": 0, "elsewhere": 0}


async def test_time_alone_brings_a_callback() -> None:
    """Nobody looks, and nobody moves the clock: the sandbox wakes by itself."""
    async with receiving() as receiver, Sandbox(QUICK) as sandbox:
        async with httpx.AsyncClient(base_url=sandbox.url, headers={"Authorization": "Bearer t"}) as http:
            callback = {"url": receiver.url, "field": "data"}
            id_ = (await http.post("/pec", json=registration(callback=callback))).json()["data"]["id"]
            await http.patch(f"/pec/{id_}/attivazione", json=documents())
        told = [(await receiver.next())[1]["data"]["stato"] for _ in range(3)]
    assert set(told) == {"registrata", "in_evasione", "evasa"}


async def test_a_jump_of_the_clock_in_the_same_process_brings_a_callback() -> None:
    """`Sandbox.advance` settles what is due by then."""
    async with receiving() as receiver, talking(activation_after=LONG) as talk:
        await activated(talk, callback={"url": receiver.url})
        talk.sandbox.advance(LONG)
        told = {(await receiver.next())[1]["data"]["stato"] for _ in range(3)}
    assert told == {"registrata", "in_evasione", "evasa"}


async def test_a_callback_that_is_never_answered_holds_nothing_up() -> None:
    """Further calls are answered, and the sandbox ends, while it is under way."""
    async with receiving(hold=True) as receiver, talking() as talk:
        id_ = await registered(talk, callback={"url": receiver.url})
        await receiver.next()
        assert await state(talk, id_) == "registrata"
        assert (await witnessed(talk))["callbacks"]["under_way"] == 1


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_a_callback_that_is_refused_is_counted_and_forgotten(status: int) -> None:
    """One attempt; a redirection is not followed."""
    async with receiving() as receiver, talking() as talk:
        receiver.status = status
        await registered(talk, callback={"url": receiver.url})
        assert await settled(talk) == {"posted": 0, "failed": 1, "elsewhere": 0}
        assert receiver.came.qsize() == 1


@pytest.mark.parametrize(
    ("url", "counted"),
    [
        ("http://127.0.0.1:1/", "failed"),
        ("http://localhost:x/", "failed"),
        ("https://www.example.com/callback", "elsewhere"),
        ("http://127.0.0.1.example.com/", "elsewhere"),
        ("file:///etc/hosts", "elsewhere"),
        ("http://[", "elsewhere"),
    ],
)
async def test_nothing_is_posted_to_another_machine(url: str, counted: str) -> None:
    """What cannot be posted is counted; the registration stands all the same."""
    async with talking() as talk:
        id_ = await registered(talk, callback={"url": url})
        counts = await settled(talk)
        assert await state(talk, id_) == "registrata"
    assert counts == {"posted": 0, "failed": 0, "elsewhere": 0} | {counted: 1}


async def test_the_control_path_makes_mailboxes_and_moves_them() -> None:
    """To any state, also one that is not documented; without the applicant's data in what it shows."""
    async with talking() as talk:
        made = await steered(talk, mailbox="Nuova@pec.example", stato="evasa", scadenza=4_000_000_000)
        moved = await steered(talk, id=made["id"], stato="sospesa", autorinnovo=True)
        data = await shown(talk, made["id"])
        text = (await talk.http.get("/_sandbox/registry")).text
    assert (made["mailbox"], made["stato"], made["scadenza"]) == ("nuova@pec.example", "evasa", 4_000_000_000)
    assert (moved["stato"], moved["autorinnovo"]) == ("sospesa", True)
    assert (data["stato"], data["timestamp"]["scadenza"]) == ("sospesa", 4_000_000_000)
    assert "rossi" not in text


async def test_the_control_path_says_what_comes_of_the_next_documents() -> None:
    """Once; then the local part has its say again. What they were is told by their sizes only."""
    async with talking() as talk:
        id_ = await registered(talk)
        await steered(talk, mailbox=ADDRESS, documents="documenti_errati")
        found = []
        for _ in range(2):
            await talk.http.patch(f"/pec/{id_}/attivazione", json=documents())
            talk.sandbox.advance(5)
            found.append(await state(talk, id_))
        entry = (await witnessed(talk))["mailboxes"][0]
    assert found == ["documenti_errati", "evasa"]
    assert entry["documents"] == [len(PDF)]


async def test_an_expiry_in_the_past_is_an_expiry() -> None:
    """The mailbox is revoked when somebody next looks."""
    async with talking() as talk:
        id_ = await activated(talk)
        await steered(talk, id=id_, scadenza=1_000_000_000)
        assert await state(talk, id_) == "revocata"


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({}, 400),
        ([], 400),
        ({"mailbox": "ufficio"}, 400),
        ({"mailbox": ADDRESS, "stato": 7}, 400),
        ({"mailbox": ADDRESS, "scadenza": "domani"}, 400),
        ({"mailbox": ADDRESS, "scadenza": True}, 400),
        ({"mailbox": ADDRESS, "scadenza": 10**15}, 400),
        ({"mailbox": ADDRESS, "documents": "buoni"}, 400),
        ({"mailbox": ADDRESS, "tipo_casella": "ORO"}, 400),
        ({"mailbox": ADDRESS, "autorinnovo": "true"}, 400),
        ({"mailbox": ADDRESS, "altro": 1}, 400),
        ({"id": "6040e4613a716838dc4eee0e"}, 404),
    ],
)
async def test_the_control_path_refuses_what_means_nothing(wanted: Any, status: int) -> None:
    """With words that say what; and no mailbox is made."""
    async with talking() as talk:
        answer = await talk.http.post("/_sandbox/registry", json=wanted)
        unreadable = await talk.http.post("/_sandbox/registry", content=b"{")
        assert (await witnessed(talk))["mailboxes"] == []
    assert (answer.status_code, unreadable.status_code) == (status, 400)
    assert answer.json()["message"]


@pytest.mark.parametrize(("kind", "made"), [("503-before", 0), ("503-after", 1), ("500", 0)])
async def test_a_fault_strikes_a_registration_before_or_after_it_is_taken(kind: str, made: int) -> None:
    """The answer does not tell which; the count of calls says how often it was tried."""
    async with talking() as talk:
        await talk.break_next(kind, on="register")
        answer = await talk.http.post("/pec", json=registration())
        seen = await witnessed(talk)
    assert answer.status_code == int(kind[:3])
    assert len(seen["mailboxes"]) == made
    assert seen["asked"] == {"register": 1}


@pytest.mark.parametrize("kind", ["reset-early", "reset-before", "reset-after", "close-after", "half"])
async def test_connections_break_at_every_call(kind: str) -> None:
    """A renewal that was struck after it was carried out did prolong the mailbox."""
    async with talking() as talk:
        id_ = await activated(talk)
        before = (await shown(talk, id_))["timestamp"]["scadenza"]
        await talk.break_next(kind, on="renew")
        with pytest.raises(httpx.TransportError):
            await talk.http.get(f"/pec/{id_}/rinnovo")
        after = (await shown(talk, id_))["timestamp"]["scadenza"]
    assert (after > before) is (kind in {"reset-after", "close-after", "half"})


async def test_slips_are_those_of_the_vendors_samples() -> None:
    """No JSON as it stands; JSON again once the commas are away and the empty value is null."""
    async with talking(json_slips=True, activation_after=0) as talk:
        id_ = (await steered(talk, mailbox=ADDRESS, stato="evasa"))["id"]
        texts = [(await talk.http.get(path)).text for path in (f"/pec/{id_}", "/pec", "/quota/INBOX")]
        refused = (await talk.http.get("/pec/1")).text
    assert '"revoca": ,\n' in texts[0]
    for text in (*texts, refused):
        with pytest.raises(json.JSONDecodeError):
            json.loads(text)
        mended = text.replace('"revoca": ,', '"revoca": null,').replace(",\n", "\n,").split("\n")
        assert _strict("\n".join(mended))["success"] is (text is not refused)


def _strict(text: str) -> dict[str, Any]:
    """The document, with every comma that stands before a closing bracket taken away."""
    kept = []
    for place, sign in enumerate(text):
        rest = text[place + 1 :].lstrip()
        if sign != "," or rest[:1] not in ("}", "]"):
            kept.append(sign)
    return dict(json.loads("".join(kept)))


async def test_odd_envelopes_say_the_same_in_other_shapes() -> None:
    """The mailbox in a list, numbers as text, null for an empty text, no message without words."""
    async with talking(odd_envelopes=True) as talk:
        made = (await talk.http.post("/pec", json=registration())).json()
        wrong = (await talk.http.get("/pec/1")).json()
    entry = made["data"][0]
    assert "message" not in made
    assert isinstance(entry["timestamp"]["registrazione"], str)
    assert (entry["data_scadenza"], entry["autorinnovo"]) == (None, False)
    assert (wrong["error"], wrong["message"]) == ("201", "Wrong id")


async def test_refusals_can_be_lines_of_text() -> None:
    """What succeeds is JSON as before."""
    async with talking(text_errors=True) as talk:
        wrong = await talk.http.get("/pec/1")
        right = await talk.http.get(f"/verifica_pec/{ADDRESS}")
    assert (wrong.status_code, wrong.text) == (400, "Wrong id")
    assert wrong.headers["content-type"].startswith("text/plain")
    assert right.json()["data"] == {"available": True}


async def test_applicant_and_documents_leave_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is logged at any level, and no repr shows them."""
    with caplog.at_level("DEBUG"):
        async with talking() as talk:
            id_ = await activated(talk, ADDRESS, PDF + b"SEGRETO", cognome_richiedente="SEGRETO")
            entry = talk.sandbox.office.registry.find(id_)
    assert "SEGRETO" not in caplog.text
    assert "SEGRETO" not in repr(entry)
