"""`explain`: what stands there of a message in each state, and what is said of what comes next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.tellings import ATTEMPT, HOUR, MESSAGE, NOW, RECEIPT, ROME, RUN, story, then

from bulk_pec.domain.causes import Cause
from bulk_pec.domain.outcomes import Verdict
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.settlements import Settlement
from bulk_pec.domain.states import Delivery, MessageState, RunState, SetAside
from bulk_pec.ledger.outbox.canaries import CanaryState
from bulk_pec.ledger.proof.stories import Aside, Kin, RunOrder, Story
from bulk_pec.reporting.account import account
from bulk_pec.reporting.explanation import explained, explained_aside
from bulk_pec.reporting.outlook import next_of_aside
from bulk_pec.reporting.timeline import timeline


@pytest.mark.parametrize(
    ("state", "words"),
    {
        MessageState.PENDING: ["The next start sends it", "bulk-pec send giugno"],
        MessageState.SENDING: ["A process is sending it now", "in doubt"],
        MessageState.SENT: ["Nothing more: it is done"],
        MessageState.REJECTED: ["bulk-pec retry giugno --class rejected"],
        MessageState.IN_DOUBT: ["bulk-pec settle giugno --sent|--resend|--abandon 'chiave 7'", "receipt"],
        MessageState.CANCELLED: ["Nothing more"],
        MessageState.ABANDONED: ["bulk-pec retry giugno --class abandoned"],
    }.items(),
)
def test_what_comes_next_in_every_state(state: MessageState, words: list[str]) -> None:
    """By itself, or by whom and with which command."""
    said = then(story(state=state.value))
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize(
    ("delivery", "words"),
    {
        Delivery.NONE: ["A receipt is awaited", "overdue after"],
        Delivery.ACCEPTED: ["The delivery receipt is awaited", "overdue after"],
        Delivery.NOT_ACCEPTED: ["A person decides", "--class not_accepted"],
        Delivery.DELIVERED: ["Nothing more", "Keep the signed receipts"],
        Delivery.UNDELIVERED: ["A person decides", "--class undelivered", "late CONSEGNA"],
        Delivery.OVERDUE: ["may have arrived", "--class overdue"],
    }.items(),
)
def test_what_comes_next_after_sending(delivery: Delivery, words: list[str]) -> None:
    """Receipts awaited, with the date; a person's decision; or nothing more."""
    accepted = None if delivery is Delivery.NONE else MESSAGE.accepted_at
    said = then(story(delivery=delivery.value, accepted_at=accepted))
    assert [word for word in words if word not in said] == []


def test_deleted_originals_are_not_said_to_be_in_the_mailbox() -> None:
    """A receipt that was deleted after archiving: its original was to be kept elsewhere."""
    assert "which lie in the mailbox" in then(story())
    told = replace(story(), receipts=(RECEIPT, replace(RECEIPT, kind="delivered", deleted_at=NOW, gone=True)))
    assert "kept elsewhere before they were deleted" in then(told)


def test_the_overdue_date_counts_from_acceptance() -> None:
    """Else from sending; in the zone's time and in UTC."""
    said = then(story(delivery="accepted", accepted_at=NOW, sent_at=NOW - HOUR))
    assert "2027-01-16 11:00:00 (Europe/Rome), 2027-01-16T10:00:00Z" in said
    assert "2027-01-16T09:00:00Z" in then(story(delivery="none", accepted_at=None, sent_at=NOW - HOUR))


@pytest.mark.parametrize(
    ("run", "message", "prospects", "word"),
    [
        ({"state": RunState.PAUSED}, {}, {}, "bulk-pec resume giugno"),
        ({"state": RunState.CANCELLED}, {}, {}, "bulk-pec cancel giugno"),
        ({}, {"expires_at": NOW - 1}, {}, "has expired"),
        ({}, {"expires_at": NOW + HOUR}, {}, "never after 2027-01-15 10:00:00"),
        ({}, {"not_before": NOW + HOUR}, {}, "not before 2027-01-15 10:00:00"),
        ({}, {"harvest_after": 3}, {}, "reads the whole inbox once more"),
        ({}, {}, {"suppressed": "asked to"}, "never to be written to by now (asked to)"),
        ({}, {}, {"older_copy": "maggio due"}, "bulk-pec settle 'maggio due'"),
        ({}, {}, {"canary": CanaryState.FAILED}, "canary is bad"),
        ({}, {}, {"canary": CanaryState.WAITING}, "once its run's canary is good"),
        ({}, {}, {"configured": False}, "put that mailbox back"),
    ],
)
def test_what_holds_a_message_that_is_to_be_sent(
    run: dict[str, Any], message: dict[str, Any], prospects: dict[str, Any], word: str
) -> None:
    """Each thing that keeps it from leaving is named, with the command that ends it where there is one."""
    assert word in then(story(replace(RUN, **run), state="pending", **message), **prospects)


