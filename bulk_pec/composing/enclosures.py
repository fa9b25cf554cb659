"""Which files a row's letter encloses: templates of paths, and the files they lead to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bulk_pec.composing.files import Facts, Files
from bulk_pec.composing.paths import PLACE, fault, twins
from bulk_pec.composing.press import Plate, plate
from bulk_pec.composing.problems import Uncomposable, shown
from bulk_pec.composing.sizes import letter_size, oversized, too_large
from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.problems import Problem

_REMEMBERED = 4096


class Enclosures:
    """The attachments of a run's letters.

    Args:
        templates: Of paths inside the folder, one a file. One that comes out blank encloses nothing.
        files: The folder's files.

    Raises:
        ListRefused: A template has an error, or can never make a path that is allowed.
    """

    def __init__(self, templates: Sequence[str], files: Files) -> None:
        self.files = files
        self.plates = tuple(_plate(template) for template in templates)

    def paths(self, cells: Mapping[str, object]) -> tuple[str, ...]:
        """The paths for one row.

        Raises:
            Uncomposable: A template fails on this row, or its path is not allowed.
        """
        made = (plate.print(cells).strip() for plate in self.plates)
        found = tuple(path for path in made if path)
        problems = [problem for path in found if (problem := fault(path)) is not None]
        if problems or len(found) > 1:
            problems += twins(found)
        if problems:
            raise Uncomposable.of(*problems)
        return found


class Inspection:
    """Looks at the files of row after row. What it has just seen it does not look at again.

    Args:
        enclosures: Whose.
    """

    def __init__(self, enclosures: Enclosures) -> None:
        self._enclosures = enclosures
        self._seen: dict[str, Facts] = {}
        self._asked = 0

    def facts(self, cells: Mapping[str, object]) -> tuple[Facts, ...]:
        """The files of one row.

        Raises:
            Uncomposable: One or more of them cannot be attached: all problems are told.
        """
        found: list[Facts] = []
        problems: list[Problem] = []
        for path in self._enclosures.paths(cells):
            try:
                found.append(self._look(path))
            except Uncomposable as error:
                problems += error.problems
        sizes = [facts.size for facts in found]
        if not problems and too_large(0, sizes):
            problems.append(oversized(PLACE, PLACE, letter_size(0, sizes)))
        if problems:
            raise Uncomposable.of(*problems)
        return tuple(found)

    def _look(self, path: str) -> Facts:
        self._asked += 1
        if self._asked % _REMEMBERED == 0:
            self._seen.clear()  # bounded, and a file that changes meanwhile is noticed soon
        facts = self._seen.get(path)
        if facts is None:
            facts = self._seen[path] = self._enclosures.files.facts(path)
        return facts


def _plate(template: str) -> Plate:
    made = plate(template, f"[message] attachments {shown(template)!r}", html=False)
    text = "x".join(made.literals)
    # What a cell adds can only make more of it wrong, so that no row could use such a template.
    wrong = fault(text) if any(mark in text for mark in "*?\\") or text.startswith(("/", "~")) else None
    wrong = wrong or (fault(text) if ".." in text.split("/") else None)
    if wrong is not None:
        raise ListRefused(
            f"[message] attachments {shown(template)!r} is refused: {wrong.what}.", hint=wrong.todo
        )
    return made
