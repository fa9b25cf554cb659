"""The registration's callback: where the registry tells that something changed, and in which form.

Source: the vendor's OpenAPI document for pec.openapi.it, schema `Callback`. None of its keys is said to be
required; without `url` there is no callback, so that one is.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, urlsplit

from bulk_pec.registry.faults import Fault, shown, unknown
from bulk_pec.registry.fields import CALLBACK, CALLBACK_KEYS, KNOWN, METHODS

_URL_HINT = 'Write the whole address the registry is to call, such as "https://www.example.com/pec".'
_DEEPEST = 20  # tables in tables


def faults(callback: object) -> Iterator[Fault]:
    """Everything that is wrong with the callback."""
    if not isinstance(callback, Mapping):
        yield Fault(CALLBACK, "must be a table", "Write [callback] and its keys below it.", shown(callback))
        return
    for key in callback:
        if key not in CALLBACK_KEYS:
            yield _stray(str(key))
    if "url" not in callback:
        yield Fault("callback.url", "is missing", _URL_HINT)
    checks = {"url": _url, "field": _field, "method": _method, "data": _data}
    for key, check in checks.items():
        if key in callback and (fault := check(callback[key])) is not None:
            yield fault


def _stray(key: str) -> Fault:
    """An unknown key; in TOML all that follows [callback] is inside it, so its place may be what is wrong."""
    if key in KNOWN:
        return Fault(f"callback.{key}", "stands in the callback's table", "Move it above [callback].")
    return unknown(key, CALLBACK_KEYS, "callback.")


def _url(value: object) -> Fault | None:
    if isinstance(value, str) and value.isascii() and value.isprintable() and split_url(value) is not None:
        return None
    url = (
        value if isinstance(value, str) else None
    )  # a secret may stand in it, so it is shown only up to the @
    seen = "" if url is not None and "@" in url else shown(value)
    return Fault("callback.url", "is no http or https address", _URL_HINT, seen)


def split_url(url: str) -> SplitResult | None:
    """The parts of an http or https address; None if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    web = parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0
    return parts if web and " " not in url and url == url.strip() else None


def _field(value: object) -> Fault | None:
    if isinstance(value, str) and value and value == value.strip() and value.isprintable():
        return None
    hint = 'Write the name of the form field that the registry puts its data into, such as "data".'
    return Fault("callback.field", "must be a name", hint, shown(value))


def _method(value: object) -> Fault | None:
    if isinstance(value, str) and value.strip().upper() in METHODS:
        return None
    return Fault("callback.method", "is no way to call back", 'Write "POST" or "JSON".', shown(value))


def _data(value: object) -> Fault | None:
    if not isinstance(value, Mapping):
        return Fault("callback.data", "must be a table", "Write [callback.data] and keys of yours below it.")
    where = _unsendable(value, "callback.data", 0)
    if where is None:
        return None
    return Fault(
        where, "is nothing that JSON can hold", "Write texts, numbers, true, false, lists and tables."
    )


def _unsendable(value: object, path: str, depth: int) -> str | None:
    """The path of the first part that no JSON document can hold; None if all of it can."""
    if depth > _DEEPEST:
        return path
    if isinstance(value, Mapping):
        parts = [(f"{path}.{key if _speakable(key) else '?'}", key, part) for key, part in value.items()]
        found = (
            name if not _speakable(key) else _unsendable(part, name, depth + 1) for name, key, part in parts
        )
    elif isinstance(value, list | tuple):
        found = (_unsendable(part, f"{path}[{at}]", depth + 1) for at, part in enumerate(value))
    else:
        return None if _plain(value) else path
    return next((one for one in found if one is not None), None)


def _plain(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < 1 << 63  # what every reader of JSON takes
    return value is None or isinstance(value, bool) or _speakable(value)


def _speakable(value: object) -> bool:
    r"""A text that is Unicode as a whole: JSON files may hold halves of characters (``\ud800``)."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def warnings(callback: Mapping[str, object], *, local: bool) -> Iterator[Fault]:
    """What is suspicious about a callback without faults.

    Args:
        callback: See `faults`.
        local: Whether the registry itself is on this machine, as a rehearsal's is.
    """
    url = callback["url"]
    parts = split_url(url) if isinstance(url, str) else None
    if parts is None:
        return
    if parts.username is not None or parts.password is not None:
        hint = "Whoever reads the registration reads it too; a word in callback.data is told no less."
        yield Fault("callback.url", "holds a user's name or password", hint)
    elif parts.scheme == "http" and not local:
        yield Fault(
            "callback.url", "is not encrypted", "Use https: what is told may be personal.", shown(url)
        )
    if not local and _is_near(parts.hostname or ""):
        hint = "Put a public address before `bulk-pec mailbox listen`, or leave the callback out and wait."
        yield Fault("callback.url", "is an address that the registry cannot reach from outside", hint)
    if "field" not in callback and str(callback.get("method", "POST")).strip().upper() == "POST":
        hint = 'Say under which name the registry is to put its data: field = "data".'
        yield Fault("callback.field", "is missing", hint)


def _is_near(host: str) -> bool:
    """Whether a host is this machine or its own network."""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host
