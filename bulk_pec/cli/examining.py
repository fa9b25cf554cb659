"""Examining a whole list, for `plan`: every row, every letter, every attachment; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from bulk_pec.cli import wiring
from bulk_pec.cli.enquiring import Enriched, enriched, waits
from bulk_pec.cli.examination import Examination, Expiries
from bulk_pec.cli.findings import Findings, problems_file
from bulk_pec.cli.loading import keys_repeat, loaded_as, said_already, too_many_invalid
from bulk_pec.cli.progress import Counted
from bulk_pec.cli.proofreading import GoodRow, proofread
from bulk_pec.cli.session import Session
from bulk_pec.composing import Proofreader
from bulk_pec.composing.proofs import Proof
from bulk_pec.config import RecipientsSettings
from bulk_pec.domain.addresses import canonicals
from bulk_pec.domain.errors import ListRefused, UsageError
from bulk_pec.domain.exits import Reason
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.planning import Kind, LetterFacts, ListFacts, RowProblem
from bulk_pec.recipients import RecipientList, Rejects, Repeats, RowWarning, SetAsideRow, shown
from bulk_pec.recipients.rejects import rejects

_CELL = 80
"""Characters of a cell that are shown, at most."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What an examination comes to.

    Attributes:
        listed: What was read.
        letters: What was rendered.
        messages: How many messages there are to send: those that have not expired.
        addresses: Of these together; duplicates are reckoned as messages to one.
        letter_bytes: Of one message with its attachments, as a mail: the mean.
        expiries: Place among these messages, and last moment, of each that will expire.
        refusal: Why loading would refuse the list; None if it would not.
        only_invalid: That is for its invalid rows alone.
    """

    listed: ListFacts
    letters: LetterFacts
    messages: int
    addresses: int
    letter_bytes: int
    expiries: Expiries = field(repr=False)
    refusal: ListRefused | None = None
    only_invalid: bool = False


def examine(
    session: Session,
    path: Path,
    *,
    rejects_path: Path | None,
    ask: bool,
    problems_path: Path | None = None,
    anew: bool = False,
) -> Examined:
    """Read, check and render a whole list.

    Args:
        session: For the configuration.
        path: The list.
        rejects_path: Where bad rows are written in the list's own form, if anywhere.
        ask: Whether paid look-ups may be made.
        problems_path: Where everything that is found is written, a line each, if anywhere.
        anew: It is to be loaded as a new run, whether or not it was loaded already: what was, comes again.
    """
    letters = wiring.composer(session.config())
    with ExitStack() as stack:
        rows = stack.enter_context(wiring.recipient_list(session.config(), path, letters))
        ledger = _ledger(session, stack, write=ask)
        known = enriched(session, ledger, rows, ask=ask)
        bad = stack.enter_context(rejects(rows, rejects_path)) if rejects_path is not None else None
        into = stack.enter_context(problems_file(problems_path)) if problems_path is not None else None
        found = Examination(Findings(into))
        run = None if ledger is None or anew else loaded_as(ledger, rows, letters)
        reader = _Reader(
            session, found, Proofreader(letters, rows.columns), ledger, bad, wiring.clock().now()
        )
        # What was loaded already, and is gone on with, is no repeat of itself.
        reader.read(known, None if run is not None else letters.templates.digest)
        reader.tell(known)
        return _examined(session.config().settings.recipients, found, known, run)


def reason_of(examined: Examined) -> Reason:
    """65 for what loading would refuse, with the whole plan; but invalid rows are 3, however many."""
    if examined.refusal is not None and not examined.only_invalid:
        return Reason.DATA
    return Reason.ATTENTION if examined.listed.invalid else Reason.COMPLETE


def _ledger(session: Session, stack: ExitStack, *, write: bool) -> Ledger | None:
    """The ledger, for suppressions, earlier runs and kept answers; None if there is none yet."""
    try:
        return stack.enter_context(session.ledger("write" if write else "read"))
    except UsageError:
        return None


@dataclass(slots=True)
class _Reader:
    session: Session
    found: Examination
    proofs: Proofreader
    ledger: Ledger | None
    bad: Rejects | None
    now: int

    def read(self, known: Enriched, words: str | None) -> None:
        """Every row; `words`, the templates' digest, tells which earlier runs are looked at; None: none."""
        with Counted(self.session, "Checked") as counted:
            for part in proofread(known, self.proofs.proof):
                lines = [_warning(one) for one in part.batch.warnings]
                aside = [row for row in part.aside if not waits(row)]
                self._refuse(aside, lines)
                good = self._sendable(part.good, lines)
                self._take(good, known.rows, lines)
                self._note_repeats(good, words, lines)
                self.found.findings.take(lines)
                self.found.rows += len(part.batch)
                counted.add(len(part.batch))

    def tell(self, known: Enriched) -> None:
        """Warn of what nobody has asked for yet, and of rows that are none."""
        warn = self.found.findings.warn
        if known.empty:
            warn(f"Rows without anything in them: {known.empty:,}", "They are left out, as blank lines are.")
        later = "`plan --lookups` does it now. Each may cost."
        if known.unasked:
            what = f"Rows that lack an address that can be looked up: {known.unasked:,}"
            warn(what, f"Loading looks them up; {later} The forecast is without them.")
        if known.unjudged:
            warn(f"Domains that were not asked about yet: {len(known.unjudged):,}", f"Loading asks; {later}")
        if self.found.expiries.expired:
            what = f"Messages that have expired already: {len(self.found.expiries.expired):,}"
            warn(what, "They would be loaded and cancelled unsent; the forecast is without them.")

    def _refuse(self, aside: list[SetAsideRow], lines: list[RowProblem]) -> None:
        """The rows that can be no message."""
        self.found.invalid += len(aside)
        for row in aside:
            lines += (RowProblem(row.row, one.column, one.what, one.todo, one.value) for one in row.problems)
            if self.bad is not None:
                self.bad.add(row)

    def _sendable(self, good: list[GoodRow[Proof]], lines: list[RowProblem]) -> list[GoodRow[Proof]]:
        """The rows whose addresses are not suppressed; as in loading, those are looked at last."""
        if self.ledger is None or not good:
            return good
        addresses = {one for row in good for one in canonicals(row[2])}
        known = self.ledger.suppressions.among(addresses)
        if not known:
            return good
        kept: list[GoodRow[Proof]] = []
        for row in good:
            reasons = [known[one] for one in canonicals(row[2]) if one in known]
            if reasons:
                lines.append(
                    _aside(row[0], Kind.SUPPRESSED, ": ".join(filter(None, ("suppressed", reasons[-1]))))
                )
            else:
                kept.append(row)
        self.found.suppressed += len(good) - len(kept)
        return kept

    def _take(self, good: list[GoodRow[Proof]], rows: RecipientList, lines: list[RowProblem]) -> None:
        expired = len(self.found.expiries.expired)
        for row in good:
            self.found.letter(row, self.now)
        self.found.keys.add([row[:4] for row in good])
        gone = frozenset(self.found.expiries.expired[expired:])
        if gone:
            lines += (
                _expired(row, rows, self.session.config().settings.recipients.expires_at_column)
                for row in good
                if row[0] in gone
            )

    def _note_repeats(self, good: list[GoodRow[Proof]], words: str | None, lines: list[RowProblem]) -> None:
        if self.ledger is None or words is None or not good:
            return
        said = self.ledger.views.said_where(words, [(row[1], row[4].digest) for row in good])
        sent_again = self.session.config().settings.recipients.on_repeat == "warn"
        for row in good if said else ():
            place = said.get((row[1], row[4].digest))
            if place is None:
                continue
            what = f"said already, as row {place[1]:,} of run {place[0]!r}"
            if not self.found.repeated:
                self.found.first_repeat = f"the first is row {row[0]}, as row {place[1]} of run {place[0]!r}"
            self.found.repeated.append(row[0])
            if sent_again:
                todo = "It is sent again: [recipients] on_repeat is warn."
                lines.append(RowProblem(row[0], None, what, todo, kind=Kind.WARNING))
            else:
                lines.append(_aside(row[0], Kind.REPEATED, what))


