"""The writer: a pending message becomes the letter that was loaded, or stays where it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread
import orjson

from bulk_pec.composing import Composer, Uncomposable
from bulk_pec.domain.letters import Attachment, Letter
from bulk_pec.ledger.outbox.claims import PendingMessage
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.recipients.headers import adopt

_PLACES_IN_MEMORY = 2
"""The base64 of an attachment, and once more in the body that is sent; shared ones count as their own."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter whose attachments may not have been read yet.

    Attributes:
        message: What it is for.
        values: The row's values in column order.
        named: The same by column; empty when nothing is attached.
        paths: Of the attachments.
        ready: Those that are in memory, at the same places; None: to be read.
        weight: Bytes that it takes up on its way, but for its text.
    """

    message: PendingMessage
    values: list[str]
    named: dict[str, str | None] = field(repr=False)
    paths: tuple[str, ...] = ()
    ready: tuple[Attachment | None, ...] = ()
    weight: int = 0


class Writer:
    """Composes a run's letters and holds them against what was loaded.

    Args:
        composer: With the templates.
        run: Its columns say which value is which; the templates may spell them otherwise.

    Raises:
        ListRefused: The templates need a column that the run's list did not have.
    """

    def __init__(self, composer: Composer, run: Run) -> None:
        self._composer = composer
        needed = composer.required_columns | composer.optional_columns
        self._columns, _ = adopt(run.columns, needed, Path(run.list_name))
        self._loaded_at = run.created_at * 1_000_000
        self._same_templates = composer.digest == run.template_digest
        self._places = composer.places_of(self._columns)
        self._one_reader = anyio.CapacityLimiter(1)

    def draft(self, message: PendingMessage) -> Draft:
        """What the letter needs. Files are looked at, not read.

        Raises:
            Uncomposable: A file is missing or cannot be attached.
        """
        values: list[str] = orjson.loads(message.fields)
        named: dict[str, str | None] = dict(zip(self._columns, values, strict=False))
        enclosures = self._composer.enclosures
        if enclosures is None:
            return Draft(message, values, named)
        paths = self._composer.paths(named)
        found = [enclosures.files.at_hand(path) for path in paths]
        ready = tuple(each if isinstance(each, Attachment) else None for each in found)
        weight = sum(_encoded(each) for each in found) * _PLACES_IN_MEMORY
        return Draft(message, values, named, paths, ready, weight)

    async def letter(self, draft: Draft) -> Letter:
        """The message's letter; attachments that are not in memory are read and encoded in a thread.

        Raises:
            Uncomposable: It cannot be made, or would not say what was loaded.
        """
        attachments = draft.ready
        if None in attachments:
            attachments = await anyio.to_thread.run_sync(self._read, draft.paths, limiter=self._one_reader)
        enclosed = tuple(each for each in attachments if each is not None)
        message = draft.message
        digests = [bytes.fromhex(each.sha256) for each in enclosed]
        digest = self._composer.content_digest(message.recipient, draft.values, self._places, digests)
        if digest != message.content_digest:
            raise Uncomposable(self._what_changed(draft.paths))
        return self._composer.compose(message.recipient, draft.named, message.reference, enclosed)

    def _read(self, paths: tuple[str, ...]) -> tuple[Attachment | None, ...]:
        enclosures = self._composer.enclosures
        return tuple(enclosures.files.attachment(path) for path in paths) if enclosures is not None else ()

    def _what_changed(self, paths: tuple[str, ...]) -> str:
        """A sentence; the ledger keeps one digest for all, so several files may be under suspicion."""
        enclosures = self._composer.enclosures
        if not (paths and self._same_templates) or enclosures is None:
            return "its template is not the one it was loaded with"
        files = enclosures.files
        suspects = [path for path in paths if files.changed_after(path, self._loaded_at)] or list(paths)
        if len(suspects) == 1:
            return f"its attachment {suspects[0]!r} is not the file it was loaded with"
        return f"one of its attachments is not the file it was loaded with: {', '.join(map(repr, suspects))}"


def _encoded(found: Attachment | int) -> int:
    return len(found.base64) if isinstance(found, Attachment) else (found + 2) // 3 * 4
