"""Mails alike: the receipts of several addresses in one second are several, one receipt shown twice is one.

And where a mailbox's pages begin, which is learnt once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from support.inboxes import BOX, MINUTE, NOW, SIZE, HandClock, MemoryInbox, Shape
from support.ledgers import query

from bulk_pec.domain.inbox import InboxItem, InboxPage
from bulk_pec.domain.letters import Mailbox
from bulk_pec.domain.receipts import ReceiptKind
from bulk_pec.ledger.inbox.harvests import WalkEntry
from bulk_pec.ledger.inbox.mails import Mail
from bulk_pec.ledger.inbox.sightings import Page, Row, take
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.receipts.harvest import Harvest, Harvester
from bulk_pec.sending.committer import LedgerThread

pytestmark = pytest.mark.anyio

CONSEGNA = "CONSEGNA: Avviso a piu indirizzi 2020082600000001"


@dataclass
class Asked(MemoryInbox):
    """An inbox that keeps which pages it was asked for.

    Attributes:
        numbers: Of the pages, in order.
    """

    numbers: list[int] = field(default_factory=list)

    async def page(self, mailbox: Mailbox, number: int, query: str | None = None) -> InboxPage:
        """One page, as the shape lists it."""
        self.numbers.append(number)
        return await super().page(mailbox, number, query)


@dataclass
class Room:
    """An inbox, and a ledger that reads it.

    Attributes:
        ledger: Open for writing.
        inbox: The provider's.
        clock: Moved by the test.
    """

    ledger: Ledger
    inbox: Asked = field(default_factory=Asked)
    clock: HandClock = field(default_factory=HandClock)

    def fill(self, count: int) -> None:
        """Mail arrives."""
        for _ in range(count):
            self.clock.wait(1000)
            self.inbox.put(f"POSTA CERTIFICATA: fattura {len(self.inbox.mails)}", self.clock.at)

    def deliver(self, count: int) -> None:
        """So many CONSEGNA arrive that only their ids tell apart."""
        for _ in range(count):
            self.inbox.put(CONSEGNA, NOW)

    async def harvest(self) -> Harvest:
        """Walk the inbox."""
        self.clock.wait(MINUTE)
        self.inbox.numbers.clear()
        return await Harvester(self.inbox, self.ledger.inbox, self.clock, LedgerThread().call).harvest(BOX)

    def ids(self) -> list[str]:
        """The ids of the CONSEGNA the ledger holds."""
        found = query(self.ledger, "SELECT item_id FROM receipts WHERE subject = :one", one=CONSEGNA)
        return sorted(row["item_id"] for row in found)

    def mailbox(self) -> dict[str, Any]:
        """What the ledger knows of the mailbox."""
        (row,) = query(self.ledger, "SELECT * FROM mailboxes")
        return row


@pytest.fixture
def room(ledger: Ledger) -> Room:
    """An empty ledger and inbox."""
    return Room(ledger)


async def test_two_alike_on_one_page_are_two(room: Room) -> None:
    """Two addresses of one provider, delivered to in one second: each receipt has a row, and its own id."""
    room.fill(5)
    room.deliver(2)
    room.fill(5)
    assert (await room.harvest()).new == 12
    assert room.ids() == ["id6", "id7"]
    assert (await room.harvest()).new == 0
    assert room.ids() == ["id6", "id7"]
    (last,) = query(room.ledger, "SELECT total_right FROM harvests ORDER BY id DESC LIMIT 1")
    assert (last["total_right"], room.mailbox()["ids_moved_at"]) == (1, None)


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("place", [SIZE - 2, SIZE - 1, SIZE])
async def test_two_alike_on_two_pages_are_two_where_nothing_moved(
    room: Room, newest_first: bool, place: int
) -> None:
    """The page before, read again, shows what it showed: so the two are not one that was pushed on."""
    room.inbox.shape = Shape(newest_first=newest_first)
    room.fill(60 - 2 - place if newest_first else place)
    room.deliver(2)
    room.fill(60 - len(room.inbox.mails))
    assert (await room.harvest()).new == 60
    assert len(room.ids()) == 2
    assert (await room.harvest()).new == 0


@pytest.mark.parametrize("shifting_ids", [True, False])
async def test_one_pushed_over_the_border_is_one(room: Room, shifting_ids: bool) -> None:
    """New mail between two reads shows a mail twice, perhaps under two ids: it is counted once."""
    room.inbox.shape = Shape(base=0, shifting_ids=shifting_ids)
    room.fill(60 - SIZE)
    room.deliver(1)
    room.fill(SIZE - 1)
    room.inbox.on_read = lambda read: room.fill(1) if read == 2 else None
    await room.harvest()
    room.inbox.on_read = lambda _: None
    await room.harvest()
    assert len(room.ids()) == 1


async def test_one_listed_twice_under_one_id_is_one(room: Room) -> None:
    """The id tells: the list shows one mail twice."""
    room.deliver(1)
    room.inbox.mails *= 2
    assert (await room.harvest()).new == 1


async def test_without_ids_two_alike_are_one(room: Room) -> None:
    """Nothing tells them apart, so no receipt is made up."""
    item = InboxItem("", "posta-certificata@example.net", CONSEGNA, "oggi", None)
    room.inbox.mails += [item, item]
    assert (await room.harvest()).new == 1


async def test_a_third_that_comes_later_is_a_third(room: Room) -> None:
    """Beside the two that are known, under an id of its own."""
    room.deliver(2)
    await room.harvest()
    room.deliver(1)
    assert (await room.harvest()).new == 1
    assert room.ids() == ["id1", "id2", "id3"]


async def test_one_seen_under_another_id_is_the_same(room: Room) -> None:
    """Ids have moved: nothing is new, the new ids are kept, and that they move is on record for good."""
    room.fill(3)
    room.deliver(2)
    await room.harvest()
    room.inbox.mails = [replace(mail, item_id=f"x{mail.item_id}") for mail in room.inbox.mails]
    assert (await room.harvest()).new == 0
    assert room.ids() == ["xid4", "xid5"]
    moved = room.mailbox()["ids_moved_at"]
    assert moved is not None
    await room.harvest()
    assert room.mailbox()["ids_moved_at"] == moved


@pytest.mark.parametrize("mails", [3, 25, 60])
async def test_where_pages_begin_is_learnt_once(room: Room, mails: int) -> None:
    """A page 0 that is empty is not asked for again, and a harvest with nothing new takes three pages."""
    room.inbox.shape = Shape(empty_zero=True)
    room.fill(mails)
    await room.harvest()
    assert room.mailbox()["first_page"] == 1
    assert (await room.harvest()).pages <= 3
    assert 0 not in room.inbox.numbers


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("came", [1, 30])
async def test_pages_that_come_to_begin_elsewhere_are_learnt_anew(
    room: Room, newest_first: bool, came: int
) -> None:
    """The provider changes its ways: what stands on page 0 is found all the same."""
    room.inbox.shape = Shape(empty_zero=True, newest_first=newest_first)
    room.fill(60)
    await room.harvest()
    room.inbox.shape = Shape(base=0, newest_first=newest_first)
    room.fill(came)
    await room.harvest()
    (count,) = query(room.ledger, "SELECT COUNT(*) AS mails FROM receipts")
    assert count["mails"] == 60 + came
    assert room.mailbox()["first_page"] == 0


@pytest.mark.parametrize("came", [lambda room: room.fill(1), lambda room: room.fill(30)])
async def test_mail_that_comes_to_an_empty_box_teaches_nothing_wrong(
    room: Room, came: Callable[[Room], None]
) -> None:
    """Page 0 was empty because there was no mail yet: that does not mean that pages begin at 1."""
    room.inbox.shape = Shape(base=0, newest_first=False, repeats_last=True)
    room.inbox.on_read = lambda read: came(room) if read == 2 else None
    await room.harvest()
    room.inbox.on_read = lambda _: None
    room.fill(30)
    await room.harvest()
    (count,) = query(room.ledger, "SELECT COUNT(*) AS mails FROM receipts")
    assert count["mails"] == len(room.inbox.mails)


@pytest.mark.parametrize("newest_first", [True, False])
async def test_alike_on_several_pages_are_no_proof_that_ids_move(room: Room, newest_first: bool) -> None:
    """Somebody sends one newsletter many times in a second; two receipts look alike across a border."""
    room.inbox.shape = Shape(newest_first=newest_first)
    for _ in range(3 * SIZE):
        room.inbox.put("POSTA CERTIFICATA: offerta", NOW)
    room.inbox.on_read = lambda read: room.fill(1) if read == 2 else None
    for _ in range(3):
        await room.harvest()
        assert room.mailbox()["ids_moved_at"] is None


def test_one_alike_over_a_border_is_no_proof_that_ids_move() -> None:
    """The last receipt of a page and the first of the next, perhaps one that was pushed on, perhaps two."""
    ends = [
        Mail(InboxItem(one, "posta@example.net", CONSEGNA, "oggi", NOW), ReceiptKind.DELIVERED, None)
        for one in "78"
    ]
    known = Row("7", 1, known=True, ended=True, matched=True)
    walk, rows = WalkEntry(2, 1, (2,)), {ends[0].fingerprint: known}
    taken = take(walk, [Page(1, (ends[0],)), Page(2, (ends[1],))], rows, past_known=True)
    assert (taken.renamed, taken.moved) == (False, {})
    known.counted_by = None
    later = take(WalkEntry(3, 1, (3,)), [Page(1, (ends[1],))], rows, past_known=True)
    assert later.renamed, "first seen by its walk, under another id"
