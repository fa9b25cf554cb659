"""The three-way balance: a run whose rows, attempts and receipts agree; and each way in which they do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from support.ledgers import (
    IN_DOUBT,
    MESSAGE_ID,
    NOW,
    REJECTED,
    Desk,
    doubts,
    harvest,
    load,
    mail,
    query,
)

from bulk_pec.domain.balance import SHOWN, lines
from bulk_pec.domain.outcomes import Outcome, Verdict
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.references import draw
from bulk_pec.ledger.ledger import Ledger

OTHER_ID = Outcome(Verdict.SENT, "Sent", status=201, message_id="2020082610003500")


def sent_run(ledger: Ledger, rows: int = 6) -> Desk:
    """Messages 0 accepted and delivered · 1 accepted · 2 rejected · 3 in doubt · 4 sent · 5 pending."""
    desk = Desk.of(ledger, load(ledger, rows))
    ready = desk.pending()
    desk.sent(ready[0])
    desk.sent(ready[1], OTHER_ID)
    desk.sent(ready[2], REJECTED)
    desk.sent(ready[3], IN_DOUBT)
    desk.sent(ready[4], Outcome(Verdict.SENT, "Sent", status=201, message_id="2020082610003501"))
    receipts = [mail(ReceiptKind.ACCEPTED, reference(desk, place)) for place in (0, 1)]
    harvest(ledger, desk.mailbox, [*receipts, mail(ReceiptKind.DELIVERED, reference(desk, 0))])
    return desk


def reference(desk: Desk, place: int) -> str:
    """The reference of the run's message at a place."""
    rows = query(desk.ledger, "SELECT reference FROM messages WHERE id = :id", id=desk.run.first_id + place)
    return str(rows[0]["reference"])


def drawn(desk: Desk, now: int = NOW) -> dict[str, Any]:
    """The run's balance, drawn now."""
    desk.ledger.balances.draw(desk.run, now)
    kept = desk.ledger.balances.last(desk.run)
    assert kept is not None
    return kept


def kinds(found: dict[str, Any]) -> dict[str, int]:
    """How often each kind of finding is told."""
    return {one["kind"]: one["count"] for one in found["findings"]}


def damage(ledger: Ledger, statement: str, **values: Any) -> None:
    """Run what no code of ours would."""
    with ledger.database.transaction() as connection:
        ledger.database.execute(connection, statement, **values)


def test_a_run_in_use_adds_up(ledger: Ledger) -> None:
    """Rows, attempts and receipts are counted again, and there is nothing to tell."""
    desk = sent_run(ledger)
    assert desk.ledger.balances.last(desk.run) is None
    found = drawn(desk)
    assert (found["adds_up"], found["broken"], found["findings"]) == (True, False, [])
    assert (found["rows"], found["attempts"], found["receipts"], found["at"]) == (6, 5, 3, NOW)
    assert lines(found) == []


def test_another_runs_troubles_are_not_this_ones(ledger: Ledger) -> None:
    """Each run has a balance of its own, and keeps it."""
    desk = sent_run(ledger)
    desk.leave()
    other = Desk(ledger, load(ledger, 3, "luglio"), desk.worker, desk.mailbox)
    damage(ledger, "UPDATE messages SET attempts = 9 WHERE id = :id", id=other.run.first_id)
    assert drawn(desk)["adds_up"] is True
    assert drawn(other)["broken"] is True
    assert kinds(drawn(other)) == {"attempts": 1}
    last = ledger.balances.last(desk.run)
    assert last is not None
    assert last["adds_up"] is True


@dataclass(frozen=True)
class Damage:
    """A statement that breaks something, what is told, and of which message (by place; None: of none)."""

    statement: str
    kind: str
    words: str
    place: int | None = 0


