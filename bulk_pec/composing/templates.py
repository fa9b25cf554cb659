"""The texts that decide what every letter of a run says."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bulk_pec.domain.errors import ListRefused

_PLAIN_ENDINGS = (".txt", ".txt.j2", ".txt.jinja", ".txt.jinja2")


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates' texts.

    Attributes:
        subject: One line.
        body: HTML, or plain text.
        body_is_html: Whether values are HTML-escaped in the body.
        body_name: Where the body's text came from, for error messages.
        reference: What is appended to the subject; ``{ref}`` stands for the reference.
        attachments: Paths inside the folder of attachments.
    """

    subject: str
    body: str
    body_is_html: bool
    body_name: str
    reference: str
    attachments: tuple[str, ...] = ()

    @classmethod
    def read(
        cls,
        *,
        subject: str,
        body: str | None,
        body_file: Path | None,
        reference: str,
        attachments: Sequence[str] = (),
    ) -> Templates:
        """The templates as the configuration names them: the body in place, or in a file.

        Raises:
            ListRefused: The body's file cannot be read, is not UTF-8, or is empty.
        """
        name, text, html = "[message] body", body or "", True
        if body_file is not None:
            name, text = str(body_file), _text_of(body_file)
            html = not body_file.name.lower().endswith(_PLAIN_ENDINGS)
        if not text.strip():
            raise ListRefused(
                f"The body's template {name} is empty.", hint="Write the letter's text into it."
            )
        return cls(subject, text, html, name, reference, tuple(attachments))

    @property
    def digest(self) -> str:
        """Hex SHA-256 over everything here that decides what a message says, the reference aside."""
        parts = (self.subject, self.body, "html" if self.body_is_html else "text", *self.attachments)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()

    @property
    def frozen_digest(self) -> str:
        """Hex SHA-256 over all of it: what may not change while a run lasts."""
        return hashlib.sha256("\x1f".join((self.digest, self.reference)).encode()).hexdigest()


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ListRefused(
            f"The body's template {path} cannot be read: {said}.",
            hint="Check [message] body_file in the configuration; paths are relative to that file.",
        ) from error
