"""``explain`` for people: one message's whole story in plain words, a fact a line. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from bulk_pec.domain.letters import recipients_of
from bulk_pec.domain.outcomes import Verdict
from bulk_pec.domain.states import SetAside
from bulk_pec.domain.words import counted
from bulk_pec.ledger.proof.stories import Aside, Attempt, Kin, Receipt, RunOrder, Story
from bulk_pec.ledger.proof.tracing import Match
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.reporting.account import cause_of, proved, standing
from bulk_pec.reporting.moments import both
from bulk_pec.reporting.notices import undelivered_at, words_of
from bulk_pec.reporting.phrases import (
    aside_words,
    cause_words,
    earlier_cause_words,
    known_cause,
    order_words,
    plain,
    settled_words,
    verdict_words,
)
from bulk_pec.reporting.timeline import facts_of

_WIDE = 14


def explained(story: Story, orders: Sequence[RunOrder], zone: tzinfo, then: str) -> str:
    """A message's story.

    Args:
        story: The message's.
        orders: Those of its run that touched it.
        zone: Where the operator's clock stands.
        then: What happens next.
    """
    lines = [
        *_what(story),
        *_stands(story, zone),
        *_attempts(story.attempts, zone),
        *_receipts(story, zone),
        *_orders(orders, zone),
        *_kin(story),
        _line("Next", then),
    ]
    return "\n".join(lines)


def explained_aside(run: Run, aside: Aside, then: str) -> str:
    """The story of a row that never became a message."""
    lines = [
        f"Row {aside.row} of run {plain(run.name)} (list {plain(run.list_name)})",
        *([_line("Key", plain(aside.key))] if aside.key is not None else []),
        _line("Address", plain(aside.recipient)),
        _line("State", f"{aside.state}: {aside_words(SetAside(aside.state)).en}"),
        _line("Reason", plain(aside.reason)),
        _line("Proves", "Nothing was sent, so there is nothing to prove."),
        _line("Next", then),
    ]
    return "\n".join(lines)


def listed(word: str, matches: Sequence[Match], most: int) -> str:
    """Several rows that a word may mean, a line each."""
    more = "" if len(matches) < most else ", and perhaps more; the first"
    lines = [f"{len(matches):,} messages or rows fit {plain(word)}{more}:"]
    lines += [
        f"  run {plain(one.run)}, row {one.row}, key {plain(one.key or '–')}, {plain(one.recipient)}: "
        f"{one.state}{f', {one.delivery}' if one.state == 'sent' else ''}"
        f"{f', reference {one.reference}' if one.reference else ''}"
        for one in matches
    ]
    return "\n".join([*lines, "Say which: its reference, or --run RUN and its key or row:N."])


def as_document(match: Match) -> dict[str, Any]:
    """A match for programs."""
    return {
        "by": match.by.value,
        "run": match.run,
        "row": match.row,
        "key": match.key,
        "recipient": match.recipient,
        "state": match.state,
        "delivery": match.delivery if match.state == "sent" else None,
        "reference": match.reference,
    }


def _line(head: str, said: str) -> str:
    return f"  {head:<{_WIDE}}{said}"


def _what(story: Story) -> Iterator[str]:
    message, run = story.message, story.run
    yield f"Row {message.row} of run {plain(run.name)} (list {plain(run.list_name)})"
    yield _line("Key", plain(message.key))
    looked_up = ", looked up by tax code" if message.looked_up else ""
    yield _line("To", f"{', '.join(map(plain, recipients_of(message.recipient)))}{looked_up}")
    yield _line("Reference", message.reference)
    yield _line(
        "From", plain(message.mailbox) if message.mailbox else "no mailbox yet: the first attempt binds it"
    )
    if message.message_id:
        yield _line("message_id", plain(message.message_id))


def _stands(story: Story, zone: tzinfo) -> Iterator[str]:
    message = story.message
    yield _line("State", standing(message).en)
    if message.reason:
        yield _line("Reason", plain(message.reason))
    yield from _cause(*cause_of(message))
    yield _line("Proves", proved(story).en)
    times = {
        "Sent": message.sent_at,
        "Accepted": message.accepted_at,
        "Not accepted": message.not_accepted_at,
        "Delivered": message.delivered_at,
        "Not delivered": undelivered_at(story),
        "Sent twice": message.twin_at,
        "Expires": message.expires_at,
        "Asked for": message.asked_at,
    }
    for head, at in times.items():
        if at is not None:
            yield _line(head, both(at, zone))


def _cause(word: str | None, earlier: str | None) -> Iterator[str]:
    """Why it was not delivered, and what to do; of what was delivered after all only what was said once."""
    cause, past = known_cause(word), known_cause(earlier)
    if cause is not None:
        yield _line("Cause", f"{cause_words(cause).en}: {cause.advice.value}")
    elif word:
        yield _line("Cause", plain(word))
    if past is not None:
        yield _line("Cause", earlier_cause_words(past).en)


def _attempts(attempts: Sequence[Attempt], zone: tzinfo) -> Iterator[str]:
    yield _line("Attempts", f"{len(attempts)}" if attempts else "none")
    for one in attempts:
        verdict = verdict_words(Verdict(one.outcome) if one.outcome else None).en
        yield f"    {one.number}. {both(one.opened_at, zone)}, from {plain(one.mailbox)}"
        ended = f" at {both(one.closed_at, zone)}" if one.closed_at is not None else ""
        yield f"       {verdict}{facts_of(one)}{ended}"
        if one.settlement is not None:
            when = f" at {both(one.settled_at, zone)}" if one.settled_at is not None else ""
            yield f"       doubt settled{when}: {settled_words(one.settlement).en}"
            yield from (f"         {said}" for said in facts_in_words(one.settled_facts, zone))


def facts_in_words(facts: Mapping[str, Any], zone: tzinfo) -> list[str]:
    """What a settlement rests on, a fact a line; those that this version does not know by their own names."""
    return [_fact(name, value, zone) for name, value in facts.items() if value is not None]


_FACTS = {
    "closed_at": "put in doubt",
    "settle_after_s": "time that had to pass (settle_after)",
    "harvest": "walk of the inbox that would have seen it",
    "harvest_begun_at": "that walk began",
    "searched": "searched for, and not found",
    "search_proved_by": "found by the same search, so that the search works",
    "quota_before": "mailbox before the attempt",
    "quota_at_harvest": "mailbox at that walk",
    "decision": "decision",
    "at": "decided",
    "user": "by",
    "host": "on",
    "pid": "process",
    "reason": "reason given",
    "policy": "configured",
}


def _fact(name: str, value: Any, zone: tzinfo) -> str:
    match name, value:
        case (("closed_at" | "harvest_begun_at" | "at"), int()):
            shown = both(value, zone)
        case "settle_after_s", int() | float():
            shown = f"{value:,.0f} s"
        case (("quota_before" | "quota_at_harvest"), int() | float()):
            shown = f"{value:.0%} full"
        case _:
            shown = plain(str(value))
    return f"{_FACTS.get(name, plain(name))}: {shown}"


def _receipts(story: Story, zone: tzinfo) -> Iterator[str]:
    yield _line("Receipts", f"{len(story.receipts)}" if story.receipts else "none")
    for one in story.receipts:
        when = both(one.at, zone) if one.at is not None else f"date as listed: {plain(one.date)}"
        yield f"    {when}: {words_of(story, one).en}"
        yield f"       {plain(one.subject)}"
        yield f"       from {plain(one.sender)}, in {plain(one.mailbox)}{_kept(one)}"


def _kept(receipt: Receipt) -> str:
    cause = known_cause(receipt.cause)
    said = [f"cause: {cause.words}"] if cause is not None else []
    said += [f"text archived, SHA-256 {receipt.text_digest}"] if receipt.text_digest else []
    if receipt.deleted_at is not None:
        said.append("deleted from the mailbox" if receipt.gone else "its deletion was asked for")
    return "".join(f"; {one}" for one in said)


def _orders(orders: Sequence[RunOrder], zone: tzinfo) -> Iterator[str]:
    if orders:
        yield _line("Orders", f"{len(orders)}")
    for one in orders:
        decision = one.facts.get("decision")
        more = f" ({plain(str(decision))}, {counted(one.named, 'message')})" if decision else ""
        if seen := one.facts.get("acknowledged"):
            more = f" (acknowledged: {plain(str(seen)).replace('_', ' ')})"
        why = f": {plain(str(one.facts['reason']))}" if one.facts.get("reason") else ""
        said = f"{order_words(one.kind).en}{more}, by {plain(one.given_by)}{why}"
        yield f"    {both(one.given_at, zone)}: {said}"


def _kin(story: Story) -> Iterator[str]:
    if story.earlier is not None:
        yield _line("Retries", _other(story.earlier))
    for one in story.later:
        yield _line("Retried as", _other(one))


def _other(kin: Kin) -> str:
    state = f"{kin.state}, {kin.delivery}" if kin.state == "sent" else kin.state
    return f"row {kin.row} of run {plain(kin.run)}, reference {kin.reference}: {state}"
