"""Retrying: what failed in a run is loaded again, under new references, as a run of its own."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

import orjson

from bulk_pec.cli import wiring
from bulk_pec.cli.consent import said_yes
from bulk_pec.cli.session import Result, Session
from bulk_pec.composing import Composer, Problem, Proofreader
from bulk_pec.composing.proofs import Proof
from bulk_pec.domain.errors import ListRefused, UsageError
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.domain.words import counted
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.loading import Loaded, NewRow, NewRun, RefusedRow
from bulk_pec.ledger.runs.retries import Class, Failed, Retry
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.recipients.headers import adopt


def classes_of(words: Sequence[str]) -> list[Class]:
    """The classes that are meant.

    Raises:
        UsageError: One is none.
    """
    known = {one.value: one for one in Class}
    for word in words:
        if word not in known:
            raise UsageError(f"--class {word!r} is none.", hint=f"Give one of {', '.join(known)}.")
    return sorted({known[word] for word in words})


def retry_run(session: Session, name: str, classes: Collection[Class], *, yes: bool) -> Result:
    """Load a run's failures as a new run.

    Raises:
        ListRefused: The templates need columns that the run has not, or no row can be sent.
        UsageError: There is no such run, or nobody said yes.
    """
    with session.ledger("write") as ledger:
        run = ledger.runs.get(name)
        count, taken = ledger.retries.count(run, classes)
        if not count:
            return _nothing(run, classes, taken)
        letters = _letters(session, run)
        new = _free_name(ledger, run)
        if not (yes or said_yes(session, f"Load {count:,} messages of {run.name!r} again as {new!r}?")):
            raise UsageError(
                f"{count:,} messages of {run.name!r} were not loaded again: nobody said yes.",
                hint="Give --yes to load them; sending them asks again.",
            )
        loaded = _load(session, ledger, run, classes, (new, letters))
    return _loaded(run, new, loaded, taken)


def _letters(session: Session, run: Run) -> Composer:
    """The templates as they are configured now, which may have been mended since.

    Raises:
        ListRefused: They use columns that the run's list had not.
    """
    letters = wiring.composer(session.config())
    try:
        _columns(letters, run)
    except ListRefused as error:
        raise ListRefused(
            error.what, hint="Nothing was loaded. Restore the templates, or load a new list."
        ) from None
    return letters


def _columns(letters: Composer, run: Run) -> tuple[str, ...]:
    """The run's columns as the templates spell them."""
    needed = letters.required_columns | letters.optional_columns
    return adopt(run.columns, needed, Path(run.list_name))[0]


def _load(
    session: Session, ledger: Ledger, run: Run, classes: Collection[Class], named: tuple[str, Composer]
) -> Loaded:
    name, letters = named
    new = NewRun(
        name=name,
        list_name=run.list_name,
        list_digest=run.list_digest,
        template_digest=letters.digest,
        columns=run.columns,
        mailboxes=tuple(mailbox.address.lower() for mailbox in session.config().settings.mailboxes),
        words_digest=letters.templates.digest,
        retry_of=run.id,
    )
    with ledger.retries.begin(new, wiring.clock().now()) as loading:
        _fill(loading, run, classes, letters)
        return loading.counts


def _fill(loading: Retry, run: Run, classes: Collection[Class], letters: Composer) -> None:
    """Each letter is checked anew: a template or an attachment may be what was wrong with it."""
    columns = _columns(letters, run)
    proofs = Proofreader(letters, columns)
    same = letters.digest == run.template_digest
    for page in loading.failed(run, classes):
        good: list[NewRow] = []
        refused: list[RefusedRow] = []
        for failed in page:
            found = _proof(proofs, failed, len(columns), same=same)
            if isinstance(found, bytes):
                good.append(
                    (
                        failed.row,
                        failed.key,
                        failed.recipient,
                        failed.fields,
                        found,
                        failed.expires_at,
                        failed.looked_up,
                    )
                )
            else:
                words = "; ".join(f"{problem.what} ({problem.todo})" for problem in found)
                refused.append(RefusedRow(failed.row, failed.key, failed.recipient, words, failed.fields))
        loading.add(good)
        loading.set_aside(refused)


def _proof(proofs: Proofreader, failed: Failed, width: int, *, same: bool) -> bytes | tuple[Problem, ...]:
    """The content digest; other templates than the run's may fail on a row that those did not."""
    values = orjson.loads(failed.fields)[:width]  # behind them may stand a word on a look-up
    found = proofs.read(failed.recipient, values) if same else proofs.proof(failed.recipient, values)
    return found.digest if isinstance(found, Proof) else found


def _free_name(ledger: Ledger, run: Run) -> str:
    """The first of ``RUN.retry-1``, ``RUN.retry-2`` … that no run has."""
    number = 1
    while ledger.runs.find(f"{run.name}.retry-{number}") is not None:
        number += 1
    return f"{run.name}.retry-{number}"


def _nothing(run: Run, classes: Collection[Class], taken: int) -> Result:
    words = f"Nothing to retry: no message of {run.name!r} is {' or '.join(classes)}."
    if taken:
        words = (
            f"Nothing to retry: the {taken:,} messages of {run.name!r} have been taken up by a retry already."
        )
    document = {"schema": 1, "run": None, "retry_of": run.name, "messages": 0, "taken_up": taken}
    return Result(document, words)


def _loaded(run: Run, new: str, loaded: Loaded, taken: int) -> Result:
    document = {
        "schema": 1,
        "run": new,
        "retry_of": run.name,
        "messages": loaded.messages,
        "invalid": loaded.invalid,
        "suppressed": loaded.suppressed,
        "taken_up": taken,
    }
    words = [f"{counted(loaded.messages, 'message')} of {run.name} loaded as {new}, and not sent."]
    aside = {
        "suppressed": loaded.suppressed,
        "invalid": loaded.invalid,
        "taken up by an earlier retry": taken,
    }
    words += [f"{count:,} left out: {why}." for why, count in aside.items() if count]
    words.append(f"`bulk-pec send {shlex.quote(new)}` sends them.")
    how = Exit.of(Reason.ATTENTION if loaded.invalid else Reason.COMPLETE)
    return Result(document, "\n".join(words), how)
