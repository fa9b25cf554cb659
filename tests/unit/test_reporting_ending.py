"""Endings: the exit code of a run, for everything that can be the case when it ends."""

from __future__ import annotations

from typing import Any

import pytest

from bulk_pec.domain.exits import Reason
from bulk_pec.domain.states import Delivery, MessageState
from bulk_pec.reporting.ending import Ended, exit_of


def _status(state: str = "sending", invalid: int = 0, **counts: int) -> dict[str, Any]:
    """A status in which everything is nought but what is given."""
    messages = {one.value: counts.pop(one.value, 0) for one in MessageState}
    delivery = {one.value: counts.pop(one.value, 0) for one in Delivery}
    rows = {
        "invalid": invalid,
        "duplicate": counts.pop("duplicate", 0),
        "suppressed": counts.pop("suppressed", 0),
    }
    assert not counts
    return {"state": state, "rows": rows, "messages": messages, "delivery": delivery}


_CASES: list[tuple[str, dict[str, Any], Ended, Reason]] = [
    ("all delivered", _status(sent=9, delivered=9), Ended(), Reason.COMPLETE),
    ("receipts outstanding", _status(sent=9, none=4, accepted=5), Ended(), Reason.COMPLETE),
    ("duplicates, suppressed", _status(sent=1, none=1, duplicate=3, suppressed=2), Ended(), Reason.COMPLETE),
    ("stopped, but nothing left", _status(sent=1, none=1), Ended(stopped=Reason.SIGNAL), Reason.COMPLETE),
    ("given up by the operator", _status(abandoned=1), Ended(), Reason.COMPLETE),
    ("rejected", _status(sent=1, none=1, rejected=1), Ended(), Reason.ATTENTION),
    ("undelivered", _status(sent=1, undelivered=1), Ended(), Reason.ATTENTION),
    ("not accepted", _status(sent=1, not_accepted=1), Ended(), Reason.ATTENTION),
    ("overdue", _status(sent=1, overdue=1), Ended(), Reason.ATTENTION),
    ("invalid rows", _status(sent=1, none=1, invalid=1), Ended(), Reason.ATTENTION),
    ("doubts for a person", _status(in_doubt=1), Ended(), Reason.ATTENTION),
    ("doubts that may settle", _status(in_doubt=1), Ended(waiting=True), Reason.IN_DOUBT),
    ("a settled doubt waits", _status(pending=1), Ended(), Reason.IN_DOUBT),
    ("waiting, but none in doubt", _status(sent=1, none=1), Ended(waiting=True), Reason.COMPLETE),
    ("others at work", _status(pending=1), Ended(others=True), Reason.BUSY),
    ("another's open attempt", _status(sending=1), Ended(), Reason.BUSY),
    ("others, nothing left", _status(sent=1, none=1), Ended(others=True), Reason.COMPLETE),
    ("cancelled", _status("cancelled", cancelled=4), Ended(), Reason.CANCELLED),
    ("cancelled, a doubt", _status("cancelled", in_doubt=4), Ended(waiting=True), Reason.CANCELLED),
    ("changed templates", _status(pending=1), Ended(skipped=True), Reason.DATA),
    ("changed templates, signal", _status(pending=1), Ended(Reason.SIGNAL, skipped=True), Reason.DATA),
    ("skipped, but gone since", _status(sent=1, none=1), Ended(skipped=True), Reason.COMPLETE),
    ("stopped with failures", _status(pending=1, rejected=5), Ended(Reason.BREAKER), Reason.BREAKER),
    (
        "stopped with doubts",
        _status(pending=1, in_doubt=5),
        Ended(Reason.CREDIT, waiting=True),
        Reason.CREDIT,
    ),
]

_STOPS = [
    Reason.WINDOW,
    Reason.CAP,
    Reason.BUDGET,
    Reason.MAILBOX_FULL,
    Reason.MAX_MESSAGES,
    Reason.MAX_DURATION,
    Reason.UNTIL,
    Reason.SIGNAL,
    Reason.PAUSED,
    Reason.CANARY,
    Reason.UNAVAILABLE,
    Reason.BREAKER,
    Reason.CREDENTIALS,
    Reason.CREDIT,
    Reason.CONFIG,
]


@pytest.mark.parametrize(
    ("status", "ended", "reason"), [case[1:] for case in _CASES], ids=[c[0] for c in _CASES]
)
def test_every_case(status: dict[str, Any], ended: Ended, reason: Reason) -> None:
    """The reason and with it the code."""
    assert exit_of(status, ended).reason is reason


@pytest.mark.parametrize("reason", _STOPS)
def test_what_stopped_it_is_said_while_work_is_left(reason: Reason) -> None:
    """With messages left the ending is what stopped them, with its code."""
    assert exit_of(_status(pending=1, sent=3, none=3), Ended(reason)).reason is reason
