"""How a run ends: the exit code a scheduler reads in the morning, and the line that says why. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from bulk_pec.domain.balance import Concern, Kind
from bulk_pec.domain.exits import Exit, ExitCode, Reason

_CONTRADICT = "that contradict each other"
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
        sends: Whether the command was to send: where it was not, what is pending is no reason, but for
            absences just accepted.
        bad_canary: Whether too much of the canary was lost: only a person can let the run go on.
        room_made: Whether a full mailbox has room again.
    """

    stopped: Reason | None = None
    skipped: bool = False
    waiting: bool = False
    others: bool = False
    accepted: bool = False
    sends: bool = True
    bad_canary: bool = False
    room_made: bool = False


def exit_of(status: dict[str, Any], ended: Ended) -> Exit:
    """The exit code and reason for a run's status and how the command ended."""
    messages = status["messages"]
    if (ordered := _ordered(status, ended)) is not None:
        return Exit.of(ordered)
    if messages["sending"] or (messages["pending"] and (ended.sends or ended.accepted)):
        reason = _why_left(messages, ended)
        if reason is Reason.CANARY and ended.bad_canary:
            return Exit(ExitCode.ATTENTION, reason)
        return Exit.of(reason)
    if messages["in_doubt"] and ended.waiting:
        return Exit.of(Reason.IN_DOUBT)
    return Exit.of(Reason.ATTENTION if _for_a_person(status) else Reason.COMPLETE)


def _ordered(status: dict[str, Any], ended: Ended) -> Reason | None:
    """What holds the whole run, whatever else there is to say of it."""
    if status["state"] == "cancelled":
        return Reason.CANCELLED
    if status.get("restored_at"):  # also where nothing was to be sent: a person must know before anything is
        return Reason.ATTENTION
    if _broken(status):  # likewise: what else such a ledger says is not to be relied on
        return Reason.ATTENTION
    return Reason.PAUSED if ended.sends and status["state"] == "paused" else None


def _broken(status: dict[str, Any]) -> bool:
    """Whether the run's rows, attempts and receipts contradict each other."""
    return bool((status.get("balance") or {}).get("broken")) or not status.get("balanced", True)


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
    # Where deliveries are ambiguous and a person has said to have looked, nobody else need.
    seen = (status.get("balance") or {}).get("acknowledged", {})
    figures |= {words: max(0, delivery[name] - seen.get(name, 0)) for name, words in _NEEDS_A_PERSON.items()}
    figures |= {"in doubt": messages["in_doubt"], "sent twice": status.get("twins", 0)}
    for finding in (status.get("balance") or {}).get("findings", ()):
        if finding["concern"] == Concern.BROKEN:
            figures[_CONTRADICT] = figures.get(_CONTRADICT, 0) + finding["count"]
        elif finding["kind"] == Kind.FEWER_ADDRESSES:
            figures["taken for fewer addresses than asked"] = finding["count"]
        elif finding["kind"] == Kind.AMBIGUOUS_DELIVERIES:
            figures["with ambiguous deliveries"] = finding["count"]
    return [f"{count:,} {words}" for words, count in figures.items() if count]


_AGAIN = "start the same command again"
_THEN = f"then {_AGAIN}"
_TODO = {
    Reason.CAP: f"{_AGAIN} {{again}}, or with --wait",
    Reason.BUDGET: f"raise budget.max_cost, {_THEN}; or end the run: `bulk-pec cancel {{run}}`",
    Reason.WINDOW: f"{_AGAIN} when the window is open, or with --wait",
    Reason.CANARY: f"{_AGAIN} when more receipts of its canary may have come",
    Reason.BUSY: f"another process holds them, or did a moment ago; {_AGAIN} later",
    Reason.MAILBOX_FULL: f"make room in the mailbox, {_THEN}",
    Reason.DATA: f"restore what was changed, {_THEN}",
    Reason.PAUSED: f"`bulk-pec resume {{run}}`, {_THEN}",
    Reason.CREDENTIALS: f"set the right token or password, {_THEN}",
    Reason.CREDIT: f"top up the provider's wallet, {_THEN}",
    Reason.CONFIG: f"mend the configuration, {_THEN}",
    Reason.UNAVAILABLE: f"{_AGAIN} when the provider answers",
    Reason.BREAKER: f"find out why so many failed, {_THEN}",
}
"""What to do, where it is more than to start again. `{run}`: its name, quoted; `{again}`: when."""


