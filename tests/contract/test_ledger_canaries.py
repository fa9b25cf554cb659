"""Canaries in the ledger: chosen once over the largest domains, served alone until they have passed."""

from __future__ import annotations

import pytest
from support.ledgers import MAILBOX, NOW, SENT, Desk, a_row, harvest, load, mail, message, query

from bulk_pec.domain.outcomes import Outcome, Verdict
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.canaries import CanaryState
from bulk_pec.ledger.runs.runs import Run

REJECTED = Outcome(Verdict.REJECTED, "HTTP 400", status=400)


def _to(ledger: Ledger, *addresses: str, name: str = "giugno") -> Run:
    rows = [a_row(number, f"k{number}", address) for number, address in enumerate(addresses, 1)]
    return load(ledger, rows, name)


def _chosen(ledger: Ledger, run: Run) -> list[str]:
    rows = query(
        ledger,
        "SELECT m.recipient FROM canaries c JOIN messages m ON m.id = c.message WHERE c.run_id = :run "
        "ORDER BY m.id",
        run=run.id,
    )
    return [row["recipient"] for row in rows]


def _served(ledger: Ledger, run: Run) -> list[str]:
    desk = Desk.of(ledger, run)
    found = [one.recipient for one in desk.pending()]
    desk.leave()
    return found


@pytest.mark.parametrize(
    ("size", "chosen"),
    [
        (1, ["a1@grande.example"]),
        (2, ["b1@media.example", "a1@grande.example"]),
        (4, ["c1@piccola.example", "b1@media.example", "a1@grande.example", "a2@grande.example"]),
        (
            99,
            [
                "c1@piccola.example",
                "b1@media.example",
                "a1@grande.example",
                "a2@Grande.example",
                "b2@media.example",
                "a3@grande.example",
            ],
        ),
    ],
)
def test_it_is_spread_over_the_largest_domains(ledger: Ledger, size: int, chosen: list[str]) -> None:
    """One message a domain, the largest domain first, then round again; capitals are the same."""
    run = _to(
        ledger,
        "c1@piccola.example",
        "b1@media.example",
        "a1@grande.example",
        "a2@Grande.example",
        "b2@media.example",
        "a3@grande.example",
    )
    assert ledger.canaries.choose(run, size) == len(chosen)
    assert [address.lower() for address in _chosen(ledger, run)] == [one.lower() for one in chosen]


def test_a_message_to_several_addresses_counts_for_the_first(ledger: Ledger) -> None:
    """Its domain is that of its first address."""
    run = _to(ledger, "a@x.example, b@y.example", "c@y.example", "d@x.example")
    ledger.canaries.choose(run, 1)
    assert _chosen(ledger, run) == ["a@x.example, b@y.example"]


def test_nothing_else_is_served_until_it_has_passed(ledger: Ledger) -> None:
    """While it is sent, awaited or bad only its messages are claimed; then the rest, and no other canary."""
    run = _to(ledger, *(f"a{number}@x.example" for number in range(1200)))
    assert len(_served(ledger, run)) == 1200
    ledger.canaries.choose(run, 3)
    assert _served(ledger, run) == ["a0@x.example", "a1@x.example", "a2@x.example"]
    _send_all(ledger, run)
    assert ledger.canaries.sent(run, NOW)
    assert (_served(ledger, run), ledger.canaries.failed(run), _served(ledger, run)) == ([], True, [])
    assert ledger.canaries.passed(run)
    assert len(_served(ledger, run)) == 1197
    assert ledger.canaries.choose(run, 9) == 0
    assert ledger.canaries.of(run).state is CanaryState.PASSED


def _send_all(ledger: Ledger, run: Run, outcome: Outcome = SENT) -> None:
    desk = Desk.of(ledger, run)
    for one in desk.pending():
        desk.sent(one, outcome)
    desk.leave()


def test_other_runs_are_served_as_ever(ledger: Ledger) -> None:
    """A canary is a run's own."""
    run = _to(ledger, "a@x.example", "b@x.example")
    other = _to(ledger, "c@x.example", "d@x.example", name="luglio")
    ledger.canaries.choose(run, 1)
    assert len(_served(ledger, other)) == 2


def test_it_is_sent_whole_once_none_waits(ledger: Ledger) -> None:
    """Not before its last message had its outcome, and once only."""
    run = _to(ledger, "a@x.example", "b@y.example", "c@z.example")
    ledger.canaries.choose(run, 2)
    desk = Desk.of(ledger, run)
    first, second = desk.pending()
    desk.sent(first)
    attempt = desk.opened(second)
    assert not ledger.canaries.sent(run, NOW)
    desk.close(attempt, second.id, SENT)
    assert (ledger.canaries.sent(run, NOW + 5), ledger.canaries.sent(run, NOW + 9)) == (True, False)
    found = ledger.canaries.of(run)
    assert (found.state, found.sent_at, found.size, found.left) == (CanaryState.WAITING, NOW + 5, 2, 0)
    desk.leave()


def test_its_figures(ledger: Ledger) -> None:
    """Delivered, lost and unknown; a message that was cancelled is none of it."""
    run = _to(ledger, *(f"a@d{number}.example" for number in range(4)))
    ledger.canaries.choose(run, 4)
    desk = Desk.of(ledger, run)
    delivered, refused, open_, suppressed = desk.pending()
    desk.sent(delivered)
    desk.sent(refused, REJECTED)
    desk.sent(open_)
    desk.leave()
    ledger.suppressions.add([suppressed.recipient], "chiesto", NOW)
    assert _served(ledger, run) == []
    reference = str(message(ledger, delivered.id)["reference"])
    harvest(ledger, ledger.inbox.mailbox_id(MAILBOX), [mail(ReceiptKind.DELIVERED, reference)])
    found = ledger.canaries.of(run)
    assert (found.size, found.left, found.delivered, found.lost) == (3, 0, 1, 1)


def test_what_was_cancelled_is_made_up_for(ledger: Ledger) -> None:
    """A canary that suppressions emptied proves nothing: others are sent in their place."""
    run = _to(ledger, *(f"a@d{number}.example" for number in range(4)))
    ledger.canaries.choose(run, 1)
    ledger.suppressions.add(["a@d0.example"], "chiesto", NOW)
    assert _served(ledger, run) == []
    assert ledger.canaries.sent(run, NOW)
    assert ledger.canaries.choose(run, 1) == 1
    assert _served(ledger, run) == ["a@d1.example"]


def test_a_larger_one_is_added_to_and_a_lifted_one_serves_all(ledger: Ledger) -> None:
    """After a bad one a raised setting sends more of it; canary = 0 lets everything go."""
    run = _to(ledger, *(f"a@d{number}.example" for number in range(9)))
    ledger.canaries.choose(run, 2)
    _send_all(ledger, run, REJECTED)
    ledger.canaries.sent(run, NOW)
    ledger.canaries.failed(run)
    assert (ledger.canaries.choose(run, 2), ledger.canaries.choose(run, 5)) == (0, 3)
    assert ledger.canaries.of(run).state is CanaryState.SENDING
    assert len(_served(ledger, run)) == 3
    assert (ledger.canaries.lift(run), ledger.canaries.lift(run)) == (True, False)
    assert len(_served(ledger, run)) == 7
