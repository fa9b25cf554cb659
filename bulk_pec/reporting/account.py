"""A message's account: all that is known of it as one JSON document, for `explain` and for dossiers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

import orjson

from bulk_pec.domain.letters import recipients_of
from bulk_pec.domain.outcomes import MAY_TRY_AGAIN, Verdict
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.settlements import Settlement
from bulk_pec.domain.states import Delivery, MessageState
from bulk_pec.ledger.proof.stories import Aside, Attempt, Kin, Message, Receipt, RunOrder, Story
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.reporting.moments import local_iso
from bulk_pec.reporting.notices import undelivered_at, words_of
from bulk_pec.reporting.phrases import (
    Words,
    cause_holds,
    cause_words,
    delivery_words,
    known_cause,
    settled_words,
    state_words,
    together,
    verdict_words,
)
from bulk_pec.reporting.proving import Grounds, proof_words, several_words
from bulk_pec.reporting.status import iso
from bulk_pec.reporting.timeline import as_json, timeline


def standing(message: Message) -> Words:
    """Where a message stands, delivery included."""
    state = state_words(MessageState(message.state))
    if message.state != MessageState.SENT:
        return state
    delivery = delivery_words(Delivery(message.delivery))
    return Words(f"{state.it}; {delivery.it}", f"{state.en}; {delivery.en}")


def proved(story: Story) -> Words:
    """What can be proved of a message."""
    message = story.message
    state, delivery = MessageState(message.state), Delivery(message.delivery)
    said = proof_words(state, delivery, _grounds(story))
    addresses = len(recipients_of(message.recipient))
    if state is not MessageState.SENT or addresses < 2:
        return said
    return together(said, several_words(addresses, delivered(story)))


def _grounds(story: Story) -> Grounds:
    answers = [one.status for one in story.attempts if one.outcome == Verdict.SENT and one.status is not None]
    return Grounds(
        accepted=story.message.accepted_at is not None,
        answered=answers[0] if answers else None,
        word=any(_sent_by_word(one) for one in story.attempts),
        attempts=len(story.attempts),
        unsent=all(one.outcome in MAY_TRY_AGAIN for one in story.attempts),
    )


def _sent_by_word(attempt: Attempt) -> bool:
    return attempt.settlement == Settlement.OPERATOR and attempt.settled_facts.get("decision") == "sent"


def cause_of(message: Message) -> tuple[str | None, str | None]:
    """The cause that says why a message is where it is; and the one that an earlier notice named."""
    holds = cause_holds(MessageState(message.state), Delivery(message.delivery))
    return (message.cause, None) if holds else (None, message.cause)


def delivered(story: Story) -> int:
    """How many receipts of delivery are on record; one of them may be a repetition."""
    return sum(receipt.kind == ReceiptKind.DELIVERED for receipt in story.receipts)


def account(story: Story, orders: Sequence[RunOrder], zone: tzinfo) -> dict[str, Any]:
    """Everything that is known of a message; times as UTC ISO 8601, and as the zone's clock shows them.

    Args:
        story: The message's.
        orders: Those of its run that touched it.
        zone: Where the operator's clock stands.
    """
    message = story.message
    sent = message.state == MessageState.SENT
    return {
        "run": about_run(story.run),
        "row": message.row,
        "key": message.key,
        "recipients": list(recipients_of(message.recipient)),
        "reference": message.reference,
        "mailbox": message.mailbox,
        "address_looked_up": bool(message.looked_up),
        "state": message.state,
        "delivery": message.delivery if sent else None,
        "in_words": standing(message)._asdict(),
        "proves": proved(story)._asdict(),
        "reason": message.reason,
        "cause": _cause(cause_of(message)[0]),
        "earlier_cause": _cause(cause_of(message)[1]),
        "message_id": message.message_id,
        "deliveries": delivered(story),
        "timezone": str(zone),
        **_times(story, zone),
        "attempts": [_attempt(one, zone) for one in story.attempts],
        "receipts": [_receipt(story, one, zone) for one in story.receipts],
        "orders": [order(one, zone) for one in orders],
        "retry_of": None if story.earlier is None else _kin(story.earlier),
        "retried_in": [_kin(one) for one in story.later],
        "timeline": as_json(timeline(story, orders), zone),
    }


def about_run(run: Run) -> dict[str, Any]:
    """The run that a message belongs to, without its state, which changes with other messages."""
    return {
        "name": run.name,
        "list": run.list_name,
        "list_sha256": run.list_digest,
        "templates_sha256": run.template_digest,
        "loaded_at": iso(run.created_at),
        "service": run.service,
        "retry_of": run.retry_of,
    }


def inputs(run: Run, fields: str) -> dict[str, Any]:
    """A row's cells by column; what stands behind them (a look-up's note) is left out."""
    return dict(zip(run.columns, orjson.loads(fields), strict=False))


def aside_account(run: Run, aside: Aside) -> dict[str, Any]:
    """Everything that is known of a row that never became a message."""
    return {
        "run": about_run(run),
        "row": aside.row,
        "key": aside.key,
        "recipient": aside.recipient,
        "state": aside.state,
        "reason": aside.reason,
    }


_TIMES = (
    "sent_at",
    "accepted_at",
    "not_accepted_at",
    "delivered_at",
    "late_at",
    "expires_at",
    "not_before",
    "asked_at",
)


def _times(story: Story, zone: tzinfo) -> dict[str, Any]:
    shown: dict[str, Any] = {name: _when(getattr(story.message, name), zone) for name in _TIMES}
    shown["undelivered_at"] = _when(undelivered_at(story), zone)
    return shown | {"sent_twice_at": _when(story.message.twin_at, zone)}


def _when(at: int | None, zone: tzinfo) -> dict[str, str | None] | None:
    return None if at is None else {"utc": iso(at), "local": local_iso(at, zone)}


def _cause(word: str | None) -> dict[str, Any] | None:
    if word is None:
        return None
    cause = known_cause(word)
    if cause is None:
        return {"name": word, "in_words": None, "advice": None}
    return {"name": word, "in_words": cause_words(cause)._asdict(), "advice": cause.advice.value}


def _attempt(attempt: Attempt, zone: tzinfo) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "mailbox": attempt.mailbox,
        "content_sha256": attempt.digest,
        "addresses": attempt.units,
        "opened_at": _when(attempt.opened_at, zone),
        "closed_at": _when(attempt.closed_at, zone),
        "outcome": attempt.outcome,
        "in_words": verdict_words(Verdict(attempt.outcome) if attempt.outcome else None)._asdict(),
        "http_status": attempt.status,
        "message_id": attempt.message_id,
        "sent_to": attempt.sent_to,
        "detail": attempt.detail,
        "settlement": None
        if attempt.settlement is None
        else {
            "how": attempt.settlement,
            "in_words": settled_words(attempt.settlement)._asdict(),
            "at": _when(attempt.settled_at, zone),
            "facts": attempt.settled_facts,
        },
    }


def _receipt(story: Story, receipt: Receipt, zone: tzinfo) -> dict[str, Any]:
    return {
        "kind": receipt.kind,
        "in_words": words_of(story, receipt)._asdict(),
        "mailbox": receipt.mailbox,
        "sender": receipt.sender,
        "subject": receipt.subject,
        "date": receipt.date,
        "at": _when(receipt.at, zone),
        "message_id": receipt.token,
        "cause": _cause(receipt.cause),
        "text_sha256": receipt.text_digest,
        "archived_at": _when(receipt.archived_at, zone),
        "archive_number": receipt.archive_number,
        "deletion_asked_at": _when(receipt.deleted_at, zone),
        "deleted": bool(receipt.gone),
    }


def order(one: RunOrder, zone: tzinfo) -> dict[str, Any]:
    """An operator's order, for programs."""
    return {
        "kind": one.kind,
        "at": _when(one.given_at, zone),
        "by": one.given_by,
        "messages_named": one.named,
        "facts": one.facts,
    }


def _kin(kin: Kin) -> dict[str, Any]:
    return {
        "run": kin.run,
        "row": kin.row,
        "state": kin.state,
        "delivery": kin.delivery if kin.state == MessageState.SENT else None,
        "reference": kin.reference,
    }
