"""Loading a list, as `load`, `run` and `demo` do it."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from bulk_pec.cli import wiring
from bulk_pec.cli.enquiring import Enriched, enriched
from bulk_pec.cli.progress import Counted
from bulk_pec.cli.proofreading import Sorted, proofread
from bulk_pec.cli.session import Session
from bulk_pec.composing import Composer, Proofreader
from bulk_pec.config import Config, RecipientsSettings
from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.words import counted
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.loading import Loading, NewRun, RefusedRow
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.recipients import RecipientList, SetAsideRow

_SHOWN = 10


@dataclass(slots=True)
class LoadReport:
    """What loading found: the first problems in words, and what was guessed about the file."""

    guesses: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)
    aside: int = 0
    warned: int = 0
    empty: int = 0
    expired: int = 0

    def problem(self, row: int, words: str) -> None:
        """Keep the first few, and count them all."""
        self.aside += 1
        if len(self.problems) < _SHOWN:
            self.problems.append(f"row {row}: {words}")

    def tell(self, session: Session) -> None:
        """Say what was guessed of the list, and the first of its problems."""
        for guess in self.guesses:
            session.say(guess)
        for problem in self.problems:
            session.say(f"Set aside, {problem}")
        if self.aside > len(self.problems):
            more = counted(self.aside - len(self.problems), "more row")
            session.say(f"Set aside, and {more}; `bulk-pec plan LIST --problems FILE` lists them all by row.")
        if self.empty:
            session.say(f"Rows without anything in them, left out: {self.empty:,}.")
        if self.expired:
            session.say(
                f"Messages that have expired already, and will be cancelled unsent: {self.expired:,}."
            )
        if self.warned:
            session.say(
                f"Warnings: {self.warned:,}; `bulk-pec plan LIST --problems FILE` lists them all by row."
            )


def check_there(ledger: Ledger, path: Path, name: str) -> None:
    """A list that is not there may be a run's name with a slip in it: an existing run needs no list.

    Raises:
        ListRefused: There is neither, and the hint names the runs that are called nearly so.
    """
    if not _absent(path) or not (near := get_close_matches(name, ledger.runs.names(), n=3)):
        return  # opening the list says what is wrong, if anything is
    raise ListRefused(
        f"There is no list {path}, and no run {name!r}.",
        hint=f"Check the path; or is a run meant that is loaded already: {', '.join(map(repr, near))}?",
    )


def _absent(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):  # there, and not ours to look at; or no path at all
        return False
    return False


def load(session: Session, ledger: Ledger, path: Path, name: str) -> tuple[Run, LoadReport]:
    """Load a list as a new run, all of it or nothing.

    Raises:
        ListRefused: The list or a template cannot be used, or too many of its rows cannot.
    """
    config = session.config()
    check_there(ledger, path, name)
    letters = wiring.composer(config)
    report = LoadReport()
    with wiring.recipient_list(config, path, letters) as rows:
        report.guesses = rows.guesses
        new = NewRun(
            name=name,
            list_name=path.name,
            list_digest=rows.digest,
            template_digest=letters.digest,
            columns=rows.names,
            mailboxes=tuple(mailbox.address.lower() for mailbox in config.settings.mailboxes),
            words_digest=letters.templates.digest,
            keep_duplicates=config.settings.recipients.on_duplicate == "keep",
        )
        known = enriched(session, ledger, rows, ask=True)
        try:
            with ledger.load(new, wiring.clock().now()) as loading:
                with Counted(session, "Loaded") as progress:
                    _fill(loading, known, letters, report, progress)
                _judge(
                    config, loading, path
                )  # first: what `_repeats` leaves out are no duplicates of the list
                _repeats(session, loading, path)
        except ListRefused:
            report.tell(session)  # the rows' problems are why
            raise
    return ledger.runs.get(name), report


def _fill(
    loading: Loading, known: Enriched, letters: Composer, report: LoadReport, progress: Counted
) -> None:
    proofs = Proofreader(letters, known.rows.columns)
    now = wiring.clock().now()
    for part in proofread(known, proofs.read, proofs.digests):
        report.warned += part.batch.warned
        again = loading.add(part.good)
        for duplicate in again:
            report.problem(duplicate.row, duplicate.reason)
        report.expired += _expired(part, {one.row for one in again}, now)
        loading.set_aside(map(_refused, part.aside))
        for row in part.aside:
            report.problem(row.row, row.reason)
        progress.add(len(part.batch))
    report.empty = known.empty


def _expired(part: Sorted[bytes], gone: set[int], now: int) -> int:
    """How many of a batch's messages have expired: they are loaded, and claiming cancels them."""
    return sum(one[5] is not None and one[5] <= now and one[0] not in gone for one in part.good)


