"""The composer: a row of the list becomes a letter, and the digest of what the letter says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter

import orjson

from bulk_pec.composing.enclosures import Enclosures
from bulk_pec.composing.files import Files
from bulk_pec.composing.press import Plate, cell, has_control_characters, plate
from bulk_pec.composing.problems import Uncomposable
from bulk_pec.composing.sizes import ROOM, letter_size, oversized
from bulk_pec.composing.templates import Templates
from bulk_pec.domain.addresses import recipient_key
from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.letters import Attachment, Letter, recipients_of
from bulk_pec.domain.problems import Problem
from bulk_pec.domain.references import LENGTH

_MOST_GROWN = 8
"""A character is 4 bytes of UTF-8 at most, ``&#34;`` 5 where it is escaped, and 6 for ΐ in capitals."""


class Composer:
    """Makes letters from rows.

    Args:
        templates: Their texts; they are compiled here.
        files: Where attachments come from; needed only if the templates name any.

    Attributes:
        templates: As given.
        digest: Of the templates, hex; `templates.digest` is the same but for the reference.
        required_columns: Columns of which an empty cell makes a row unusable.
        optional_columns: Columns that the templates need too, and that may be empty.
        subject_columns: Columns that the subject reads.
        growth: Bytes that a character of a row's cells can add to the text, at most, where it is certain.
        certain: Whether a row whose required cells are filled surely makes a letter, but for its attachments.

    Raises:
        ListRefused: A template has an error, or its text alone is more than a message may hold.
    """

    def __init__(self, templates: Templates, files: Files | None = None) -> None:
        _check_size(templates)
        self.templates = templates
        self.digest = templates.frozen_digest
        self._subject = plate(templates.subject, "[message] subject", html=False)
        self._body = plate(templates.body, templates.body_name, html=templates.body_is_html)
        if templates.attachments and files is None:
            raise ValueError("attachments need their files")
        self.enclosures = Enclosures(templates.attachments, files) if files is not None else None
        plates = [self._subject, self._body, *(self.enclosures.plates if self.enclosures else ())]
        used = frozenset[str]().union(*(plate.uses.columns for plate in plates))
        self.subject_columns = self._subject.uses.columns
        self.required_columns = frozenset[str]().union(*(plate.uses.required for plate in plates))
        self.optional_columns = used - self.required_columns
        self.certain = _never_broken(self._subject) and self._body.uses.certain and _never_blank(self._body)
        self.growth = _MOST_GROWN * sum(text.count("{{") for text in (templates.subject, templates.body))
        self._needed = sorted(used)
        self._digest_bytes = bytes.fromhex(templates.digest)

    @property
    def constant(self) -> int:
        """Bytes of the text that do not come from a row, at most, where it is certain."""
        texts = (self.templates.subject, self.templates.body, self.templates.reference)
        return sum(len(text.encode()) for text in texts) + LENGTH

    @property
    def attaches(self) -> bool:
        """Whether letters have attachments."""
        return bool(self.templates.attachments)

    def places_of(self, columns: Sequence[str]) -> list[int]:
        """Where the columns that the templates use stand in a row."""
        return [columns.index(name) for name in self._needed]

    def content_digest(
        self,
        recipient: str,
        values: Sequence[str | None],
        places: Sequence[int],
        enclosed: Sequence[bytes] = (),
    ) -> bytes:
        """SHA-256 of what decides the message: the templates, the recipient, the values used, the files.

        The reference is left out, and so is how the recipient is spelled, so that the same message in two
        runs has the same digest. Names and order of the attachments follow from templates and values.

        Args:
            recipient: As the list wrote it.
            values: The row's values in column order.
            places: From `places_of`.
            enclosed: SHA-256 of each attachment.
        """
        used = orjson.dumps([recipient_key(recipient), *[values[place] for place in places]])
        return hashlib.sha256(b"".join((self._digest_bytes, used, *enclosed))).digest()

    def content_digests(
        self, recipients: Iterable[str], rows: Iterable[str], places: Sequence[int]
    ) -> list[bytes]:
        """`content_digest` of many rows without attachments, each row's values as a JSON array of texts.

        One expression, because a list has millions of rows.
        """
        pick, start = _picker(places), self._digest_bytes
        sha256, dumps, loads = hashlib.sha256, orjson.dumps, orjson.loads
        return [
            sha256(start + dumps((recipient_key(recipient), *pick(loads(values))))).digest()
            for recipient, values in zip(recipients, rows, strict=True)
        ]

    def cells(self, values: Mapping[str, str | None]) -> dict[str, object]:
        """What the templates are given of a row: the columns they use, the blank ones as `EmptyCell`."""
        return {name: cell(name, values.get(name)) for name in self._needed}

    def paths(self, values: Mapping[str, str | None]) -> tuple[str, ...]:
        """The paths of a row's attachments.

        Raises:
            Uncomposable: They cannot be made of this row.
        """
        return self.enclosures.paths(self.cells(values)) if self.enclosures is not None else ()

    def compose(
        self,
        recipient: str,
        values: Mapping[str, str | None],
        reference: str,
        attachments: tuple[Attachment, ...] | None = None,
    ) -> Letter:
        """The letter for one row.

        Args:
            recipient: As the list wrote it; several addresses are separated by a comma and a blank.
            values: By column.
            reference: Goes into the subject.
            attachments: Ready ones; None: their files are read here, which may take a while.

        Raises:
            Uncomposable: A template fails on this row, its subject cannot be a header line, its body is
                blank, or a file is missing.
        """
        cells = self.cells(values)
        subject = self._subject.print(cells).strip()
        body = self._body.print(cells)
        if has_control_characters(subject):
            what = "the subject holds a control character or a line break"
            raise Uncomposable.of(
                Problem("subject", "", what, "Remove it from the cells the subject is made of.")
            )
        if not body.strip():
            raise Uncomposable.of(Problem("body", "", "the body is empty", "Fill the cells it is made of."))
        if attachments is None:
            attachments = self._enclosed(cells)
        marked = f"{subject} {self.templates.reference.replace('{ref}', reference)}".strip()
        return Letter(recipients_of(recipient), marked, body, attachments)

    def _enclosed(self, cells: Mapping[str, object]) -> tuple[Attachment, ...]:
        if self.enclosures is None:
            return ()
        return tuple(self.enclosures.files.attachment(path) for path in self.enclosures.paths(cells))


