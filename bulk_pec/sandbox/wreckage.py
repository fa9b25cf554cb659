"""How a fault looks on the wire: the answers, half answers and broken connections."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

from aiohttp import web

from bulk_pec.sandbox.faults import Fault
from bulk_pec.sandbox.replies import JSON, Refused, Reply

_PAGE = b"<!DOCTYPE html><html><body><h1>Servizio momentaneamente non disponibile</h1></body></html>"
_GATEWAY = frozenset({502, 504})
_LINGER_NONE = struct.pack("ii", 1, 0)


class NoAnswer(web.Response):
    """Stands for no answer at all: the connection is gone before this could be written."""


def close(request: web.Request) -> web.Response:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.close()
    return NoAnswer()


def reset(request: web.Request) -> web.Response:
    """Reset the connection (RST) without an answer."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        transport.abort()
    return NoAnswer()


def half(request: web.Request, reply: Reply) -> web.Response:
    """Send the head and the first half of an answer, then close."""
    body = reply.body
    if request.transport is not None:
        head = (
            f"HTTP/1.1 {reply.status} Created\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        request.transport.write(head.encode() + body[: len(body) // 2])
    return close(request)


def status_answer(fault: Fault, status: int) -> web.Response:
    """The answer with a status: JSON, or a gateway's HTML page for 502 and 504."""
    headers = {}
    if fault.retry_after is not None:
        headers["Retry-After"] = f"{fault.retry_after:g}"
    if 300 <= status < 400:
        headers["Location"] = "/altrove"
    if status in _GATEWAY:
        return web.Response(status=status, body=_PAGE, content_type="text/html", headers=headers)
    return Refused(status, headers=headers).reply().response()


def _html(_: Reply) -> web.Response:
    return web.Response(status=200, body=_PAGE, content_type="text/html")


def _empty(reply: Reply) -> web.Response:
    return web.Response(status=reply.status)


def _json_in_json(reply: Reply) -> web.Response:
    return web.json_response(reply.body.decode(), status=reply.status)


def _without_id(reply: Reply) -> web.Response:
    payload = {key: value for key, value in reply.payload.items() if key != "message_id"}
    return Reply(reply.status, payload).response()


def _false(message: object) -> Callable[[Reply], web.Response]:
    return lambda _: Reply(200, {"success": False, "message": message}).response()


def _smtp(_: Reply) -> web.Response:
    text = "SMTP error from remote server: 554 5.7.1 Message refused"
    return Reply(201, {"success": True, "sent": 0, "message": "", "message_id": text}).response()


_ANSWERS: dict[str, Callable[[Reply], web.Response]] = {
    "html": _html,
    "html-before": _html,
    "empty": _empty,
    "json-string": _json_in_json,
    "no-id": _without_id,
    "success-false": _false("Recipient is not valid"),
    "success-false-object": _false({"recipient": ["not valid"]}),
    "success-false-mysql": _false("MySQL Error 1205"),
    "smtp-id": _smtp,
}
_NOTHING = Reply(200, {})


async def wreck(
    request: web.Request, fault: Fault, proceed: Callable[[], Reply], usual_seconds: float
) -> web.Response:
    """Answer a request with a fault; `proceed` carries the request out, if the fault lets it be."""
    seconds = usual_seconds if fault.seconds is None else fault.seconds
    if fault.kind == "late":
        await asyncio.sleep(seconds)
    reply = proceed() if fault.takes else _NOTHING
    if fault.kind == "slow":
        await asyncio.sleep(seconds)
    if fault.status is not None:
        return status_answer(fault, fault.status)
    if fault.kind in {"close-before", "close-after"}:
        return close(request)
    if fault.kind in {"reset-early", "reset-before", "reset-after"}:
        return reset(request)
    if fault.kind == "half":
        return half(request, reply)
    answer = _ANSWERS.get(fault.kind)
    return reply.response() if answer is None else answer(reply)