DAMAGES = {
    "a row too few": Damage(
        "DELETE FROM messages WHERE id = :first + 5", "rows", "had 6 rows, and 5 are accounted for", None
    ),
    "a counter": Damage("UPDATE run_counts SET sent = sent + 1", "rows", "counts 4 sent, and has 3", None),
    "a receipt that is not counted": Damage(
        "UPDATE run_counts SET receipts_matched = 2", "rows", "counts 2 receipts_matched, and has 3", None
    ),
    "an attempt that is not counted": Damage(
        "UPDATE messages SET attempts = 0 WHERE id = :first", "attempts", "counts 0 attempts, and has 1"
    ),
    "an attempt that is gone": Damage(
        "DELETE FROM attempts WHERE message = :first + 2", "attempts", "counts 1 attempts, and has 0", 2
    ),
    "answered as taken, and not sent": Damage(
        "UPDATE messages SET state = 'rejected' WHERE id = :first + 4",
        "sent",
        "is rejected, though attempt",
        4,
    ),
    "sent by nobody's word": Damage(
        "UPDATE messages SET state = 'sent' WHERE id = :first + 5",
        "sent",
        "no answer, receipt or operator",
        5,
    ),
    "delivered without a receipt": Damage(
        "UPDATE messages SET delivery = 'delivered' WHERE id = :first + 1", "delivery", "is delivered, and", 1
    ),
    "accepted without a receipt": Damage(
        "UPDATE messages SET delivery = 'accepted' WHERE id = :first + 4", "delivery", "is accepted, and", 4
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_cannot_be_so_is_listed_with_row_and_key(ledger: Ledger, name: str) -> None:
    """It does not add up; the message is named as the list calls it."""
    desk, broken = sent_run(ledger), DAMAGES[name]
    assert drawn(desk)["adds_up"] is True
    values = {"first": desk.run.first_id} if ":first" in broken.statement else {}
    damage(ledger, broken.statement, **values)
    damage(ledger, "UPDATE run_counts SET updated_at = updated_at + 1")
    found = drawn(desk, NOW + 5)
    assert (found["adds_up"], found["broken"], found["at"]) == (False, True, NOW + 5)
    (finding,) = [one for one in found["findings"] if one["kind"] == broken.kind]
    (case,) = [one for one in finding["cases"] if broken.words in one["what"]]
    row = None if broken.place is None else broken.place + 1
    assert (case["row"], case["key"]) == (row, row and f"persona{row}@example.org")
    assert any("THIS CANNOT BE" in line for line in lines(found))


def test_one_that_did_not_add_up_is_drawn_anew_each_time(ledger: Ledger) -> None:
    """Mended, it adds up at the next draw, though no counter has changed."""
    desk = sent_run(ledger)
    damage(ledger, "UPDATE messages SET attempts = 0 WHERE id = :id", id=desk.run.first_id)
    assert drawn(desk)["broken"] is True
    damage(ledger, "UPDATE messages SET attempts = 1 WHERE id = :id", id=desk.run.first_id)
    assert drawn(desk)["adds_up"] is True


def test_one_that_added_up_is_not_drawn_again_before_something_changes(ledger: Ledger) -> None:
    """A start that finds nothing new does not read a million rows again."""
    desk = sent_run(ledger)
    assert drawn(desk, NOW)["at"] == NOW
    assert drawn(desk, NOW + 9)["at"] == NOW
    harvest(ledger, desk.mailbox, [mail(ReceiptKind.DELIVERED, reference(desk, 1))])
    assert drawn(desk, NOW + 10)["at"] == NOW + 10


def test_a_message_that_left_twice_needs_a_person(ledger: Ledger) -> None:
    """Two ACCETTAZIONE of one message: it does not add up, and nothing is broken."""
    desk = sent_run(ledger)
    twin = mail(ReceiptKind.ACCEPTED, reference(desk, 1), message_id="2020082610009999", at=NOW + 90_000)
    harvest(ledger, desk.mailbox, [twin])
    damage(ledger, "UPDATE messages SET twin_at = 1 WHERE id = :id", id=desk.run.first_id + 1)
    damage(ledger, "UPDATE run_counts SET twins = 1")
    found = drawn(desk)
    assert (kinds(found), found["adds_up"], found["broken"]) == ({"sent_twice": 1}, False, False)
    assert found["findings"][0]["cases"] == [
        {"row": 2, "key": "persona2@example.org", "what": "it has left twice"}
    ]


def test_fewer_addresses_than_asked_need_a_person_until_all_are_delivered(ledger: Ledger) -> None:
    """The provider took a message for one of its two addresses: somebody was not written to."""
    desk = sent_run(ledger)
    damage(ledger, "UPDATE attempts SET units = 2, sent_to = 1 WHERE message = :id", id=desk.run.first_id + 1)
    found = drawn(desk)
    assert (kinds(found), found["adds_up"], found["broken"]) == ({"fewer_addresses": 1}, False, False)
    assert found["findings"][0]["cases"][0]["what"] == "the provider took it for 1 of its 2 addresses"
    damage(ledger, "UPDATE attempts SET units = 2, sent_to = 1 WHERE message = :id", id=desk.run.first_id)
    assert kinds(drawn(desk)) == {"fewer_addresses": 1}, "the first one is delivered to all"


def test_a_shared_message_id_and_strange_references_are_told(ledger: Ledger) -> None:
    """They ask for nothing: each receipt carries its message's own reference."""
    desk = sent_run(ledger)
    damage(
        ledger,
        "UPDATE messages SET message_id = :id WHERE id = :first",
        id=MESSAGE_ID,
        first=desk.run.last_id - 1,
    )
    harvest(ledger, desk.mailbox, [mail(ReceiptKind.ACCEPTED, draw(1)[0]), mail(ReceiptKind.FOREIGN, None)])
    found = drawn(desk)
    assert kinds(found) == {"shared_message_id": 1, "unknown_references": 1}
    assert (found["adds_up"], found["broken"]) == (True, False)
    words = lines(found)
    assert words[0] == "Messages that share their message_id with another: 1."
    assert words[-1] == "Receipts with references that this ledger does not know: 1."


def test_of_many_cases_the_first_are_listed(ledger: Ledger) -> None:
    """Twenty of them, and how many more there are."""
    desk = Desk.of(ledger, load(ledger, SHOWN + 5))
    damage(ledger, "UPDATE messages SET attempts = 3")
    found = drawn(desk)
    (finding,) = found["findings"]
    assert (finding["count"], len(finding["cases"])) == (SHOWN + 5, SHOWN)
    assert lines(found)[-1] == "  and 5 more"
    assert len(lines(found, most=3)) == 5


def test_a_settled_doubt_adds_up(ledger: Ledger) -> None:
    """An absence that was accepted, and its second attempt, are one story."""
    desk = sent_run(ledger)
    (doubt,) = doubts(ledger, desk.run).values()
    assert ledger.doubts.accept_absence(desk.run, doubt, {}, NOW + 5_000)
    harvest(ledger, desk.mailbox, [])
    (again,) = [one for one in desk.pending() if one.id == doubt.message]
    desk.sent(again, Outcome(Verdict.SENT, "Sent", status=201, message_id="2020082610003502"))
    assert drawn(desk)["findings"] == []
