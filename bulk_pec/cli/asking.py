"""Asking for one message by whatever a person has in hand, and what decides what comes next with it."""

from __future__ import annotations

from bulk_pec.cli import forecasting
from bulk_pec.cli.policy import settle_options
from bulk_pec.clock import SystemClock
from bulk_pec.config import Config
from bulk_pec.domain.errors import UsageError
from bulk_pec.domain.states import MessageState
from bulk_pec.domain.words import counted
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.proof.stories import Story
from bulk_pec.ledger.proof.tracing import By, Match
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.receipts.settle import why_left
from bulk_pec.reporting.outlook import Prospects

_OF_RUN = "A row of another run is found with --run RUN."


def found(ledger: Ledger, word: str, name: str | None) -> list[Match]:
    """Every message, and every row that never became one, that the word may mean.

    Args:
        ledger: Open.
        word: A key, an address, a reference, a message_id or a row's number.
        name: Of the run to look in; None: all runs (of a row's number: the run loaded last).

    Raises:
        UsageError: There is none, or no such run; or the word is empty.
    """
    if not word.strip():
        raise UsageError(
            "The KEY is empty.", hint="Give a key, an address, a reference, a message_id or a row's number."
        )
    run = ledger.runs.get(name) if name is not None else None
    last = ledger.runs.find("last")
    matches = ledger.tracing.find(word, run, last)
    if not matches:
        raise _nothing(ledger, word, run, last)
    return matches


def _nothing(ledger: Ledger, word: str, run: Run | None, last: Run | None) -> UsageError:
    """That nothing fits, and where it was looked for: a row's number in one run, all else in all of them."""
    kind, colon, rest = word.partition(":")
    if kind == By.ROW and colon:
        return _no_row(rest, run, last)
    where = f"the run {run.name!r}" if run is not None else "any run of this ledger"
    what = f"Nothing in {where} has the key, address, reference, message_id or row {word!r}."
    hint = _near(ledger, word, run)
    if run is None and last is not None and _is_row(word):
        what = (
            f"Nothing in {where} has the key, address, reference or message_id {word!r}, and the run loaded "
            f"last, {last.name!r}, has no such row."
        )
        hint = f"{hint} {_OF_RUN}"
    return UsageError(what, hint=hint)


def _near(ledger: Ledger, word: str, run: Run | None) -> str:
    near = ledger.tracing.near(word, run)
    if not (near.keys or near.addresses):
        return "Nothing comes near it either: check the word and the run; `bulk-pec export` lists all."
    addresses = f"{near.addresses:,} {'address' if near.addresses == 1 else 'addresses'}"
    hold = "holds" if near.keys + near.addresses == 1 else "hold"
    return (
        f"{counted(near.keys, 'key')} and {addresses} {hold} this text: give one whole; `bulk-pec export` "
        "lists them."
    )


def _no_row(number: str, run: Run | None, last: Run | None) -> UsageError:
    if not _is_row(number):
        return UsageError(
            f"{number!r} is no row number.",
            hint="Rows are counted from 1, the header aside: the first is row:1.",
        )
    looked = run or last
    if looked is None:
        return UsageError("The ledger holds no run yet.", hint="`bulk-pec load LIST` makes one.")
    which = f"The run {looked.name!r}" if run is not None else f"The run loaded last, {looked.name!r},"
    return UsageError(
        f"{which} has no row {number.strip()}: its list has {counted(looked.input_rows, 'row')}.",
        hint=_OF_RUN,
    )


def _is_row(word: str) -> bool:
    number = word.strip()
    return number.isascii() and number.isdecimal() and number.strip("0") != ""


def prospects(config: Config, ledger: Ledger, story: Story) -> Prospects:
    """What beside a message's own story decides what happens next with it."""
    now, run, message = SystemClock().now(), story.run, story.message
    configured = {mailbox.address.lower() for mailbox in config.settings.mailboxes}
    bound = message.mailbox is None or message.mailbox.lower() in configured
    return Prospects(
        now=now,
        overdue_after=round(config.settings.receipts.overdue_after * 1000),
        zone=forecasting.zone(config),
        suppressed=ledger.stories.suppressed(message.recipient),
        doubt=_doubt(config, ledger, run, story, configured=bound, now=now),
        older_copy=next(iter(ledger.runs.copies()), ""),
        canary=ledger.canaries.of(run).state,
        configured=bound,
        absence=config.settings.sending.on_in_doubt == "reconcile",
        referenced=ledger.stories.referenced(message.id),
    )


def _doubt(
    config: Config, ledger: Ledger, run: Run, story: Story, *, configured: bool, now: int
) -> str | None:
    if story.message.state != MessageState.IN_DOUBT:
        return None
    options = settle_options(config)
    for doubt in ledger.doubts.of(run):
        if doubt.message == story.message.id:
            return why_left(ledger.doubts, options, doubt, now, configured=configured)
    return None
