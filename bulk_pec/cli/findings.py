"""What an examination finds: the first of each kind in memory, all of it in a file where one is asked for."""

from __future__ import annotations

import csv
import heapq
import os
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from bulk_pec.domain.errors import LedgerError, UsageError
from bulk_pec.planning import Kind, RowProblem

KEPT = 1_000
"""Problems, warnings and rows set aside, of each, that are kept with their words; the others are counted."""

HEADER = ("row", "column", "value", "what", "todo", "kind")
"""Of the file of problems: a CSV in UTF-8, a line a finding, by row; those of the whole list come first."""


@dataclass(slots=True)
class Kept:
    """The first of some findings, and how many there are in all."""

    first: list[RowProblem] = field(default_factory=list)
    total: int = 0

    def add(self, one: RowProblem) -> None:
        """One finding more."""
        self.total += 1
        if len(self.first) < KEPT:
            self.first.append(one)


class ProblemsFile:
    """Where all findings go. Made by `problems_file`.

    Args:
        lines: Where they wait, until it is known which rows repeat a key.
    """

    def __init__(self, lines: TextIO) -> None:
        self._lines = lines
        self._writer = csv.writer(lines)
        self._whole: list[RowProblem] = []
        self._duplicates: Iterable[RowProblem] = ()
        self._again: Collection[int] = ()

    def add(self, one: RowProblem) -> None:
        """A finding; those of rows come in the order of the file."""
        if one.row is None:
            self._whole.append(one)
        else:
            self._writer.writerow(_fields(one))

    def duplicates(self, found: Iterable[RowProblem], rows: Collection[int]) -> None:
        """The rows that repeat a key, in order: found last, and no repeats of an earlier run any more."""
        self._duplicates, self._again = found, rows

    def merged(self) -> Iterator[list[str]]:
        """Everything, in order."""
        yield from map(_fields, self._whole)
        self._lines.seek(0)
        waiting = (line for line in csv.reader(self._lines) if not self._overtaken(line))
        yield from heapq.merge(waiting, map(_fields, self._duplicates), key=lambda line: int(line[0]))

    def _overtaken(self, line: list[str]) -> bool:
        return line[-1] == Kind.REPEATED and int(line[0]) in self._again


class Findings:
    """Everything that is found, by what it comes to.

    Args:
        into: The file of all of them, if one is wanted.

    Attributes:
        problems: What makes rows invalid.
        warnings: What is doubtful.
    """

    def __init__(self, into: ProblemsFile | None = None) -> None:
        self.problems, self.warnings = Kept(), Kept()
        self._suppressed, self._repeated, self._duplicates = Kept(), Kept(), Kept()
        self._again: Collection[int] = ()
        self._into = into
        self._kept = {
            Kind.PROBLEM: self.problems,
            Kind.WARNING: self.warnings,
            Kind.SUPPRESSED: self._suppressed,
            Kind.REPEATED: self._repeated,
        }

    def take(self, found: list[RowProblem]) -> None:
        """The findings of a batch, or of the whole list."""
        for one in sorted(found, key=lambda one: one.row or 0):
            self._kept[one.kind].add(one)
            if self._into is not None:
                self._into.add(one)

    def warn(self, what: str, todo: str) -> None:
        """Something that is doubtful about the whole list."""
        self.take([RowProblem(None, None, what, todo, kind=Kind.WARNING)])

    def duplicates(self, found: Iterable[RowProblem], rows: Collection[int]) -> None:
        """The rows that repeat a key of the list, in order, and their numbers.

        `found` is gone through twice.
        """
        for one in found:
            self._duplicates.add(one)
        self._again = rows
        if self._into is not None:
            self._into.duplicates(found, rows)

    def set_aside(self, repeated: int) -> Kept:
        """The good rows that are not sent, by row; `repeated` of them were said by an earlier run."""
        again = [one for one in self._repeated.first if one.row not in self._again]
        first = sorted(
            [*self._suppressed.first, *again, *self._duplicates.first], key=lambda one: one.row or 0
        )
        return Kept(first[:KEPT], self._suppressed.total + self._duplicates.total + repeated)


@contextmanager
def problems_file(path: Path) -> Generator[ProblemsFile, None, None]:
    """A file of everything that is found; it appears whole at the end, or, if anything is raised, not at all.

    Raises:
        UsageError: Something else than such a file is there already.
        LedgerError: It cannot be written.
    """
    with _refusals(path):
        if os.path.lexists(path) and not _is_ours(path):
            raise UsageError(
                f"{path} is there already and is no file of problems; nothing was written over it.",
                hint="Name another file for them, or remove that one first.",
            )
        with TemporaryDirectory(prefix=f".{path.name[:100]}.", dir=path.parent) as folder:
            whole = Path(folder) / "whole"
            with _opened(Path(folder) / "lines") as lines:
                into = ProblemsFile(lines)
                yield into
                with _opened(whole) as out:
                    writer = csv.writer(out)
                    writer.writerow(HEADER)
                    writer.writerows(into.merged())
                    out.flush()
                    os.fsync(out.fileno())
            whole.replace(path)


def _opened(path: Path) -> TextIO:
    return path.open("w+", encoding="utf-8", errors="backslashreplace", newline="")


def _is_ours(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(64)
    return not start or start.startswith(",".join(HEADER).encode())


def _fields(one: RowProblem) -> list[str]:
    row = "" if one.row is None else str(one.row)
    return [row, one.column or "", one.value, one.what, one.todo, one.kind.value]


@contextmanager
def _refusals(path: Path) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise LedgerError(
            f"The problems cannot be written to {path}: {error.strerror}.",
            hint="Check the folder, its permissions and the disk's room.",
        ) from error
