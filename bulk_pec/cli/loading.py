"""Loading a list, as `load`, `run` and `demo` do it."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from bulk_pec.cli import wiring
from bulk_pec.cli.session import Session
from bulk_pec.composing import Composer, Uncomposable
from bulk_pec.config import Config
from bulk_pec.domain.errors import ListRefused, UsageError
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.loading import Loading, NewRow, NewRun, RefusedRow
from bulk_pec.ledger.runs import Run
from bulk_pec.recipients import Batch, RecipientList, SetAsideRow

_BATCH = 20_000
_SHOWN = 10
_ANY_REFERENCE = "0" * 13


@dataclass(slots=True)
class LoadReport:
    """What loading found: the first problems in words, and what was guessed about the file."""

    guesses: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)

    def problem(self, row: int, words: str) -> None:
        """Keep the first few; the export lists all."""
        if len(self.problems) < _SHOWN:
            self.problems.append(f"row {row}: {words}")

    def tell(self, session: Session) -> None:
        """Say what was guessed of the list, and the first of its problems."""
        for guess in self.guesses:
            session.say(guess)
        for problem in self.problems:
            session.say(f"Set aside, {problem}")


def load(session: Session, ledger: Ledger, path: Path, name: str) -> tuple[Run, LoadReport]:
    """Load a list as a new run, all of it or nothing.

    Raises:
        ListRefused: The list or a template cannot be used, or too many of its rows cannot.
    """
    config = session.config()
    letters = wiring.composer(config)
    report = LoadReport()
    with wiring.recipient_list(config, path, letters) as rows:
        report.guesses = rows.guesses
        new = NewRun(
            name=name,
            list_name=path.name,
            list_digest=rows.digest,
            template_digest=letters.digest,
            columns=rows.columns,
            mailboxes=tuple(mailbox.address.lower() for mailbox in config.settings.mailboxes),
        )
        try:
            with ledger.load(new, wiring.clock().now()) as loading:
                _fill(loading, rows, letters, report)
                _judge(config, loading, path)
        except ListRefused:
            report.tell(session)  # the rows' problems are why
            raise
    return ledger.runs.get(name), report


def _fill(loading: Loading, rows: RecipientList, letters: Composer, report: LoadReport) -> None:
    places = letters.places_of(rows.columns)
    for batch in rows.batches(_BATCH):
        failing = _failing(batch, letters, rows.columns)
        for duplicate in loading.add(_digested(batch, failing, letters, places)):
            report.problem(duplicate.row, duplicate.reason)
        refused = [*(_refused(row) for row in batch.set_aside), *failing.values()]
        loading.set_aside(refused)
        for row in refused:
            report.problem(row.row, row.reason)


def _failing(batch: Batch, letters: Composer, columns: Sequence[str]) -> dict[int, RefusedRow]:
    """The rows on which a template fails, by number: found now, since a loaded run's template is frozen."""
    failing: dict[int, RefusedRow] = {}
    if not letters.may_fail:
        return failing
    for row, key, recipient, fields in batch.rows:
        try:
            letters.compose(recipient, dict(zip(columns, orjson.loads(fields), strict=True)), _ANY_REFERENCE)
        except Uncomposable as problem:
            failing[row] = RefusedRow(row, key, recipient, str(problem), fields)
    return failing


def _digested(batch: Batch, failing: Container[int], letters: Composer, places: list[int]) -> list[NewRow]:
    digest, parse = letters.content_digest, orjson.loads
    return [
        (row, key, recipient, fields, digest(recipient, parse(fields), places))
        for row, key, recipient, fields in batch.rows
        if row not in failing
    ]


def _refused(row: SetAsideRow) -> RefusedRow:
    words = "; ".join(
        f"{problem.column or 'row'}: {problem.what} ({problem.todo})" for problem in row.problems
    )
    return RefusedRow(row.row, row.key, row.recipient_text, words, row.values_json)


def _judge(config: Config, loading: Loading, path: Path) -> None:
    """Refuse the whole list where the configuration says so; nothing is loaded then."""
    recipients, counts = config.settings.recipients, loading.counts
    if counts.invalid and recipients.on_invalid == "fail":
        raise _too_bad(path, f"{counts.invalid} of {counts.rows} rows are invalid and on_invalid is fail")
    if counts.invalid > recipients.max_invalid_share * counts.rows:
        share = f"{counts.invalid} of {counts.rows} rows are invalid, more than max_invalid_share allows"
        raise _too_bad(path, share)
    if counts.duplicate and recipients.on_duplicate == "fail":
        raise _too_bad(path, f"{counts.duplicate} rows repeat a key and on_duplicate is fail")


def _too_bad(path: Path, why: str) -> ListRefused:
    return ListRefused(
        f"The list {path} is refused: {why}.",
        hint="Nothing was loaded or sent. Mend the list, or relax [recipients] in the configuration.",
    )


def check_same(session: Session, run: Run, path: Path | None) -> Composer:
    """An existing run goes on only with the list and the templates it was loaded with.

    Raises:
        ListRefused: The list's bytes, or the templates', are others.
        UsageError: The list is named but cannot be found.
    """
    letters = wiring.composer(session.config())
    if path is not None and path.exists() and _digest(path) != run.list_digest:
        raise ListRefused(
            f"The run {run.name!r} was loaded from another list than {path} holds now.",
            hint="Restore the list to go on with the run, or give the new list another --name.",
        )
    if letters.digest != run.template_digest:
        raise ListRefused(
            f"The subject, body or reference template is not the one the run {run.name!r} was loaded with.",
            hint="Restore the template to go on with the run; nothing was sent.",
        )
    return letters


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(
            f"The list {path} cannot be read: {error.strerror}.", hint="Check the path."
        ) from error
