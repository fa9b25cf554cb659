"""How orders, copies and twins end a start, and what the last line says of them."""

from __future__ import annotations

from typing import Any

import pytest

from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.reporting.ending import Ended, closing, exit_of


def _status(**changed: Any) -> dict[str, Any]:
    """A run of which everything was sent and delivered, or one that differs from it."""
    names = ("pending", "sending", "sent", "rejected", "in_doubt", "cancelled", "abandoned")
    messages = dict.fromkeys(names, 0) | {"sent": 5}
    states = ("none", "accepted", "not_accepted", "delivered", "undelivered", "overdue")
    delivery = dict.fromkeys(states, 0) | {"delivered": 5}
    base: dict[str, Any] = {"run": "giugno", "state": "finished", "rows": {"invalid": 0}, "twins": 0}
    base |= {"restored_at": None, "messages": messages | changed.pop("messages", {}), "delivery": delivery}
    return base | changed


@pytest.mark.parametrize("messages", [{"pending": 3}, {"in_doubt": 1}])
def test_a_paused_run(messages: dict[str, int]) -> None:
    """75 `paused`, also where only doubts are left; the line names `resume`. `reconcile` ends as ever."""
    status = _status(state="paused", messages=messages)
    how = exit_of(status, Ended(stopped=Reason.PAUSED, waiting=True))
    assert how == Exit.of(Reason.PAUSED)
    assert "`bulk-pec resume giugno`" in closing(status, how)
    assert exit_of(status, Ended(sends=False)).reason is not Reason.PAUSED


def test_a_ledger_that_is_an_older_copy() -> None:
    """3, whatever else stopped the start first, and where nothing was to be sent; the line names `settle`."""
    status = _status(state="sending", messages={"pending": 3}, restored_at="2026-11-23T00:00:00Z")
    for ended in (Ended(stopped=Reason.WINDOW), Ended(sends=False), Ended(sends=False, accepted=True)):
        how = exit_of(status, ended)
        assert how == Exit.of(Reason.ATTENTION)
        assert "`bulk-pec settle giugno` shows what it would send; with --acknowledge" in closing(status, how)


def test_an_older_copy_that_another_run_shows() -> None:
    """The ledger refuses every run then: 3, and the line does not look for figures that there are not."""
    status = _status(messages={"pending": 3}, older_copy="a b")
    ended = Ended(stopped=Reason.ATTENTION)
    how = exit_of(status, ended)
    assert how == Exit.of(Reason.ATTENTION)
    said = closing(status, how, ended)
    assert said.startswith("Needs a person (exit 3): another run shows that")
    assert "`bulk-pec settle 'a b'`" in said


def test_twins_need_a_person() -> None:
    """3, and how many there are."""
    status = _status(twins=2)
    how = exit_of(status, Ended())
    assert how == Exit.of(Reason.ATTENTION)
    assert "2 sent twice" in closing(status, how)


def test_a_cancelled_run_is_just_that() -> None:
    """3 `cancelled`, also as a copy, also with doubts left."""
    status = _status(state="cancelled", messages={"in_doubt": 1}, restored_at="2026-11-23T00:00:00Z", twins=1)
    assert exit_of(status, Ended(stopped=Reason.CANCELLED, waiting=True)) == Exit.of(Reason.CANCELLED)
