"""Settling by hand: which doubts are meant, what the operator decides, what is left."""

from __future__ import annotations

import shlex
from typing import Any

from bulk_pec.cli.identity import operator
from bulk_pec.cli.policy import settle_options
from bulk_pec.cli.session import Result, Session
from bulk_pec.clock import SystemClock
from bulk_pec.domain.errors import UsageError
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.domain.states import MessageState, RunState
from bulk_pec.domain.words import counted
from bulk_pec.ledger.inbox.ambiguities import Ambiguous
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.doubts import Decision, Doubt
from bulk_pec.ledger.runs.runs import Restored, Run
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


def check_acknowledging(decision: Decision | None) -> None:
    """Acknowledging is an act of its own: it settles no doubt.

    Raises:
        UsageError: A decision stands beside it.
    """
    if decision is not None:
        raise UsageError(
            f"--acknowledge does not go together with --{decision}.",
            hint="Acknowledge first, then decide the doubts. Nothing was changed.",
        )


def check_meant(run: str, *, older_copy: bool, ambiguous: int) -> None:
    """Acknowledging without a KEY must mean one thing: nobody who clears deliveries lets an older copy send.

    Raises:
        UsageError: It could mean both.
    """
    if older_copy and ambiguous:
        raise UsageError(
            f"The run {run!r} shows that this ledger is an older copy, and "
            f"{counted(ambiguous, 'message')} of it have ambiguous deliveries: --acknowledge without a KEY "
            "could mean either.",
            hint="Nothing was changed. Give the KEYs of the deliveries first; what is left then is the copy.",
        )


