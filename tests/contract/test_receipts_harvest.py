"""Harvest: whatever way the provider lists an inbox, every receipt is in the ledger, exactly once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.inboxes import BOX, MINUTE, NOW, SIZE, HandClock, MemoryInbox, Shape
from support.ledgers import attempts, load, message, open_ledger, query, recount

from bulk_pec.domain.errors import ProviderUnavailable
from bulk_pec.domain.inbox import InboxItem
from bulk_pec.domain.references import draw
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.receipts.harvest import Harvest, Harvester
from bulk_pec.sending.committer import LedgerThread

pytestmark = pytest.mark.anyio

SHAPES = {
    "base 1, newest first": Shape(),
    "base 1, oldest first": Shape(newest_first=False),
    "base 0, newest first": Shape(base=0),
    "base 0, oldest first": Shape(base=0, newest_first=False),
    "an empty page 0, newest first": Shape(empty_zero=True),
    "an empty page 0, oldest first": Shape(empty_zero=True, newest_first=False),
    "ids that are places": Shape(shifting_ids=True),
    "total too low": Shape(total=lambda true: true - 30),
    "total too low, oldest first": Shape(total=lambda true: true - 30, newest_first=False),
    "total too high": Shape(total=lambda true: true + 70),
    "total too high, oldest first": Shape(total=lambda true: true + 70, newest_first=False),
    "total of the page alone": Shape(total=lambda _: SIZE, newest_first=False),
    "neither total nor pages": Shape(total=lambda _: None, pages=lambda _: None),
    "neither total nor pages, oldest first": Shape(
        total=lambda _: None, pages=lambda _: None, newest_first=False
    ),
    "pages too few": Shape(pages=lambda true: true - 1, newest_first=False),
    "pages too many": Shape(pages=lambda true: true + 3, newest_first=False),
    "the last page for ever": Shape(repeats_last=True),
    "the last page for ever, base 0, oldest first": Shape(base=0, newest_first=False, repeats_last=True),
    "the last page for ever, and no total": Shape(
        repeats_last=True, total=lambda _: None, pages=lambda _: None
    ),
    "pages always one, base 0": Shape(base=0, pages=lambda _: 1, newest_first=False),
}
TRUTHFUL = [
    name for name in SHAPES if not name.startswith(("total", "neither", "pages", "an empty", "the last"))
]


@dataclass
class Office:
    """A loaded run whose messages are answered by receipts in an inbox.

    Attributes:
        ledger: Open for writing.
        run: Loaded.
        inbox: The provider's.
        clock: Moved by the test.
    """

    ledger: Ledger
    run: Run
    inbox: MemoryInbox
    clock: HandClock = field(default_factory=HandClock)

    @property
    def references(self) -> list[str]:
        """The references of the run's messages, in input order."""
        return [view.reference for view in self.ledger.views.rows(self.run) if view.reference]

    def answer(self, first: int, last: int, word: str = "ACCETTAZIONE") -> None:
        """Receipts of this kind arrive for the messages of rows `first` to `last`."""
        for number, reference in enumerate(self.references[first - 1 : last], start=first):
            self.clock.wait(1000)
            self.inbox.put(f"{word}: Avviso [rif. {reference}] 20200826{number:08d}", self.clock.now())

    def foreign(self, count: int) -> None:
        """Mail that is none of ours arrives."""
        for number in range(count):
            self.clock.wait(1000)
            self.inbox.put(
                f"POSTA CERTIFICATA: fattura {number}", self.clock.now(), '"Per conto di: x@example.org" <c>'
            )

    async def harvest(self) -> Harvest:
        """Walk the inbox; the counters must hold afterwards."""
        self.clock.wait(MINUTE)
        done = await Harvester(self.inbox, self.ledger.inbox, self.clock, LedgerThread().call).harvest(BOX)
        recount(self.ledger, self.run)
        return done

    def deliveries(self) -> list[str | None]:
        """Where each message's delivery stands, in input order; None for one that was not sent."""
        return [view.delivery for view in self.ledger.views.rows(self.run)]

    def in_ledger(self) -> list[str]:
        """The subject of every mail the ledger holds."""
        return sorted(row["subject"] for row in query(self.ledger, "SELECT subject FROM receipts"))

    def in_inbox(self) -> list[str]:
        """The subject of every mail that was ever in the inbox, once."""
        return sorted(mail.subject for mail in self.inbox.mails)

    def last(self) -> dict[str, object]:
        """The harvest recorded last."""
        (row,) = query(self.ledger, "SELECT * FROM harvests ORDER BY id DESC LIMIT 1")
        return row


def _office(ledger: Ledger, rows: int, shape: Shape | None = None) -> Office:
    return Office(ledger, load(ledger, rows, now=NOW), MemoryInbox(shape or Shape()))


@pytest.fixture(scope="module")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new ledger on SQLite, to be copied."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    open_ledger(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def light(empty_ledger: Path, tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger on SQLite: where the provider's shapes matter, and not the database."""
    path = Path(shutil.copy(empty_ledger, tmp_path / "ledger.db"))
    with open_ledger(f"sqlite:///{path}") as opened:
        yield opened


