"""Asking for one message by whatever a person has in hand, and what decides what comes next with it."""

from __future__ import annotations

from bulk_pec.cli import forecasting
from bulk_pec.cli.policy import settle_options
from bulk_pec.clock import SystemClock
from bulk_pec.config import Config
from bulk_pec.domain.errors import UsageError
from bulk_pec.domain.states import MessageState
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.proof.stories import Story
from bulk_pec.ledger.proof.tracing import Match
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.receipts.settle import why_left
from bulk_pec.reporting.outlook import Prospects


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
    matches = ledger.tracing.find(word, run, ledger.runs.find("last"))
    if not matches:
        near = ledger.tracing.near(word, run)
        where = f"the run {run.name!r}" if run is not None else "any run of this ledger"
        raise UsageError(
            f"Nothing in {where} has the key, address, reference, message_id or row {word!r}.",
            hint=f"{near.keys:,} keys and {near.addresses:,} addresses hold this text: give one whole; "
            "`bulk-pec export` lists them."
            if near.keys or near.addresses
            else "Nothing comes near it either: check the word and the run; `bulk-pec export` lists all.",
        )
    return matches


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