class Desk:
    """One call of `settle`.

    Args:
        session: For the configuration.
        keys: Keys or references; none: every doubt of the run.
        decision: What is decided; None: nothing.
        reason: The operator's, for the record.
        acknowledge: Whether a person has looked: with keys, at the ambiguous deliveries of these messages;
            without, at all of the run, or else at an older copy, from which it may then be sent.
    """

    def __init__(
        self,
        session: Session,
        keys: list[str],
        decision: Decision | None,
        reason: str,
        *,
        acknowledge: bool = False,
    ) -> None:
        self._session = session
        self._config = session.config()
        self._keys = keys
        self._decision = decision
        self._reason = reason
        self._chosen: list[Doubt] = []
        self._settled = 0
        self._acknowledge = acknowledge
        self._acknowledged = False
        self._ambiguous: list[Ambiguous] = []
        self._looked_at = 0
        self._restored: Restored | None = None
        self._elsewhere: list[str] = []
        self._cancelled = False

    @property
    def decides(self) -> bool:
        """Whether anything is to be written down; else the call only looks."""
        return self._decision is not None or self._acknowledge

    def choose(self, ledger: Ledger, run: Run) -> None:
        """Find the doubts that are meant, and what shows that the ledger is an older copy.

        Raises:
            UsageError: A key is no message of this run, or its message is not in doubt; or see
                `check_meant`. Nothing is changed.
        """
        doubts = ledger.doubts.of(run)
        self._ambiguous = [one for one in ledger.ambiguities.of(run) if not one.acknowledged]
        if self._keys and self._acknowledge:
            doubts, self._ambiguous = [], self._meant(ledger, run)
        elif self._keys:
            wanted = self._wanted(ledger, run)
            doubts = [doubt for doubt in doubts if doubt.message in wanted]
        self._chosen = doubts
        copies = ledger.runs.copies()
        self._restored = copies.pop(run.name, None)
        self._elsewhere = list(copies)
        if self._acknowledge and not self._keys:
            older = self._restored is not None
            check_meant(run.name, older_copy=older, ambiguous=len(self._ambiguous))

    def _meant(self, ledger: Ledger, run: Run) -> list[Ambiguous]:
        found = ledger.doubts.find(run, self._keys)
        unseen = {one.message: one for one in self._ambiguous}
        for key in self._keys:
            if key not in found or found[key].message not in unseen:
                raise UsageError(
                    f"No message of the run {run.name!r} with the key or reference {key!r} has ambiguous "
                    "deliveries that nobody has acknowledged.",
                    hint=f"Nothing was changed. `bulk-pec settle {shlex.quote(run.name)}` lists them.",
                )
        return [unseen[message] for message in {found[key].message: None for key in self._keys}]

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
        """Record what was decided: the doubts' end, or that the ledger is an older copy and may send.

        A decision on the whole run, no KEY given, is an operator's word on an older copy too.
        """
        by, now = operator(self._reason), SystemClock().now()
        if not self._keys:
            self._acknowledged = ledger.doubts.acknowledge(run, by, now)
        if self._acknowledge and self._ambiguous:
            self._looked_at = ledger.ambiguities.acknowledge(run, self._ambiguous, by, now)
            ledger.balances.draw(run, now)
        if self._decision is not None and self._chosen:
            self._settled = ledger.doubts.decide(run, self._chosen, self._decision, by, now)
            self._cancelled = run.state is RunState.CANCELLED and self._decision is Decision.RESEND
        ledger.runs.close_if_done(run, now)

    def told(self, ledger: Ledger, run: Run) -> Result:
        """What was decided and which doubts are left: those asked for, or all where a decision was made."""
        left = ledger.doubts.of(run)
        waits = self._restored is not None and not self._acknowledged
        shown = left if self._decision is not None else self._chosen
        listed = [self._listed(ledger, doubt) for doubt in shown]
        pending = ledger.views.figures(run).values["pending"]
        document: dict[str, Any] = {
            "schema": 1,
            "run": run.name,
            "decision": None if self._decision is None else self._decision.value,
            "settled": self._settled,
            "acknowledged": self._acknowledged,
            "ambiguous": [
                {"key": one.key, "row": one.row, "reference": one.reference, "delivery": one.delivery}
                for one in self._ambiguous
            ],
            "looked_at": self._looked_at,
            "restored": None if self._restored is None else _shown(self._restored, pending),
            "doubts": listed,
            "left": len(left),
        }
        words = [*self._words(run, pending), *_lines(listed, run)]
        waits = waits or (bool(self._ambiguous) and not self._looked_at)
        how = Exit.of(Reason.ATTENTION if left or waits else Reason.COMPLETE)
        return Result(document, "\n".join(words), how)

    def _listed(self, ledger: Ledger, doubt: Doubt) -> dict[str, Any]:
        addresses = {mailbox.address.lower() for mailbox in self._config.settings.mailboxes}
        options = settle_options(self._config)
        configured = doubt.mailbox.lower() in addresses
        now = SystemClock().now()
        return {
            "key": doubt.key,
            "row": doubt.row,
            "reference": doubt.reference,
            "mailbox": doubt.mailbox,
            "attempt": doubt.number,
            "since": iso(doubt.closed_at),
            "why": why_left(ledger.doubts, options, doubt, now, configured=configured),
        }

    def _words(self, run: Run, pending: int) -> list[str]:
        words = []
        if self._restored is not None:
            words.append(_copy(self._restored, run, pending, acknowledged=self._acknowledged))
        elif self._acknowledge and not self._ambiguous:
            words.append(
                "Nothing to acknowledge: no receipt of this run shows that the ledger is an older copy, and "
                "no delivery of it is ambiguous."
            )
        words += self._ambiguous_words(run)
        words += [
            f"Run {other} shows that this ledger is an older copy, and nothing of any run is sent: "
            f"`bulk-pec settle {shlex.quote(other)}` says more."
            for other in self._elsewhere
        ]
        if self._decision is not None:
            said = _WORDS[self._decision]
            said = "cancelled, as their run is" if self._cancelled else said
            words.append(f"{counted(self._settled, 'doubt')} settled: {said}.")
            lost = len(self._chosen) - self._settled
            words += [f"{lost:,} had been settled otherwise a moment ago."] if lost else []
        return words

    def _ambiguous_words(self, run: Run) -> list[str]:
        """Deliveries that are ambiguous, or were acknowledged now."""
        if not self._ambiguous:
            return []
        found = counted(len(self._ambiguous), "message")
        if self._looked_at:
            return [f"Acknowledged: the ambiguous deliveries of {found}, as they are now."]
        lines = [f"{found} to several addresses with ambiguous deliveries:"]
        lines += [
            f"  row {one.row}, key {one.key}, {one.reference}: {one.found} CONSEGNA for "
            f"{one.addresses} addresses, {one.delivery}"
            for one in self._ambiguous[:_SHOWN]
        ]
        more = len(self._ambiguous) - _SHOWN
        lines += [f"  and {more:,} more; --json lists all."] if more > 0 else []
        name = shlex.quote(run.name)
        return [
            *lines,
            "The receipts in the webmail say to whom each was delivered. Having looked: "
            f"`bulk-pec settle {name} --acknowledge KEY…`.",
        ]


def _shown(restored: Restored, pending: int) -> dict[str, Any]:
    """An older copy, for programs: how many messages the other one sent, and how many this one would."""
    return {"messages": restored.count, "rows": list(restored.rows), "pending": pending}


def _copy(restored: Restored, run: Run, pending: int, *, acknowledged: bool) -> str:
    """What is known of an older copy, what it would send, and what lets it; or that it may now."""
    rows = ", ".join(map(str, restored.rows)) + (" …" if restored.count > len(restored.rows) else "")
    name = shlex.quote(run.name)
    known = (
        f"this ledger is an older copy. Receipts name {counted(restored.count, 'message')} that never left "
        f"it (rows {rows}): another copy has sent them."
    )
    risk = (
        f"{counted(pending, 'message')} of the run would leave from here: what the other copy sent and no "
        "receipt shows yet, twice."
    )
    if acknowledged:
        return (
            f"Acknowledged: {known} {risk} Read the inbox once more (`bulk-pec reconcile {name}`) before you "
            "send, and never let two copies live."
        )
    return (
        f"Not acknowledged: {known} {risk} Nothing is sent before you say `bulk-pec settle {name} "
        "--acknowledge` (or decide all its doubts, no KEY given); first read the inbox "
        f"(`bulk-pec reconcile {name}`) until the other copy's last acceptances must be in."
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
        "Look for the reference in the webmail (for the subject, where it has none). Then decide: "
        f"`bulk-pec settle {name} --sent|--resend|--abandon [KEY…]`; without KEY, all of them."
    )
    return lines
