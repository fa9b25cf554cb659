"""The status of a run: the JSON document that scripts rely on, and the same for people."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from bulk_pec.domain import balance
from bulk_pec.domain.causes import Cause
from bulk_pec.domain.states import Delivery, MessageState, RunState
from bulk_pec.domain.words import counted
from bulk_pec.ledger.outbox.canaries import Canary, CanaryState
from bulk_pec.ledger.proof.views import Figures
from bulk_pec.ledger.runs.runs import Run

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Filling:
    """How a mailbox fills.

    Attributes:
        address: Which.
        share: How full it was when last read.
        read_at: When that was; milliseconds since the epoch.
        mark: The share from which nothing is sent from it.
        full_at: When it comes to that, at the pace it has filled at; None: not foretold.
    """

    address: str
    share: float
    read_at: int
    mark: float
    full_at: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What the configuration makes of a run.

    Attributes:
        price: EUR a message.
        eta: When the last message would start; milliseconds since the epoch. None: nothing is left to send,
            or not all of it can be sent.
        binding: Which limit binds; None: none does, or nothing is left.
        canary: The run's canary as the ledger knows it; None: not asked for.
        copy: The run whose receipts show that the ledger is an older copy, so that no run is sent; "": none.
        balance: Its last three-way balance as it was kept; None: none was drawn.
        causes: Of its messages that were refused or not delivered, how many have which cause; most first.
        mailboxes: How full the mailboxes are, as far as that was read.
    """

    price: float
    eta: int | None = None
    binding: str | None = None
    canary: Canary | None = None
    copy: str = ""
    balance: Mapping[str, Any] | None = None
    causes: Mapping[Cause, int] = field(default_factory=dict)
    mailboxes: tuple[Filling, ...] = ()


def document(run: Run, figures: Figures, terms: Terms) -> dict[str, Any]:
    """The ``status --json`` document.

    Args:
        run: The run.
        figures: Its counters.
        terms: What the configuration makes of it.
    """
    values = figures.values
    messages = {state.value: values[state] for state in MessageState}
    delivery = {state.value: values[f"delivery_{state}"] for state in Delivery}
    matched = values["receipts_matched"]
    rows = {
        "input": run.input_rows,
        "messages": sum(messages.values()),
        "invalid": values["invalid"],
        "duplicate": values["duplicate"],
        "suppressed": values["suppressed"],
    }
    canary = _canary(terms.canary)
    copy = run.name if run.restored_at is not None else terms.copy
    waits = messages["pending"] > 0 and run.state not in _SENDS_NOTHING and not copy
    waits = waits and (canary is None or canary["state"] != CanaryState.FAILED.value)
    return {
        "schema": SCHEMA,
        "run": run.name,
        "state": run.state.value,
        "rows": rows,
        "messages": messages,
        "delivery": delivery,
        "causes": [
            {"cause": cause.value, "messages": count, "advice": cause.advice.value}
            for cause, count in terms.causes.items()
        ],
        "balanced": _balanced(rows, messages, delivery),
        "balance": _three_way(terms.balance),
        "twins": values["twins"],
        "sent_to_fewer": figures.fewer,
        "restored_at": None if run.restored_at is None else iso(run.restored_at),
        "older_copy": copy or None,
        "retry_of": run.retry_of,
        "canary": canary,
        "attempts": values["attempts"],
        "receipts": {
            "seen": figures.seen,
            "matched": matched,
            "foreign": figures.seen - matched - figures.unknown,
            "unknown": figures.unknown,
        },
        "mailboxes": [_filling(one) for one in terms.mailboxes],
        "cost": round((messages["sent"] + messages["in_doubt"]) * terms.price, 2),
        "eta": iso(terms.eta) if waits and terms.eta is not None else None,
        "binding": terms.binding if waits else None,
        "updated_at": iso(figures.updated_at),
    }


def _filling(one: Filling) -> dict[str, Any]:
    return {
        "address": one.address,
        "share": round(one.share, 4),
        "read_at": iso(one.read_at),
        "mark": one.mark,
        "full_at": None if one.full_at is None else iso(one.full_at),
    }


