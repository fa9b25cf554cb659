"""Hints: the ids that a callback's body may mean. Nothing else of it is believed, or even read.

The payload is not documented. Source of the forms: the vendor's OpenAPI document for pec.openapi.it
(`Callback`: `method` is POST, a form with the data in `field`, or JSON). A form's field may hold JSON, an id,
or be spread over ``field[id]`` as PHP does; a JSON body may be the data, or have them under `field`. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from urllib.parse import parse_qsl

import orjson

from bulk_pec.domain.registrations import is_id

MOST = 3
"""Ids taken from one body: each costs a question to the registry."""
_DEEPEST = 6
"""Levels below which no id is looked for."""
_FIELDS = 200
"""Fields of a form, at most."""
_SHORTEST = 6
"""Characters of an id that is asked about: shorter words under such a name are mostly something else's."""
_NAMES = ("id", "_id", "$oid")


class Malformed(Exception):
    """A body in which no id can be found; why, in words that repeat nothing of it."""


def ids(kind: str, body: bytes, field: str) -> list[str]:
    """The ids that a body hints at, likeliest first.

    Args:
        kind: The request's Content-Type, whole; one of those that `readable` takes.
        body: The whole of it.
        field: The name under which the registration's `callback` asks for the data.

    Raises:
        Malformed: It cannot be read, or holds no id.
    """
    media = _media(kind)
    if media == "application/x-www-form-urlencoded":
        values = _in_form(_urlencoded(body), field)
    elif media == "multipart/form-data":
        values = _in_form(_multipart(kind, body), field)
    else:
        values = [_in_json(_json(body), field)]
    found = dict.fromkeys(one for value in values for one in _ids_in(value))
    if not found:
        raise Malformed("No id is in it.")
    return list(found)[:MOST]


def readable(kind: str) -> bool:
    """Whether a Content-Type is one that callbacks are taken in."""
    media = _media(kind)
    return media in {"application/x-www-form-urlencoded", "multipart/form-data", "application/json"}


def _media(kind: str) -> str:
    return kind.partition(";")[0].strip().lower()


def _json(text: bytes | str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Malformed("It is not JSON.") from None


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_FIELDS,
        )
    except ValueError:  # UnicodeDecodeError is one
        raise Malformed("It is not a form.") from None


def _multipart(kind: str, body: bytes) -> list[tuple[str, str]]:
    """RFC 7578's form, read as the MIME message it is."""
    head = f"Content-Type: {kind}".encode("ascii", "replace").replace(b"\r", b"").replace(b"\n", b"")
    try:
        whole = message_from_bytes(head + b"\r\n\r\n" + body)
        if not whole.is_multipart() or len(whole.get_payload()) > _FIELDS:
            raise Malformed("It is not a form.")
        return [(_name(part), _content(part)) for part in whole.walk() if not part.is_multipart()]
    except RecursionError:
        raise Malformed("It nests too deep.") from None


def _name(part: Message) -> str:
    return str(part.get_param("name", "", header="content-disposition"))


def _content(part: Message) -> str:
    content = part.get_payload(decode=True)
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""


def _in_form(fields: list[tuple[str, str]], field: str) -> list[object]:
    """The data a form holds: JSON in the field, an id in it, or an id in a field of the field."""
    found: list[object] = []
    for name, value in fields:
        if name == field:
            found.append(_unfolded(value.strip()))
        elif name.startswith(f"{field}[") and name.endswith(tuple(f"[{each}]" for each in _NAMES)):
            found.append({"id": value.strip()})
    if not found:
        raise Malformed("The field is not in it.")
    return found


def _unfolded(value: str) -> object:
    """JSON as what it says, also where it was written twice; a bare id as one."""
    for _ in range(2):
        if not value.startswith(("{", "[", '"')):
            break
        found = _json(value)
        if not isinstance(found, str):
            return found
        value = found.strip()
    return {"id": value}


def _in_json(decoded: object, field: str) -> object:
    inner = decoded.get(field, decoded) if isinstance(decoded, dict) else decoded
    return _unfolded(inner.strip()) if isinstance(inner, str) else inner


def _ids_in(value: object) -> Iterator[str]:
    """What stands under an id's name, from the outside in."""
    rest = deque([(value, 0)])
    while rest:
        one, depth = rest.popleft()
        if isinstance(one, dict):
            yield from (one[name] for name in _NAMES if _is_id(one.get(name)))
            inner = list(one.values())
        else:
            inner = one if isinstance(one, list) else []
        if depth < _DEEPEST:
            rest.extend((each, depth + 1) for each in inner)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and len(value) >= _SHORTEST and is_id(value)
