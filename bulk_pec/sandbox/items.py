"""How mail is shown in JSON. The keys differ by place, as in the vendor's samples, and by option."""

from __future__ import annotations

from collections.abc import Mapping
from email.header import Header
from typing import Any
from urllib.parse import quote_plus

from bulk_pec.sandbox.clock import rfc2822
from bulk_pec.sandbox.mail import Mail, MailKind
from bulk_pec.sandbox.mailbox import Mailbox
from bulk_pec.sandbox.options import SandboxOptions

_LIST = {"sender": "sender", "recipient": "recipient", "date": "date", "subject": "object"}
_ITEM = {**_LIST, "body": "body"}
_RECEIPT = {**_LIST, "date": "data", "body": "message"}
_OTHER = {"date": "data", "data": "date", "object": "subject", "body": "message", "message": "body"}


class Showcase:
    """Shows mail as JSON objects.

    Args:
        options: Which oddities to show.
    """

    def __init__(self, options: SandboxOptions) -> None:
        self._options = options

    def in_list(self, box: Mailbox, mail: Mail) -> dict[str, Any]:
        """As an item of a page of GET /inbox."""
        return {**self._shown(box, mail, _LIST), "id": box.shown_id(mail)}

    def single(self, box: Mailbox, mail: Mail) -> dict[str, Any] | list[dict[str, Any]]:
        """As the data of GET /inbox/{id}; the body is form-urlencoded."""
        shown = self._shown(box, mail, _ITEM, body=quote_plus(self._text(mail.text())))
        return [shown] if self._options.single_as_list else shown

    def as_receipt(self, box: Mailbox, mail: Mail) -> dict[str, Any]:
        """As an item of GET /send/{message_id}: an ACCETTAZIONE has no text, a CONSEGNA the original's."""
        if mail.kind is MailKind.ACCEPTED:
            body = ""
        elif mail.kind is MailKind.DELIVERED:
            body = mail.letter.excerpt
        else:
            body = mail.text()
        return self._shown(box, mail, _RECEIPT, body=self._text(body))

    def _shown(self, box: Mailbox, mail: Mail, keys: Mapping[str, str], **more: str) -> dict[str, Any]:
        options = self._options
        odd = bool(mail.number % 2)
        values: dict[str, str | None] = {
            "sender": self._name(mail.sender()),
            "recipient": self._name(mail.recipient(box.address)),
            "date": rfc2822(mail.at, comment=options.date_comments and odd),
            "subject": self._subject(mail.subject),
            **more,
        }
        values.update(dict.fromkeys(set(options.null_fields) & values.keys(), None))
        if options.other_keys and odd:
            keys = {field: _OTHER.get(key, key) for field, key in keys.items()}
        return {keys[field]: value for field, value in values.items()}

    def _name(self, name: str) -> str:
        return f'"{name}" ' if self._options.quoted_names and not name.startswith('"') else name

    def _text(self, text: str) -> str:
        if not self._options.broken_text or text.isascii():
            return text
        return "".join(char if char.isascii() else "\N{REPLACEMENT CHARACTER}" for char in text)

    def _subject(self, subject: str) -> str:
        if self._options.encoded_subjects and not subject.isascii():
            return Header(subject, "utf-8", maxlinelen=10_000).encode()
        return self._text(subject)
