"""Examining a whole list, for `plan`: every row, every letter, every attachment; nothing is written."""

from __future__ import annotations

from array import array
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import orjson

from bulk_pec.cli import wiring
from bulk_pec.cli.enquiring import Enriched, enriched
from bulk_pec.cli.loading import keys_repeat, too_many_invalid
from bulk_pec.cli.session import Session
from bulk_pec.composing import Problem as LetterProblem
from bulk_pec.composing import Proofreader
from bulk_pec.composing.proofs import Proof
from bulk_pec.config import RecipientsSettings
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
        repeated: Rows that an earlier run has said already; one that is loaded under a key with ``#2`` is
            not found here, only by loading.
        composed: Rows of which a letter was made, duplicates included.
        addresses: Of all messages together.
        problems: What is wrong, the first `KEPT`; `problems_total` in all.
        warnings: What is doubtful, likewise.
        digests: Of the files attached, with their sizes.
    """

    rows: int = 0
    invalid: int = 0
    suppressed: int = 0
    repeated: array[int] = field(default_factory=lambda: array("q"))
    composed: int = 0
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
        self.composed += 1
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


@dataclass(frozen=True, slots=True)
class Examined:
    """What an examination comes to.

    Attributes:
        listed: What was read.
        letters: What was rendered.
        addresses: Of all messages together; duplicates are reckoned as messages to one.
        letter_bytes: Of one message with its attachments: the mean.
        refused: Whether loading would refuse the list for something else than invalid rows.
    """

    listed: ListFacts
    letters: LetterFacts
    addresses: int
    letter_bytes: int
    refused: bool


def examine(session: Session, path: Path, *, rejects_path: Path | None, ask: bool) -> Examined:
    """Read, check and render a whole list.

    Args:
        session: For the configuration.
        path: The list.
        rejects_path: Where bad rows are written in the list's own form, if anywhere.
        ask: Whether paid look-ups may be made.
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
        reader.tell(known)
        return _examined(session.config().settings.recipients, path, found, shown(rows))


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
            good, failed = self._proofread(batch.rows)
            self._refuse(batch.set_aside, failed)
            self._take(self._wanted(good))

    def tell(self, known: Enriched) -> None:
        """Warn of what nobody has asked for yet."""
        if known.unasked:
            what = f"{known.unasked:,} rows lack an address that can be looked up"
            self.found.warn(None, what, "Loading looks them up; `plan --lookups` does it now. Each may cost.")
        if known.unjudged:
            what = f"{len(known.unjudged):,} domains were not asked about yet"
            self.found.warn(None, what, "Loading asks; `plan --lookups` does it now. Each may cost.")

    def _warn(self, batch: Batch) -> None:
        found = self.found
        for warning in batch.warnings[: max(0, KEPT - len(found.warnings))]:
            found.warnings.append(
                RowProblem(warning.row, warning.column, warning.what, warning.todo, value=warning.value)
            )
        found.warnings_total += batch.warned

    def _proofread(
        self, rows: list[CheckedRow]
    ) -> tuple[list[tuple[CheckedRow, Proof]], list[tuple[CheckedRow, tuple[LetterProblem, ...]]]]:
        """The rows with their letters, and those of which none can be made."""
        good: list[tuple[CheckedRow, Proof]] = []
        failed: list[tuple[CheckedRow, tuple[LetterProblem, ...]]] = []
        for row in rows:
            proof = self.proofs.proof(row[2], orjson.loads(row[3]))
            if isinstance(proof, Proof):
                good.append((row, proof))
            else:
                failed.append((row, proof))
        return good, failed

    def _refuse(
        self, aside: list[SetAsideRow], failed: list[tuple[CheckedRow, tuple[LetterProblem, ...]]]
    ) -> None:
        """Note the invalid rows, in the order of the file."""
        tell = {row.row: partial(self._set_aside, row) for row in aside}
        tell |= {row[0]: partial(self._failed, row, problems) for row, problems in failed}
        for number in sorted(tell):
            tell[number]()
        self.found.invalid += len(tell)

    def _set_aside(self, row: SetAsideRow) -> None:
        for problem in row.problems:
            self.found.problem(row.row, problem)
        if self.bad is not None:
            self.bad.add(row)

    def _failed(self, row: CheckedRow, problems: tuple[LetterProblem, ...]) -> None:
        for problem in problems:
            self.found.problem(row[0], problem)
        if self.bad is not None:
            self.bad.add_checked(row, "; ".join(f"{problem.what} ({problem.todo})" for problem in problems))

    def _wanted(self, good: list[tuple[CheckedRow, Proof]]) -> list[tuple[CheckedRow, Proof]]:
        """The letters whose addresses are not suppressed; as in loading, those are looked at last."""
        if self.ledger is None or not good:
            return good
        addresses = {one for row, _ in good for one in recipients_of(row[2].lower())}
        known = self.ledger.suppressions.among(addresses)
        if not known:
            return good
        kept = [each for each in good if not known.keys() & set(recipients_of(each[0][2].lower()))]
        self.found.suppressed += len(good) - len(kept)
        return kept

    def _take(self, good: list[tuple[CheckedRow, Proof]]) -> None:
        for row, proof in good:
            self.found.letter(row, proof)
        self.found.keys.add([row for row, _ in good])
        if self.ledger is not None and good:
            asked = [(row[1], proof.digest) for row, proof in good]
            said = self.ledger.views.said_before(self.template, asked)
            self.found.repeated.extend(row[0] for row, proof in good if (row[1], proof.digest) in said)


def _examined(wanted: RecipientsSettings, path: Path, found: Examination, guesses: list[str]) -> Examined:
    again = {repeat.row for repeat in found.keys.repeats()}
    repeated = len(set(found.repeated) - again)
    duplicate = 0 if wanted.on_duplicate == "keep" else len(again)
    refused = _refusals(wanted, found, duplicate, repeated)
    duplicate += repeated if wanted.on_repeat == "skip" else 0
    if found.rows == found.invalid + duplicate + found.suppressed:
        found.warn(None, "Loading refuses this list: it has no row to send", "Mend it.")
    listed = ListFacts(
        path=str(path),
        rows=found.rows,
        invalid=found.invalid,
        duplicate=duplicate,
        suppressed=found.suppressed,
        problems=found.problems,
        problems_total=found.problems_total,
        warnings=found.warnings,
        warnings_total=found.warnings_total,
        guesses=guesses,
    )
    addresses = max(listed.messages, found.addresses - duplicate)
    mean = found.total // max(1, found.composed)
    return Examined(listed, found.letters(), addresses, mean, refused or not listed.messages)


def _refusals(wanted: RecipientsSettings, found: Examination, duplicate: int, repeated: int) -> bool:
    """Warn of what loading would refuse the list for; says whether it is more than its invalid rows."""
    invalid = too_many_invalid(wanted, found.rows, found.invalid)
    duplicates = keys_repeat(wanted, duplicate)
    for why in (invalid, duplicates):
        if why is not None:
            found.warn(None, f"Loading refuses this list: {why}", "Mend it, or relax [recipients].")
    if repeated:
        then = {"fail": "Loading refuses them", "skip": "They are left out", "warn": "They are sent again"}
        what = f"{repeated:,} messages are in an earlier run, to the same recipients in the same words"
        found.warn(None, what, f"{then[wanted.on_repeat]}: [recipients] on_repeat is {wanted.on_repeat}.")
    return duplicates is not None or (repeated > 0 and wanted.on_repeat == "fail")
