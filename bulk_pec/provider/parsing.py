"""Tolerant reading of the provider's JSON.

Sources differ on the keys (the vendor's OpenAPI document lists `date` for GET /inbox and `data` for
GET /send/{id}, `object` for the subject, `body` or `message` for the text), so every spelling is taken.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

import orjson

from bulk_pec.domain.inbox import InboxItem, InboxPage, Quota
from bulk_pec.domain.subjects import decoded

DEEPEST = 64
"""Levels of a JSON value; the provider's answers have four."""

_EMPTY = re.compile(r"\b(empty|not found|no results?|no messages?|nessun[oa]?|vuot[oa])\b", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]*\)")
_ZONES = {"CET": "+0100", "CEST": "+0200"}  # RFC 2822 knows only the American names
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|([\[\]{}])')
_USUAL_DATE = re.compile(
    r"((?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:)([0-5]\d)( [+-]\d{4})", re.ASCII
)
"""RFC 2822 as nearly all write it: up to the minute, the seconds, the zone."""
_FORM = re.compile(r"%[0-9A-Fa-f]{2}|\+")
_SPELLINGS = {
    "sender": ("sender", "from", "mittente"),
    "recipient": ("recipient", "to", "destinatario"),
    "subject": ("subject", "object", "oggetto"),
    "date": ("date", "data"),
    "text": ("body", "message", "text"),
    "id": ("id", "uid"),
}


@dataclass(frozen=True, slots=True)
class MailText:
    """One mail of the inbox with its text, as GET /inbox/{id} shows it. Every text may be empty.

    Attributes:
        sender: As given, quotes and trailing blanks included.
        recipient: As given. In a receipt it is our own mailbox, never the addressee.
        subject: RFC 2047 words decoded, blanks collapsed.
        date: As given.
        at: `date` in milliseconds since the epoch, UTC; None if it cannot be read.
        body: The text, form-encoding undone.
    """

    sender: str
    recipient: str
    subject: str
    date: str
    at: int | None
    body: str


def decode(body: bytes) -> Any:
    """The JSON value of a response body, or None if it is not JSON.

    A JSON text that itself holds a JSON object or array is decoded once more. Bytes that are not UTF-8
    become U+FFFD, as do halves of surrogate pairs. What is nested deeper than any answer has reason to be
    counts as no JSON, so that whoever walks through the value comes to an end.
    """
    value = _loads(body.decode("utf-8-sig", "replace"))
    if isinstance(value, str):
        inner = _loads(value)
        return inner if isinstance(inner, dict | list) else value
    return value


def _loads(text: str) -> Any:
    if _is_deep(text):
        return None
    try:
        return orjson.loads(text)
    except ValueError:
        pass
    try:
        # The standard library also takes lone surrogates and raw control characters inside a text.
        return _mended(json.loads(text, strict=False, parse_constant=_no_json))
    except ValueError:
        return None


def _no_json(word: str) -> None:
    """NaN and Infinity, which the standard library takes, are no JSON (RFC 8259, 6).

    Raises:
        ValueError: Always.
    """
    raise ValueError(word)


def _is_deep(text: str) -> bool:
    """Whether brackets, but for those inside texts, are opened more than `DEEPEST` levels deep."""
    if text.count("{") + text.count("[") <= DEEPEST:
        return False
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        depth += (bracket in ("{", "[")) - (bracket in ("}", "]"))
        deepest = max(deepest, depth)
    return deepest > DEEPEST


def _mended(value: Any) -> Any:
    """`value` with every half of a surrogate pair replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mended(item) for item in value]
    return value


def as_count(value: object) -> float | None:
    """A number that may be written as text ("1", " 12 "); None for anything else, booleans included."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        return float(text) if re.fullmatch(r"-?\d{1,15}(\.\d{1,9})?", text, re.ASCII) else None
    return float(value) if isinstance(value, int | float) and abs(value) < 1e15 else None


def is_empty_word(reply: object) -> bool:
    """Whether a reply says that there is nothing ("Result empty", "Message not found")."""
    return isinstance(reply, dict) and bool(_EMPTY.search(str(reply.get("message") or "")))


