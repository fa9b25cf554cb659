"""Clearing, where something is not as it should be: what has no text stays, what is there has not gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.errands import bench
from support.inboxes import BOX
from support.ledgers import IN_DOUBT

from bulk_pec.domain.errors import ProviderUnavailable
from bulk_pec.domain.letters import Mailbox
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.provider.parsing import MailText
from bulk_pec.receipts import clearing
from bulk_pec.receipts.papers import digest

pytestmark = pytest.mark.anyio


def _options(tmp_path: Path) -> dict[str, Any]:
    return {"archive": tmp_path / "archive", "delete": True}


async def test_without_a_text_nothing_is_archived_or_deleted(ledger: Ledger, tmp_path: Path) -> None:
    """The provider hands out no texts: what a receipt said is kept nowhere else, so it stays."""
    async with bench(ledger, "mario", "mancata", null_fields=("body",)) as desk:
        await desk.send_all()
        await desk.harvest()
        for start in range(1, 4):
            done = await desk.do(**_options(tmp_path))
            assert (done.archived, done.deleted, done.problems) == (0, 0, [])
            assert {one["misses"] for one in desk.receipts()} == {start}
        assert len(await desk.subjects()) == 4
        assert not list((tmp_path / "archive").rglob("*.txt"))


@pytest.mark.parametrize("body", ["", " \r\n\t "], ids=["empty", "blank"])
async def test_an_archived_text_without_a_word_is_not_deleted(
    ledger: Ledger, tmp_path: Path, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if an archive holds it, file, digest and all, and the mailbox shows the same."""
    async with bench(ledger, "mario") as desk:
        await desk.send_all()
        await desk.harvest()
        await desk.do(archive=tmp_path / "archive")
        with ledger.database.transaction() as connection:
            statement = "UPDATE receipts SET text_digest = :digest"
            ledger.database.execute(connection, statement, digest=digest(body))
        for file in (tmp_path / "archive").rglob("*.txt"):
            head = file.read_bytes().partition(b"\n\n")[0]
            file.write_bytes(head + b"\n\n" + body.encode() + b"\n")
        real = desk.listing.text

        async def wordless(mailbox: Mailbox, item_id: str) -> MailText | None:
            text = await real(mailbox, item_id)
            return text and replace(text, body=body)

        monkeypatch.setattr(desk.listing, "text", wordless)
        assert (await desk.do(**_options(tmp_path))).deleted == 0
        assert len(await desk.subjects()) == 2


@pytest.mark.parametrize("how", ["hiccup", "numbered", "no reference"])
async def test_what_a_search_shows_has_not_gone(
    ledger: Ledger, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delete did not happen, and its id shows nothing for once: the ledger does not say it has gone."""
    async with bench(ledger, "mario") as desk:
        await desk.send_all()
        await desk.harvest()
        await desk.do(archive=tmp_path / "archive")

        async def fails(mailbox: Mailbox, item_id: str) -> bool:
            raise ProviderUnavailable("502", hint="")

        with monkeypatch.context() as patched:
            patched.setattr(desk.listing, "delete", fails)
            await desk.do(**_options(tmp_path))
        change = {
            "hiccup": "item_id = item_id",
            "numbered": "fingerprint = fingerprint || '.2'",
            "no reference": "reference = NULL, token = NULL",
        }[how]
        with ledger.database.transaction() as connection:
            statement = f"UPDATE receipts SET {change} WHERE deleted_at IS NOT NULL"  # noqa: S608 - constants
            ledger.database.execute(connection, statement)

        async def nothing(mailbox: Mailbox, item_id: str) -> MailText | None:
            return None

        with monkeypatch.context() as patched:
            patched.setattr(desk.listing, "text", nothing)
            await desk.start(**_options(tmp_path)).look_anew({desk.box: BOX})
        assert desk.receipts("gone OR deleted_at IS NOT NULL") == []
        assert len(await desk.subjects()) == 2


async def test_a_delete_that_finds_nothing_is_in_doubt(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was there right before: the ledger does not say that it has gone until that was looked at anew."""
    async with bench(ledger, "mario") as desk:
        await desk.send_all()
        await desk.harvest()

        async def absent(mailbox: Mailbox, item_id: str) -> bool:
            return False

        with monkeypatch.context() as patched:
            patched.setattr(desk.listing, "delete", absent)
            assert (await desk.do(**_options(tmp_path))).deleted == 0
        assert len(desk.receipts("deleted_at IS NOT NULL AND NOT gone")) == 1
        assert (await desk.do(**_options(tmp_path))).deleted == 2


async def test_a_walk_that_sees_it_again_takes_the_word_back(ledger: Ledger, tmp_path: Path) -> None:
    """The ledger says that it has gone, and the next walk over the whole box shows it: it stands there."""
    async with bench(ledger, "mario") as desk:
        await desk.send_all()
        await desk.harvest()
        await desk.do(archive=tmp_path / "archive")
        with ledger.database.transaction() as connection:
            for statement in (
                "UPDATE receipts SET deleted_at = :now, gone = true WHERE kind = 'delivered'",
                "UPDATE receipts SET deleted_at = :now + 3600000, gone = true WHERE kind = 'accepted'",
            ):
                ledger.database.execute(connection, statement, now=desk.clock.now())
        await desk.foreign()
        await desk.harvest()
        (left,) = desk.receipts("gone OR deleted_at IS NOT NULL")
        assert left["kind"] == "accepted", "deleted after the walk began: that walk may have read it before"


async def test_it_is_asked_anew_whether_anything_speaks_against_it(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message comes to be in doubt while a mailbox is cleared: some receipts later nothing more goes."""
    monkeypatch.setattr(clearing, "SURE_FOR", 2)
    async with bench(ledger, "mario", "anna", "luca") as desk:
        await desk.send(1)
        await desk.send(2)
        desk.wait(60)
        await desk.harvest()
        real = desk.listing.delete

        async def doubtful(mailbox: Mailbox, item_id: str) -> bool:
            if desk.message(3)["state"] == "pending":
                desk.attempt(3, IN_DOUBT)
            return await real(mailbox, item_id)

        monkeypatch.setattr(desk.listing, "delete", doubtful)
        assert (await desk.do(**_options(tmp_path))).deleted == 2
        assert len(await desk.subjects()) == 2
        assert any("in doubt" in line for line in desk.said)
