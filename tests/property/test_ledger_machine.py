"""A state machine over the real SQLite ledger: whatever comes in whatever order, the promises hold.

The machine keeps its own small memory of what must be true of each attempt, written from
docs/semantics.md and not from the ledger's code, and compares after every step.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from support.ledgers import (
    IN_DOUBT,
    NOT_SENT,
    NOW,
    REFUSED,
    REJECTED,
    SENT,
    THROTTLED,
    Desk,
    end,
    expire,
    load,
    mail,
    open_ledger,
    query,
    recount,
)
from support.walks import add_page

from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.caps import Caps, Limits
from bulk_pec.domain.outcomes import Outcome
from bulk_pec.domain.receipts import RECEIPTS, ReceiptKind
from bulk_pec.domain.states import RunState
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.attempts import Closing, Intent, Refusal, Tick
from bulk_pec.ledger.outbox.doubts import Doubt, Operator
from bulk_pec.ledger.outbox.workers import Worker
from bulk_pec.ledger.runs.runs import Run

MESSAGES = 4
PRICES = (50_000, 70_000)
"""Of a message, before and after the price has changed; millionths of EUR."""
ROME = ZoneInfo("Europe/Rome")
OUTCOMES = (SENT, REJECTED, NOT_SENT, THROTTLED, REFUSED, IN_DOUBT)
_AGAIN = {"not_sent", "throttled", "refused"}
_outcomes = st.sampled_from(OUTCOMES)
_messages = st.integers(0, MESSAGES - 1)
_caps = st.sampled_from([None, None, 1, 2, 3, 5])


@dataclass
class Attempt:
    """An attempt as the provider's side would tell it."""

    id: int
    message: int
    worker: int


