"""Clearing: what is archived and final is deleted from the mailbox, and nothing else, ever."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.errands import HOUR, Bench, bench
from support.inboxes import BOX
from support.ledgers import IN_DOUBT, query

from bulk_pec.ledger.ledger import Ledger
from bulk_pec.receipts.chain import Chain
from bulk_pec.receipts.clearing import not_plain

pytestmark = pytest.mark.anyio


def _options(tmp_path: Path) -> dict[str, Any]:
    return {"archive": tmp_path / "archive", "delete": True}


async def _steady(desk: Bench, *, lost: bool = False) -> None:
    """Assert what the next walk makes of what has gone."""
    await desk.harvest()
    (walk,) = query(desk.ledger, "SELECT lost, steady, both_ends FROM harvests ORDER BY id DESC LIMIT 1")
    assert (bool(walk["lost"]), bool(walk["steady"]), bool(walk["both_ends"])) == (lost, not lost, True)


@pytest.mark.parametrize("shape", [{}, {"shifting_ids": True}, {"newest_first": False, "page_base": 0}])
async def test_only_what_is_final_goes(ledger: Ledger, tmp_path: Path, shape: dict[str, Any]) -> None:
    """Receipts of delivered, undelivered and refused messages; not of those awaited, not anybody's mail."""
    async with bench(ledger, "mario", "non-pec", "mancata", "non-accettata", "rem", **shape) as desk:
        await desk.foreign(2)
        await desk.send_all()
        await desk.foreign(1, subject="Altra newsletter")
        await desk.harvest()
        done = await desk.do(**_options(tmp_path))
        assert (done.archived, done.deleted, done.problems) == (9, 7, [])
        left = [subject.partition(" ")[0] for subject in await desk.subjects()]
        assert left == ["POSTA", "POSTA", "ACCETTAZIONE:", "REM", "POSTA"]
        gone = desk.receipts("gone")
        assert len(gone) == len(desk.receipts("deleted_at IS NOT NULL")) == 7
        await _steady(desk)
        await _steady(desk)


async def test_a_whole_box_may_go(ledger: Ledger, tmp_path: Path) -> None:
    """Both ends and all between them are ours and deleted: the next walk does not take them for lost."""
    async with bench(ledger, *["mario"] * 30) as desk:
        await desk.send_all()
        await desk.harvest()
        assert (await desk.do(**_options(tmp_path))).deleted == 60
        assert await desk.subjects() == []
        await _steady(desk)
        await desk.foreign()
        await _steady(desk)


async def test_mail_that_somebody_else_deletes_still_counts_as_lost(ledger: Ledger, tmp_path: Path) -> None:
    """Our own deletes excuse only themselves."""
    async with bench(ledger, "mario", "anna", "non-pec") as desk:
        await desk.foreign(3)
        await desk.send_all()
        await desk.harvest()
        foreign = desk.receipts("kind = 'foreign'")
        assert (await desk.do(**_options(tmp_path))).deleted == 4
        assert await desk.listing.delete(BOX, foreign[-1]["item_id"])
        await _steady(desk, lost=True)


async def test_nothing_goes_without_being_wanted_or_archived(ledger: Ledger, tmp_path: Path) -> None:
    """Without the setting nothing is deleted; without an archive neither."""
    async with bench(ledger, "mario") as desk:
        await desk.send_all()
        await desk.harvest()
        assert (await desk.do(delete=True)).deleted == 0
        assert (await desk.do(archive=tmp_path / "archive")).deleted == 0
        assert len(await desk.subjects()) == 2


async def test_a_doubt_keeps_the_whole_mailbox(ledger: Ledger, tmp_path: Path) -> None:
    """While a message is in doubt the receipts around it may be needed to settle it."""
    async with bench(ledger, "mario", "anna") as desk:
        await desk.send(1)
        desk.wait(1)
        desk.attempt(2, IN_DOUBT)
        desk.wait(60)
        await desk.harvest()
        done = await desk.do(**_options(tmp_path))
        assert (done.archived, done.deleted, len(await desk.subjects())) == (2, 0, 2)
        assert any("in doubt" in line for line in desk.said)


