"""The archive: every receipt's text in a file, one chain a mailbox, whatever happens in between."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import replace
from pathlib import Path

import anyio
import orjson
import pytest
from support.errands import HOUR, Bench, bench, texts_in
from support.inboxes import BOX, NOW
from support.ledgers import a_row, load, open_ledger, query

from bulk_pec.domain.errors import LedgerError
from bulk_pec.domain.exits import ExitCode
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.receipts import chain as chains
from bulk_pec.receipts import papers
from bulk_pec.receipts.chain import FILE, Link
from bulk_pec.receipts.papers import folder_of
from bulk_pec.receipts.verifying import verify

pytestmark = pytest.mark.anyio


def whole(folder: Path, ledger: Ledger, entries: int) -> None:
    """Assert that the archive is whole, as long as this, and what the ledger says of it."""
    heads = {folder_of(address): (one.number, one.link) for address, one in ledger.archiving.heads().items()}
    (checked,) = verify(folder, heads)
    assert (checked.broken, checked.entries) == ("", entries)
    rows = query(
        ledger, "SELECT archive_number, text_digest FROM receipts WHERE archived_at IS NOT NULL ORDER BY 1"
    )
    assert [row["archive_number"] for row in rows] == list(range(1, entries + 1))
    assert all(len(row["text_digest"]) == 64 for row in rows)


async def test_every_receipt_is_kept_and_nobody_elses_mail(ledger: Ledger, tmp_path: Path) -> None:
    """Matched receipts of every kind and forms not known yet; no foreign mail; each file says what it is."""
    folder = tmp_path / "archive"
    async with bench(ledger, "mario", "mancata", "rem") as desk:
        await desk.foreign()
        await desk.send_all()
        await desk.harvest()
        done = await desk.do(archive=folder)
        assert (done.archived, done.problems) == (7, [])
        whole(folder, ledger, 7)
        files = texts_in(folder)
        assert sorted(name.rsplit("-", 2)[1] for name in files) == [
            *["accepted"] * 3,
            *["delivered"] * 2,
            "undelivered",
            "unknown",
        ]
        reference = desk.message(2)["reference"]
        (name,) = [one for one in files if "-undelivered-" in one]
        assert name.startswith(f"{BOX.address}/2027-01-15/08/{reference}-undelivered-")
        head, _, text = files[name].partition("\n\n")
        said = dict(line.split(": ", 1) for line in head.splitlines())
        assert said["kind"] == "undelivered"
        assert said["reference"] == reference
        assert said["mailbox"] == BOX.address
        assert said["subject"].startswith("AVVISO DI MANCATA CONSEGNA: Avviso n. 2")
        assert 'destinato all\'utente "mancata@ditta2.example"' in text
        (row,) = desk.receipts("kind = 'undelivered'")
        assert row["text_digest"] == hashlib.sha256(text.removesuffix("\n").encode()).hexdigest()
        assert (await desk.do(archive=folder)).archived == 0, "once"
        whole(folder, ledger, 7)


async def test_it_is_for_this_user_alone(ledger: Ledger, tmp_path: Path) -> None:
    """Receipts hold names and addresses: folders are 700, files 600."""
    folder = tmp_path / "archive"
    async with bench(ledger, "mario") as desk:
        await desk.send_all()
        await desk.harvest()
        await desk.do(archive=folder)
    modes = {stat.S_IMODE(path.stat().st_mode): path.is_dir() for path in [folder, *folder.rglob("*")]}
    assert modes == {0o700: True, 0o600: False}


async def test_what_is_matched_late_is_archived_too(ledger: Ledger, tmp_path: Path) -> None:
    """Receipts that were recorded before the mark and matched after it are not passed over."""
    folder = tmp_path / "archive"
    async with bench(ledger, "mario", "anna") as desk:
        await desk.send_all()
        await desk.harvest()
        with ledger.database.transaction() as connection:
            for statement in (
                "UPDATE receipts SET message = NULL WHERE id = (SELECT MIN(id) FROM receipts)",
                "UPDATE run_counts SET receipts_matched = receipts_matched - 1",
            ):
                ledger.database.execute(connection, statement)
        assert (await desk.start(archive=folder).run(desk.run, {desk.box: BOX})).archived == 3
        assert ledger.archiving.head(desk.box).archived_to == 4
        with ledger.database.transaction() as connection:
            for statement in (
                "UPDATE receipts SET message = (SELECT MIN(id) FROM messages) WHERE message IS NULL",
                "UPDATE run_counts SET receipts_matched = receipts_matched + 1",
            ):
                ledger.database.execute(connection, statement)
        assert (await desk.do(archive=folder)).archived == 1
        whole(folder, ledger, 4)


async def test_it_stops_between_two_receipts_and_goes_on(ledger: Ledger, tmp_path: Path) -> None:
    """Told to end, or cancelled, it ends; the next start goes on where it was."""
    folder = tmp_path / "archive"
    async with bench(ledger, "mario", "anna", "luca") as desk:
        await desk.send_all()
        await desk.harvest()
        asked = iter([False, False, True, True, True, True])
        assert (await desk.do(lambda: next(asked), archive=folder)).archived == 2
        whole(folder, ledger, 2)
        await desk.fault("slow", on="item", seconds=30.0)
        with anyio.move_on_after(0.2):
            await desk.do(archive=folder)
        whole(folder, ledger, 2)
        await desk.http.delete("/_sandbox/faults")
        assert (await desk.do(archive=folder)).archived == 4
        whole(folder, ledger, 6)


async def _archived(desk: Bench, folder: Path) -> list[bytes]:
    """A finished archive of two receipts; the lines of its chain."""
    await desk.send_all()
    await desk.harvest()
    assert (await desk.do(archive=folder)).archived == 2
    return (folder / BOX.address / FILE).read_bytes().splitlines(keepends=True)


async def test_a_line_that_the_ledger_does_not_know_is_taken_over(ledger: Ledger, tmp_path: Path) -> None:
    """A restored copy of the ledger, or one whose commit never came, follows the chain."""
    folder = tmp_path / "archive"
    async with bench(ledger, "mario") as desk:
        await _archived(desk, folder)
        with ledger.database.transaction() as connection:
            for statement in (
                "UPDATE mailboxes SET archived = 0, archive_head = NULL, archived_to = 0",
                "UPDATE receipts SET archived_at = NULL, archive_number = NULL, text_digest = NULL",
            ):
                ledger.database.execute(connection, statement)
        assert (await desk.do(archive=folder)).archived == 0
        whole(folder, ledger, 2)


async def test_half_a_line_is_cut_off(ledger: Ledger, tmp_path: Path) -> None:
    """What a crash left of a line is no line; the receipt is archived under that number."""
    folder = tmp_path / "archive"
    async with bench(ledger, "mario", "anna") as desk:
        await desk.send(1)
        desk.wait(60)
        await desk.harvest()
        assert (await desk.do(archive=folder)).archived == 2
        with (folder / BOX.address / FILE).open("ab") as file:
            file.write(b'{"number":3,"file":"2027')
        await desk.send(2)
        desk.wait(60)
        await desk.harvest()
        assert (await desk.do(archive=folder)).archived == 2
        whole(folder, ledger, 4)


@pytest.mark.parametrize("harm", ["gone", "shorter", "another"])
async def test_another_archive_is_not_added_to(ledger: Ledger, tmp_path: Path, harm: str) -> None:
    """Lost, cut short or changed: nothing is added, the error says so (74), and other errands are done."""
    folder = tmp_path / "archive"
    async with bench(ledger, "mario", "mancata") as desk:
        await desk.send(1)
        desk.wait(60)
        await desk.harvest()
        assert (await desk.do(archive=folder)).archived == 2
        path = folder / BOX.address / FILE
        lines = path.read_bytes().splitlines(keepends=True)
        if harm == "another":
            second = Link.read(lines[1])
            values = {name: getattr(second, name) for name in Link.__slots__}
            lines[1] = Link(**(values | {"sha256": "0" * 64})).line()
        path.write_bytes(b"".join({"gone": [], "shorter": lines[:1], "another": lines}[harm]))
        before = path.read_bytes()
        await desk.send(2)
        desk.wait(60)
        await desk.harvest()
        done = await desk.do(archive=folder)
        assert (done.archived, done.causes) == (0, 1)
        assert isinstance(done.error, LedgerError)
        assert done.error.exit.code == ExitCode.IO
        assert path.read_bytes() == before


async def test_another_ledger_s_archive_is_not_added_to(tmp_path: Path) -> None:
    """A ledger that has archived nothing meets a chain without one receipt of its own: nothing is added."""
    folder = tmp_path / "archive"
    with open_ledger(f"sqlite:///{tmp_path / 'a.db'}") as first:
        async with bench(first, "mario") as desk:
            await _archived(desk, folder)
            before = (folder / BOX.address / FILE).read_bytes()
            with open_ledger(f"sqlite:///{tmp_path / 'b.db'}") as second:
                run = load(second, [a_row(1, "k9", "anna@ditta9.example")], now=NOW)
                other = replace(desk, ledger=second, run=run)
                await other.start(archive=folder).look_anew({other.box: BOX})
                await other.send(1)
                desk.wait(60)
                await other.harvest()  # the inbox shows the first one's receipts too: they are not its own
                done = await other.do(archive=folder)
                assert done.error is not None
                assert (done.archived, done.error.exit.code) == (0, ExitCode.IO)
                assert "another ledger's" in done.error.what
    assert (folder / BOX.address / FILE).read_bytes() == before


async def test_a_full_disk_counts_nothing_half_written(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC in the middle of a file or of a line: 74, nothing of it stays, and the next start goes on."""
    folder = tmp_path / "archive"

    def full(file: int, data: bytes) -> None:
        os.write(file, data[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with bench(ledger, "mario", "anna") as desk:
        await desk.send_all()
        await desk.harvest()
        for module in (papers, chains):
            with monkeypatch.context() as patched:
                patched.setattr(module, "write_whole", full)
                done = await desk.do(archive=folder)
            assert done.error is not None
            assert (done.archived, done.error.exit.code) == (0, ExitCode.IO)
            assert (folder / BOX.address / FILE).read_bytes() == b""
            assert not list(folder.rglob("*.part"))
        assert (await desk.do(archive=folder)).archived == 4
        whole(folder, ledger, 4)
        assert len(texts_in(folder)) == 4, "the file without a line was taken over"


async def test_a_text_that_cannot_be_had_does_not_hold_up_the_rest(ledger: Ledger, tmp_path: Path) -> None:
    """One receipt is gone from the box: the others are archived, and it is looked for in later starts."""
    folder = tmp_path / "archive"
    async with bench(ledger, "mario", "anna") as desk:
        await desk.send_all()
        await desk.harvest()
        first = desk.receipts()[0]
        assert await desk.listing.delete(BOX, first["item_id"])
        assert (await desk.do(archive=folder)).archived == 3
        whole(folder, ledger, 3)
        assert [one["misses"] for one in desk.receipts()] == [1, 0, 0, 0]
        await desk.do(archive=folder)
        assert desk.receipts()[0]["misses"] == 2


async def test_ids_that_shift_mix_nothing_up(ledger: Ledger, tmp_path: Path) -> None:
    """Somebody deletes a mail and every id above it moves: each text is still filed under its own receipt."""
    folder = tmp_path / "archive"
    async with bench(ledger, "mario", "anna", "luca", shifting_ids=True) as desk:
        await desk.foreign()
        await desk.send_all()
        await desk.harvest()
        (foreign,) = desk.receipts("kind = 'foreign'")
        assert await desk.listing.delete(BOX, foreign["item_id"])
        assert (await desk.do(archive=folder)).archived == 6
        whole(folder, ledger, 6)
        for text in texts_in(folder).values():
            head, _, body = text.partition("\n\n")
            reference = head.partition("reference: ")[2].split("\n")[0]
            assert ("kind: accepted" in head) == ("è stato accettato" in body)
            assert "kind: delivered" in head or reference in body
        (box,) = query(ledger, "SELECT ids_moved_at FROM mailboxes")
        assert box["ids_moved_at"] is not None


async def test_two_receipts_that_look_alike_are_two(ledger: Ledger, tmp_path: Path) -> None:
    """Two addressees with one provider, two deliveries of one second: both texts are kept, and both go."""
    folder = tmp_path / "archive"
    async with bench(ledger, "mario") as desk:
        await desk.foreign()
        await desk.send(1, ["anna@ditta.example", "luca@ditta.example"])
        desk.wait(60)
        await desk.harvest()
        done = await desk.do(archive=folder, delete=True)
        assert (done.archived, done.deleted) == (3, 3)
        whole(folder, ledger, 3)
        told = "".join(text for name, text in texts_in(folder).items() if "-delivered-" in name)
        assert [told.count(f'indirizzato a "{one}@ditta.example"') for one in ("anna", "luca")] == [1, 1]
        assert len(await desk.subjects()) == 1


async def test_the_notices_cause_is_read_with_its_text(ledger: Ledger, tmp_path: Path) -> None:
    """What the errands' share of notices leaves, the archive reads anyway."""
    async with bench(ledger, "mancata-casella-piena") as desk:
        await desk.send_all()
        await desk.harvest()
        done = await desk.do(archive=tmp_path / "archive", notices=0)
        assert (done.causes, done.archived) == (0, 2)
        assert desk.message(1)["cause"] == "mailbox_full"


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("text", "was changed"),
        ("file", "is not there"),
        ("line", "does not have the hash"),
        ("order", "does not follow"),
        ("first", "does not follow"),
        ("last", "the ledger knows 2 entries"),
        ("torn", "is cut short"),
        ("noise", "is no entry"),
    ],
)
async def test_verifying_says_the_first_break(ledger: Ledger, tmp_path: Path, harm: str, said: str) -> None:
    """Whatever is changed, taken away or put in between is found, and said in one sentence."""
    folder = tmp_path / "archive"
    async with bench(ledger, "mario") as desk:
        one, two = await _archived(desk, folder)
        heads = {BOX.address: (2, Link.read(two).hash)}
        path = folder / BOX.address / FILE
        file = folder / BOX.address / Link.read(two).file
        if harm == "text":
            file.write_bytes(file.read_bytes().replace(b"mario", b"maria"))
        elif harm == "file":
            file.unlink()
        else:
            changed = orjson.dumps(orjson.loads(two) | {"sha256": "0" * 64}) + b"\n"
            path.write_bytes(
                {
                    "line": one + changed,
                    "order": two + one,
                    "first": two,
                    "last": one,
                    "torn": one + two[:-5],
                    "noise": one + b"[]\n",
                }[harm]
            )
        (checked,) = verify(folder, heads)
        assert said in checked.broken
        assert "\n" not in checked.broken


async def test_an_older_receipt_has_its_own_day(ledger: Ledger, tmp_path: Path) -> None:
    """Folders are the receipt's own day and hour, in UTC, whenever it is archived."""
    folder = tmp_path / "archive"
    async with bench(ledger, "ritardo-30h") as desk:
        await desk.send_all()
        desk.wait(40 * HOUR)
        await desk.harvest()
        await desk.do(archive=folder)
        assert NOW == 1_800_000_000_000
        places = [name.split("/")[1:3] for name in texts_in(folder)]
        assert places == [["2027-01-15", "08"], ["2027-01-16", "14"]]
