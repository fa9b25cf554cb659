"""Examining a whole list, for `plan`: every row, every letter, every attachment; nothing is written."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from bulk_pec.cli import wiring
from bulk_pec.cli.enquiring import Enriched, enriched
from bulk_pec.cli.session import Session
from bulk_pec.composing import Problem as LetterProblem
from bulk_pec.composing import Proofreader
from bulk_pec.composing.proofs import Proof
from bulk_pec.domain.letters import recipients_of
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.planning import LetterFacts, ListFacts, RowProblem
from bulk_pec.recipients import Batch, CheckedRow, Keys, Problem, Rejects, SetAsideRow, rejects, shown

_BATCH = 20_000
KEPT = 1_000
"""Problems, and warnings, that are kept with their words; beyond them they are only counted."""


@dataclass(slots=True)
class Examination:
    """What was found, row by row.

    Attributes:
        rows: Data rows read.
        invalid: Rows that can be no message.
        suppressed: Rows whose address is never to be written to.
        repeated: Messages an earlier run has said already.
        addresses: Of all messages together.
        problems: What is wrong, the first `KEPT`; `problems_total` in all.
        warnings: What is doubtful, likewise.
        digests: Of the files attached, with their sizes.
    """

    rows: int = 0
    invalid: int = 0
    suppressed: int = 0
    repeated: int = 0
    addresses: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    problems_total: int = 0
    warnings: list[RowProblem] = field(default_factory=list)
    warnings_total: int = 0
    largest: int = 0
    largest_row: int | None = None
    total: int = 0
    digests: dict[bytes, int] = field(default_factory=dict)
    keys: Keys = field(default_factory=Keys)

    def problem(self, row: int, problem: Problem | LetterProblem) -> None:
        """Something that is wrong with a row."""
        self.problems_total += 1
        if len(self.problems) < KEPT:
            self.problems.append(
                RowProblem(row, problem.column, problem.what, problem.todo, value=problem.value)
            )

    def warn(self, row: int | None, what: str, todo: str) -> None:
        """Something that is doubtful."""
        self.warnings_total += 1
        if len(self.warnings) < KEPT:
            self.warnings.append(RowProblem(row, None, what, todo))

    def letter(self, row: CheckedRow, proof: Proof) -> None:
        """A row that becomes a message."""
        self.addresses += len(recipients_of(row[2]))
        self.total += proof.size
        if proof.size > self.largest:
            self.largest, self.largest_row = proof.size, row[0]
        for file in proof.enclosed:
            self.digests[file.sha256] = file.size

    def letters(self) -> LetterFacts:
        """The letters' side of the plan."""
        return LetterFacts(
            largest=self.largest,
            largest_row=self.largest_row,
            total=self.total,
            attachments=len(self.digests),
            attachments_bytes=sum(self.digests.values()),
        )


def examine(
    session: Session, path: Path, *, rejects_path: Path | None, ask: bool
) -> tuple[ListFacts, LetterFacts, int]:
    """Read, check and render a whole list.

    Args:
        session: For the configuration.
        path: The list.
        rejects_path: Where bad rows are written in the list's own form, if anywhere.
        ask: Whether paid look-ups may be made.

    Returns:
        What was read, what was rendered, and how many addresses all messages have together.
    """
    letters = wiring.composer(session.config())
    found = Examination()
    with ExitStack() as stack:
        rows = stack.enter_context(wiring.recipient_list(session.config(), path, letters))
        ledger = _ledger(session, stack, write=ask)
        known = enriched(session, ledger, rows, ask=ask)
        bad = stack.enter_context(rejects(rows, rejects_path)) if rejects_path is not None else None
        reader = _Reader(found, Proofreader(letters, rows.columns), ledger, letters.digest, bad)
        reader.read(known)
        facts = _facts(path, found, shown(rows))
    return facts, found.letters(), found.addresses


def _ledger(session: Session, stack: ExitStack, *, write: bool) -> Ledger | None:
    """The ledger, for suppressions, earlier runs and kept answers; None if there is none yet."""
    from bulk_pec.domain.errors import UsageError

    try:
        return stack.enter_context(session.ledger("write" if write else "read"))
    except UsageError:
        return None


@dataclass(slots=True)
class _Reader:
    found: Examination
    proofs: Proofreader
    ledger: Ledger | None
    template: str
    bad: Rejects | None

    def read(self, known: Enriched) -> None:
        for batch in known.batches(_BATCH):
            self.found.rows += len(batch)
            self._warn(batch)
            for row in batch.set_aside:
                self._refuse(row)
            self._compose(self._wanted(batch))
        if known.unasked:
            what = f"{known.unasked:,} rows lack an address that can be looked up"
            self.found.warn(None, what, "Loading looks them up; `plan --lookups` does it now. Each may cost.")
        if self.found.repeated:
            what = f"{self.found.repeated:,} messages were sent before, in the same words"
            self.found.warn(None, what, "Loading goes by [recipients] on_repeat: fail, skip or warn.")

    def _warn(self, batch: Batch) -> None:
        found = self.found
        for warning in batch.warnings[: max(0, KEPT - len(found.warnings))]:
            found.warnings.append(
                RowProblem(warning.row, warning.column, warning.what, warning.todo, value=warning.value)
            )
        found.warnings_total += batch.warned

    def _refuse(self, row: SetAsideRow) -> None:
        self.found.invalid += 1
        for problem in row.problems:
            self.found.problem(row.row, problem)
        if self.bad is not None:
            self.bad.add(row)

    def _wanted(self, batch: Batch) -> list[CheckedRow]:
        """The rows of a batch whose addresses are not suppressed."""
        if self.ledger is None:
            return batch.rows
        addresses = {one for row in batch.rows for one in recipients_of(row[2].lower())}
        known = self.ledger.suppressions.among(addresses)
        if not known:
            return batch.rows
        kept = [row for row in batch.rows if not known.keys() & set(recipients_of(row[2].lower()))]
        self.found.suppressed += len(batch.rows) - len(kept)
        return kept

    def _compose(self, rows: list[CheckedRow]) -> None:
        good: list[tuple[CheckedRow, Proof]] = []
        for row in rows:
            proof = self.proofs.proof(row[2], orjson.loads(row[3]))
            if isinstance(proof, Proof):
                good.append((row, proof))
            else:
                self._fails(row, proof)
        for row, proof in good:
            self.found.letter(row, proof)
        self.found.keys.add([row for row, _ in good])
        if self.ledger is not None and good:
            asked = [(row[1], proof.digest) for row, proof in good]
            self.found.repeated += self.ledger.views.said_before(self.template, asked)

    def _fails(self, row: CheckedRow, problems: tuple[LetterProblem, ...]) -> None:
        self.found.invalid += 1
        for problem in problems:
            self.found.problem(row[0], problem)
        if self.bad is not None:
            self.bad.add_checked(row, "; ".join(f"{problem.what} ({problem.todo})" for problem in problems))


def _facts(path: Path, found: Examination, guesses: list[str]) -> ListFacts:
    return ListFacts(
        path=str(path),
        rows=found.rows,
        invalid=found.invalid,
        duplicate=len(found.keys.repeats()),
        suppressed=found.suppressed,
        problems=found.problems,
        problems_total=found.problems_total,
        warnings=found.warnings,
        warnings_total=found.warnings_total,
        guesses=guesses,
    )
