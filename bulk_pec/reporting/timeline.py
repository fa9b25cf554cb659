"""A message's timeline: what happened to it, in order, in Italian and English. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from bulk_pec.domain.outcomes import Verdict
from bulk_pec.ledger.proof.stories import Attempt, Receipt, RunOrder, Story
from bulk_pec.reporting.moments import local_iso
from bulk_pec.reporting.notices import words_of
from bulk_pec.reporting.phrases import (
    Words,
    cause_words,
    known_cause,
    name_of,
    order_words,
    plain,
    settled_words,
    verdict_words,
)
from bulk_pec.reporting.status import iso

_NAMED_MOST = 200


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        at: Milliseconds since the epoch, UTC; None: its date could not be read.
        said: What happened.
        source: What it is known from: ``ledger``, ``order``, ``attempt`` or ``receipt``.
    """

    at: int | None
    said: Words
    source: str


def timeline(story: Story, orders: Sequence[RunOrder] = ()) -> list[Event]:
    """Everything dated of a message, oldest first; what has no date comes last.

    Args:
        story: The message's.
        orders: Of its run; those given after it was sent and about the whole run are left out.
    """
    events = [*_begun(story), *_ordered(story, orders)]
    for attempt in story.attempts:
        events += _tried(attempt)
    for receipt in story.receipts:
        events += _received(story, receipt)
    if story.message.twin_at is not None:
        said = Words("le ricevute mostrano che è partito due volte", "the receipts show that it left twice")
        events.append(Event(story.message.twin_at, said, "receipt"))
    return sorted(events, key=_place)


_RANKS = ("ledger", "order", "attempt", "receipt")


def _place(event: Event) -> tuple[bool, int, int]:
    """Receipts are dated to the second: within one, they come after what they are about."""
    return event.at is None, (event.at or 0) // 1_000, _RANKS.index(event.source)


def as_json(events: Iterable[Event], zone: tzinfo) -> list[dict[str, Any]]:
    """The timeline for programs."""
    return [
        {
            "at": None if event.at is None else iso(event.at),
            "local": local_iso(event.at, zone),
            "source": event.source,
            "it": event.said.it,
            "en": event.said.en,
        }
        for event in events
    ]


def _begun(story: Story) -> Iterator[Event]:
    run, row = story.run, story.message.row
    name, listed = plain(run.name), plain(run.list_name)
    yield Event(
        run.created_at,
        Words(
            f"riga {row} dell'elenco {listed} caricata nella lavorazione {name}",
            f"row {row} of the list {listed} loaded as run {name}",
        ),
        "ledger",
    )
    if run.started_at is not None:
        yield Event(
            run.started_at,
            Words("prima autorizzazione a spedire la lavorazione", "the run was first allowed to send"),
            "ledger",
        )


def _ordered(story: Story, orders: Sequence[RunOrder]) -> Iterator[Event]:
    sent_at = story.message.sent_at
    for order in orders:
        if order.named or sent_at is None or order.given_at <= sent_at:
            said, by = order_words(order.kind), plain(order.given_by)
            yield Event(order.given_at, Words(f"{said.it} ({by})", f"{said.en} ({by})"), "order")


def _tried(attempt: Attempt) -> Iterator[Event]:
    number, box = attempt.number, plain(attempt.mailbox)
    yield Event(
        attempt.opened_at,
        Words(
            f"tentativo {number}: intenzione registrata, dalla casella {box}",
            f"attempt {number}: intent recorded, from {box}",
        ),
        "attempt",
    )
    if attempt.closed_at is not None:
        facts = facts_of(attempt)
        said = verdict_words(Verdict(attempt.outcome) if attempt.outcome else None)
        yield Event(
            attempt.closed_at,
            Words(f"tentativo {number}: {said.it}{facts}", f"attempt {number}: {said.en}{facts}"),
            "attempt",
        )
    if attempt.settlement is not None:
        said = settled_words(attempt.settlement)
        yield Event(
            attempt.settled_at,
            Words(
                f"tentativo {number}: dubbio risolto: {said.it}",
                f"attempt {number}: doubt settled: {said.en}",
            ),
            "attempt",
        )


def facts_of(attempt: Attempt) -> str:
    """What an attempt's answer was, in brackets; nothing where there was none."""
    status = f"HTTP {attempt.status}" if attempt.status is not None else ""
    # The provider's words begin with it where it refused or failed.
    parts = [status] if status and not (attempt.detail or "").startswith(status) else []
    parts += [f"message_id {plain(attempt.message_id)}"] if attempt.message_id else []
    parts += [plain(attempt.detail)[:_NAMED_MOST]] if attempt.detail else []
    if attempt.sent_to is not None and attempt.sent_to < attempt.units:
        parts.append(f"sent: {attempt.sent_to} / {attempt.units}")
    return f" ({'; '.join(parts)})" if parts else ""


def _received(story: Story, receipt: Receipt) -> Iterator[Event]:
    said = words_of(story, receipt)
    name = name_of(said)
    cause = known_cause(receipt.cause)
    why = Words("", "") if cause is None else cause_words(cause)
    more = Words(f" ({why.it})", f" ({why.en})") if cause is not None else why
    yield Event(receipt.at, Words(said.it + more.it, said.en + more.en), "receipt")
    if receipt.archived_at is not None:
        yield Event(
            receipt.archived_at,
            Words(
                f"testo archiviato: {name.it}, n. {receipt.archive_number} dell'archivio",
                f"text archived: {name.en}, number {receipt.archive_number} of the archive",
            ),
            "receipt",
        )
    if receipt.deleted_at is not None:
        yield Event(
            receipt.deleted_at,
            Words(
                f"{name.it}: chiesta al servizio la cancellazione dalla casella",
                f"{name.en}: the service was asked to delete it from the mailbox",
            ),
            "receipt",
        )