@pytest.mark.parametrize("name", SHAPES)
async def test_every_shape_brings_every_receipt_once(ledger: Ledger, name: str) -> None:
    """First a full box, then new mail at its end: the same states, whichever way it is listed."""
    office = _office(ledger, 70, SHAPES[name])
    office.foreign(3)
    office.answer(1, 60)
    office.answer(1, 20, "CONSEGNA")
    first = await office.harvest()
    assert office.in_ledger() == office.in_inbox()
    assert (first.new, first.matched) == (83, 80)

    office.answer(21, 60, "AVVENUTA CONSEGNA")
    office.answer(61, 70)
    second = await office.harvest()
    assert office.in_ledger() == office.in_inbox()
    assert (second.new, second.matched) == (50, 50)
    assert office.deliveries() == ["delivered"] * 60 + ["accepted"] * 10
    assert office.last()["both_ends"]


@pytest.mark.parametrize("name", SHAPES)
async def test_a_harvest_with_nothing_new_adds_nothing(light: Ledger, name: str) -> None:
    """Walking again changes no receipt and no count; it met known mail at both ends of a steady box."""
    office = _office(light, 60, SHAPES[name])
    office.answer(1, 60)
    await office.harvest()
    before = office.deliveries(), office.in_ledger()
    again = await office.harvest()
    assert (again.new, again.matched) == (0, 0)
    assert (office.deliveries(), office.in_ledger()) == before
    assert (office.last()["complete"], office.last()["both_ends"], office.last()["steady"]) == (1, 1, 1)


@pytest.mark.parametrize("name", TRUTHFUL)
@pytest.mark.parametrize("mails", [1, 25, 50, 120])
async def test_a_harvest_with_nothing_new_reads_three_pages_at_most(
    light: Ledger, name: str, mails: int
) -> None:
    """However full the box is, knowing that nothing is new takes three pages."""
    office = _office(light, mails, SHAPES[name])
    office.answer(1, mails)
    await office.harvest()
    assert (await office.harvest()).pages <= 3


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("mails", [0, 1, 24, 25, 26, 50])
async def test_boxes_that_end_at_a_page_s_end(light: Ledger, name: str, mails: int) -> None:
    """No mail is lost or counted twice where the last page is full, and an empty box is a whole walk."""
    office = _office(light, 50, SHAPES[name])
    office.answer(1, mails)
    assert (await office.harvest()).new == mails
    assert office.last()["both_ends"]
    assert office.in_ledger() == office.in_inbox()


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("at_read", [1, 2, 3])
async def test_mail_that_arrives_during_a_walk(light: Ledger, name: str, at_read: int) -> None:
    """New mail shifts the pages under the walk: nothing older is missed, and the next walk has the rest."""
    office = _office(light, 80, SHAPES[name])
    office.answer(1, 60)

    def arrive(read: int) -> None:
        if read == at_read:
            office.answer(61, 80)

    office.inbox.on_read = arrive
    await office.harvest()
    assert office.deliveries()[:60] == ["accepted"] * 60
    await office.harvest()
    assert office.deliveries() == ["accepted"] * 80
    assert office.in_ledger() == office.in_inbox()


async def test_the_same_mail_listed_twice_counts_once(ledger: Ledger) -> None:
    """One mail that the list shows on two pages is one mail."""
    office = _office(ledger, 30)
    office.answer(1, 30)
    office.inbox.mails[10:10] = [office.inbox.mails[20]] * 3
    assert (await office.harvest()).new == 30
    assert office.deliveries() == ["accepted"] * 30


async def test_a_walk_that_died_is_walked_again(ledger: Ledger) -> None:
    """What a failed walk read does not count as known: the next one reads to where that one had not been."""
    office = _office(ledger, 120)
    office.answer(1, 100)
    await office.harvest()
    office.answer(1, 100, "CONSEGNA")

    def fail(read: int) -> None:
        if read == already + 3:
            raise ProviderUnavailable("The provider does not answer.", hint="Later.")

    already, office.inbox.on_read = office.inbox.reads, fail
    with pytest.raises(ProviderUnavailable):
        await office.harvest()
    recount(ledger, office.run)
    office.inbox.on_read = lambda _: None
    assert not office.last()["complete"]
    await office.harvest()
    assert office.deliveries()[:100] == ["delivered"] * 100
    assert office.in_ledger() == office.in_inbox()


async def test_what_a_dead_walk_read_is_known_after_the_next(ledger: Ledger) -> None:
    """The pages of a dead walk belong to the one that read them again, so that later walks are short."""
    office = _office(ledger, 60)
    office.answer(1, 60)

    def fail(read: int) -> None:
        if read == 3:
            raise ProviderUnavailable("The provider does not answer.", hint="Later.")

    office.inbox.on_read = fail
    with pytest.raises(ProviderUnavailable):
        await office.harvest()
    office.inbox.on_read = lambda _: None
    await office.harvest()
    assert (await office.harvest()).pages <= 3


