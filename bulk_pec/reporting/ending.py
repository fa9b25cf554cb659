"""How a run ends: the exit code a scheduler reads in the morning. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bulk_pec.domain.exits import Exit, Reason

_NEEDS_A_PERSON = ("undelivered", "not_accepted", "overdue")


@dataclass(frozen=True, slots=True)
class Ended:
    """What is known when a command ends.

    Attributes:
        stopped: Why sending stopped early, if it did.
        skipped: Whether rows were left because their content is no longer what was loaded.
        waiting: Whether time, or reading the inbox, may settle a doubt without anybody's help.
        others: Whether another process still works on the run.
    """

    stopped: Reason | None = None
    skipped: bool = False
    waiting: bool = False
    others: bool = False


def exit_of(status: dict[str, Any], ended: Ended) -> Exit:
    """The exit code and reason for a run's status and how the command ended."""
    messages = status["messages"]
    left = messages["pending"] + messages["sending"]
    if status["state"] == "cancelled":
        return Exit.of(Reason.CANCELLED)
    if left and ended.skipped:
        return Exit.of(Reason.DATA)
    if left and ended.stopped is not None:
        return Exit.of(ended.stopped)
    if left:
        return Exit.of(Reason.BUSY if ended.others or messages["sending"] else Reason.IN_DOUBT)
    if messages["in_doubt"] and ended.waiting:
        return Exit.of(Reason.IN_DOUBT)
    failed = messages["rejected"] + messages["in_doubt"] + status["rows"]["invalid"]
    failed += sum(status["delivery"][name] for name in _NEEDS_A_PERSON)
    return Exit.of(Reason.ATTENTION if failed else Reason.COMPLETE)