def closing(status: dict[str, Any], exit_: Exit, ended: Ended | None = None, again: str = "") -> str:
    """The last line of a command's text: what its exit code means here, and what to do; empty for 0.

    Args:
        status: The run's.
        exit_: How the command ended.
        ended: What is known of that; None: it only loaded.
        again: When a cap makes room again, in words; "": not known.
    """
    if exit_.code is ExitCode.OK:
        return ""
    run = shlex.quote(status["run"])
    if exit_.reason is Reason.CANCELLED:
        doubts = f" {status['messages']['in_doubt']:,} in doubt. {_settle(run)}"
        said = "The run is cancelled (exit 3): nothing more of it is sent."
        return said + (doubts if status["messages"]["in_doubt"] else "")
    if exit_.reason is Reason.ATTENTION:
        return f"Needs a person (exit 3): {_attention(status, ended or Ended(), run)}"
    left = _left(status["messages"])
    if exit_.reason is Reason.CANARY and exit_.code is ExitCode.ATTENTION:
        return (
            f"Needs a person (exit 3, canary): {left}too many of the canary did not arrive. "
            "To go on all the same, set sending.canary_min_delivered lower, or sending.canary to 0."
        )
    if exit_.reason is Reason.MAILBOX_FULL and ended is not None and ended.room_made:
        todo = f"room was made in the mailbox by deleting archived receipts: {_AGAIN}"
    elif exit_.reason is Reason.IN_DOUBT:
        todo = _doubtful(status, ended or Ended(), run)
    else:
        when = f"after {again}" if again else "in the cap's next period"
        todo = _TODO.get(exit_.reason, _AGAIN).format(run=run, again=when)
    todo = todo if left else todo[:1].upper() + todo[1:]
    return f"Exit {int(exit_.code)} ({exit_.reason.value}): {left}{todo}."


def _attention(status: dict[str, Any], ended: Ended, run: str) -> str:
    """What a person must look at, and with which commands."""
    if status.get("restored_at"):
        return (
            "this ledger is an older copy of another, and sends nothing. "
            f"`bulk-pec settle {run}` shows what it would send; with --acknowledge it may."
        )
    if ended.stopped is Reason.ATTENTION:
        other = shlex.quote(status.get("older_copy") or "RUN")
        return (
            "another run shows that this ledger is an older copy, and no run is sent. "
            f"`bulk-pec settle {other}` shows more."
        )
    figures = _for_a_person(status)
    if _broken(status):
        said = ", ".join(figures) or "the figures of this run do not add up"
        return f"{said}. Send nothing more with this ledger: `bulk-pec ledger check`, keep a copy, report it."
    doubts = status["messages"]["in_doubt"]
    todo = [f"`bulk-pec export {run} -o results.csv` names them, column reason."]
    if doubts:
        todo = [*(todo if len(figures) > 1 else []), _settle(run)]
    return f"{', '.join(figures)}. {' '.join(todo)}"


def _settle(run: str) -> str:
    return f"`bulk-pec settle {run}` lists the doubts, says why they stay, and decides them."


def _doubtful(status: dict[str, Any], ended: Ended, run: str) -> str:
    """What to do where time, or another start, ends the doubts."""
    later = f"{_AGAIN} once settle_after has passed"
    if not ended.accepted or not status["messages"]["pending"]:
        return later
    send = _AGAIN if ended.sends else f"`bulk-pec send {run}` sends those whose absence was accepted"
    return f"{send}; {later}" if status["messages"]["in_doubt"] and not ended.sends else send


def _left(messages: dict[str, int]) -> str:
    words = {"pending": "to send", "sending": "being sent", "in_doubt": "in doubt"}
    figures = [f"{messages[name]:,} {said}" for name, said in words.items() if messages[name]]
    return f"left: {', '.join(figures)}; " if figures else ""
