"""Endings: the exit code of a run, for everything that can be the case when it ends."""

from __future__ import annotations

from typing import Any

import pytest

from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.domain.states import Delivery, MessageState
from bulk_pec.reporting.ending import Ended, closing, exit_of


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
    return {"run": "a b", "state": state, "rows": rows, "messages": messages, "delivery": delivery}


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
    ("a settled doubt waits", _status(pending=1), Ended(accepted=True), Reason.IN_DOUBT),
    ("left beside doubts", _status(pending=1, in_doubt=1), Ended(waiting=True), Reason.IN_DOUBT),
    ("left beside doubts for a person", _status(pending=1, in_doubt=1), Ended(), Reason.BUSY),
    ("left, held by another until now", _status(pending=1), Ended(), Reason.BUSY),
    ("left, waiting, none in doubt", _status(pending=1), Ended(waiting=True), Reason.BUSY),
    ("others, and absences accepted", _status(pending=1), Ended(others=True, accepted=True), Reason.BUSY),
    ("not to send", _status(pending=9), Ended(sends=False), Reason.COMPLETE),
    ("not to send, others at work", _status(pending=9), Ended(others=True, sends=False), Reason.COMPLETE),
    ("not to send, invalid", _status(pending=9, invalid=1), Ended(sends=False), Reason.ATTENTION),
    (
        "not to send, doubts",
        _status(pending=9, in_doubt=1),
        Ended(waiting=True, sends=False),
        Reason.IN_DOUBT,
    ),
    ("not to send, absence accepted", _status(pending=9), Ended(accepted=True, sends=False), Reason.IN_DOUBT),
    ("not to send, open attempts", _status(sending=1, pending=9), Ended(sends=False), Reason.BUSY),
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


def test_nothing_is_said_of_a_good_end() -> None:
    """0 explains itself."""
    assert closing(_status(sent=9, delivered=9), Exit.of(Reason.COMPLETE)) == ""


def test_what_needs_a_person_is_counted() -> None:
    """Exit 3 names each figure that is one of its reasons, no other, and the command that names the rows."""
    counts = {"rejected": 1, "in_doubt": 2, "undelivered": 3, "not_accepted": 4, "overdue": 1_000}
    status = _status("sending", 6, duplicate=7, suppressed=8, sent=1_012, delivered=5, **counts)
    assert closing(status, Exit.of(Reason.ATTENTION)) == (
        "Needs a person (exit 3): 6 invalid, 1 rejected, 3 undelivered, 4 not accepted, 1,000 overdue, "
        "2 in doubt. `bulk-pec export 'a b' -o results.csv` names them, column reason. "
        "`bulk-pec settle 'a b'` lists the doubts, says why they stay, and decides them."
    )
    assert closing(_status(invalid=1), Exit.of(Reason.ATTENTION)).startswith(
        "Needs a person (exit 3): 1 invalid. "
    )


@pytest.mark.parametrize(
    ("reason", "todo"),
    [
        (Reason.MAX_MESSAGES, "; start the same command again."),
        (Reason.SIGNAL, "; start the same command again."),
        (Reason.IN_DOUBT, "; start the same command again once settle_after has passed."),
        (
            Reason.BUSY,
            "; another process holds them, or did a moment ago; start the same command again later.",
        ),
        (Reason.MAILBOX_FULL, "; make room in the mailbox, then start the same command again."),
        (Reason.DATA, "; restore what was changed, then start the same command again."),
    ],
)
def test_what_is_left_and_why_is_said(reason: Reason, todo: str) -> None:
    """Whatever leaves work says its code and word, how much is left, and what to do."""
    ended = Exit.of(reason)
    said = closing(_status(pending=1_200, sending=1, in_doubt=2, sent=5, none=5), ended)
    code = int(ended.code)
    assert said == f"Exit {code} ({reason.value}): left: 1,200 to send, 1 being sent, 2 in doubt{todo}"


def test_a_cancelled_run_says_so() -> None:
    """There is nobody to name then."""
    said = closing(_status("cancelled", cancelled=4), Exit.of(Reason.CANCELLED))
    assert said == "The run is cancelled (exit 3): nothing more of it is sent."
    doubtful = closing(_status("cancelled", in_doubt=4), Exit.of(Reason.CANCELLED))
    assert doubtful.startswith(f"{said} 4 in doubt. `bulk-pec settle 'a b'`")


def test_doubts_name_settle() -> None:
    """Doubts that only a person can end: the command that lists and decides them, and nothing else to do."""
    said = closing(_status(in_doubt=2), Exit.of(Reason.ATTENTION))
    assert said == (
        "Needs a person (exit 3): 2 in doubt. "
        "`bulk-pec settle 'a b'` lists the doubts, says why they stay, and decides them."
    )


@pytest.mark.parametrize(
    ("doubts", "ended", "todo"),
    [
        (0, Ended(accepted=True), "start the same command again."),
        (
            0,
            Ended(accepted=True, sends=False),
            "`bulk-pec send 'a b'` sends those whose absence was accepted.",
        ),
        (
            1,
            Ended(accepted=True, sends=False, waiting=True),
            "`bulk-pec send 'a b'` sends those whose absence was accepted; "
            "start the same command again once settle_after has passed.",
        ),
        (1, Ended(waiting=True), "start the same command again once settle_after has passed."),
    ],
)
def test_an_accepted_absence_says_who_sends_it(doubts: int, ended: Ended, todo: str) -> None:
    """`reconcile` sends nothing: started again it would change nothing, `send` does."""
    status = _status(pending=1, in_doubt=doubts)
    how = exit_of(status, ended)
    assert how == Exit.of(Reason.IN_DOUBT)
    assert closing(status, how, ended).endswith(f"; {todo}")


