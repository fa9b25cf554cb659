"""Proof-reading: every row of a list is checked as a letter before any is sent, and its digest is fixed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bulk_pec.composing.composer import Composer
from bulk_pec.composing.enclosures import Inspection
from bulk_pec.composing.files import Facts
from bulk_pec.composing.paths import PLACE
from bulk_pec.composing.problems import Uncomposable
from bulk_pec.composing.sizes import LARGEST_TEXT, letter_size, oversized, too_large
from bulk_pec.domain.problems import Problem
from bulk_pec.domain.references import LENGTH

SAMPLE = "0" * LENGTH
"""Stands for a reference: as long as one."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A letter that can be sent.

    Attributes:
        digest: Of its content.
        text: Bytes of subject and body.
        enclosed: Its attachments.
    """

    digest: bytes
    text: int
    enclosed: tuple[Facts, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of it as a mail, by `letter_size`."""
        return letter_size(self.text, (facts.size for facts in self.enclosed))


class Proofreader:
    """Checks the rows of one list. Files are hashed and never encoded, so memory stays bounded.

    Args:
        composer: With the templates.
        columns: Of the list, in order; it has those that the templates use.
    """

    def __init__(self, composer: Composer, columns: Sequence[str]) -> None:
        self._composer = composer
        self._columns = tuple(columns)
        self._places = composer.places_of(columns)
        self._digests = composer.content_digest
        self._sure = composer.certain and not composer.attaches
        self._constant, self._growth = composer.constant, composer.growth
        # Characters of a row that surely make no text too large; less than none: every letter is looked at.
        self._short = (LARGEST_TEXT - self._constant) // max(1, self._growth)
        self._inspection = Inspection(composer.enclosures) if composer.enclosures is not None else None

    def read(self, recipient: str, values: Sequence[str | None]) -> bytes | tuple[Problem, ...]:
        """The content digest of a row whose required cells are filled, or everything that is wrong with it.

        A letter is rendered only where the templates could fail on it (`Composer.certain`), or where it could
        be too large.

        Args:
            recipient: As the list wrote it.
            values: In column order.
        """
        if self._sure and sum(map(len, filter(None, values))) <= self._short:
            return self._digests(recipient, values, self._places)
        found = self._proof(recipient, values, render=not self._composer.certain)
        return found.digest if isinstance(found, Proof) else found

    def digests(self, recipients: Iterable[str], rows: Sequence[str]) -> list[bytes] | None:
        """What `read` finds of many rows at once; None: each must be read on its own.

        Args:
            recipients: As the list wrote them.
            rows: The values of each as a JSON array, which is never shorter than they are together.
        """
        if not self._sure or max(map(len, rows), default=0) > self._short:
            return None
        return self._composer.content_digests(recipients, rows, self._places)

    def proof(self, recipient: str, values: Sequence[str | None]) -> Proof | tuple[Problem, ...]:
        """The same with sizes, which takes rendering every letter: for plans."""
        return self._proof(recipient, values, render=True)

    def _proof(
        self, recipient: str, values: Sequence[str | None], *, render: bool
    ) -> Proof | tuple[Problem, ...]:
        by_name = dict(zip(self._columns, values, strict=False))
        problems: list[Problem] = []
        text, enclosed = self._at_most(values), tuple[Facts, ...]()
        try:
            if render:
                letter = self._composer.compose(recipient, by_name, SAMPLE, ())
                text = len(letter.subject.encode()) + len(letter.body.encode())
        except Uncomposable as error:
            problems += error.problems
        try:
            if self._inspection is not None:
                enclosed = self._inspection.facts(self._composer.cells(by_name))
        except Uncomposable as error:
            problems += (problem for problem in error.problems if problem not in problems)
        if problems:
            return tuple(problems)
        if too_large(text, (facts.size for facts in enclosed)):
            return _too_large(text, enclosed) if render else self._proof(recipient, values, render=True)
        digest = self._digests(recipient, values, self._places, [facts.sha256 for facts in enclosed])
        return Proof(digest, text, enclosed)

    def _at_most(self, values: Sequence[str | None]) -> int:
        """Bytes of the text, at most, where the templates are certain: enough where nothing is rendered."""
        return self._constant + self._growth * sum(map(len, filter(None, values)))


def _too_large(text: int, enclosed: Sequence[Facts]) -> tuple[Problem]:
    size = letter_size(text, (facts.size for facts in enclosed))
    if not enclosed:
        return (oversized("body", "the text", size),)
    return (oversized(PLACE, "the text with its attachments", size),)
