"""Proof-reading: every row of a list is checked as a letter before any is sent, and its digest is fixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bulk_pec.composing.composer import Composer
from bulk_pec.composing.enclosures import Inspection
from bulk_pec.composing.files import Facts, mailed_size
from bulk_pec.composing.problems import Problem, Uncomposable

_SAMPLE = "0" * 13
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
        """Bytes of text and attachments, before base64."""
        return self.text + sum(facts.size for facts in self.enclosed)

    @property
    def mailed(self) -> int:
        """Bytes of it as a mail, but for its headers."""
        return self.text + sum(mailed_size(facts.size) for facts in self.enclosed)


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
        self._inspection = Inspection(composer.enclosures) if composer.enclosures is not None else None

    def read(self, recipient: str, values: Sequence[str | None]) -> bytes | tuple[Problem, ...]:
        """The content digest of a row whose required cells are filled, or everything that is wrong with it.

        A letter is rendered only where the templates could fail on it (`Composer.certain`).

        Args:
            recipient: As the list wrote it.
            values: In column order.
        """
        if self._sure:
            return self._digests(recipient, values, self._places)
        found = self._proof(recipient, values, render=not self._composer.certain)
        return found.digest if isinstance(found, Proof) else found

    def proof(self, recipient: str, values: Sequence[str | None]) -> Proof | tuple[Problem, ...]:
        """The same with sizes, which takes rendering every letter: for plans."""
        return self._proof(recipient, values, render=True)

    def _proof(
        self, recipient: str, values: Sequence[str | None], *, render: bool
    ) -> Proof | tuple[Problem, ...]:
        by_name = dict(zip(self._columns, values, strict=False))
        problems: list[Problem] = []
        text, enclosed = 0, tuple[Facts, ...]()
        try:
            if render:
                letter = self._composer.compose(recipient, by_name, _SAMPLE, ())
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
        digest = self._digests(recipient, values, self._places, [facts.sha256 for facts in enclosed])
        return Proof(digest, text, enclosed)
