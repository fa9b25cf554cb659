"""How a run ends: the exit code a scheduler reads in the morning, and the line that says why. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from bulk_pec.domain.exits import Exit, ExitCode, Reason

_NEEDS_A_PERSON = {
    "undelivered": "undelivered",
    "not_accepted": "not accepted",
    "overdue": "overdue",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """What is known when a command ends.

    Attributes:
        stopped: Why sending stopped early, if it did.
        skipped: Whether rows were left because their content is no longer what was loaded.
        waiting: Whether time, or reading the inbox, may settle a doubt without anybody's help.
        others: Whether another process still works on the run.
        accepted: Whether absences were accepted in this start: these messages are to be sent again.
        sends: Whether the command was to send: where it was not, what is pending is no reason.
        bad_canary: Whether too much of the canary was lost: only a person can let the run go on.
    """

    stopped: Reason | None = None
    skipped: bool = False
    waiting: bool = False
    others: bool = False
    accepted: bool = False
    sends: bool = True
    bad_canary: bool = False


def exit_of(status: dict[str, Any], ended: Ended) -> Exit:
    """The exit code and reason for a run's status and how the command ended."""
    messages = status["messages"]
    if status["state"] == "cancelled":
        return Exit.of(Reason.CANCELLED)
    if ended.sends and (status.get("restored_at") or status["state"] == "paused"):
        return Exit.of(Reason.ATTENTION if status.get("restored_at") else Reason.PAUSED)
    if messages["sending"] or (messages["pending"] and ended.sends):
        reason = _why_left(messages, ended)
        if reason is Reason.CANARY and ended.bad_canary:
            return Exit(ExitCode.ATTENTION, reason)
        return Exit.of(reason)
    if messages["in_doubt"] and ended.waiting:
        return Exit.of(Reason.IN_DOUBT)
    return Exit.of(Reason.ATTENTION if _for_a_person(status) else Reason.COMPLETE)


def _why_left(messages: dict[str, int], ended: Ended) -> Reason:
    if ended.skipped:
        return Reason.DATA
    if ended.stopped is not None:
        return ended.stopped
    if ended.others or messages["sending"]:
        return Reason.BUSY
    if ended.accepted or (messages["in_doubt"] and ended.waiting):
        return Reason.IN_DOUBT
    # Not claimed, and nothing of ours explains it: another process held them and has given them back since.
    return Reason.BUSY


def _for_a_person(status: dict[str, Any]) -> list[str]:
    """What only a person can go on with, as figures in words."""
    messages, delivery = status["messages"], status["delivery"]
    figures = {"invalid": status["rows"]["invalid"], "rejected": messages["rejected"]}
    figures |= {words: delivery[name] for name, words in _NEEDS_A_PERSON.items()}
    figures |= {"in doubt": messages["in_doubt"], "sent twice": status.get("twins", 0)}
    return [f"{count:,} {words}" for words, count in figures.items() if count]


_AGAIN = "start the same command again"
_THEN = f"then {_AGAIN}"
_TODO = {
    Reason.IN_DOUBT: f"{_AGAIN} once settle_after has passed",
    Reason.WINDOW: f"{_AGAIN} when the window is open, or with --wait",
    Reason.CANARY: f"{_AGAIN} when more receipts of its canary may have come",
    Reason.BUSY: f"another process holds them, or did a moment ago; {_AGAIN} later",
    Reason.MAILBOX_FULL: f"make room in the mailbox, {_THEN}",
    Reason.DATA: f"restore what was changed, {_THEN}",
    Reason.PAUSED: f"`bulk-pec resume RUN`, {_THEN}",
    Reason.CREDENTIALS: f"set the right token or password, {_THEN}",
    Reason.CREDIT: f"top up the provider's wallet, {_THEN}",
    Reason.CONFIG: f"mend the configuration, {_THEN}",
    Reason.UNAVAILABLE: f"{_AGAIN} when the provider answers",
    Reason.BREAKER: f"find out why so many failed, {_THEN}",
}
"""What to do, where it is more than to start again."""


def closing(status: dict[str, Any], exit_: Exit) -> str:
    """The last line of a command's text: what its exit code means here, and what to do; empty for 0."""
    if exit_.code is ExitCode.OK:
        return ""
    if exit_.reason is Reason.CANCELLED:
        return "The run is cancelled (exit 3): nothing more of it is sent."
    if exit_.reason is Reason.ATTENTION:
        export = f"`bulk-pec export {shlex.quote(status['run'])} -o results.csv`"
        if status.get("restored_at"):
            settle = f"`bulk-pec settle {shlex.quote(status['run'])}`"
            return f"Needs a person (exit 3): this ledger is an older copy of another. {settle} says more."
        figures = ", ".join(_for_a_person(status))
        return f"Needs a person (exit 3): {figures}. {export} names them, column reason."
    left = _left(status["messages"])
    if exit_.reason is Reason.CANARY and exit_.code is ExitCode.ATTENTION:
        return (
            f"Needs a person (exit 3, canary): {left}too many of the canary did not arrive. "
            "To go on all the same, set sending.canary_min_delivered lower, or sending.canary to 0."
        )
    todo = _TODO.get(exit_.reason, _AGAIN)
    todo = todo if left else todo[:1].upper() + todo[1:]
    return f"Exit {int(exit_.code)} ({exit_.reason.value}): {left}{todo}."


def _left(messages: dict[str, int]) -> str:
    words = {"pending": "to send", "sending": "being sent", "in_doubt": "in doubt"}
    figures = [f"{messages[name]:,} {said}" for name, said in words.items() if messages[name]]
    return f"left: {', '.join(figures)}; " if figures else ""
