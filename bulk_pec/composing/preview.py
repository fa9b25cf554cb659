"""A preview: one letter as its recipient would see it, as files that open without this program.

Rendering is pure; `write` puts the files where there are none yet. The page loads nothing from anywhere: the
letter's own HTML stands in a frame that runs no script, and the page's policy forbids every address.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from bulk_pec.composing.pages import framed, page
from bulk_pec.composing.sizes import LARGEST, ROOM, letter_size
from bulk_pec.domain.errors import LedgerError, UsageError
from bulk_pec.domain.letters import Attachment, Letter

ATTACHED = "attachments"
"""The folder of the attachments' copies."""

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; background: #f4f4f2; color: #1c1c1c; }
main { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
.note { color: #5a5a5a; font-size: .875rem; }
.mail { background: #fff; border: 1px solid #d8d8d4; border-radius: 6px; overflow: hidden; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0; padding: 1rem;
  border-bottom: 1px solid #d8d8d4; }
dt { color: #5a5a5a; } dd { margin: 0; overflow-wrap: anywhere; }
ul { margin: 0; padding-left: 1.2rem; }
iframe { width: 100%; height: 34rem; border: 0; display: block; background: #fff; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; padding: 1rem; font: inherit; }
"""
_MAIN = """\
<p class="note">Preview of a certified message. Nothing was sent.{sample}</p>
<article class="mail">
<dl>
<dt>Subject</dt><dd>{subject}</dd>
<dt>From</dt><dd>{sender}</dd>
<dt>To</dt><dd>{recipients}</dd>
{attachments}</dl>
{body}
</article>"""


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown.

    Attributes:
        letter: Composed, with the reference its subject shows.
        sender: The mailbox it would leave from.
        body_is_html: How its body is shown.
        row: Its row in the list; None: it is not of a list.
        reference: The one in the subject, if it is a sample: another is drawn when the list is loaded.
    """

    letter: Letter
    sender: str
    body_is_html: bool
    row: int | None = None
    reference: str | None = field(default=None)

    def files(self) -> dict[str, bytes]:
        """Everything to write: relative paths and contents."""
        copies = {f"{ATTACHED}/{one.name}": base64.b64decode(one.base64) for one in self.letter.attachments}
        return {"message.html": self.html().encode(), "message.txt": self.text().encode(), **copies}

    def html(self) -> str:
        """The page: headers, the list of attachments, the body."""
        letter = self.letter
        sample = f" {escape(self.reference)} is a sample of a reference." if self.reference else ""
        main = _MAIN.format(
            sample=sample,
            subject=escape(letter.subject),
            sender=escape(self.sender),
            recipients=escape(", ".join(letter.recipients)),
            attachments=_listed(letter.attachments),
            body=self._body(),
        )
        return page(letter.subject, _STYLE, main)

    def _body(self) -> str:
        if not self.body_is_html:
            return f"<pre>{escape(self.letter.body)}</pre>"
        return framed(self.letter.body, "Body")

    @property
    def size(self) -> int:
        """Bytes of it as a mail, by `letter_size`."""
        said = (self.letter.subject, self.letter.body)
        text = sum(len(part.encode("utf-8", "surrogatepass")) for part in said)
        return letter_size(text, map(_size, self.letter.attachments))

    @property
    def too_large(self) -> bool:
        """Whether it is more than the provider takes, so that loading sets its row aside."""
        return self.size > ROOM

    def text(self) -> str:
        """Headers and plain facts, a line each."""
        letter = self.letter
        body = len(letter.body.encode("utf-8", "surrogatepass"))
        lines = [
            f"From: {self.sender}",
            f"To: {', '.join(letter.recipients)}",
            f"Subject: {letter.subject}",
            "",
            *([f"Row of the list: {self.row}"] if self.row is not None else []),
            *([f"Reference: {self.reference} (a sample)"] if self.reference else []),
            f"Body: {'HTML' if self.body_is_html else 'plain text'}, {body:,} bytes",
            *(
                f"Attachment: {one.name} · {one.mime} · {_size(one):,} bytes · SHA-256 {one.sha256}"
                for one in letter.attachments
            ),
            f"Size as a mail: about {self.size:,} bytes; the provider takes {LARGEST:,}",
        ]
        return "\n".join(lines) + "\n"


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Write a preview's files into a new or empty folder.

    Raises:
        UsageError: The folder holds something already, or is none.
        LedgerError: It cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"{folder} is not a folder.", hint="Name a new or empty folder with -o.") from error
    except OSError as error:
        raise _unwritable(folder, error) from error
    if taken:
        raise UsageError(f"The folder {folder} is not empty.", hint="Name a new or empty folder with -o.")
    try:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            # Never through a link that somebody puts there meanwhile, and readable by its owner: it is mail.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> LedgerError:
    return LedgerError(
        f"{folder} cannot be written to: {error.strerror}.", hint="Name another folder with -o."
    )


def _listed(attachments: tuple[Attachment, ...]) -> str:
    if not attachments:
        return ""
    items = "".join(
        f"<li>{escape(one.name)} <span class=note>({escape(one.mime)}, {_size(one):,} bytes)</span></li>"
        for one in attachments
    )
    return f"<dt>Attachments</dt><dd><ul>{items}</ul></dd>\n"


def _size(attachment: Attachment) -> int:
    """Bytes of the file itself."""
    encoded = attachment.base64
    return len(encoded) // 4 * 3 - encoded[-2:].count(b"=")