class LedgerMachine(RuleBasedStateMachine):
    """One run of a few messages; workers come, send, die and answer late; receipts come at any time.

    Attributes:
        given_up_by: Settlements after which a message may be tried again.
    """

    given_up_by = frozenset({"absence"})

    attempts = Bundle("attempts")
    doubts = Bundle("doubts")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="machine-")
        self.ledger: Ledger = self.new_ledger(Path(self._folder.name))
        self.now = NOW
        self.ever_sent: set[int] = set()
        self.walk: int | None = None
        self.waits_since: dict[int, int] = {}

    def new_ledger(self, folder: Path) -> Ledger:
        """An empty ledger."""
        return open_ledger(f"sqlite:///{folder / 'ledger.db'}")

    def new_run(self) -> Run:
        """The run, loaded."""
        return load(self.ledger, MESSAGES)

    @initialize(caps=st.builds(Caps, _caps, _caps, _caps), budget=_caps)
    def start(self, caps: Caps, budget: int | None) -> None:
        """Load the run, register the first worker, and say what it may send and spend."""
        self.run = self.new_run()
        self.desk = Desk.of(self.ledger, self.run)
        self.limits = Limits(
            {self.desk.mailbox: caps},
            Calendar("Europe/Rome").period,
            PRICES[0],
            None if budget is None else budget * PRICES[0],
        )
        self.references = {
            row["id"]: row["reference"] for row in query(self.ledger, "SELECT id, reference FROM messages")
        }

    def tick(self) -> int:
        """A later moment than every one before."""
        self.now += 1_000
        return self.now

    def identity(self, place: int) -> int:
        """The id of a message by its place."""
        return self.run.first_id + place

    def states(self) -> dict[int, str]:
        """Each message's state."""
        return {row["id"]: row["state"] for row in query(self.ledger, "SELECT id, state FROM messages")}

    @rule(target=attempts, place=_messages)
    def intend(self, place: int) -> object:
        """The worker writes an intent for a message it was handed."""
        identity = self.identity(place)
        before = self.states()[identity]
        pending = next((one for one in self.desk.pending(self.now) if one.id == identity), None)
        if pending is None:
            return multiple()
        assert before == "pending"
        if self.ledger.runs.restored(self.run) is not None:  # a receipt came for what was never tried
            assert self.desk.open(pending, self.tick()) is None
            assert self.ledger.doubts.acknowledge(self.run, Operator("the machine"), self.tick())
        assert identity not in self.waits_since, "no harvest has ended since its absence was accepted"
        moment = self.tick()
        lacking = self.lacking(identity, moment)
        intent = self.desk.intent(pending, units=self.units(identity))
        tick = self.commit([intent], [], moment)
        assert (identity in tick.opened) == (self.may_leave(identity) and lacking is None)
        assert tick.refused == ({} if lacking is None else {identity: lacking})
        if not tick.opened:
            return multiple()
        return Attempt(tick.opened[identity], identity, self.desk.worker.id)

    def commit(
        self, intents: list[Intent], closings: list[Closing], now: int, worker: Worker | None = None
    ) -> Tick:
        """One transaction of a worker, the one at work unless named, under the machine's limits."""
        by = worker or self.desk.worker
        return self.ledger.attempts.tick(by, intents, closings, now, self.limits)

    def units(self, identity: int) -> int:
        """How many addresses a message has: the third one two."""
        return 2 if identity - self.run.first_id == 2 else 1

    def used(self) -> tuple[Counter[str], int]:
        """Addresses by day, month and year in Rome, and money: counted from the attempts alone."""
        counted: Counter[str] = Counter()
        cost = 0
        for row in query(self.ledger, "SELECT opened_at, units, cost, outcome FROM attempts"):
            if row["outcome"] in {None, "sent", "in_doubt"}:
                cost += row["cost"]
                counted.update(dict.fromkeys(_periods(row["opened_at"]), row["units"]))
        return counted, cost

    def lacking(self, identity: int, moment: int) -> Refusal | None:
        """What there is not enough of for one more attempt of a message; money comes first."""
        counted, cost = self.used()
        if self.limits.budget is not None and cost + self.limits.price > self.limits.budget:
            return Refusal.BUDGET
        units = self.units(identity)
        full = any(
            cap is not None and counted[period] + units > cap
            for period, cap in zip(_periods(moment), self.caps(), strict=True)
        )
        return Refusal.CAP if full else None

    def caps(self) -> tuple[int | None, int | None, int | None]:
        """Of a day, a month and a year."""
        caps = self.limits.caps[self.desk.mailbox]
        return caps.per_day, caps.per_month, caps.per_year

    @rule()
    def another_price(self) -> None:
        """The configuration changes: from now on a message costs more, or less."""
        self.limits = replace(self.limits, price=sum(PRICES) - self.limits.price)

    def may_leave(self, identity: int) -> bool:
        """Whether an intent for a message that was handed out must be taken."""
        return bool(identity)

    @rule(place=_messages, number=st.integers(0, 5))
    def intend_blindly(self, place: int, number: int) -> None:
        """A worker with an old story writes an intent for anything: the ledger takes it only if it may."""
        identity = self.identity(place)
        (row,) = query(self.ledger, "SELECT state, attempts FROM messages WHERE id = :id", id=identity)
        if row["state"] == "pending" and number == row["attempts"] + 1:
            return  # the ledger would rightly take it, and nobody would hold the attempt
        block = self.desk.blocks[0].id if self.desk.blocks else 1
        intent = Intent(identity, number, block, self.desk.mailbox, f"d{identity}", None)
        assert self.commit([intent], [], self.tick()).opened == {}

    @rule(attempt=attempts, outcome=_outcomes)
    def answer(self, attempt: Attempt, outcome: Outcome) -> None:
        """An answer is recorded: on time, late, or once more."""
        closing = Closing(attempt.id, attempt.message, outcome, self.tick())
        self.commit([], [closing], self.now)

    @rule(attempt=attempts, first=_outcomes, second=_outcomes)
    def answer_twice_at_once(self, attempt: Attempt, first: Outcome, second: Outcome) -> None:
        """Two answers for one attempt share a commit."""
        closings = [Closing(attempt.id, attempt.message, one, self.tick()) for one in (first, second)]
        self.commit([], closings, self.now)

    @rule()
    def crash_and_recover(self) -> None:
        """The process dies; the next one recovers and claims what is pending."""
        dead = self.desk.worker.id
        of_the_dead = "SELECT message FROM attempts WHERE closed_at IS NULL AND worker_id = :dead"
        open_before = {row["message"] for row in query(self.ledger, of_the_dead, dead=dead)}
        expire(self.ledger, self.desk.worker)
        self.ledger.workers.recover(self.tick())
        after = self.states()
        assert all(after[identity] in {"in_doubt", "sent"} for identity in open_before)  # invariant 11
        self.desk = Desk.of(self.ledger, self.run)

    @rule()
    def leave_and_return(self) -> None:
        """The process ends in good order with nothing in flight; another one starts."""
        if query(self.ledger, "SELECT id FROM attempts WHERE closed_at IS NULL"):
            return
        self.desk.leave()
        self.desk = Desk.of(self.ledger, self.run)
        self.everything_pending_is_in_a_claimed_block()

    @rule(place=_messages, kind=st.sampled_from(sorted(ReceiptKind)), shown=st.booleans())
    def receipt(self, place: int, kind: ReceiptKind, shown: bool) -> None:
        """A page with one mail is read."""
        identity = self.identity(place)
        walk = self.ledger.inbox.begin(self.desk.mailbox, self.tick())
        token = "2020082610003492" if shown else None
        one = mail(kind, self.references[identity], at=self.now, message_id=token)
        matched = add_page(self.ledger, walk, self.desk.mailbox, [one], self.now).matched
        assert matched == (kind in RECEIPTS)
        if kind in RECEIPTS:
            assert self.states()[identity] == "sent"
            self.waits_since.pop(identity, None)

    @rule()
    def harvest_ends(self) -> None:
        """A walk that found nothing new ends: what waited for it may be tried again."""
        walk = self.ledger.inbox.begin(self.desk.mailbox, self.tick())
        self.ledger.inbox.complete(walk, self.desk.mailbox, end(), self.tick())
        self.waits_since.clear()

    @rule(target=doubts)
    def read_doubts(self) -> object:
        """Somebody looks at what is in doubt, to settle it now or much later."""
        found = self.ledger.doubts.of(self.run)
        in_doubt = {identity for identity, state in self.states().items() if state == "in_doubt"}
        assert {doubt.message for doubt in found} == in_doubt
        return multiple(*found)

    @rule(doubt=consumes(doubts))
    def accept_absence(self, doubt: Doubt) -> None:
        """An absence is accepted, on facts that may have grown old."""
        before = self.states()[doubt.message]
        accepted = self.ledger.doubts.accept_absence(self.run, doubt, {}, self.tick())
        assert not accepted or before == "in_doubt"
        if accepted:
            self.waits_since[doubt.message] = self.now

    @rule()
    def overdue(self) -> None:
        """Time passes without receipts."""
        self.ledger.inbox.mark_overdue(self.run, self.now, self.tick())

    def everything_pending_is_in_a_claimed_block(self) -> None:
        """Nothing pending is forgotten in a block that counts as done."""
        lost = query(
            self.ledger,
            "SELECT m.id FROM messages m JOIN blocks b ON m.id BETWEEN b.first_id AND b.last_id "
            "WHERE m.state = 'pending' AND b.done",
        )
        assert lost == []

    @invariant()
    def at_most_one_open_attempt(self) -> None:
        """Invariant 2."""
        open_ones = query(self.ledger, "SELECT message FROM attempts WHERE closed_at IS NULL")
        assert len(open_ones) == len({row["message"] for row in open_ones})

    @invariant()
    def every_further_attempt_was_allowed(self) -> None:
        """Invariant 3: the one before it was recorded as not sent, or its absence was accepted.

        A late answer that it was sent after all may follow, and is then the story of a twin.
        """
        told: dict[int, list[dict[str, object]]] = {}
        for row in query(self.ledger, "SELECT * FROM attempts ORDER BY message, number"):
            told.setdefault(row["message"], []).append(row)
        for rows in told.values():
            assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
            for row in rows[:-1]:
                absent = row["settlement"] in self.given_up_by
                twin = row["settlement"] == "late_answer" and row["outcome"] == "sent"
                assert row["outcome"] in _AGAIN or absent or twin
            assert len({row["digest"] for row in rows}) == 1

    @invariant()
    def sent_never_leaves(self) -> None:
        """Invariant 4."""
        sent = {identity for identity, state in self.states().items() if state == "sent"}
        assert self.ever_sent <= sent
        self.ever_sent = sent

    @invariant()
    def what_the_provider_took_is_sent(self) -> None:
        """No message with an attempt recorded as sent waits to be tried again."""
        taken = query(
            self.ledger,
            "SELECT m.state FROM attempts a JOIN messages m ON m.id = a.message WHERE a.outcome = 'sent'",
        )
        assert {row["state"] for row in taken} <= {"sent"}

    @invariant()
    def the_sums_balance(self) -> None:
        """Invariant 6, and every counter equals its recount."""
        if self.references_known():
            recount(self.ledger, self.run)

    @invariant()
    def no_cap_is_overrun(self) -> None:
        """Invariant 7: what counts is within every cap and the budget, and is what the rows say."""
        if not self.references_known():
            return
        counted, cost = self.used()
        for length, cap in zip((10, 7, 4), self.caps(), strict=True):
            most = max((count for period, count in counted.items() if len(period) == length), default=0)
            assert cap is None or most <= cap
        assert self.limits.budget is None or cost <= self.limits.budget
        rows = query(self.ledger, "SELECT period, used FROM usage")
        assert {row["period"]: row["used"] for row in rows if row["used"]} == {
            **counted,
            **({"cost": cost} if cost else {}),
        }

    @invariant()
    def finished_means_settled(self) -> None:
        """Invariant 10."""
        if self.references_known():
            unsettled = set(self.states().values()) & {"pending", "sending", "in_doubt"}
            state = self.ledger.runs.get("giugno").state
            assert (state is RunState.FINISHED) is (state is not RunState.CANCELLED and not unsettled)

    @invariant()
    def a_message_that_is_sending_has_its_attempt_open(self) -> None:
        """Invariant 11: an open attempt means sending, an unsettled one in doubt; pending has neither."""
        rows = query(
            self.ledger,
            "SELECT m.state, SUM(CASE WHEN a.closed_at IS NULL THEN 1 ELSE 0 END) AS open, "
            "SUM(CASE WHEN a.outcome = 'in_doubt' AND a.settlement IS NULL THEN 1 ELSE 0 END) AS unsettled "
            "FROM messages m JOIN attempts a ON a.message = m.id GROUP BY m.id, m.state",
        )
        for row in rows:
            assert (row["state"] == "sending") == bool(row["open"]) or row["state"] == "sent"
            assert (row["state"] == "in_doubt") == bool(row["unsettled"])

    def references_known(self) -> bool:
        """Whether the run has been loaded."""
        return hasattr(self, "references")

    def teardown(self) -> None:
        """Close the ledger and remove its folder."""
        self.ledger.close()
        self._folder.cleanup()


def _periods(moment: int) -> tuple[str, str, str]:
    """The day, month and year that clocks in Rome show at a moment in milliseconds."""
    day = datetime.fromtimestamp(moment / 1000, ROME).strftime("%Y-%m-%d")
    return day, day[:7], day[:4]


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
