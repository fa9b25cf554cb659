"""`ledger check`: a ledger used as it should be is clean; every damage is named, by ids alone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from support.ledgers import (
    IN_DOUBT,
    NOT_SENT,
    NOW,
    REJECTED,
    SENT,
    THROTTLED,
    Desk,
    a_row,
    doubts,
    harvest,
    load,
    mail,
    opened,
    query,
)

from bulk_pec.domain.caps import Limits
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.domain.registrations import Registration
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.proof.checking import SHOWN, Checking, Report


def used(ledger: Ledger) -> Desk:
    """A ledger with a message in every state that sending leads to, at ids from the run's first on.

    0 sent and accepted · 1 rejected · 2 not sent, pending again · 3 in doubt · 4 absence accepted, pending
    again · 5 sending · 6 throttled, then sent · 7 never tried.
    """
    desk = Desk.of(ledger, load(ledger, 8))
    desk.limits = Limits(price=50_000)
    ready = {one.id - desk.run.first_id: one for one in desk.pending()}
    for place, outcome in enumerate((SENT, REJECTED, NOT_SENT, IN_DOUBT, IN_DOUBT)):
        desk.sent(ready[place], outcome)
    desk.opened(ready[5])
    desk.sent(ready[6], THROTTLED)
    (again,) = (one for one in desk.pending() if one.id == ready[6].id)
    desk.sent(again)
    doubt = doubts(ledger, desk.run)[ready[4].id]
    assert ledger.doubts.accept_absence(desk.run, doubt, {}, NOW + 5_000)
    reference = query(ledger, "SELECT reference FROM messages WHERE id = :id", id=ready[0].id)[0]["reference"]
    harvest(ledger, desk.mailbox, [mail(ReceiptKind.ACCEPTED, reference)])
    for stato in ("in_evasione", "evasa"):
        told = Registration("6040e4613a716838dc4eee0e", "ufficio@example.com", "PECMASSIVA", stato)
        ledger.registrations("https://pec.example").remember(told, NOW, "command")
    return desk


def report(ledger: Ledger) -> Report:
    """What a check finds."""
    return Checking(ledger.database).report()


def test_a_ledger_in_use_is_clean(ledger: Ledger) -> None:
    """Every state that sending, recovery and settling lead to holds in every question."""
    desk = used(ledger)
    found = report(ledger)
    assert found.violations == []
    assert found.asked > 20
    desk.die()
    assert report(ledger).violations == []


def test_an_empty_ledger_is_clean(ledger: Ledger) -> None:
    """Nothing loaded: nothing to find."""
    assert report(ledger).clean


def test_it_reads_while_another_process_writes(ledger: Ledger, ledger_url: str) -> None:
    """A second process opens it read-only, finds one moment of it, and writes nothing."""
    used(ledger)
    before = query(ledger, "SELECT * FROM run_counts")
    with opened(ledger_url, "read") as other:
        assert report(other).clean
    assert query(ledger, "SELECT * FROM run_counts") == before


@dataclass(frozen=True)
class Damage:
    """A statement that no code of ours would run, and what must be said of it.

    Attributes:
        statement: `:first` is the run's first message.
        invariant: Under which it is told.
        words: In the sentence; `{first}` and so on stand for messages by their place.
        before: Run first, to get constraints out of the way.
    """

    statement: str
    invariant: str
    words: str
    before: str = ""


_ATTEMPT = (
    "INSERT INTO attempts (message, number, run_id, mailbox_id, worker_id, digest, opened_at, closed_at, "
    "outcome) "
    "SELECT message, {number}, run_id, mailbox_id, worker_id, {digest}, opened_at, {closed}, {outcome} "
    "FROM attempts WHERE message = :first + {place} AND number = 1"
)


def _attempt(
    place: int, number: int, digest: str = "digest", closed: str = "2", outcome: str = "'sent'"
) -> str:
    return _ATTEMPT.format(place=place, number=number, digest=digest, closed=closed, outcome=outcome)


DAMAGES: dict[str, Damage] = {
    "two open attempts": Damage(
        _attempt(5, 2, closed="NULL", outcome="NULL"),
        "2",
        "message {5} has 2 open attempts",
        before="DROP INDEX uq_attempts_open",
    ),
    "tried again after it was rejected": Damage(_attempt(1, 2), "3", "message {1} was tried again after"),
    "tried again after it was given up, with words that could deceive": Damage(
        _attempt(3, 2),
        "3",
        "message {3} was tried again after",
        before="UPDATE attempts SET settlement = 'operator', settled_facts = "
        """'{"decision":"abandon","reason":"do not resend: \\"decision\\":\\"resend\\""}' """
        "WHERE outcome = 'in_doubt' AND settlement IS NULL",
    ),
    "tried again while in doubt": Damage(_attempt(3, 2), "3", "message {3} was tried again after"),
    "an attempt that is not counted": Damage(
        "UPDATE messages SET attempts = 0 WHERE id = :first", "3", "message {0} counts 0 attempts, and has 1"
    ),
    "a gap in the numbers": Damage(
        "UPDATE attempts SET number = 3 WHERE message = :first + 6 AND number = 2",
        "3",
        "message {6} counts 2 attempts, and has 2, the last with number 3",
    ),
    "sent, and pending again": Damage(
        "UPDATE messages SET state = 'pending' WHERE id = :first",
        "4",
        "message {0} is pending, though attempt",
    ),
    "receipt, and rejected": Damage(
        "UPDATE messages SET state = 'rejected' WHERE id = :first",
        "4",
        "message {0} is rejected, though receipt",
    ),
    "sent without evidence": Damage(
        "UPDATE messages SET state = 'sent' WHERE id = :first + 7", "4", "message {7} is sent, and no answer"
    ),
    "delivered, and no CONSEGNA": Damage(
        "UPDATE messages SET delivery = 'delivered' WHERE id = :first",
        "delivery",
        "message {0} is delivered, and has no receipt",
    ),
    "a counter": Damage("UPDATE run_counts SET sent = sent + 1", "6", "counts 3 sent, and has 2"),
    "a row too few": Damage(
        "DELETE FROM messages WHERE id = :first + 7", "6", "had 8 rows, and 7 are accounted"
    ),
    "no counters": Damage("DELETE FROM run_counts", "6", "has no counters"),
    "a cap that forgot one": Damage(
        "UPDATE usage SET used = used - 1", "7", "counts 4 addresses in its years"
    ),
    "a cap that counts too much": Damage(
        "UPDATE usage SET used = 99", "7", "counts 99 addresses in its years"
    ),
    "a budget that forgot one": Damage(
        "UPDATE usage SET used = used - 50000 WHERE period = 'cost'", "7", "counts a cost of 200000, and its"
    ),
    "a cost of nothing": Damage(
        "UPDATE usage SET used = 7 WHERE period = 'cost'", "7", "attempts come to 250000 (millionths"
    ),
    "a budget that is gone": Damage("DELETE FROM usage WHERE scope LIKE 'run:%'", "7", "counts a cost of 0,"),
    "another content": Damage(
        "UPDATE attempts SET digest = 'other' WHERE message = :first + 6 AND number = 2",
        "8",
        "message {6} was posted with 2 different contents",
    ),
    "finished too early": Damage(
        "UPDATE runs SET finished_at = 1", "10", "is recorded as finished, and message {2} is pending"
    ),
    "open and pending": Damage(
        "UPDATE messages SET state = 'pending' WHERE id = :first + 5",
        "11",
        "message {5} is pending, though its attempt",
    ),
    "sending without an attempt": Damage(
        "UPDATE messages SET state = 'sending' WHERE id = :first + 7",
        "11",
        "message {7} is sending, and has no open attempt",
    ),
    "in doubt, and pending": Damage(
        "UPDATE messages SET state = 'pending' WHERE id = :first + 3",
        "11",
        "message {3} is pending, though its attempt",
    ),
    "in doubt without a doubt": Damage(
        "UPDATE messages SET state = 'in_doubt' WHERE id = :first + 7",
        "11",
        "message {7} is in doubt, and none of its attempts is",
    ),
    "rejected, and pending again": Damage(
        "UPDATE messages SET state = 'pending' WHERE id = :first + 1",
        "11",
        "message {1} is pending, though its last attempt",
    ),
    "in doubt, and cancelled": Damage(
        "UPDATE messages SET state = 'cancelled' WHERE id = :first + 3",
        "11",
        "message {3} is cancelled, though its last attempt",
    ),
    "rejected by nobody": Damage(
        "UPDATE messages SET state = 'rejected' WHERE id = :first + 2",
        "states",
        "message {2} is rejected, and no",
    ),
    "given up by nobody": Damage(
        "UPDATE messages SET state = 'abandoned' WHERE id = :first + 7",
        "states",
        "message {7} is abandoned, and no",
    ),
    "closed without an outcome": Damage(
        "UPDATE attempts SET closed_at = 2 WHERE outcome IS NULL", "attempts", "is closed without an outcome"
    ),
    "an attempt of nothing": Damage(
        "UPDATE attempts SET message = 999999 WHERE message = :first + 1", "orphans", "is of message 999999"
    ),
    "an attempt of nobody": Damage("DELETE FROM workers", "orphans", "worker"),
    "a delete without a text": Damage("UPDATE receipts SET deleted_at = 1", "archive", "not archived"),
    "a delete of an empty text": Damage(
        "UPDATE receipts SET deleted_at = 1, archived_at = 1, "
        "text_digest = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'",
        "archive",
        "not archived",
    ),
    "an archive too short": Damage("UPDATE receipts SET archive_number = 7", "archive", "number 7"),
    "a receipt of nothing": Damage("UPDATE receipts SET message = 999999", "orphans", "is of message 999999"),
    "a message of no run": Damage(
        "UPDATE messages SET run_id = 77 WHERE id = :first", "orphans", "message {0} is of run 77"
    ),
    "a row of no run": Damage(
        'INSERT INTO set_aside (run_id, "row", state, recipient, reason, fields) '
        "VALUES (77, 5, 'invalid', 'x@example.org', 'why', '[]')",
        "orphans",
        "row 5 that was set aside is of run 77",
    ),
    "a state of no registration": Damage(
        "DELETE FROM registrations",
        "orphans",
        "is of registration 6040e4613a716838dc4eee0e, which is not known",
    ),
    "a state of another service's registration": Damage(
        "UPDATE registrations SET service = 'https://elsewhere.example'",
        "orphans",
        "is of registration 6040e4613a716838dc4eee0e, which",
    ),
    "a registration without a history": Damage(
        "DELETE FROM registration_states",
        "states",
        "registration 6040e4613a716838dc4eee0e has a state, and none in its history",
    ),
    "pending and forgotten": Damage(
        "UPDATE blocks SET done = true", "blocks", "message {2} is pending in block"
    ),
    "held by the dead": Damage("UPDATE workers SET ended_at = 1", "blocks", "which has ended"),
    "no reference": Damage(
        "UPDATE messages SET reference = 'AAAAAAAAAAAAB' WHERE id = :first + 7",
        "references",
        "message {7} has a reference that is none",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_every_damage_is_named_by_ids(ledger: Ledger, name: str) -> None:
    """It is found under its invariant, with the ids of what is wrong and nobody's address."""
    desk, damage = used(ledger), DAMAGES[name]
    with ledger.database.transaction() as connection:
        if damage.before:
            ledger.database.execute(connection, damage.before)
        values = {"first": desk.run.first_id} if ":first" in damage.statement else {}
        ledger.database.execute(connection, damage.statement, **values)
    places = [desk.run.first_id + place for place in range(8)]
    words = damage.words.format(*places)
    found = report(ledger)
    told = [one for one in found.violations if one.invariant == damage.invariant and words in one.what]
    assert len(told) >= 1, found.violations
    assert not any("@" in one.what for one in found.violations)
    assert all("message" not in one.ids or one.ids["message"] is not None for one in told)


@pytest.mark.postgres
def test_a_reference_that_two_messages_have_is_named(postgres_url: str) -> None:
    """Where the constraint is gone, twins of a reference are found."""
    with opened(postgres_url) as ledger:
        run = load(ledger, 2)
        with ledger.database.transaction() as connection:
            for statement in (
                "ALTER TABLE messages DROP CONSTRAINT uq_messages_reference",
                "UPDATE messages SET reference = (SELECT MIN(reference) FROM messages)",
            ):
                ledger.database.execute(connection, statement)
        (one,) = report(ledger).violations
        assert one.invariant == "references"
        assert one.ids == {"message": run.last_id, "other": run.first_id}


def test_many_violations_of_one_kind_are_counted_and_not_all_listed(ledger: Ledger) -> None:
    """A million of them would be no answer: the first are listed, the rest is a number."""
    load(ledger, [a_row(number) for number in range(1, SHOWN + 6)])
    with ledger.database.transaction() as connection:
        ledger.database.execute(connection, "UPDATE messages SET state = 'sending'")
    found = report(ledger)
    listed = [one for one in found.violations if "sending, and has no open attempt" in one.what]
    assert (len(listed), found.more) == (SHOWN, 5)