def _three_way(kept: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The three-way balance at the end of the last harvest, which may be older than the rest."""
    if kept is None:
        return None
    return {"at": iso(kept["at"])} | {name: kept[name] for name in kept if name not in {"at", "stamp"}}


_SENDS_NOTHING = frozenset({RunState.CANCELLED, RunState.FINISHED, RunState.PAUSED})


def _canary(found: Canary | None) -> dict[str, Any] | None:
    """A canary's state as its last judge left it, and how many of its messages are where."""
    if found is None or found.state is None:
        return None
    unknown = found.size - found.delivered - found.lost
    return {
        "state": found.state.value,
        "messages": found.size,
        "delivered": found.delivered,
        "lost": found.lost,
        "unknown": unknown,
    }


def _balanced(rows: dict[str, int], messages: dict[str, int], delivery: dict[str, int]) -> bool:
    """Invariant 6: every input row is in exactly one place, and every sent message in one delivery state."""
    parts = rows["messages"] + rows["invalid"] + rows["duplicate"] + rows["suppressed"]
    counted = [*rows.values(), *messages.values(), *delivery.values()]
    return (
        rows["input"] == parts
        and messages["sent"] == sum(delivery.values())
        and all(count >= 0 for count in counted)
    )


def iso(milliseconds: int) -> str:
    """A time as UTC ISO 8601, to the second."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


_MESSAGES = {
    "sent": "sent",
    "pending": "still to send",
    "sending": "being sent",
    "in_doubt": "in doubt: may or may not have left",
    "rejected": "rejected by the provider",
    "cancelled": "cancelled",
    "abandoned": "given up by the operator",
}
_DELIVERY = {
    "delivered": "delivered (proved by a receipt)",
    "accepted": "accepted, delivery awaited",
    "none": "no receipt yet",
    "undelivered": "not delivered",
    "not_accepted": "not accepted by the sender's provider",
    "overdue": "overdue: no delivery receipt in time",
}
_TWINS = {
    "twins": "of these sent twice: both copies have left, and both are on record",
    "sent_to_fewer": "of these sent to fewer addresses than they have, says the provider",
}
_ROWS = {
    "invalid": "invalid",
    "duplicate": "duplicates",
    "suppressed": "suppressed",
}


def text(status: dict[str, Any], zone: tzinfo = UTC) -> str:
    """The status in plain words, one figure a line; figures that are nought are left out.

    Args:
        status: See `document`.
        zone: Where the reader's clock stands, for the end date.
    """
    rows = status["rows"]
    lines = [f"Run {status['run']}: {status['state']}", f"{_wide(rows['input'], 'row')} in the list"]
    lines += _figures(rows, _ROWS | ({"duplicate": "duplicate"} if rows["duplicate"] == 1 else {}), indent=2)
    lines.append(_wide(rows["messages"], "message"))
    lines += _figures(status["messages"], _MESSAGES, indent=2)
    lines += _figures(status["delivery"], _DELIVERY, indent=4)
    lines += [
        f"{one['messages']:>11,}       {Cause(one['cause']).words}: {one['advice']}"
        for one in status["causes"]
    ]
    lines += _figures(status, _TWINS, indent=4)
    seen = status["receipts"]
    lines.append(
        f"{_wide(seen['seen'], 'mail')} read in the inbox: {seen['matched']:,} of this run, "
        f"{seen['foreign']:,} foreign, {seen['unknown']:,} unknown"
    )
    lines += _held(status)
    lines.append(f"Cost so far: EUR {status['cost']:,.2f}. Attempts: {status['attempts']:,}.")
    lines += _outlook(status, zone)
    lines += [_filled(one, zone) for one in status["mailboxes"]]
    lines += balance.lines(status["balance"]) if status["balance"] else []
    lines.append(
        "Every row is accounted for."
        if status["balanced"]
        else "THE FIGURES DO NOT BALANCE: this is a bug. Send nothing, keep the ledger, and report it."
    )
    return "\n".join(lines)


_CANARY = {
    "sending": "The canary goes first",
    "waiting": "The canary's receipts are awaited",
    "failed": "THE CANARY IS BAD and nothing more is sent; the next start judges it again",
}


def _held(status: dict[str, Any]) -> list[str]:
    """What keeps a run that is not over from being sent."""
    run, canary, lines = shlex.quote(status["run"]), status["canary"], []
    if status["older_copy"]:
        lines.append(
            "THIS LEDGER IS AN OLDER COPY: it sends nothing. "
            f"`bulk-pec settle {shlex.quote(status['older_copy'])}` shows what it would send."
        )
    if status["state"] == "paused":
        lines.append(f"Paused: nothing is sent before `bulk-pec resume {run}`.")
    if canary and canary["state"] in _CANARY and status["state"] not in {"cancelled", "finished"}:
        size = counted(canary["messages"], "message")
        lines.append(
            f"{_CANARY[canary['state']]}: of {size} {canary['delivered']:,} delivered, "
            f"{canary['lost']:,} lost, {canary['unknown']:,} not known yet."
        )
    return lines


_BINDING = {
    "rate": "the rate",
    "concurrency": "the number of requests in flight",
    "window": "the window",
    "day_cap": "the day cap",
    "month_cap": "the month cap",
    "year_cap": "the year cap",
    "cost": "the cost limit",
    "mailbox_space": "the mailbox space",
}


def _outlook(status: dict[str, Any], zone: tzinfo) -> list[str]:
    """When the rest would be sent, and what binds."""
    binding = _BINDING.get(status["binding"] or "", "")
    if status["eta"]:
        bound = f"; {binding} binds" if binding else ""
        return [f"The rest would be sent by {_local(status['eta'], zone)}{bound}."]
    return [f"Not all of the rest can be sent: {binding} binds."] if binding else []


def _filled(one: dict[str, Any], zone: tzinfo) -> str:
    """How full a mailbox was, and when it would count as full."""
    line = f"{one['address']}: {one['share']:.0%} full when read, {_local(one['read_at'], zone)}"
    if one["full_at"] is None:
        return f"{line}."
    return f"{line}; at this pace it comes to {one['mark']:.0%} on {_local(one['full_at'], zone)}."


def _local(moment: str, zone: tzinfo) -> str:
    """A time of the document as the reader's clock shows it, with the place of that clock."""
    return f"{datetime.fromisoformat(moment).astimezone(zone):%Y-%m-%d %H:%M} ({zone})"


def _wide(number: int, noun: str) -> str:
    """A figure under the others, with its noun."""
    figure, _, word = counted(number, noun).partition(" ")
    return f"{figure:>11} {word}"


def _figures(values: dict[str, int], words: dict[str, str], *, indent: int) -> list[str]:
    return [f"{values[name]:>11,} {' ' * indent}{said}" for name, said in words.items() if values[name]]
