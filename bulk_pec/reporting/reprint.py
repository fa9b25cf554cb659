"""The letter again: what a message said, made once more from the ledger's fields and today's templates.

It is shown only if it is what was sent: the templates' digest must be the one recorded with the run, and the
digest of the letter the one recorded with its attempts (invariant 8). Otherwise the digests are all there is.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, assert_never

import orjson

from bulk_pec.composing import Composer, Uncomposable, digest_of
from bulk_pec.composing.files import Facts
from bulk_pec.composing.media import mime_of
from bulk_pec.composing.paths import name_of
from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.letters import Attachment, Letter
from bulk_pec.ledger.proof.stories import Story
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.recipients.headers import adopt
from bulk_pec.reporting.phrases import Words, plain


class Likeness(StrEnum):
    """How far a letter that was made again is known to be the one that was sent."""

    SENT = "sent"
    """Its digest is that of every attempt."""
    LOADED = "loaded"
    """No attempt was made; its content digest is the one that was fixed at load."""
    LOST = "lost"
    """It cannot be made again as it was."""


@dataclass(frozen=True, slots=True)
class Reprint:
    """A letter made again, or why not.

    Attributes:
        likeness: See `Likeness`.
        why: A sentence for people.
        recorded: The digests of the attempts, each once.
        digest: Of the letter as made now; None: none could be made.
        letter: What it says, its attachments without their bytes; None unless it is the one.
        body_is_html: Whether its body is HTML.
        enclosed: Facts of its attachments, in the same order.
    """

    likeness: Likeness
    why: Words
    recorded: tuple[str, ...]
    digest: str | None = None
    letter: Letter | None = field(default=None, repr=False)
    body_is_html: bool = True
    enclosed: tuple[Facts, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For programs; the body itself is left to the caller."""
        letter = self.letter
        return {
            "reproduced": letter is not None,
            "likeness": self.likeness.value,
            "why": self.why._asdict(),
            "content_sha256_recorded": list(self.recorded),
            "content_sha256_now": self.digest,
            "recipients": list(letter.recipients) if letter else None,
            "subject": letter.subject if letter else None,
            "body_is_html": self.body_is_html if letter else None,
            "attachments": list(self._attached()) if letter else None,
        }

    def _attached(self) -> Iterator[dict[str, Any]]:
        for one, facts in zip(self.letter.attachments if self.letter else (), self.enclosed, strict=True):
            yield {"name": one.name, "type": one.mime, "bytes": facts.size, "sha256": one.sha256}


class Press:
    """Makes the letters of one run again.

    Args:
        run: Whose.
        composer: With the configuration's templates; None: they cannot be had.
        missing: Why they cannot be had.
    """

    def __init__(self, run: Run, composer: Composer | None, missing: str = "") -> None:
        self._composer = composer
        self._why = missing
        self._columns: tuple[str, ...] = ()
        if composer is not None and composer.digest != run.template_digest:
            self._composer, self._why = None, f"they are others now (SHA-256 {composer.digest})"
        if self._composer is not None:
            self._prepare(run, self._composer)

    def _prepare(self, run: Run, composer: Composer) -> None:
        try:
            needed = composer.required_columns | composer.optional_columns
            self._columns, _ = adopt(run.columns, needed, Path(run.list_name))
            self._places = composer.places_of(self._columns)
        except ListRefused as error:
            self._composer, self._why = None, error.what

    def print(self, story: Story) -> Reprint:
        """One message's letter."""
        recorded = tuple(dict.fromkeys(attempt.digest for attempt in story.attempts))
        if self._composer is None:
            return Reprint(Likeness.LOST, _lost(self._why), recorded)
        try:
            return self._made(self._composer, story, recorded)
        except Uncomposable as error:
            return Reprint(Likeness.LOST, _lost(str(error)), recorded)

    def _made(self, composer: Composer, story: Story, recorded: tuple[str, ...]) -> Reprint:
        message = story.message
        values = orjson.loads(message.fields)
        named = dict(zip(self._columns, values, strict=False))
        enclosed: tuple[Facts, ...] = ()
        if composer.enclosures is not None:
            files = composer.enclosures.files
            enclosed = tuple(files.facts(path) for path in composer.paths(named))
        attached = tuple(map(_attachment, enclosed))
        letter = composer.compose(message.recipient, named, message.reference, attached)
        digest, html = digest_of(letter), composer.templates.body_is_html
        content = composer.content_digest(
            message.recipient, values, self._places, [facts.sha256 for facts in enclosed]
        )
        likeness = Likeness.SENT if recorded else Likeness.LOADED
        same = recorded == (digest,) if recorded else content == message.content_digest
        if not same:
            what = "made again it has another digest: a template, an attachment or this program has changed"
            return Reprint(Likeness.LOST, _lost(what), recorded, digest)
        return Reprint(likeness, _words(likeness), recorded, digest, letter, html, enclosed)

    def content(self, facts: Facts) -> bytes | None:
        """An attachment's bytes, if they are still those of these facts."""
        enclosures = self._composer.enclosures if self._composer is not None else None
        if enclosures is None:
            return None
        try:
            found = enclosures.files.attachment(facts.path)
        except Uncomposable:
            return None
        return base64.b64decode(found.base64) if found.sha256 == facts.sha256.hex() else None


def _attachment(facts: Facts) -> Attachment:
    return Attachment(name_of(facts.path), mime_of(facts.path, facts.content), facts.sha256.hex(), b"")


def _words(likeness: Likeness) -> Words:
    match likeness:
        case Likeness.SENT:
            return Words(
                "Testo ricomposto dai dati del registro; la sua impronta è quella registrata prima "
                "dell'invio.",
                "Made again from the ledger's data; its digest is the one recorded before it was posted.",
            )
        case Likeness.LOADED:
            return Words(
                "Mai spedito. Testo ricomposto dai dati del registro; è quello fissato al caricamento.",
                "Never posted. Made again from the ledger's data; it is what was fixed when it was loaded.",
            )
        case Likeness.LOST:
            return _lost("")
        case _:
            assert_never(likeness)


def _lost(why: str) -> Words:
    said = f" ({plain(why).rstrip('.')})" if why else ""
    return Words(
        f"Il testo non può essere riprodotto con i modelli e gli allegati attuali{said}. "
        "Restano le impronte registrate.",
        f"The text cannot be reproduced with the templates and attachments as they are now{said}. "
        "What is left are the recorded digests.",
    )
