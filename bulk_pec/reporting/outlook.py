"""What happens next with one message, in plain words: by itself, or by whom and with which command. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import assert_never

from bulk_pec.domain.states import Delivery, MessageState, RunState, SetAside
from bulk_pec.ledger.outbox.canaries import CanaryState
from bulk_pec.ledger.proof.stories import Aside, Message, Story
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.reporting.moments import both
from bulk_pec.reporting.phrases import known_cause, plain


@dataclass(frozen=True, slots=True)
class Prospects:
    """What beside the message's own story decides what happens next.

    Attributes:
        now: Milliseconds since the epoch.
        overdue_after: Milliseconds.
        zone: Where the operator's clock stands.
        suppressed: Why its address is never to be written to by now; None: it may be.
        doubt: Why its doubt stays, as the ledger knows; None: it is not in doubt.
        older_copy: The run that shows that the ledger is an older copy; "": none does.
        canary: Where the run's canary stands; None: it has none.
        configured: Whether the mailbox it is bound to is in the configuration.
        absence: Whether an absence may settle a doubt (`on_in_doubt` is "reconcile").
        referenced: Whether subjects carry a reference, so that receipts name the message they are of.
    """

    now: int
    overdue_after: int
    zone: tzinfo = UTC
    suppressed: str | None = None
    doubt: str | None = None
    older_copy: str = ""
    canary: CanaryState | None = None
    configured: bool = True
    absence: bool = True
    referenced: bool = True


def next_step(story: Story, prospects: Prospects) -> str:
    """What happens next with a message, as one or two sentences."""
    state = MessageState(story.message.state)
    match state:
        case MessageState.PENDING:
            said = _pending(story, prospects)
        case MessageState.SENDING:
            said = (
                "A process is sending it now. If that process has died, the next start puts it in doubt, "
                "reads the inbox, "
                "and goes on from what it finds."
            )
        case MessageState.SENT:
            said = _sent(story, prospects)
        case MessageState.REJECTED:
            said = f"Nothing more by itself. Mend what the reason says, then {_retry(story, 'rejected')}."
        case MessageState.IN_DOUBT:
            said = _in_doubt(story, prospects)
        case MessageState.CANCELLED:
            said = "Nothing more: it will not be sent."
        case MessageState.ABANDONED:
            comes = f"no receipt can be matched with it: {_UNNAMED}. "
            if not _unmatchable(story.message, prospects):
                comes = "should a receipt of it come all the same, it counts as sent. "
            said = f"Nothing more by itself; {comes}To send it after all: {_retry(story, 'abandoned')}."
        case _:
            assert_never(state)
    return said


def next_of_aside(run: Run, aside: Aside, kept: int | None) -> str:
    """What can be done about a row that never became a message.

    Args:
        run: Its run.
        aside: The row.
        kept: The row whose message stands for a duplicate, where it can be told.
    """
    state = SetAside(aside.state)
    match state:
        case SetAside.INVALID:
            return "Nothing by itself. Mend the row and load it in a list of its own, under another --name."
        case SetAside.DUPLICATE:
            if kept is None:
                return "Nothing: another row, here or in an earlier run, is its message."
            return f"Nothing: row {kept} is its message (`bulk-pec explain row:{kept} --run {_name(run)}`)."
        case SetAside.SUPPRESSED:
            return (
                "Nothing. If it may be written to after all: `bulk-pec suppress remove "
                f"{shlex.quote(plain(aside.recipient))}`, then load the row in a list of its own."
            )
        case _:
            assert_never(state)


def _pending(story: Story, prospects: Prospects) -> str:
    message, run = story.message, story.run
    name = _name(run)
    holds: tuple[tuple[bool, Callable[[], str]], ...] = (
        (
            run.state is RunState.CANCELLED,
            lambda: f"Its run is cancelled: `bulk-pec cancel {name}` cancels what is left of it.",
        ),
        (
            message.expires_at is not None and message.expires_at <= prospects.now,
            lambda: "The next run cancels it unsent: it has expired.",
        ),
        (
            prospects.suppressed is not None,
            lambda: (
                "The next run cancels it unsent: its address is never to be written to by now "
                f"({plain(prospects.suppressed or '')})."
            ),
        ),
        (
            bool(prospects.older_copy),
            lambda: (
                "Nothing is sent from this ledger, which is an older copy of another: "
                f"`bulk-pec settle {shlex.quote(prospects.older_copy)}` says more."
            ),
        ),
        (
            run.state is RunState.PAUSED,
            lambda: f"Its run is paused: nothing is sent before `bulk-pec resume {name}`.",
        ),
        (
            prospects.canary is CanaryState.FAILED,
            lambda: (
                "Its run's canary is bad: a person decides whether the rest is sent "
                "(docs/operating.md, The canary)."
            ),
        ),
        (
            not prospects.configured,
            lambda: (
                f"It is bound to {plain(message.mailbox or '')}, which tried it first and is not in the "
                "configuration: put that mailbox back."
            ),
        ),
        (
            message.harvest_after is not None,
            lambda: (
                "The next run reads the whole inbox once more and, if nothing of it is found there, sends "
                "it again under the same reference."
            ),
        ),
    )
    held = next((says() for holds_it, says in holds if holds_it), None)
    return held or _to_send(message, name, prospects)


def _to_send(message: Message, name: str, prospects: Prospects) -> str:
    said = f"The next start sends it (`bulk-pec send {name}`, or `bulk-pec run`)"
    if message.not_before is not None and message.not_before > prospects.now:
        said += f", not before {both(message.not_before, prospects.zone)}"
    if prospects.canary in {CanaryState.SENDING, CanaryState.WAITING}:
        said += ", once its run's canary is good"
    if message.expires_at is not None:
        said += f"; never after {both(message.expires_at, prospects.zone)}"
    return f"{said}."


def _sent(story: Story, prospects: Prospects) -> str:
    message = story.message
    delivery = Delivery(message.delivery)
    match delivery:
        case Delivery.NONE | Delivery.ACCEPTED:
            return _awaited(message, prospects)
        case Delivery.DELIVERED:
            said = f"Nothing more: it is done. Keep the signed receipts, {_originals(story)}."
        case Delivery.NOT_ACCEPTED:
            said = f"A person decides: {_todo(message)}{_retry(story, 'not_accepted')}."
        case Delivery.UNDELIVERED:
            said = f"A person decides: {_todo(message)}{_retry(story, 'undelivered')}. "
            said += "A late CONSEGNA still wins."
        case Delivery.OVERDUE:
            said = (
                "A person decides: it may have arrived, and often the address is not certified; then "
                f"{_retry(story, 'overdue')}."
            )
            if not _unmatchable(message, prospects):
                said += " A receipt that comes late still counts."
        case _:
            assert_never(delivery)
    if message.twin_at is not None:
        return f"{said} It left twice: both copies are on record (docs/operating.md, Sent twice)."
    return said


def _originals(story: Story) -> str:
    if any(receipt.deleted_at is not None for receipt in story.receipts):
        return "which were to be kept elsewhere before they were deleted from the mailbox"
    return "which lie in the mailbox"


def _awaited(message: Message, prospects: Prospects) -> str:
    since = message.accepted_at or message.sent_at
    what = "The delivery receipt" if message.accepted_at is not None else "A receipt"
    said = f"{what} is awaited: every run, and `bulk-pec reconcile`, reads the inbox."
    if _unmatchable(message, prospects):
        said = f"No receipt can be matched with it: {_UNNAMED}. A person may look for it in the webmail."
    if since is None:
        return said
    return f"{said} Without one it is overdue after {both(since + prospects.overdue_after, prospects.zone)}."


def _in_doubt(story: Story, prospects: Prospects) -> str:
    key = shlex.quote(story.message.key)
    decide = f"`bulk-pec settle {_name(story.run)} --sent|--resend|--abandon {key}`"
    why = f" It stays in doubt so far because: {prospects.doubt}." if prospects.doubt else ""
    if _unmatchable(story.message, prospects):
        ends = f"No receipt can end the doubt: {_UNNAMED}."
    elif prospects.absence:
        ends = "The next start reads the inbox: a receipt ends the doubt, and so may its absence."
    else:
        ends = "The next start reads the inbox: a receipt ends the doubt, its absence does not."
    return f"{ends}{why} A person may look for it in the webmail and decide: {decide}."


_UNNAMED = "its subject carries no reference, and the service's message_id of it is not known"


def _unmatchable(message: Message, prospects: Prospects) -> bool:
    """Whether nothing that a receipt repeats is known of it."""
    return not prospects.referenced and message.message_id is None


def _todo(message: Message) -> str:
    cause = known_cause(message.cause)
    return "" if cause is None else f"{cause.advice.value} ({cause.words}); then "


def _retry(story: Story, kind: str) -> str:
    if story.later:
        return f"see run {plain(story.later[-1].run)}, which has taken it up again"
    return f"`bulk-pec retry {_name(story.run)} --class {kind}` loads it again, with all others of its class"


def _name(run: Run) -> str:
    return shlex.quote(run.name)
