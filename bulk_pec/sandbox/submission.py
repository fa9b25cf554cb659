"""The body of a POST /send: what the vendor's schema takes, and what it refuses with 400."""

from __future__ import annotations

import binascii
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from bulk_pec.sandbox.replies import Refused

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,")


@dataclass(frozen=True, slots=True)
class Attached:
    """An attachment as it came: name, media type ("" if bare base64), bytes, and SHA-256 in hex."""

    name: str
    mime: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A well-formed request to send.

    Attributes:
        sender: The address it is to be sent from.
        recipients: One or more addresses.
        subject: As given.
        body: As given.
        attachments: In their order.
        username: Credentials of the mailbox.
        password: Credentials of the mailbox.
        mail_bytes: Its size as a mail: body and base64 of the attachments, in lines.
    """

    sender: str
    recipients: tuple[str, ...]
    subject: str
    body: str = field(repr=False)
    attachments: tuple[Attached, ...]
    username: str = field(repr=False)
    password: str = field(repr=False)
    mail_bytes: int

    def digest(self) -> str:
        """SHA-256 in hex over recipients, subject, body and attachments: equal for equal messages."""
        content = [self.recipients, self.subject, self.body, [(a.name, a.sha256) for a in self.attachments]]
        return hashlib.sha256(orjson.dumps(content)).hexdigest()


def parse(raw: bytes) -> Submission:
    """Read a POST body.

    Raises:
        Refused: 400; the schema does not take it.
    """
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refused(400) from None
    if not isinstance(data, dict):
        raise Refused(400)
    body = _text(data, "body")
    attachments, encoded = _attachments(data)
    return Submission(
        sender=_address(_text(data, "sender")),
        recipients=_recipients(data.get("recipient")),
        subject=_subject(data),
        body=body,
        attachments=attachments,
        username=_text(data, "username"),
        password=_text(data, "password"),
        mail_bytes=len(body.encode()) + encoded * 78 // 76,
    )


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value:
        raise Refused(400)
    return value


def _subject(data: dict[str, Any]) -> str:
    subject = _text(data, "subject")
    if _CONTROL.search(subject):
        raise Refused(400)
    return subject


def _address(value: object) -> str:
    if not isinstance(value, str) or value.count("@") != 1 or _CONTROL.search(value) or " " in value:
        raise Refused(400)
    local, _, domain = value.partition("@")
    if not local or "." not in domain:
        raise Refused(400)
    return value


def _recipients(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (_address(value),)
    if not isinstance(value, list) or not value:
        raise Refused(400)
    return tuple([_address(each) for each in value])


def _attachments(data: dict[str, Any]) -> tuple[tuple[Attached, ...], int]:
    """The attachments and the length of their base64; an empty list is refused, as the schema does."""
    if "attachments" not in data:
        return (), 0
    entries = data["attachments"]
    if not isinstance(entries, list) or not entries:
        raise Refused(400)
    both = [_attachment(entry) for entry in entries]
    return tuple([attached for attached, _ in both]), sum(encoded for _, encoded in both)


def _attachment(entry: object) -> tuple[Attached, int]:
    if not isinstance(entry, dict):
        raise Refused(400)
    name, file = _text(entry, "name"), _text(entry, "file")
    uri = _DATA_URI.match(file)
    encoded = file[uri.end() :] if uri else file
    try:
        content = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:
        raise Refused(400) from None
    mime = uri[1] if uri else ""
    return Attached(name, mime, len(content), hashlib.sha256(content).hexdigest()), len(encoded)
