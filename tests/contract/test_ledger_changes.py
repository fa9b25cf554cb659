"""Changes that are paid for, in the ledger: one intent open for a mailbox, and how it is settled."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from support.ledgers import HOUR, NOW, open_ledger, query

from bulk_pec.domain.registrations import Registration
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.registry.changes import REGISTER, RENEW, Change, Changes, Intent, Outcome

LIVE, REHEARSAL = "https://pec.openapi.it", "http://127.0.0.1:8025"
ID = "6040E4613a716838dc4eee0e"
ADDRESS = "Ufficio@pecmassiva.com"
NEW = Intent(REGISTER, ADDRESS)
LONGER = Intent(RENEW, ID, NOW)


def opened(changes: Changes, intent: Intent, **more: int) -> int:
    """Keep an intent, which must be possible; its id."""
    looked = more.pop("looked", changes.latest(intent.mailbox))
    id_ = changes.open(intent, by="anna@here, pid 1", at=NOW, looked=looked, **more)
    assert isinstance(id_, int), id_
    return id_


def found(stato: str = "registrata", *, expires_at: int | None = None, id_: str = ID) -> Registration:
    """The mailbox as the registry tells it."""
    return Registration(id_, ADDRESS, "PECMASSIVA", stato, expires_at)


@pytest.mark.parametrize("intent", [NEW, LONGER], ids=["register", "renew"])
def test_of_one_mailbox_one_change_stands_open(ledger: Ledger, intent: Intent) -> None:
    """In whatever case it is named; another mailbox, and another registry, are another matter."""
    changes = ledger.changes(LIVE)
    id_ = opened(changes, intent)
    same = Intent(intent.what, intent.mailbox.upper())
    way = changes.open(same, by="b", at=NOW + 1, looked=id_)
    assert isinstance(way, Change)
    assert (way.id, way.opened_at, way.opened_by, way.outcome) == (id_, NOW, "anna@here, pid 1", None)
    assert changes.unsettled(intent.mailbox) == way
    opened(ledger.changes(REHEARSAL), intent)
    opened(changes, Intent(RENEW, "another"))


@pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.REFUSED, Outcome.NOT_SENT])
def test_an_answer_settles_a_change_once(ledger: Ledger, outcome: Outcome) -> None:
    """Then the next may be opened; what is said of it later changes nothing."""
    changes = ledger.changes(LIVE)
    id_ = opened(changes, NEW)
    changes.close(id_, outcome, by="anna", at=NOW + 1)
    changes.close(id_, Outcome.IN_DOUBT, by="berta", at=NOW + 2)
    changes.close(id_, Outcome.REFUSED, by="berta", at=NOW + 2)
    assert changes.unsettled(ADDRESS) is None
    (row,) = query(ledger, "SELECT outcome, settled_at, settled_by FROM registry_changes")
    assert row == {"outcome": outcome.value, "settled_at": NOW + 1, "settled_by": "anna"}
    opened(changes, NEW)


def test_a_doubt_stays_until_somebody_has_it_asked_again(ledger: Ledger) -> None:
    """It stands in the way; then it is settled with who and when, and the new one stands open instead."""
    changes = ledger.changes(LIVE)
    id_ = opened(changes, LONGER)
    changes.close(id_, Outcome.IN_DOUBT, by="anna", at=NOW + 1)
    way = changes.open(LONGER, by="berta", at=NOW + 2, looked=id_)
    assert isinstance(way, Change)
    assert way.outcome is Outcome.IN_DOUBT
    next_ = opened(changes, LONGER, instead_of=id_)
    (row,) = query(ledger, "SELECT outcome, settled_at, settled_by FROM registry_changes WHERE id = 1")
    assert row == {"outcome": "again", "settled_at": NOW, "settled_by": "anna@here, pid 1"}
    way = changes.open(LONGER, by="carla", at=NOW + 3, looked=id_, instead_of=id_)
    assert isinstance(way, Change), "two who looked at the same doubt: only one has it asked again"
    assert way.id == next_


def test_what_was_done_since_the_mailbox_was_looked_at_is_in_the_way(ledger: Ledger) -> None:
    """Two starts look at once and ask one after the other: the second saw the mailbox as it was before."""
    changes = ledger.changes(LIVE)
    looked = changes.latest(ID)
    id_ = opened(changes, LONGER)
    changes.close(id_, Outcome.DONE, by="anna", at=NOW + 1)
    way = changes.open(LONGER, by="berta", at=NOW + 2, looked=looked)
    assert isinstance(way, Change)
    assert (way.id, way.outcome) == (id_, Outcome.DONE)
    assert opened(changes, LONGER) == 2
    assert changes.latest(ID) == id_, "what is not settled may be done while somebody looks"
    refused = 2
    changes.close(refused, Outcome.REFUSED, by="anna", at=NOW + 3)
    opened(changes, LONGER, looked=id_)


def test_two_hosts_at_once_open_one(postgres_url: str) -> None:
    """Each with its own connection, in the same moment: one has it, the other is told of it."""
    start = Barrier(2)

    def host(name: str) -> int | Change:
        with open_ledger(postgres_url) as ledger:
            start.wait(timeout=60)
            return ledger.changes(LIVE).open(NEW, by=name, at=NOW, looked=0)

    with ThreadPoolExecutor(2) as hosts:
        results = list(hosts.map(host, ["one", "other"]))
    (id_,) = [each for each in results if isinstance(each, int)]
    (way,) = [each for each in results if isinstance(each, Change)]
    assert (way.id, way.settled_at) == (id_, None)


@pytest.mark.parametrize(
    ("intent", "now", "shown"),
    [
        (NEW, found(), True),
        (NEW, found("sospesa"), True),
        (NEW, found(""), False),
        (NEW, found("revocata"), False),
        (NEW, found("registrazione_annullata"), False),
        (LONGER, found("evasa", expires_at=NOW + 1), True),
        (LONGER, found("evasa", expires_at=NOW), False),
        (LONGER, found("evasa", expires_at=NOW - 1), False),
        (LONGER, found("evasa"), False),
        (LONGER, found("evasa", expires_at=NOW + 1, id_="another"), False),
        (Intent(RENEW, ID), found("evasa", expires_at=NOW + 1), False),
    ],
)
def test_what_the_registry_shows_later_settles_a_doubt(
    ledger: Ledger, intent: Intent, now: Registration, *, shown: bool
) -> None:
    """The address is registered; the expiry is later than before. Whatever else it says proves nothing."""
    changes = ledger.changes(LIVE)
    id_ = opened(changes, intent)
    changes.close(id_, Outcome.IN_DOUBT, by="anna", at=NOW)
    assert [one.id for one in changes.seen(now, by="berta", at=NOW + HOUR)] == [id_] * shown
    (row,) = query(ledger, "SELECT outcome, settled_at, settled_by FROM registry_changes")
    assert tuple(row.values()) == (("seen", NOW + HOUR, "berta") if shown else ("in_doubt", None, None))
    assert not changes.seen(now, by="berta", at=NOW + HOUR), "only once"


def test_of_a_mailbox_nothing_was_asked_of_nothing_is_settled(ledger: Ledger) -> None:
    """Whatever `list` shows."""
    changes = ledger.changes(LIVE)
    assert not changes.seen(found(), by="anna", at=NOW)
    assert (changes.latest(ID), changes.unsettled(ID)) == (0, None)