async def test_a_walk_elsewhere_holds_it_up(ledger: Ledger, tmp_path: Path) -> None:
    """Pages shift with a delete: none is made while another host may be walking; hours later one is.

    A SQLite ledger has one writing process, so a walk that has not ended is dead.
    """
    async with bench(ledger, "mario") as desk:
        await desk.send_all()
        await desk.harvest()
        walk = ledger.inbox.begin(desk.box, desk.clock.now())
        with ledger.database.transaction() as connection:
            statement = "UPDATE harvests SET position = 3 WHERE id = :walk"
            ledger.database.execute(connection, statement, walk=walk)
        held = ledger.database.is_postgres
        assert (await desk.do(**_options(tmp_path))).deleted == (0 if held else 2)
        assert any("another host" in line for line in desk.said) == held
        desk.wait(7 * HOUR)
        assert (await desk.do(**_options(tmp_path))).deleted == (2 if held else 0)


async def test_ids_that_have_moved_are_never_used_again(ledger: Ledger, tmp_path: Path) -> None:
    """Somebody's delete made ids shift once: from then on nothing is deleted by id from that mailbox."""
    async with bench(ledger, "mario", "anna", shifting_ids=True) as desk:
        await desk.foreign()
        await desk.send(1)
        desk.wait(60)
        await desk.harvest()
        (foreign,) = desk.receipts("kind = 'foreign'")
        assert await desk.listing.delete(BOX, foreign["item_id"])
        await desk.send(2)
        desk.wait(60)
        await desk.harvest()
        for _ in range(2):
            assert (await desk.do(**_options(tmp_path))).deleted == 0
        assert len(await desk.subjects()) == 4
        assert any("other ids" in line for line in desk.said)


async def test_an_id_that_shows_another_mail_ends_it(ledger: Ledger, tmp_path: Path) -> None:
    """Ids shift between the archive and the delete: the re-check sees it, and nothing of it is deleted."""
    async with bench(ledger, "mario", "anna", shifting_ids=True) as desk:
        await desk.foreign()
        await desk.send_all()
        await desk.foreign(3)
        await desk.harvest()
        await desk.do(archive=tmp_path / "archive")
        foreign = desk.receipts("kind = 'foreign'")
        assert await desk.listing.delete(BOX, min((one["item_id"] for one in foreign), key=int))
        before = await desk.subjects()
        done = await desk.do(**_options(tmp_path))
        assert (done.deleted, await desk.subjects()) == (0, before)
        (box,) = query(ledger, "SELECT ids_moved_at FROM mailboxes")
        assert box["ids_moved_at"] is not None


async def test_a_changed_text_is_not_deleted(ledger: Ledger, tmp_path: Path) -> None:
    """What the box shows is not what the archive holds: it stays, and the others go."""
    async with bench(ledger, "mario") as desk:
        await desk.send_all()
        await desk.harvest()
        await desk.do(archive=tmp_path / "archive")
        (delivered,) = [
            one
            for one in desk.sandbox.office.mailbox(BOX.address).search("")
            if one.subject.startswith("CONSEGNA")
        ]
        delivered.about = "altri@ditta1.example"
        assert (await desk.do(**_options(tmp_path))).deleted == 1
        assert [one.partition(":")[0] for one in await desk.subjects()] == ["CONSEGNA"]


@pytest.mark.parametrize(
    ("accepted", "delivered"),
    [("1", "x7"), ("1", "007"), ("7", "7"), ("9", "1")],
    ids=["x7", "007", "same", "falling"],
)
async def test_ids_that_do_not_grow_are_not_used(
    ledger: Ledger, tmp_path: Path, accepted: str, delivered: str
) -> None:
    """Only plain numbers that grow with time may be deleted by."""
    async with bench(ledger, "ritardo-2h") as desk:
        await desk.send_all()
        desk.wait(3 * HOUR)
        await desk.harvest()
        await desk.do(archive=tmp_path / "archive")
        with ledger.database.transaction() as connection:
            for kind, shown in (("accepted", accepted), ("delivered", delivered)):
                statement = "UPDATE receipts SET item_id = :id WHERE kind = :kind"
                ledger.database.execute(connection, statement, id=shown, kind=kind)
        assert (await desk.do(**_options(tmp_path))).deleted == 0
        assert len(await desk.subjects()) == 2
        assert desk.said[-1].startswith("Nothing more is deleted")