def test_a_cap_says_when_it_makes_room() -> None:
    """The moment, where it is known; and that --wait would have waited for it."""
    how = Exit.of(Reason.CAP)
    at = "2026-11-24 20:00 (Europe/Rome)"
    assert closing(_status(pending=1), how, Ended(Reason.CAP), at).endswith(
        f"left: 1 to send; start the same command again after {at}, or with --wait."
    )
    assert "again in the cap's next period" in closing(_status(pending=1), how, Ended(Reason.CAP))


def test_a_spent_budget_is_no_reason_to_start_again() -> None:
    """Only a larger one lets the run go on, or the operator ends it."""
    said = closing(_status(pending=1), Exit.of(Reason.BUDGET), Ended(Reason.BUDGET))
    assert said == (
        "Exit 75 (budget): left: 1 to send; raise budget.max_cost, then start the same command again; "
        "or end the run: `bulk-pec cancel 'a b'`."
    )


def test_a_bad_canary_needs_a_person() -> None:
    """The word is `canary` either way: 75 while it is undecided, 3 once it is bad."""
    left = _status(sent=3, undelivered=3, pending=9)
    undecided = exit_of(left, Ended(stopped=Reason.CANARY))
    bad = exit_of(left, Ended(stopped=Reason.CANARY, bad_canary=True))
    assert [(int(one.code), one.reason) for one in (undecided, bad)] == [
        (75, Reason.CANARY),
        (3, Reason.CANARY),
    ]
    assert "start the same command again" in closing(left, undecided)
    assert "left: 9 to send" in closing(left, bad)
    assert "sending.canary to 0" in closing(left, bad)
    assert exit_of(left, Ended(stopped=Reason.SIGNAL, bad_canary=True)).reason is Reason.SIGNAL


def _balance(kind: str, concern: str, count: int = 2) -> dict[str, Any]:
    finding = {"kind": kind, "concern": concern, "count": count, "cases": []}
    broken = concern == "broken"
    return {"adds_up": concern == "told", "broken": broken, "findings": [finding]}


def test_what_is_only_told_of_a_balance_needs_nobody() -> None:
    """Strange references and shared message_ids are told, and the run is complete."""
    status = _status(sent=1, delivered=1) | {"balance": _balance("unknown_references", "told")}
    assert exit_of(status, Ended()) == Exit.of(Reason.COMPLETE)


def test_fewer_addresses_need_a_person() -> None:
    """A message taken for fewer addresses than asked: 3, once nothing is left to send."""
    found = {"balance": _balance("fewer_addresses", "person")}
    status = _status(sent=1, delivered=1) | found
    assert exit_of(status, Ended()) == Exit.of(Reason.ATTENTION)
    assert "2 taken for fewer addresses than asked" in closing(status, Exit.of(Reason.ATTENTION), Ended())
    left = _status(sent=1, none=1, pending=3) | found
    assert exit_of(left, Ended(stopped=Reason.CAP)) == Exit.of(Reason.CAP)


def test_ambiguous_deliveries_need_a_person() -> None:
    """A message to several addresses with CONSEGNA that prove too little: 3, and said."""
    status = _status(sent=1, delivered=1) | {"balance": _balance("ambiguous_deliveries", "person")}
    assert exit_of(status, Ended()) == Exit.of(Reason.ATTENTION)
    assert "2 with ambiguous deliveries" in closing(status, Exit.of(Reason.ATTENTION), Ended())


def test_what_a_person_has_looked_at_is_no_reason() -> None:
    """Acknowledged ambiguous deliveries are left out of the figures of their delivery state, no others."""
    balance = {"adds_up": True, "broken": False, "findings": [], "acknowledged": {"overdue": 2}}
    status = _status(sent=3, delivered=1, overdue=2) | {"balance": balance}
    assert exit_of(status, Ended()) == Exit.of(Reason.COMPLETE)
    more = _status(sent=4, delivered=1, overdue=3) | {"balance": balance}
    assert exit_of(more, Ended()) == Exit.of(Reason.ATTENTION)
    assert "1 overdue" in closing(more, Exit.of(Reason.ATTENTION), Ended())


@pytest.mark.parametrize("told", [{"balance": _balance("sent", "broken", 4)}, {"balanced": False}])
def test_a_ledger_that_contradicts_itself_needs_a_person_first(told: dict[str, Any]) -> None:
    """3 whatever is left to send: and the last line says to send nothing more with it."""
    status = _status(sent=1, none=1, pending=3) | told
    how = exit_of(status, Ended(stopped=Reason.CAP))
    assert how == Exit.of(Reason.ATTENTION)
    words = closing(status, how, Ended(stopped=Reason.CAP))
    assert "Send nothing more with this ledger: `bulk-pec ledger check`" in words
    assert ("4 that contradict each other" in words) == ("balance" in told)


def test_room_that_was_made_is_not_asked_for() -> None:
    """A full mailbox is to be emptied; one that deleting has emptied only needs another start."""
    status, full = _status(sent=1, none=1, pending=7), Exit.of(Reason.MAILBOX_FULL)
    before = closing(status, full, Ended(stopped=Reason.MAILBOX_FULL))
    after = closing(status, full, Ended(stopped=Reason.MAILBOX_FULL, room_made=True))
    assert before.endswith("left: 7 to send; make room in the mailbox, then start the same command again.")
    assert after.endswith(
        "left: 7 to send; room was made in the mailbox by deleting archived receipts: "
        "start the same command again."
    )
