"""What a message's story claims: no answer that never came, no old cause, no receipt that cannot come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.tellings import ATTEMPT, HOUR, NOW, RECEIPT, ROME, story, then

from bulk_pec.domain.causes import Cause
from bulk_pec.domain.outcomes import Verdict
from bulk_pec.domain.states import Delivery, MessageState
from bulk_pec.ledger.proof.stories import Story
from bulk_pec.reporting.account import account
from bulk_pec.reporting.explanation import explained
from bulk_pec.reporting.timeline import timeline

UNANSWERED = replace(
    ATTEMPT, outcome="in_doubt", status=500, message_id=None, sent_to=None, detail="HTTP 500: x"
)
SENT_BY_WORD = replace(
    UNANSWERED, settlement="operator", settled_at=NOW, settled_facts={"decision": "sent", "user": "anna"}
)


def alone(*attempts: Any, **message: Any) -> Story:
    """A message without any receipt."""
    fields = {"delivery": "none", "accepted_at": None, "delivered_at": None, "message_id": None} | message
    return replace(story(**fields), attempts=attempts, receipts=())


def told(one: Story) -> str:
    """What `explain` says of it, but for what comes next."""
    return explained(one, (), ROME, "x")


def test_a_doubt_settled_as_sent_names_no_answer() -> None:
    """After HTTP 500 and `settle --sent` there is the operator's word, and no HTTP 201 anywhere."""
    text = told(alone(SENT_BY_WORD)) + str(account(alone(SENT_BY_WORD), (), ROME))
    assert "on the operator's word" in text
    assert "HTTP 201" not in text
    assert "(HTTP 201) proves neither" in told(alone(ATTEMPT))
    assert "operator's word" not in told(alone(ATTEMPT))


def test_a_cancelled_message_says_what_was_tried() -> None:
    """No attempt; attempts that are known not to have left; or one whose absence was accepted."""
    unsent = replace(ATTEMPT, outcome=Verdict.THROTTLED.value, status=429, message_id=None)
    absent = replace(UNANSWERED, settlement="absence", settled_at=NOW)
    assert "No attempt to send it was made." in told(alone(state="cancelled"))
    assert "its one attempt is on record as not sent" in told(alone(unsent, state="cancelled"))
    assert "as not sent" not in told(alone(unsent, absent, state="cancelled"))


@pytest.mark.parametrize("delivery", Delivery)
def test_a_cause_is_shown_while_it_holds(delivery: Delivery) -> None:
    """Of what was delivered after all, a notice's cause is an earlier notice's, and asks for nothing."""
    one = story(delivery=delivery.value, cause=Cause.TOO_LATE.value)
    document, holds = account(one, (), ROME), delivery in {Delivery.UNDELIVERED, Delivery.NOT_ACCEPTED}
    assert (Cause.TOO_LATE.advice.value in told(one)) == holds
    assert (f"an earlier notice said: {Cause.TOO_LATE.words}" in told(one)) == (not holds)
    assert (document["cause"] is not None) == holds
    assert (document["earlier_cause"] is not None) == (not holds)


def late(*hours: int, accepted: bool = True, **message: Any) -> Story:
    """A message with "maximum time" notices so many hours after it was accepted."""
    notices = tuple(
        replace(RECEIPT, id=10 + hour, kind="late", at=NOW + hour * HOUR, subject="x") for hour in hours
    )
    fields = {"accepted_at": NOW if accepted else None, "delivered_at": None, "late_at": notices[-1].at}
    return replace(story(**fields | message), receipts=notices)


def test_the_final_notice_is_told_from_the_first() -> None:
    """By the rule that the ledger judges by: 18 hours after acceptance, or 6 after the other notice."""
    for accepted in (True, False):
        one = late(12, 24, accepted=accepted, delivery="undelivered")
        said = [event.said.en for event in timeline(one) if event.source == "receipt"]
        assert ["12-hour" in said[0], "24-hour" in said[1]] == [True, True], said
        assert ["not final" in said[0], said[1].endswith(": final")] == [True, True]
        assert "  Not delivered 2027-01-16 09:00:00 (Europe/Rome)" in told(one)
        assert account(one, (), ROME)["undelivered_at"]["utc"] == "2027-01-16T08:00:00Z"
    first = late(12, delivery="accepted")
    assert "12-hour" in told(first)
    assert "Not delivered" not in told(first)
    assert "12 or 24 hours" in told(late(12, accepted=False, delivery="none"))


def test_what_was_archived_and_deleted_is_named() -> None:
    """Of several receipts, the timeline says which one's text was archived, and which was to be deleted."""
    kept = replace(RECEIPT, kind="delivered", archived_at=NOW, archive_number=7, deleted_at=NOW)
    said = [event.said for event in timeline(replace(story(), receipts=(RECEIPT, kept)))]
    (archived,) = [one for one in said if "archived" in one.en]
    assert ("CONSEGNA" in archived.en, "avvenuta consegna" in archived.it, "7" in archived.en) == (True,) * 3
    (deleted,) = [one for one in said if "delete" in one.en]
    assert ("CONSEGNA" in deleted.en, "avvenuta consegna" in deleted.it) == (True, True)


def test_a_status_is_said_once() -> None:
    """The provider's words begin with it already."""
    assert told(alone(UNANSWERED, state="in_doubt")).count("HTTP 500") == 1
    assert "(HTTP 201; message_id" in told(story())


@pytest.mark.parametrize(
    ("prospects", "has", "lacks"),
    [
        ({}, ["a receipt ends the doubt", "so may its absence"], ["No receipt can"]),
        (
            {"absence": False},
            ["a receipt ends the doubt, its absence does not"],
            ["so may", "No receipt can"],
        ),
        (
            {"absence": False, "referenced": False},
            ["No receipt can end the doubt", "settle giugno --sent"],
            ["a receipt ends", "absence"],
        ),
    ],
)
def test_a_doubt_says_what_can_end_it(prospects: dict[str, bool], has: list[str], lacks: list[str]) -> None:
    """With on_in_doubt = hold its absence does not, and without a reference no receipt can be matched."""
    said = then(alone(UNANSWERED, state="in_doubt"), **prospects)
    assert [word for word in has if word not in said] == []
    assert [word for word in lacks if word in said] == []


def test_no_receipt_is_awaited_that_cannot_be_matched() -> None:
    """After `settle --sent` of a run without references: nothing in a receipt would name this message."""
    one = alone(SENT_BY_WORD, state=MessageState.SENT.value)
    assert "No receipt can be matched with it" in then(one, referenced=False)
    assert "is awaited" not in then(one, referenced=False)
    assert "A receipt is awaited" in then(one)
    for state, words in {"sent": "comes late", "abandoned": "come all the same"}.items():
        late = alone(SENT_BY_WORD, state=state, delivery="overdue")
        assert (words in then(late), words in then(late, referenced=False)) == (True, False)
    assert "A receipt is awaited" in then(alone(ATTEMPT, message_id="2020082610003492"), referenced=False)