def _warning(one: RowWarning) -> RowProblem:
    return RowProblem(one.row, one.column, one.what, one.todo, one.value, Kind.WARNING)


def _aside(row: int, kind: Kind, what: str) -> RowProblem:
    return RowProblem(row, None, what, "", kind=kind)


def _expired(row: GoodRow[Proof], rows: RecipientList, column: str | None) -> RowProblem:
    place = rows.columns.index(column) if column in rows.columns else None
    value = "" if place is None else str(orjson.loads(row[3])[place])[:_CELL]
    todo = "It would be cancelled unsent: correct the date, or leave the row out."
    return RowProblem(row[0], column, "it has expired already", todo, value, Kind.WARNING)


@dataclass(frozen=True, slots=True)
class _Duplicates:
    """The rows that repeat a key, as findings: gone through more than once, and never held."""

    repeats: Repeats

    def __iter__(self) -> Iterator[RowProblem]:
        for repeat in self.repeats:
            yield _aside(repeat.row, Kind.DUPLICATE, f"same key as row {repeat.first:,}")


def _examined(wanted: RecipientsSettings, found: Examination, known: Enriched, run: Run | None) -> Examined:
    repeats = found.keys.repeats()
    again = set() if wanted.on_duplicate == "keep" else {repeat.row for repeat in repeats}
    if again:
        found.findings.duplicates(_Duplicates(repeats), again)
    repeated = set(found.repeated) - again
    found.expiries.gone = sorted(again | repeated if wanted.on_repeat == "skip" else again)
    facts = _facts(wanted, found, known, run, len(repeated))
    why = [] if run is not None else _refusals(wanted, found, facts, len(again), len(repeated))
    messages = facts.messages - facts.expired
    never = len(found.expiries.gone) + facts.expired - len(found.expiries.expired)
    return Examined(
        listed=facts,
        letters=found.letters(),
        messages=messages,
        addresses=max(messages, found.addresses - never),
        letter_bytes=found.total // max(1, found.composed),
        expiries=found.expiries,
        refusal=_refusal(why),
        only_invalid=why == [too_many_invalid(wanted, found.rows, found.invalid)],
    )