async def test_a_receipt_makes_its_message_sent(ledger: Ledger) -> None:
    """A receipt is evidence that the message left, whatever state it was in (transition j)."""
    office = _office(ledger, 2)
    office.answer(2, 2)
    await office.harvest()
    (first, second) = office.ledger.views.rows(office.run)
    assert (first.state, second.state) == ("pending", "sent")
    assert second.message_id == "2020082600000002"
    assert attempts(ledger, message(ledger, office.run.first_id + 1)["id"]) == []


async def test_receipts_of_another_ledger_are_told(ledger: Ledger) -> None:
    """A harvest says how many new receipts carry references that this ledger does not know."""
    office = _office(ledger, 3)
    office.answer(1, 3)
    for token in draw(2):
        office.inbox.put(f"ACCETTAZIONE: Avviso [rif. {token}] 2020082610003492", office.clock.now())
    assert (await office.harvest()).strange == 2
    assert (await office.harvest()).strange == 0


@pytest.mark.parametrize(
    ("tail", "message_id"),
    [
        ("[rif. {}] 2020082610003492", "2020082610003492"),
        ("[rif. {}] 0000000000000", "0000000000000"),
        ("0000000000000 [rif. {}] 202008261000349", "202008261000349"),
        ("{} 0000000000000", "0000000000000"),
        ("[rif. {}]", None),
        ("[rif. {}] 1234567", None),
        ("[rif. {}] 202008x10003492", None),
    ],
)
async def test_the_provider_s_id_is_the_whole_last_token(
    light: Ledger, tail: str, message_id: str | None
) -> None:
    """Also one of thirteen digits that passes for a reference: it hides ours no longer."""
    office = _office(light, 1)
    office.inbox.put(f"ACCETTAZIONE: Avviso {tail.format(office.references[0])}", NOW)
    assert (await office.harvest()).matched == 1
    assert message(light, office.run.first_id)["message_id"] == message_id


async def test_somebody_s_message_is_never_a_receipt(ledger: Ledger) -> None:
    """A certified message that calls itself CONSEGNA and carries our reference changes nothing."""
    office = _office(ledger, 1)
    reference = office.references[0]
    office.inbox.put(
        f"CONSEGNA: Avviso [rif. {reference}] 2020082600000001", NOW, "Per conto di: x@example.org"
    )
    harvest = await office.harvest()
    assert (harvest.new, harvest.matched) == (1, 0)
    assert office.deliveries() == [None]


async def test_an_unknown_form_stops_nothing(ledger: Ledger) -> None:
    """A mail of a form nobody knows, with characters no database takes, is kept and counted."""
    office = _office(ledger, 1)
    office.inbox.mails.append(
        InboxItem("\x00", "a\x00b", "REM Submission\x00Acceptance \ud800", "\udfff", None)
    )
    office.inbox.mails.append(InboxItem("2", "c", "=?utf-8?Q?a=00b?=", "d", None))
    office.inbox.mails.append(InboxItem("3", "c", "=?utf-8?Q?=ED=A0=80?=", "d", None))
    office.answer(1, 1)
    assert (await office.harvest()).new == 4
    assert office.deliveries() == ["accepted"]
    figures = ledger.views.figures(office.run)
    assert (figures.seen, figures.unknown) == (4, 3)


class TestSteady:
    """What makes a harvest one that could not have seen everything."""

    @pytest.mark.parametrize("newest_first", [True, False])
    async def test_a_box_that_shrank(self, light: Ledger, newest_first: bool) -> None:
        """Somebody deleted mail: `total` is lower than it was."""
        office = _office(light, 60, Shape(newest_first=newest_first))
        office.answer(1, 60)
        await office.harvest()
        del office.inbox.mails[30:33]
        await office.harvest()
        assert not office.last()["steady"]

    @pytest.mark.parametrize("place", [0, -1])
    @pytest.mark.parametrize("name", [name for name in SHAPES if not name.startswith("total of")])
    async def test_known_mail_gone_at_an_end(self, light: Ledger, name: str, place: int) -> None:
        """The newest or the oldest mail known is no longer there, and new mail hides that in `total`."""
        office = _office(light, 70, SHAPES[name])
        office.answer(1, 60)
        await office.harvest()
        del office.inbox.mails[place]
        office.answer(61, 63)
        await office.harvest()
        assert not office.last()["steady"]
        assert office.last()["both_ends"]

    @pytest.mark.parametrize("name", SHAPES)
    async def test_new_mail_alone(self, light: Ledger, name: str) -> None:
        """A box that only grew is steady, however much came and however it is listed."""
        office = _office(light, 90, SHAPES[name])
        office.answer(1, 10)
        await office.harvest()
        office.answer(11, 90)
        await office.harvest()
        assert office.last()["steady"]

    async def test_a_box_emptied(self, light: Ledger) -> None:
        """Everything known has gone: the walk saw the whole box, and it is not steady."""
        office = _office(light, 10)
        office.answer(1, 10)
        await office.harvest()
        office.inbox.mails.clear()
        await office.harvest()
        assert (office.last()["both_ends"], office.last()["steady"]) == (1, 0)