def test_a_doubt_says_why_it_stays() -> None:
    """In the words that `settle` uses."""
    assert "because: settle_after has not passed." in then(
        story(state="in_doubt"), doubt="settle_after has not passed"
    )


def test_advice_follows_the_cause() -> None:
    """What a notice's text said decides what to do before sending again."""
    assert "correct the address (unknown user); then" in then(
        story(delivery="undelivered", cause=Cause.UNKNOWN_USER.value)
    )


def test_what_was_taken_up_again_points_there() -> None:
    """A second retry would be a second message to the same person."""
    told = replace(story(state="rejected"), later=(Kin("giugno.retry-1", 2, "pending", "none", "R"),))
    assert "see run giugno.retry-1" in then(told)
    assert "bulk-pec retry" not in then(told)


def test_a_twin_is_told_last() -> None:
    """That it left twice stands beside what the receipts say of it."""
    assert "It left twice" in then(story(twin_at=NOW))


@pytest.mark.parametrize("state", SetAside)
def test_a_row_that_is_no_message_is_explained(state: SetAside) -> None:
    """Its reason, that nothing was sent, and what can be done."""
    aside = Aside(3, "k", "mario@example.org", state.value, "pec: empty\ncell", '["x"]')
    text = explained_aside(RUN, aside, next_of_aside(RUN, aside, 1))
    assert "Row 3 of run giugno" in text
    assert f"{state.value}: " in text
    assert "pec: empty\\ncell" in text
    assert "Nothing was sent" in text
    assert {"invalid": "Mend the row", "duplicate": "row:1 --run giugno", "suppressed": "suppress remove"}[
        state
    ] in text
    assert "another row" in next_of_aside(RUN, replace(aside, state="duplicate"), None)


def full() -> Story:
    """A message to which everything has happened."""
    absence = {
        "closed_at": NOW,
        "settle_after_s": 1800.0,
        "harvest": 4,
        "harvest_begun_at": NOW,
        "searched": "9K2D7Q4M0XZ1A",
        "search_proved_by": "7XV16M2F93DZ6",
        "quota_before": 0.25,
        "quota_at_harvest": None,
        "novelty": "x",
    }
    doubt = replace(
        ATTEMPT, outcome="in_doubt", status=None, settlement="absence", settled_at=NOW, settled_facts=absence
    )
    open_one = replace(
        ATTEMPT, number=3, closed_at=None, outcome=None, status=None, message_id=None, detail=None
    )
    undated = replace(RECEIPT, kind="late", at=None, date="soon", cause="mailbox_full", text_digest="e" * 64)
    gone = replace(RECEIPT, kind="delivered", deleted_at=NOW, gone=True, archived_at=NOW, archive_number=2)
    return replace(
        story(twin_at=NOW, cause="mailbox_full", reason="sent twice", looked_up=True, expires_at=NOW),
        attempts=(doubt, replace(ATTEMPT, number=2), open_one),
        receipts=(RECEIPT, gone, undated),
        earlier=Kin("maggio", 4, "sent", "overdue", "AAAAAAAAAAAAA"),
        later=(Kin("giugno.retry-1", 2, "pending", "none", "BBBBBBBBBBBBB"),),
    )


ORDERS = (
    RunOrder("pause", NOW - 3 * HOUR, "anna@host, pid 1", {}),
    RunOrder("settle", NOW, "anna@host, pid 2", {"decision": "resend", "reason": "asked"}, 3),
    RunOrder("cancel", NOW + HOUR, "anna@host, pid 3", {}),
)


