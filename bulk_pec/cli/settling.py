"""Settling by hand: which doubts are meant, what the operator decides, what is left."""

from __future__ import annotations

import shlex
from typing import Any

from bulk_pec.cli import wiring
from bulk_pec.cli.identity import operator
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.errors import UsageError
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.domain.states import MessageState, RunState
from bulk_pec.ledger.doubts import Decision, Doubt
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs import Restored, Run
from bulk_pec.receipts.settle import why_left
from bulk_pec.reporting.status import iso

_SHOWN = 20
_WORDS = {
    Decision.SENT: "recorded as sent",
    Decision.RESEND: "to be sent again, once the inbox has been read once more",
    Decision.ABANDON: "given up",
}


def decision_of(*, sent: bool, resend: bool, abandon: bool) -> Decision | None:
    """The decision the flags stand for; None: only a list is wanted.

    Raises:
        UsageError: More than one was given.
    """
    flags = {Decision.SENT: sent, Decision.RESEND: resend, Decision.ABANDON: abandon}
    given = [decision for decision, wanted in flags.items() if wanted]
    if len(given) > 1:
        raise UsageError(
            f"--{given[0]} and --{given[1]} are two decisions.",
            hint="Give one of --sent, --resend, --abandon.",
        )
    return given[0] if given else None


class Desk:
    """One call of `settle`.

    Args:
        session: For the configuration.
        keys: Keys or references; none: every doubt of the run.
        decision: What is decided; None: nothing.
        reason: The operator's, for the record.
    """

    def __init__(self, session: Session, keys: list[str], decision: Decision | None, reason: str) -> None:
        self._session = session
        self._config = session.config()
        self._keys = keys
        self._decision = decision
        self._reason = reason
        self._chosen: list[Doubt] = []
        self._settled = 0
        self._restored: Restored | None = None
        self._cancelled = False

    def choose(self, ledger: Ledger, run: Run) -> None:
        """Find the doubts that are meant.

        Raises:
            UsageError: A key is no message of this run, or its message is not in doubt; nothing is changed.
        """
        doubts = ledger.doubts.of(run)
        if self._keys:
            wanted = self._wanted(ledger, run)
            doubts = [doubt for doubt in doubts if doubt.message in wanted]
        self._chosen = doubts

    def _wanted(self, ledger: Ledger, run: Run) -> set[int]:
        found = ledger.doubts.find(run, self._keys)
        unknown = [key for key in self._keys if key not in found]
        if unknown:
            raise UsageError(
                f"The run {run.name!r} has no message with the key or reference {unknown[0]!r}.",
                hint=f"Nothing was changed. `bulk-pec settle {shlex.quote(run.name)}` lists its doubts.",
            )
        for key in self._keys:
            if found[key].state is not MessageState.IN_DOUBT:
                raise UsageError(
                    f"The message {key!r} is not in doubt: it is {found[key].state.value}.",
                    hint=f"Nothing was changed. `bulk-pec settle {shlex.quote(run.name)}` lists the doubts.",
                )
        return {found[key].message for key in self._keys}

    def decide(self, ledger: Ledger, run: Run) -> None:
        """Acknowledge that the ledger is an older copy, if it is; record the decision, if one was given."""
        by, now = operator(self._reason), wiring.clock().now()
        self._restored = ledger.runs.restored(run)
        if self._restored is not None:
            ledger.doubts.acknowledge(run, by, now)
        if self._decision is not None and self._chosen:
            self._settled = ledger.doubts.decide(run, self._chosen, self._decision, by, now)
            self._cancelled = run.state is RunState.CANCELLED and self._decision is Decision.RESEND
        ledger.runs.close_if_done(run, now)

    def told(self, ledger: Ledger, run: Run) -> Result:
        """What was decided and which doubts are left: those asked for, or all where a decision was made."""
        left = ledger.doubts.of(run)
        shown = left if self._decision is not None else self._chosen
        listed = [self._listed(ledger, doubt) for doubt in shown]
        document: dict[str, Any] = {
            "schema": 1,
            "run": run.name,
            "decision": None if self._decision is None else self._decision.value,
            "settled": self._settled,
            "acknowledged": self._restored is not None,
            "restored": None if self._restored is None else {"messages": self._restored.count},
            "doubts": listed,
            "left": len(left),
        }
        words = [*self._words(run), *_lines(listed, run)]
        how = Exit.of(Reason.ATTENTION if left else Reason.COMPLETE)
        return Result(document, "\n".join(words), how)

    def _listed(self, ledger: Ledger, doubt: Doubt) -> dict[str, Any]:
        addresses = {mailbox.address.lower() for mailbox in self._config.settings.mailboxes}
        options = wiring.settle_options(self._config)
        configured = doubt.mailbox.lower() in addresses
        now = wiring.clock().now()
        return {
            "key": doubt.key,
            "row": doubt.row,
            "reference": doubt.reference,
            "mailbox": doubt.mailbox,
            "attempt": doubt.number,
            "since": iso(doubt.closed_at),
            "why": why_left(ledger.doubts, options, doubt, now, configured=configured),
        }

    def _words(self, run: Run) -> list[str]:
        words = []
        if self._restored is not None:
            words.append(_acknowledged(self._restored, run))
        if self._decision is not None:
            said = _WORDS[self._decision]
            said = "cancelled, as their run is" if self._cancelled else said
            words.append(f"{self._settled:,} doubts settled: {said}.")
            lost = len(self._chosen) - self._settled
            words += [f"{lost:,} had been settled otherwise a moment ago."] if lost else []
        return words


def _acknowledged(restored: Restored, run: Run) -> str:
    rows = ", ".join(map(str, restored.rows)) + (" …" if restored.count > len(restored.rows) else "")
    return (
        f"Acknowledged: this ledger is an older copy. {restored.count:,} messages that it never tried have "
        f"receipts (rows {rows}) and are sent. What the other copy sent and no receipt shows yet would be "
        f"sent twice: read the inbox once more (`bulk-pec reconcile {shlex.quote(run.name)}`) before you "
        "send, and never let two copies live."
    )


def _lines(listed: list[dict[str, Any]], run: Run) -> list[str]:
    if not listed:
        return [f"Run {run.name} has no message in doubt."]
    lines = [f"{len(listed):,} in doubt:"]
    lines += [
        f"  row {one['row']}, key {one['key']}, {one['reference']}, from {one['mailbox']}, "
        f"{one['since']}: {one['why']}"
        for one in listed[:_SHOWN]
    ]
    if len(listed) > _SHOWN:
        lines.append(f"  and {len(listed) - _SHOWN:,} more; --json lists all.")
    name = shlex.quote(run.name)
    lines.append(
        "Look for the reference in the webmail. Then decide: "
        f"`bulk-pec settle {name} --sent|--resend|--abandon [KEY…]`; without KEY, all of them."
    )
    return lines
