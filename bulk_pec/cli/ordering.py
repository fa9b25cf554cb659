"""Ordering: how `pause`, `resume` and `cancel` reach a run, whether or not a process is sending it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulk_pec.cli.identity import operator
from bulk_pec.cli.session import Result, Session
from bulk_pec.clock import SystemClock
from bulk_pec.domain.errors import LedgerBusy, LedgerError
from bulk_pec.domain.states import MessageState, RunState
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.control import Control
from bulk_pec.ledger.runs.orders import Order, Word, check
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.ledger.store.database import file_of
from bulk_pec.sending.orders import EVERY, Orders

_STEP = 0.1


@dataclass(frozen=True, slots=True)
class Standing:
    """A run as it stands after an order.

    Attributes:
        run: The run.
        messages: How many are in each state.
        holder: Which process will write the order into the ledger; "" once it is written.
        sending: How many processes still send it.
    """

    run: Run
    messages: dict[str, int]
    holder: str
    sending: int

    @property
    def obeyed(self) -> bool:
        """Whether the order is in the ledger and nothing of the run is on its way any more."""
        return not self.holder and not self.sending and not self.messages["sending"]


def find(session: Session, name: str, word: Word) -> Run:
    """The run that is meant.

    Raises:
        UsageError: There is none of this name, or it cannot be given this order.
    """
    with session.ledger("read") as ledger:
        run = ledger.runs.get(name)
    check(run, word)
    return run


def give(session: Session, run: Run, word: Word) -> Standing:
    """Give the order, wherever it must go, and wait some seconds for it to be obeyed.

    Raises:
        UsageError: The run cannot be given this order.
        LedgerError: It could not be given.
    """
    order = Order(word, run.name, operator().name, SystemClock().now(), run.created_at)
    holder = ""
    steps = _steps(session.config().settings.sending.drain_timeout + 4 * EVERY)
    try:
        with session.ledger("write") as ledger:
            Orders(ledger, run, SystemClock(), session.say).take()  # what was ordered before comes first
            ledger.orders.obey(order, SystemClock().now())
    except LedgerBusy as busy:
        file = file_of(session.config().ledger_url())
        if file is None:
            raise
        holder = _leave(session, Control(file), order, run, busy, steps)
    return _settled(session, run, holder, steps)


def _leave(
    session: Session, control: Control, order: Order, run: Run, busy: LedgerBusy, steps: Iterator[None]
) -> str:
    """Leave the order for the process that holds the ledger; who that is, unless it is obeyed soon."""
    path = control.leave(order)
    for _ in steps:
        if not still_left(path):
            return ""
        try:  # the holder may have ended before it looked
            with session.ledger("write") as ledger:
                Orders(ledger, run, SystemClock(), session.say).take()
                return ""
        except LedgerBusy as still:
            busy = still
    return busy.holder or "another process"


def still_left(path: Path) -> bool:
    """Whether an order that was left still lies there.

    Raises:
        LedgerError: That cannot be told: it may be obeyed, or not.
    """
    try:
        return path.exists()
    except OSError as error:
        raise LedgerError(
            f"The order {path} is left, and cannot be looked at any more: {error.strerror}.",
            hint="`bulk-pec status` shows whether it was obeyed.",
        ) from error


def _settled(session: Session, run: Run, holder: str, steps: Iterator[None]) -> Standing:
    """How the run stands once nothing of it is on its way, or when that takes too long."""
    while True:
        with session.ledger("read") as ledger:
            found = _standing(ledger, run, holder)
        if found.obeyed or found.run.state is RunState.SENDING or next(steps, "late") == "late":
            return found


def _standing(ledger: Ledger, run: Run, holder: str) -> Standing:
    now = ledger.runs.get(run.name)
    values = ledger.views.figures(now).values
    messages = {state.value: values[state] for state in MessageState}
    return Standing(now, messages, holder, ledger.workers.living(now))


def _steps(seconds: float) -> Iterator[None]:
    """Short sleeps until so many seconds have passed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(_STEP)
        yield None


def told(word: Word, before: Run, found: Standing, words: str) -> Result:
    """What became of an order, as a document and in words."""
    messages = found.messages
    document: dict[str, Any] = {
        "schema": 1,
        "run": found.run.name,
        "order": word.value,
        "state": found.run.state.value,
        "changed": found.run.state is not before.state,
        "obeyed": found.obeyed,
        "holder": found.holder or None,
        "messages": messages,
        "left": messages["sent"],
        "in_doubt": messages["in_doubt"],
        "untouched": messages["pending"] + messages["cancelled"],
    }
    if found.holder:
        words = f"The order to {word.value} {found.run.name!r} is given: {found.holder} will obey it."
    elif not found.obeyed and found.run.state in {RunState.PAUSED, RunState.CANCELLED}:
        words += (
            f" On their way still: {messages['sending']:,}; `bulk-pec status` shows when they have ended."
        )
    return Result(document, words)
