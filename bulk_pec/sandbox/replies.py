"""What the provider answers: status, JSON envelope, and the refusals with their words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

JSON = "application/json"

WORDS = {
    400: "Post parameter is not valid",
    401: "Authorization is not valid or empty",
    402: "Insufficient Credit in Wallet: 0.05 > 0.00",
    403: "Forbidden",
    404: "Result empty",
    413: "Payload too large",
    429: "Too Many Requests",
    500: "MySQL Error 1205",
}
"""The `message` that goes with a status; another status says "Error" and its number."""


@dataclass(slots=True)
class Reply:
    """An answer before it is written out.

    Attributes:
        status: HTTP status.
        payload: The JSON document.
        headers: Further headers.
    """

    status: int
    payload: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The payload as bytes."""
        return orjson.dumps(self.payload)

    def response(self) -> web.Response:
        """The answer as aiohttp sends it."""
        return web.Response(status=self.status, body=self.body, headers=self.headers, content_type=JSON)


def done(status: int = 200, message: str = "", **more: Any) -> Reply:
    """A success: the envelope, and what else it holds."""
    return Reply(status, {"success": True, "message": message, **more})


class Refused(Exception):
    """The request is not granted.

    Args:
        status: HTTP status.
        words: The `message`; the usual one of that status if not given.
        headers: Further headers.
    """

    def __init__(self, status: int, words: str | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.words = WORDS.get(status, f"Error {status}") if words is None else words
        self.headers = headers or {}

    def reply(self) -> Reply:
        """The answer that says so."""
        return Reply(self.status, {"success": False, "message": self.words}, self.headers)


def handler(
    answer: Callable[[web.Request], Awaitable[Reply]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """What aiohttp calls for a path: the answer, or the refusal, written out."""

    async def handle(request: web.Request) -> web.Response:
        try:
            return (await answer(request)).response()
        except Refused as refused:
            return refused.reply().response()

    return handle