def test_everything_is_told() -> None:
    """Settlements with their facts, receipts with cause and archive, orders with their author, kin."""
    text = explained(full(), ORDERS, ROME, "Nothing more.")
    for words in (
        "Row 7 of run giugno (list elenco.csv)",
        "mario@example.org, looked up by tax code",
        "message_id    2020082610003492",
        "an earlier notice said: mailbox full",
        "Sent twice    2027-01-15 09:00:00 (Europe/Rome), 2027-01-15T08:00:00Z",
        "absence accepted",
        "time that had to pass (settle_after): 1,800 s",
        "mailbox before the attempt: 25% full",
        "found by the same search, so that the search works: 7XV16M2F93DZ6",
        "novelty: x",
        "outcome not on record yet",
        "(HTTP 201; message_id 2020082610003492; Sent)",
        "date as listed: soon",
        "cause: mailbox full",
        f"text archived, SHA-256 {'e' * 64}",
        "deleted from the mailbox",
        "the operator decided doubts (resend, 3 messages), by anna@host, pid 2: asked",
        "row 4 of run maggio, reference AAAAAAAAAAAAA: sent, overdue",
        "row 2 of run giugno.retry-1, reference BBBBBBBBBBBBB: pending",
        "Next          Nothing more.",
    ):
        assert words in text, words
    assert "quota_at_harvest" not in text


def test_several_addresses_are_counted() -> None:
    """One CONSEGNA an address: how many there are is told, and how many the service says it sent to."""
    told = replace(
        story(recipient="uno@example.org, due@example.org", delivery="accepted"),
        attempts=(replace(ATTEMPT, units=2, sent_to=1),),
        receipts=(RECEIPT, replace(RECEIPT, kind="delivered")),
    )
    text = explained(told, (), ROME, "x")
    assert "It has 2 addresses and 1 CONSEGNA" in text
    assert "sent: 1 / 2)" in text
    assert account(told, (), ROME)["deliveries"] == 1
    assert "addresses" not in explained(story(), (), ROME, "x")


def test_a_cell_cannot_make_up_a_line() -> None:
    """A key, a subject or a detail with a line break stays one line."""
    told = replace(
        story(key="k\n  State         sent; delivered", recipient="a\r\nb@example.org", reason="r\nr"),
        attempts=(replace(ATTEMPT, detail="x\ny"),),
        receipts=(replace(RECEIPT, subject="s\ns", sender="p\np"),),
    )
    lines = explained(told, (), ROME, "x").splitlines()
    assert len(lines) == len(explained(story(reason="r"), (), ROME, "x").splitlines())
    assert sum(line.startswith("  State ") for line in lines) == 1


def test_the_timeline_is_in_order() -> None:
    """Receipts, dated to the second, come after what they are about; what has no date comes last."""
    events = timeline(full(), ORDERS)
    dated = [event.at // 1000 for event in events if event.at is not None]
    assert dated == sorted(dated)
    assert events[-1].at is None
    assert "loaded" in events[0].said.en
    said = str([event.said.en for event in events])
    assert "paused" in said
    assert "cancelled" not in said  # it came after the message had left
    same = replace(story(), attempts=(replace(ATTEMPT, opened_at=NOW + 900, closed_at=NOW + 950),))
    same = replace(same, receipts=(replace(RECEIPT, at=NOW),))
    sources = [event.source for event in timeline(same)]
    assert sources.index("receipt") > sources.index("attempt")


@pytest.mark.parametrize("state", MessageState)
@pytest.mark.parametrize("delivery", Delivery)
def test_every_combination_has_a_story(state: MessageState, delivery: Delivery) -> None:
    """No state, outcome, receipt or settlement is without words, in text and in JSON."""
    attempts = tuple(
        replace(ATTEMPT, number=number, outcome=verdict.value) for number, verdict in enumerate(Verdict, 1)
    ) + tuple(replace(ATTEMPT, settlement=how.value, settled_at=NOW) for how in Settlement)
    receipts = tuple(replace(RECEIPT, kind=kind.value) for kind in ReceiptKind)
    told = replace(story(state=state.value, delivery=delivery.value), attempts=attempts, receipts=receipts)
    text = explained(told, ORDERS, ROME, then(told))
    assert f"State         {account(told, ORDERS, ROME)['in_words']['en']}" in text
    document = account(told, ORDERS, ROME)
    assert document["delivery"] == (delivery.value if state is MessageState.SENT else None)
    assert len(document["attempts"]) == len(attempts)
    assert len(document["receipts"]) == len(receipts)