async def test_without_its_file_nothing_is_deleted(ledger: Ledger, tmp_path: Path) -> None:
    """The archive has lost a text since: the receipt is the only copy, and stays; so does all below it."""
    async with bench(ledger, "mario", "anna") as desk:
        await desk.send_all()
        await desk.harvest()
        folder = tmp_path / "archive"
        await desk.do(archive=folder)
        reference = desk.message(2)["reference"]
        (file,) = folder.rglob(f"{reference}-accepted-*.txt")
        file.write_text(file.read_text(encoding="utf-8") + "!", encoding="utf-8")
        assert (await desk.do(**_options(tmp_path))).deleted == 2
        assert [one.partition(":")[0] for one in await desk.subjects()] == ["ACCETTAZIONE"] * 2
        assert any("lost the file" in line for line in desk.said)


async def test_the_archive_must_be_there(ledger: Ledger, tmp_path: Path) -> None:
    """The whole archive is gone, or another process adds to it: nothing is deleted."""
    async with bench(ledger, "mario") as desk:
        await desk.send_all()
        await desk.harvest()
        folder = tmp_path / "archive"
        await desk.do(archive=folder)
        chain = Chain(folder / BOX.address)
        assert (await desk.do(**_options(tmp_path))).deleted == 0
        chain.close()
        folder.rename(tmp_path / "elsewhere")
        assert (await desk.do(**_options(tmp_path))).deleted == 0
        assert len(await desk.subjects()) == 2


async def test_clocks_that_differ_a_little_are_no_reason(ledger: Ledger, tmp_path: Path) -> None:
    """A delivery that came after the acceptance and is dated seconds before it; hours are another matter."""
    async with bench(ledger, "mario") as desk:
        await desk.send_all()
        await desk.harvest()
        await desk.do(archive=tmp_path / "archive")
        delivered, accepted = ledger.clearing.ready(desk.box, None, 10)
        assert accepted.at is not None
        assert not_plain([replace(delivered, at=accepted.at - 6_000), accepted]) == ""
        assert "dates" in not_plain([replace(delivered, at=accepted.at - 6_000_000), accepted])


@pytest.mark.parametrize(("kind", "happened"), [("500-before", False), ("close-after", True)])
async def test_a_delete_in_doubt_ends_it_and_is_looked_at_anew(
    ledger: Ledger, tmp_path: Path, kind: str, *, happened: bool
) -> None:
    """Nobody can say whether it happened: nothing else is deleted in that start; the next one looks first."""
    async with bench(ledger, "mario", "anna") as desk:
        await desk.send_all()
        await desk.harvest()
        await desk.do(archive=tmp_path / "archive")
        await desk.fault(kind, on="item", skip=1)
        errands = desk.start(**_options(tmp_path))
        boxes = {desk.box: BOX}
        assert (await errands.run(desk.run, boxes)).deleted == 0
        assert (await errands.run(desk.run, boxes)).deleted == 0, "not in this start"
        assert len(desk.receipts("deleted_at IS NOT NULL AND NOT gone")) == 1
        assert len(await desk.subjects()) == 4 - happened
        again = desk.start(**_options(tmp_path))
        await again.look_anew(boxes)
        assert len(desk.receipts("gone")) == happened
        assert desk.receipts("deleted_at IS NOT NULL AND NOT gone") == []
        await _steady(desk)
        assert (await again.run(desk.run, boxes)).deleted == 4 - happened
        assert await desk.subjects() == []
        await _steady(desk)


async def test_a_receipt_that_is_gone_already_is_passed_over(ledger: Ledger, tmp_path: Path) -> None:
    """Somebody else deleted one: the others are deleted, and that one is not said to be our doing."""
    async with bench(ledger, "mario", "anna") as desk:
        await desk.send_all()
        await desk.harvest()
        await desk.do(archive=tmp_path / "archive")
        assert await desk.listing.delete(BOX, desk.receipts()[1]["item_id"])
        assert (await desk.do(**_options(tmp_path))).deleted == 3
        assert desk.receipts()[1]["deleted_at"] is None
