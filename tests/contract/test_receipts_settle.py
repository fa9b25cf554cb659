"""Settling: an absence is accepted when every condition holds, and when one of them does not, it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import orjson
import pytest
from support.inboxes import FULL_AT, MINUTE, NOW, SETTLE_AFTER, Case, all_but
from support.ledgers import IN_DOUBT, SENT, a_row, attempts, doubts, load, new_run, query

from bulk_pec.ledger.ledger import Ledger
from bulk_pec.receipts.settle import Policy

pytestmark = pytest.mark.anyio


def _case(ledger: Ledger) -> Case:
    return Case(ledger, load(ledger, 3, now=NOW))


async def test_all_together_accept(ledger: Ledger) -> None:
    """The absence is recorded with what it rests on; the message waits for one more harvest, then may go."""
    case = _case(ledger)
    await all_but(case)
    settled = await case.settle()
    assert (settled.accepted, settled.waiting, settled.why) == (1, 0, None)
    assert case.state(1) == "pending"
    (attempt,) = attempts(ledger, case.run.first_id)
    assert attempt["settlement"] == "absence"
    facts = orjson.loads(attempt["settled_facts"])
    (walk,) = query(ledger, "SELECT id, begun_at FROM harvests ORDER BY id DESC LIMIT 1")
    assert facts == {
        "closed_at": attempt["closed_at"],
        "settle_after_s": SETTLE_AFTER,
        "harvest": walk["id"],
        "harvest_begun_at": walk["begun_at"],
        "searched": case.reference(1),
        "search_proved_by": case.reference(2),
        "quota_before": 0.25,
        "quota_at_harvest": 0.25,
    }
    assert case.claimable() == [3], "not before a harvest that ended after the acceptance"
    await case.harvest()
    assert case.claimable() == [1, 3]


async def test_a_receipt_after_the_acceptance_still_wins(ledger: Ledger) -> None:
    """The harvest between acceptance and claim finds the receipt: the message is sent, and never again."""
    case = _case(ledger)
    await all_but(case)
    await case.settle()
    case.receipt(1)
    await case.harvest()
    assert case.state(1) == "sent"
    assert case.claimable() == [3]


async def test_settling_again_changes_nothing(ledger: Ledger) -> None:
    """An absence is accepted once."""
    case = _case(ledger)
    await all_but(case)
    assert (await case.settle()).accepted == 1
    assert (await case.settle()).accepted == 0


async def _not_yet(case: Case) -> None:
    await case.harvest()
    case.attempt(1, IN_DOUBT)
    case.clock.wait(MINUTE)
    case.attempt(2, SENT)
    case.receipt(2)
    await case.harvest()


async def _harvest_too_early(case: Case) -> None:
    await _not_yet(case)
    case.pass_settle_after()


async def _dead_walk(case: Case) -> None:
    await _harvest_too_early(case)
    ledger, box = case.ledger, case.box
    ledger.inbox.begin(box, case.clock.now())


async def _one_end_only(case: Case) -> None:
    await all_but(case)
    _alter_last(case, "both_ends = false")


async def _shrunk(case: Case) -> None:
    for number in range(3):
        case.inbox.put(f"POSTA CERTIFICATA: {number}", case.clock.now())
    await case.harvest()
    case.attempt(1, IN_DOUBT)
    case.clock.wait(MINUTE)
    case.attempt(2, SENT)
    case.receipt(2)
    del case.inbox.mails[:2]
    case.pass_settle_after()
    await case.harvest()


async def _shrunk_before_the_last_harvest(case: Case) -> None:
    await _shrunk(case)
    await case.harvest()


async def _end_gone(case: Case) -> None:
    for number in range(3):
        case.inbox.put(f"POSTA CERTIFICATA: {number}", case.clock.now())
    await _not_yet(case)
    case.inbox.mails.pop(0)
    case.inbox.put("POSTA CERTIFICATA: altro", case.clock.now())
    case.pass_settle_after()
    await case.harvest()


async def _no_later_message(case: Case) -> None:
    await case.harvest()
    case.attempt(1, IN_DOUBT)
    case.pass_settle_after()
    await case.harvest()


async def _earlier_message_only(case: Case) -> None:
    case.attempt(2, SENT)
    case.receipt(2)
    case.clock.wait(MINUTE)
    case.attempt(1, IN_DOUBT)
    case.pass_settle_after()
    await case.harvest()


async def _later_not_accepted_yet(case: Case) -> None:
    await case.harvest()
    case.attempt(1, IN_DOUBT)
    case.clock.wait(MINUTE)
    case.attempt(2, SENT)
    case.pass_settle_after()
    await case.harvest()


async def _search_blind(case: Case) -> None:
    await all_but(case)
    case.inbox.blind = True


async def _later_receipt_is_no_acceptance(case: Case) -> None:
    await all_but(case)
    mails = case.inbox.mails
    mails[:] = [mail for mail in mails if case.reference(2) not in mail.subject]
    case.receipt(2, "PREAVVISO DI MANCATA CONSEGNA")


async def _full_before(case: Case) -> None:
    await all_but(case, FULL_AT)


async def _unknown_before(case: Case) -> None:
    await all_but(case, None)


async def _full_at_harvest(case: Case) -> None:
    case.inbox.share = FULL_AT
    await all_but(case)


async def _unknown_at_harvest(case: Case) -> None:
    await all_but(case)
    _alter_last(case, "quota_share = NULL")


async def _policy_hold(case: Case) -> None:
    case.policy = Policy.HOLD
    await all_but(case)


def _alter_last(case: Case, sets: str) -> None:
    """As if the last harvest had ended so."""
    database = case.ledger.database
    with database.transaction() as connection:
        last = "SELECT MAX(id) FROM harvests"
        database.execute(connection, f"UPDATE harvests SET {sets} WHERE id = ({last})")  # noqa: S608 - constants


@dataclass(frozen=True)
class Missing:
    """One condition that does not hold, and how the doubt is then held."""

    arrange: Callable[[Case], object]
    waits: bool
    why: str


MISSING = {
    "settle_after has not passed": Missing(_not_yet, waits=True, why="settle_after"),
    "the harvest began before": Missing(_harvest_too_early, waits=True, why="no harvest"),
    "the harvest since died": Missing(_dead_walk, waits=True, why="no harvest"),
    "one end only": Missing(_one_end_only, waits=True, why="no harvest"),
    "the box shrank": Missing(_shrunk, waits=False, why="gone"),
    "it shrank, then was steady": Missing(_shrunk_before_the_last_harvest, waits=False, why="gone"),
    "mail gone at an end": Missing(_end_gone, waits=False, why="gone"),
    "no later message": Missing(_no_later_message, waits=False, why="no later message"),
    "an earlier message only": Missing(_earlier_message_only, waits=False, why="no later message"),
    "the later one has no receipt": Missing(_later_not_accepted_yet, waits=False, why="no later message"),
    "the search is blind": Missing(_search_blind, waits=False, why="does not find"),
    "it finds no ACCETTAZIONE": Missing(_later_receipt_is_no_acceptance, waits=False, why="does not find"),
    "full before the attempt": Missing(_full_before, waits=False, why="too full"),
    "unknown before the attempt": Missing(_unknown_before, waits=False, why="too full"),
    "full at the harvest": Missing(_full_at_harvest, waits=False, why="too full"),
    "unknown at the harvest": Missing(_unknown_at_harvest, waits=False, why="too full"),
    "policy hold": Missing(_policy_hold, waits=False, why="hold"),
}


@pytest.mark.parametrize("name", MISSING)
async def test_each_condition_alone_prevents_it(ledger: Ledger, name: str) -> None:
    """All else holds and this does not: the doubt stays, and says why and whether time may help."""
    missing, case = MISSING[name], _case(ledger)
    arranged = missing.arrange(case)
    assert hasattr(arranged, "__await__")
    await arranged
    settled = await case.settle()
    assert case.state(1) == "in_doubt"
    assert (settled.accepted, settled.waiting) == (0, missing.waits)
    ((why, count),) = (settled.why or {}).items()
    assert (missing.why in why, count) == (True, 1)
    assert case.claimable() == [3] if case.state(2) == "sent" else [2, 3]


async def test_a_mailbox_that_is_not_configured(ledger: Ledger) -> None:
    """What cannot be searched cannot be accepted."""
    case = _case(ledger)
    await all_but(case)
    settled = await case.settle(configured=False)
    assert (settled.accepted, settled.waiting, case.state(1)) == (0, 0, "in_doubt")
    assert settled.why == {"its mailbox is not in the configuration": 1}


@pytest.mark.parametrize("policy", Policy)
async def test_an_inbox_that_could_not_be_read_settles_nothing(ledger: Ledger, policy: Policy) -> None:
    """Its receipts may lie there: the doubt waits, whatever else holds; with `hold` for a person."""
    case = _case(ledger)
    case.policy = policy
    await all_but(case)
    settled = await case.settle(unread=True)
    assert (settled.accepted, case.state(1)) == (0, "in_doubt")
    assert settled.waiting == (policy is not Policy.HOLD)


async def test_a_receipt_settles_whatever_the_policy(ledger: Ledger) -> None:
    """Evidence needs no acceptance: a harvest that reads the receipt ends the doubt."""
    case = _case(ledger)
    case.policy = Policy.HOLD
    case.attempt(1, IN_DOUBT)
    case.receipt(1)
    await case.harvest()
    settled = await case.settle()
    assert (settled.accepted, settled.waiting, settled.why) == (0, 0, None)
    assert (case.state(1), attempts(ledger, case.run.first_id)[0]["settlement"]) == ("sent", "receipt")


async def test_a_later_message_of_another_run_will_do(ledger: Ledger) -> None:
    """The witness need only be of the same mailbox: any run's, a test-send's."""
    case = _case(ledger)
    await case.harvest()
    case.attempt(1, IN_DOUBT)
    case.clock.wait(MINUTE)
    with ledger.load(new_run("prova"), case.clock.now()) as loading:
        loading.add([a_row(1, "altro", "altro@example.org")])
    other = Case(ledger, ledger.runs.get("prova"), case.inbox, case.clock)
    other.attempt(1, SENT)
    other.receipt(1)
    case.pass_settle_after()
    await case.harvest()
    assert (await case.settle()).accepted == 1


async def test_a_doubt_with_an_answer_meanwhile_is_left(ledger: Ledger) -> None:
    """A late answer that comes between looking and accepting wins: the compare-and-set finds it."""
    case = _case(ledger)
    await all_but(case)
    (doubt,) = doubts(ledger, case.run).values()
    case.receipt(1)
    await case.harvest()
    assert not ledger.doubts.accept_absence(case.run, doubt, {}, case.clock.now())
    assert case.state(1) == "sent"
