"""A message on its way out, and the mailbox it leaves from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bulk_pec.domain.addresses import spelled


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file attached to a letter.

    Attributes:
        name: The file name the recipient sees.
        mime: Its media type, for example ``application/pdf``.
        sha256: Hex digest of the file's bytes.
        base64: The file's bytes, base64-encoded once however many letters share it.
    """

    name: str
    mime: str
    sha256: str
    base64: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """What one recipient is sent: the whole content, without credentials.

    Attributes:
        recipients: Addresses; one, unless the list allows several for one message.
        subject: With the reference.
        body: HTML or plain text.
        attachments: In the order they were asked for.
    """

    recipients: tuple[str, ...] = field(repr=False)
    subject: str = field(repr=False)
    body: str = field(repr=False)
    attachments: tuple[Attachment, ...] = ()


class Secret:
    """A value that never shows itself: not in repr, str, f-strings, logs or tracebacks with locals.

    Args:
        value: The plain value. It is held in a closure, so that a traceback that prints locals or a
            dump of attributes does not show it.
    """

    __slots__ = ("_reveal",)

    def __init__(self, value: str) -> None:
        self._reveal: Callable[[], str] = lambda: value

    def reveal(self) -> str:
        """The plain value."""
        return self._reveal()

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A sending mailbox and its credentials.

    Attributes:
        address: The certified address that sends.
        username: Often the address; a secret when it is not.
        password: Secret.
    """

    address: str
    username: Secret
    password: Secret


def recipients_of(text: str) -> tuple[str, ...]:
    """The addresses in one text as they stand there, in order, each once however it is spelled.

    Empty when there is none; `addresses.spelled` says what stands between two of them.
    """
    return tuple(spelled(text).values())


def joined(addresses: Iterable[str]) -> str:
    """The addresses of one message as one text; `recipients_of` takes it apart again."""
    return ", ".join(addresses)
