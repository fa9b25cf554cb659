"""How the registry answers: its envelope, its refusals with their numbers, and what it does now and then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.replies import Refused, Reply
from bulk_pec.sandbox.slips import slipped

UNDOCUMENTED = 999
"""`error` of a refusal for which the vendor's documents name no number."""


class Refusal(Refused):
    """The registry does not grant it.

    Args:
        status: HTTP status.
        words: The `message`.
        code: The `error`; None if it gives none.
    """

    def __init__(self, status: int, words: str, code: int | None = UNDOCUMENTED) -> None:
        super().__init__(status, words)
        self.code = code

    def reply(self) -> Reply:
        """The answer that says so."""
        return envelope(self.status, None, self.words, self.code)


@dataclass(slots=True)
class Raw(Reply):
    """An answer that is no JSON.

    Attributes:
        content: Its bytes.
        kind: Its media type.
    """

    content: bytes = b""
    kind: str = "text/plain"

    @property
    def body(self) -> bytes:
        """The bytes as they are."""
        return self.content

    def response(self) -> web.Response:
        """The answer as aiohttp sends it."""
        return web.Response(
            status=self.status, body=self.content, headers=self.headers, content_type=self.kind
        )


def envelope(status: int, data: Any, message: str = "", code: int | None = None) -> Reply:
    """The registry's envelope; a success if there is no code and the status is one."""
    return Reply(
        status, {"data": data, "success": code is None and status < 300, "message": message, "error": code}
    )


def plain(refused: Refused) -> Reply:
    """A refusal as a line of text, as GET modulo_attivazione gives it."""
    return Raw(refused.status, {}, refused.headers, refused.words.encode())


def written(reply: Reply, options: SandboxOptions) -> Reply:
    """The answer with the oddities that were asked for."""
    if isinstance(reply, Raw):
        return reply
    if options.text_errors and reply.status >= 400:
        return Raw(reply.status, {}, reply.headers, str(reply.payload["message"]).encode())
    if options.odd_envelopes:
        reply = Reply(reply.status, _odd(reply.payload), reply.headers)
    return slipped(reply) if options.json_slips else reply


def _odd(payload: dict[str, Any]) -> dict[str, Any]:
    """No `message` where it is empty, the one mailbox in a list, numbers as text, null for an empty text."""
    data = payload.get("data")
    shown = {**payload, "data": [data] if isinstance(data, dict) and "id" in data else data}
    return {key: _loose(value) for key, value in shown.items() if key != "message" or value}


def _loose(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _loose(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_loose(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None if value == "" else value