def _refused(row: SetAsideRow) -> RefusedRow:
    return RefusedRow(row.row, row.key, row.recipient_text, row.reason, row.values_json)


def _repeats(session: Session, loading: Loading, path: Path) -> None:
    """What an earlier run has said already is refused, set aside or only told, as `on_repeat` has it."""
    wanted = session.config().settings.recipients.on_repeat
    found = loading.repeats()
    if not found.count:
        return
    row, run, earlier = found.first[0]
    said = f"{said_already(found.count)}; the first is row {row}, as row {earlier} of run {run!r}"
    if wanted == "fail":
        raise ListRefused(
            f"The list {path} is refused: {said}.",
            hint="Nothing was loaded. Is it the same list again? If not, set [recipients] on_repeat to skip "
            "(leave these out) or warn (send them again).",
        )
    if wanted == "skip":
        loading.set_repeats_aside()
    session.say(f"{said[0].upper()}{said[1:]}: {'left out' if wanted == 'skip' else 'sent again'}.")


def _judge(config: Config, loading: Loading, path: Path) -> None:
    """Refuse the whole list where the configuration says so; nothing is loaded then."""
    recipients, counts = config.settings.recipients, loading.counts
    why = too_many_invalid(recipients, counts.rows, counts.invalid)
    why = why or keys_repeat(recipients, counts.duplicate)
    if why is not None:
        raise ListRefused(
            f"The list {path} is refused: {why}.",
            hint="Nothing was loaded or sent. Mend the list, or relax [recipients] in the configuration.",
        )


def too_many_invalid(recipients: RecipientsSettings, rows: int, invalid: int) -> str | None:
    """Why a list with so many invalid rows is refused; None if it is not."""
    if invalid and recipients.on_invalid == "fail":
        return f"{_invalid_of(invalid, rows)} and on_invalid is fail"
    if invalid > recipients.max_invalid_share * rows:
        return f"{_invalid_of(invalid, rows)}, more than max_invalid_share allows"
    return None


def _invalid_of(invalid: int, rows: int) -> str:
    return f"{invalid:,} of {counted(rows, 'row')} {'is' if invalid == 1 else 'are'} invalid"


def keys_repeat(recipients: RecipientsSettings, duplicate: int) -> str | None:
    """Why a list with so many duplicates is refused; None if it is not."""
    if duplicate and recipients.on_duplicate == "fail":
        repeat = "repeats" if duplicate == 1 else "repeat"
        return f"{counted(duplicate, 'row')} {repeat} a key and on_duplicate is fail"
    return None


def said_already(count: int) -> str:
    """That so many messages are no news."""
    if count == 1:
        return "1 message is in an earlier run, to the same recipient in the same words"
    return f"{count:,} messages are in an earlier run, to the same recipients in the same words"


def loaded_as(ledger: Ledger, rows: RecipientList, letters: Composer) -> Run | None:
    """The run that this list was loaded as, with these templates: it is gone on with, not loaded again.

    Of several the one of the list's own name, else the latest.
    """
    runs = ledger.runs.of_list(rows.digest, letters.digest)
    own = [run for run in runs if run.name == rows.path.stem]
    return next(iter(own + runs), None)