def _picker(places: Sequence[int]) -> Callable[[Sequence[str]], Sequence[str]]:
    """Picks what stands at some places; `itemgetter` makes a tuple only of two or more."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: [values[place] for place in places]


def digest_of(letter: Letter) -> str:
    """Hex SHA-256 of what one attempt says: recipients, subject, body, attachments (invariant 8)."""
    hashed = hashlib.sha256()
    attached = [part for one in letter.attachments for part in (one.name, one.mime, one.sha256)]
    for part in (*letter.recipients, letter.subject, letter.body, *attached):
        hashed.update(part.encode("utf-8", "surrogatepass") + b"\x1f")
    return hashed.hexdigest()


def _check_size(templates: Templates) -> None:
    """Refuse a template that is more than a message before it is compiled, which would take a while."""
    size = letter_size(len(templates.body.encode()))
    if size > ROOM:
        told = oversized("body", "its text", size)
        raise ListRefused(
            f"The body's template {templates.body_name} is refused: {told.what}.", hint=told.todo
        )


def _never_broken(subject: Plate) -> bool:
    """Whether the subject surely is one header line; what the cells hold was checked with the list."""
    if not subject.uses.certain:
        return False
    return not has_control_characters(subject.print(dict.fromkeys(subject.uses.columns, "x")).strip())


def _never_blank(body: Plate) -> bool:
    return bool(body.uses.required) or any(text.strip() for text in body.literals)