def _facts(
    wanted: RecipientsSettings, found: Examination, known: Enriched, run: Run | None, repeated: int
) -> ListFacts:
    findings, rows, gone = found.findings, known.rows, found.expiries.gone
    if run is not None:
        _tell_loaded(found, rows.path, run)
    elif repeated and wanted.on_repeat != "fail":
        then = "Left out" if wanted.on_repeat == "skip" else "Sent again"
        todo = f"{then}: [recipients] on_repeat is {wanted.on_repeat}."
        findings.warn(f"{said_already(repeated)}; {found.first_repeat}", todo)
    aside = findings.set_aside(repeated if wanted.on_repeat != "warn" else 0)
    form, *told = shown(rows)
    guessed = len(rows.guesses)
    return ListFacts(
        path=str(rows.path),
        rows=found.rows,
        invalid=found.invalid,
        duplicate=len(gone),
        suppressed=found.suppressed,
        to_look_up=known.unasked,
        looked_up=len(known.looked_up),
        expired=len(set(found.expiries.expired).difference(gone)),
        problems=findings.problems.first,
        problems_total=findings.problems.total,
        warnings=findings.warnings.first,
        warnings_total=findings.warnings.total,
        set_aside=aside.first,
        set_aside_total=aside.total,
        guesses=[form, *told[:guessed]],
        sample=told[guessed:],
        columns=rows.columns,
        address_column=rows.address_column,
        key_column=rows.key_column,
        loaded_as=None if run is None else run.name,
    )


def _tell_loaded(found: Examination, path: Path, run: Run) -> None:
    name = "" if run.name == path.stem else f" --name {run.name}"
    found.findings.warn(
        f"The list is loaded already, with these templates, as run {run.name!r} ({run.state.value})",
        f"`bulk-pec run {path}{name}` goes on with it. The forecast is of the whole list; what is left of it "
        f"says `bulk-pec status {run.name}`.",
    )


def _refusals(
    wanted: RecipientsSettings, found: Examination, facts: ListFacts, again: int, repeated: int
) -> list[str]:
    """Everything for which loading would refuse the list."""
    why = [too_many_invalid(wanted, found.rows, found.invalid), keys_repeat(wanted, again)]
    if repeated and wanted.on_repeat == "fail":
        why.append(f"{said_already(repeated)}; {found.first_repeat}, and on_repeat is fail")
    if not facts.messages and not facts.to_look_up:
        why.append("it has no row to send")
    return [one for one in why if one is not None]


def _refusal(why: list[str]) -> ListRefused | None:
    if not why:
        return None
    return ListRefused(
        f"Loading would refuse this list: {'; and '.join(why)}.",
        hint="Mend the list, or relax [recipients] in the configuration.",
    )
