"""The same machine with everything an operator, a clock and a second host may do, on both databases.

After every step the whole of `ledger check` is asked.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import consumes, invariant, rule, run_state_machine_as_test
from property.test_ledger_machine import MESSAGES, Attempt, LedgerMachine
from support.ledgers import HOUR, NOW, THROTTLED, Desk, a_row, load, message, open_ledger

from bulk_pec.domain.states import RunState
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.attempts import Closing, Intent
from bulk_pec.ledger.outbox.doubts import Decision, Doubt, Operator
from bulk_pec.ledger.proof.checking import Checking
from bulk_pec.ledger.runs.orders import Order, Word
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.ledger.store.schema import metadata

BY = Operator("the machine")
EXPIRES = {1: NOW + HOUR, 2: NOW + 3 * HOUR}
"""When the messages of these places expire."""
_AFTER = {Decision.SENT: "sent", Decision.RESEND: "pending", Decision.ABANDON: "abandoned"}


class OperatedLedger(LedgerMachine):
    """Operators decide, pause, resume and cancel; messages expire; a frozen host wakes."""

    given_up_by = frozenset({"absence", "operator", "policy"})

    def __init__(self) -> None:
        super().__init__()
        self.frozen: list[Desk] = []

    def new_run(self) -> Run:
        """Two of its messages expire."""
        rows = [a_row(place + 1, expires_at=EXPIRES.get(place)) for place in range(MESSAGES)]
        return load(self.ledger, rows)

    def state(self) -> RunState:
        """Where the run stands."""
        return self.ledger.runs.get("giugno").state

    def may_leave(self, identity: int) -> bool:
        """Not from a run that is paused or cancelled."""
        expires = EXPIRES.get(identity - self.run.first_id)
        return self.state() not in {RunState.PAUSED, RunState.CANCELLED} and (
            expires is None or expires > self.now
        )

    @rule(hours=st.sampled_from([1, 2, 15, 17 * 24]))
    def time_passes(self, hours: int) -> None:
        """Long enough for some messages to expire, for another day to begin, or another month."""
        self.now += hours * HOUR

    @rule(word=st.sampled_from(sorted(Word)))
    def order(self, word: Word) -> None:
        """An operator orders; what is cancelled stays so."""
        before = self.state()
        if before is RunState.CANCELLED and word is not Word.CANCEL:
            return  # refused, as its own tests show
        self.ledger.orders.obey(Order(word, self.run.name, BY.name, self.tick()), self.tick())
        if word is Word.CANCEL and before is not RunState.FINISHED:
            assert self.state() is RunState.CANCELLED
            assert "pending" not in self.states().values()
            self.waits_since.clear()

    @rule(doubt=consumes(LedgerMachine.doubts), decision=st.sampled_from(sorted(Decision)))
    def decide(self, doubt: Doubt, decision: Decision) -> None:
        """The operator's word on a doubt, which may be none any more."""
        before = message(self.ledger, doubt.message)
        decided = self.ledger.doubts.decide(self.run, [doubt], decision, BY, self.tick())
        after = self.states()[doubt.message]
        assert not decided or before["state"] == "in_doubt"
        if decided:
            self.went(doubt, after, _AFTER[decision])
        else:
            assert after == before["state"]

    @rule(doubt=consumes(LedgerMachine.doubts))
    def resend(self, doubt: Doubt) -> None:
        """The configuration accepts duplicates: it is tried again, after one more harvest."""
        if self.ledger.doubts.resend(self.run, doubt, self.tick()):
            self.went(doubt, self.states()[doubt.message], "pending")

    def went(self, doubt: Doubt, after: str, expected: str) -> None:
        """A doubt was settled: what would be pending is cancelled in a cancelled run."""
        if expected == "pending" and self.state() is RunState.CANCELLED:
            expected = "cancelled"
        assert after == expected
        if expected == "pending":
            self.waits_since[doubt.message] = self.now

    @rule(attempt=LedgerMachine.attempts, wait=st.integers(1, 90))
    def throttle(self, attempt: Attempt, wait: int) -> None:
        """A 429 with a time: a message that goes back to pending is not tried before it."""
        before = self.states()[attempt.message]
        not_before = self.tick() + wait * 1000
        closing = Closing(attempt.id, attempt.message, THROTTLED, self.now, not_before)
        self.commit([], [closing], self.now)
        found = message(self.ledger, attempt.message)
        if before == "sending" and found["state"] == "pending":
            assert found["not_before"] == not_before

    @rule()
    def freeze(self) -> None:
        """The process is frozen past its lease, and another takes over; the first one will wake."""
        self.frozen.append(self.desk)
        self.crash_and_recover()

    @rule(place=st.integers(0, MESSAGES - 1))
    def wake(self, place: int) -> None:
        """A woken process goes on as if nothing had been: no intent of it is taken."""
        for desk in self.frozen:
            identity = self.identity(place)
            known = message(self.ledger, identity)
            block = desk.blocks[0].id if desk.blocks else 1
            intent = Intent(identity, known["attempts"] + 1, block, desk.mailbox, f"d{identity}", None)
            assert self.commit([intent], [], self.tick(), desk.worker).opened == {}

    @invariant()
    def the_ledger_is_sound(self) -> None:
        """All that `ledger check` asks."""
        assert Checking(self.ledger.database).report().violations == []


BOUNDS = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

TestOperatedLedger = OperatedLedger.TestCase
TestOperatedLedger.settings = BOUNDS


@pytest.mark.postgres
def test_the_same_on_postgres(postgres_url: str) -> None:
    """Few examples: each step waits for a server; the statements are the same ones."""

    class OnPostgres(OperatedLedger):
        def new_ledger(self, folder: Path) -> Ledger:
            ledger = open_ledger(postgres_url)
            tables = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
            with ledger.database.transaction() as connection:
                ledger.database.execute(connection, f"TRUNCATE {tables} RESTART IDENTITY")
            assert folder.exists()
            return ledger

    run_state_machine_as_test(OnPostgres, settings=settings(BOUNDS, max_examples=6))