def page_of(reply: object) -> InboxPage | None:
    """An inbox page from a decoded reply; None if it is not one. A failure that says "empty" is one."""
    if isinstance(reply, list):
        reply = {"data": reply}
    if not isinstance(reply, dict):
        return None
    if reply.get("success") is False:
        return InboxPage((), None, None, None) if is_empty_word(reply) else None
    rows = rows_of(reply.get("data"))
    if rows is None or not reply.keys() & {"data", "success"}:
        return None
    total, page, pages = (_whole(reply.get(key)) for key in ("total", "page", "n_of_pages"))
    return InboxPage(tuple(map(_item, rows)), total, page, pages)


def quota_of(reply: object) -> Quota | None:
    """A quota from a decoded reply; None if it is not one."""
    data = rows_of(reply.get("data")) if isinstance(reply, dict) else None
    if not data:
        return None
    usage, limit = as_count(data[0].get("usage")), as_count(data[0].get("limit"))
    return None if usage is None or limit is None or usage < 0 else Quota(usage, limit)


def text_of(reply: object) -> tuple[MailText, ...] | None:
    """The mail in a decoded reply to GET /inbox/{id}; empty if there is none; None if it is not a reply."""
    page = page_of(reply)
    if page is None or not isinstance(reply, dict):
        return None
    return tuple(map(_text_mail, rows_of(reply.get("data")) or []))


def form_decoded(text: str) -> str:
    """A text with form-encoding undone, if it is form-encoded: no blank in it, and `+` or `%XX`."""
    if _FORM.search(text) and not re.search(r"\s", text):
        return unquote_plus(text, errors="replace")
    return text


def milliseconds(date: str) -> int | None:
    """An RFC 2822 date, with or without comments, or an ISO one, in ms since the epoch; None if neither.

    Without a zone it is taken as UTC.
    """
    usual = _USUAL_DATE.fullmatch(date)
    if usual is None:
        return _moment(date)
    minute = _minute(usual[1], usual[3])
    return None if minute is None else minute + int(usual[2]) * 1000


@lru_cache(maxsize=1024)
def _minute(words: str, zone: str) -> int | None:
    """The same of a date's minute: mails that stand together in a box are of few of them."""
    return _moment(f"{words}00{zone}")


def _moment(date: str) -> int | None:
    text, comments = date, 1
    while comments:  # from the innermost outwards: RFC 2822 lets them nest
        text, comments = _COMMENT.subn(" ", text)
    text = " ".join(_ZONES.get(word, word) for word in text.strip(' "').split())
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(text)
            return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def rows_of(data: object) -> list[dict[str, Any]] | None:
    """`data` as a list of objects: a list, one object, or a list that PHP wrote as an object."""
    if data is None or data == "":
        return []
    if isinstance(data, dict):
        values = list(data.values())
        data = values if values and all(isinstance(value, dict) for value in values) else [data] * bool(data)
    if not isinstance(data, list) or not all(row is None or isinstance(row, dict) for row in data):
        return None  # a row of another shape must not make a page look shorter than it is
    return [row for row in data if row]


def _item(row: dict[str, Any]) -> InboxItem:
    date = _field(row, "date")
    return InboxItem(
        item_id=_field(row, "id").strip(),
        sender=_field(row, "sender"),
        subject=decoded(_field(row, "subject")),
        date=date,
        at=milliseconds(date),
    )


def _text_mail(row: dict[str, Any]) -> MailText:
    date = _field(row, "date")
    return MailText(
        sender=_field(row, "sender"),
        recipient=_field(row, "recipient"),
        subject=decoded(_field(row, "subject")),
        date=date,
        at=milliseconds(date),
        body=form_decoded(_field(row, "text")),
    )


def _field(row: dict[str, Any], name: str) -> str:
    """A field under any of its spellings, as text; "" when absent or null."""
    for spelling in _SPELLINGS[name]:
        if text := _text(row.get(spelling)):
            return text
    return ""


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def _whole(value: object) -> int | None:
    number = as_count(value)
    return None if number is None else int(number)
