"""The body of POST /send, in one place.

The body carries the mailbox's credentials beside the letter (the vendor's OpenAPI document for
ws.pecmassiva.com, schema RequestSend). It is a secret as a whole: no part of it goes into a log, an
exception or the ledger.
"""

from __future__ import annotations

import orjson

from bulk_pec.domain.letters import Attachment, Letter, Mailbox


def encode(mailbox: Mailbox, letter: Letter) -> bytes:
    """The JSON body that sends `letter` from `mailbox`.

    `recipient` is a text for one address and an array for several. `attachments` is left out when
    there are none: the vendor's schema refuses an empty list. Attachments are spliced in as the base64
    bytes they already are: that alphabet needs no JSON escape, so they cost one copy.

    Raises:
        TypeError: A text that is not Unicode (a lone surrogate); `orjson.JSONEncodeError` is one.
    """
    recipients = letter.recipients
    head = orjson.dumps(
        {
            "sender": mailbox.address,
            "recipient": recipients[0] if len(recipients) == 1 else list(recipients),
            "subject": letter.subject,
            "body": letter.body,
            "username": mailbox.username.reveal(),
            "password": mailbox.password.reveal(),
        }
    )
    if not letter.attachments:
        return head
    parts = [head[:-1], b',"attachments":[']
    for place, attachment in enumerate(letter.attachments):
        parts.extend((b"," if place else b"", *_attachment(attachment)))
    parts.append(b"]}")
    return b"".join(parts)


def _attachment(attachment: Attachment) -> tuple[bytes, ...]:
    """One attachment as a data URI (RFC 2397): the form of the vendor's samples."""
    mime = orjson.dumps(attachment.mime)[1:-1]
    return (
        b'{"name":',
        orjson.dumps(attachment.name),
        b',"file":"data:',
        mime,
        b";base64,",
        attachment.base64,
        b'"}',
    )
