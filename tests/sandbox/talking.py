"""A plain HTTP conversation with a sandbox, on a clock that only the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import Sandbox

MAILBOX = "ufficio@example.com"
OTHER = "protocollo@example.com"
HOUR = 3600.0


@dataclass
class HandClock:
    """Real seconds, as far as the sandbox can tell; they pass when a test says so."""

    seconds: float = 0.0

    def __call__(self) -> float:
        """The time now."""
        return self.seconds


@dataclass
class Talk:
    """A sandbox and an HTTP client that speaks to it with the credentials of `MAILBOX`.

    Attributes:
        sandbox: The server.
        http: The client.
        clock: What the server takes for real time.
    """

    sandbox: Sandbox
    http: httpx.AsyncClient
    clock: HandClock

    def message(self, recipient: str | list[str] = "mario@example.org", **changes: Any) -> dict[str, Any]:
        """The body of a POST /send; a value of None leaves the key out."""
        body = {
            "sender": MAILBOX,
            "recipient": recipient,
            "subject": "Avviso n. 1",
            "body": "<p>Buongiorno</p>",
            "username": MAILBOX,
            "password": "segreta",
            **changes,
        }
        return {key: value for key, value in body.items() if value is not None}

    async def post(self, recipient: str | list[str] = "mario@example.org", **changes: Any) -> httpx.Response:
        """POST a message."""
        return await self.http.post("/send", json=self.message(recipient, **changes))

    async def send(self, recipient: str | list[str] = "mario@example.org", **changes: Any) -> str:
        """POST a message that must be taken, and return its id."""
        answer = await self.post(recipient, **changes)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["message_id"])

    async def inbox(self, **query: str | int) -> dict[str, Any]:
        """One page of the inbox, whole."""
        answer = await self.http.get("/inbox", params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def subjects(self, **query: str | int) -> list[str]:
        """The subjects of one page."""
        return [item["object"] for item in (await self.inbox(**query))["data"]]

    async def kinds(self) -> list[str]:
        """What each mail of the first page starts with, oldest first."""
        return [subject.partition(":")[0] for subject in reversed(await self.subjects())]

    async def usage(self) -> int:
        """How full the mailbox is, in KiB."""
        return int((await self.http.get("/quota/INBOX")).json()["data"]["usage"])

    async def state(self) -> dict[str, Any]:
        """The sandbox's own counts."""
        return dict((await self.http.get("/_sandbox/state")).json())

    async def break_next(self, kind: str, **rule: Any) -> None:
        """Ask for a fault."""
        answer = await self.http.post("/_sandbox/faults", json={"kind": kind, **rule})
        assert answer.status_code == 201, answer.text


def headers(mailbox: str = MAILBOX) -> dict[str, str]:
    """The headers of a GET or DELETE."""
    return {"Authorization": "Bearer gettone", "x-username": mailbox, "x-password": "segreta"}


@asynccontextmanager
async def talking(**settings: Any) -> AsyncIterator[Talk]:
    """A new sandbox with these settings, and a conversation with it."""
    clock = HandClock()
    async with (
        Sandbox(SandboxOptions(**settings), clock=clock) as sandbox,
        httpx.AsyncClient(base_url=sandbox.url, headers=headers()) as http,
    ):
        yield Talk(sandbox, http, clock)
