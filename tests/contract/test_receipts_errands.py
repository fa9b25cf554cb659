"""Errands: each mailbox for itself, each step in its turn; and what the ledger is asked is found at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.errands import bench
from support.inboxes import BOX
from support.ledgers import query

from bulk_pec.domain.errors import CredentialsRefused, LedgerError
from bulk_pec.domain.letters import Mailbox, Secret
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.receipts.chain import Chain
from bulk_pec.sandbox.options import Credential

pytestmark = pytest.mark.anyio

OTHER = Mailbox("altro@example.com", Secret("altro@example.com"), Secret("sbagliata"))


async def test_a_refused_mailbox_stops_alone(ledger: Ledger, tmp_path: Path) -> None:
    """The one that is asked first is refused: the other's causes, archive and clearing are done."""
    async with bench(ledger, "mancata", "mancata", credentials=(Credential(BOX.address, "segreta"),)) as desk:
        await desk.send_all()
        await desk.harvest()
        other = ledger.inbox.mailbox_id(OTHER.address)
        with ledger.database.transaction() as connection:
            statement = "UPDATE receipts SET mailbox_id = :other WHERE message = :message"
            ledger.database.execute(connection, statement, other=other, message=desk.run.first_id)
        errands = desk.start(archive=tmp_path / "archive", delete=True)
        done = await errands.run(desk.run, {other: OTHER, desk.box: BOX})
        assert (done.causes, done.archived, done.deleted) == (1, 2, 2)
        assert [(address, type(error)) for address, error in done.problems] == [
            (OTHER.address, CredentialsRefused)
        ]
        assert any(line.startswith(f"{OTHER.address}: ") for line in desk.said)


async def test_the_archive_s_failure_is_what_must_be_known(ledger: Ledger, tmp_path: Path) -> None:
    """Of several problems a disk's is told: 74, and nothing of the ledger is undone."""
    blocked = tmp_path / "archive"
    blocked.write_text("not a folder", encoding="utf-8")
    async with bench(ledger, "mancata") as desk:
        await desk.send_all()
        await desk.harvest()
        done = await desk.do(archive=blocked)
        assert (done.causes, done.archived) == (1, 0)
        assert isinstance(done.error, LedgerError)


async def test_texts_that_are_withheld_are_told(ledger: Ledger, tmp_path: Path) -> None:
    """The provider gives none: from which mailbox, how many receipts, what follows; once, and no problem."""
    async with bench(ledger, "mancata", "mario") as desk:
        await desk.send_all()
        await desk.harvest()
        await desk.fault("404", on="item", count=None)
        errands = desk.start(archive=tmp_path / "archive", delete=True)
        done = await errands.run(desk.run, {desk.box: BOX})
        assert (done.causes, done.archived, done.deleted, done.problems) == (0, 0, 0, [])
        await errands.run(desk.run, {desk.box: BOX})
        (told,) = desk.said
        assert told.startswith(f"{BOX.address}: the provider did not give the texts of 4 receipts. ")
        assert "stays unknown. They are not archived, and so not deleted." in told
        desk.said.clear()
        await desk.do()
        assert ["texts of 1 receipt. " in line for line in desk.said] == [True], "only notices are asked for"
        assert "archived" not in desk.said[0]


async def test_an_archive_that_cannot_be_written_is_told_before(ledger: Ledger, tmp_path: Path) -> None:
    """Before inboxes are read: a warning, once, and the problem for the exit code; nothing is stopped."""
    blocked = tmp_path / "archive"
    blocked.write_text("not a folder", encoding="utf-8")
    async with bench(ledger, "mario") as desk:
        errands = desk.start(archive=blocked)
        for _ in range(2):
            done = await errands.look_anew({desk.box: BOX})
            assert isinstance(done.error, LedgerError)
        (told,) = desk.said
        assert told.startswith(f"Warning: {BOX.address}: The archive {blocked} cannot be written: ")
        blocked.unlink()
        assert (await errands.look_anew({desk.box: BOX})).problems == []


async def test_an_archive_that_another_process_has_open_is_no_failure(ledger: Ledger, tmp_path: Path) -> None:
    """Before inboxes are read it is left to that process: no word, no problem."""
    async with bench(ledger, "mario") as desk:
        await desk.send_all()
        await desk.harvest()
        await desk.do(archive=tmp_path)
        desk.said.clear()
        chain = Chain(tmp_path / BOX.address)
        done = await desk.start(archive=tmp_path).look_anew({desk.box: BOX})
        chain.close()
        assert (done.problems, desk.said) == ([], [])


async def test_there_is_nothing_to_do(ledger: Ledger, tmp_path: Path) -> None:
    """Nothing has been sent: no request is made, no folder, no word."""
    async with bench(ledger, "mario") as desk:
        done = await desk.do(archive=tmp_path / "archive", delete=True)
        assert (done.causes, done.asked, done.archived, done.deleted) == (0, 0, 0, 0)
        assert (done.problems, desk.said) == ([], [])


QUESTIONS = {
    "ix_receipts_causeless": "SELECT id FROM receipts r WHERE r.mailbox_id = 1 AND r.cause IS NULL "
    "AND r.message IS NOT NULL AND r.kind IN ('not_accepted', 'undelivered', 'late') "
    "AND r.deleted_at IS NULL ORDER BY r.misses, r.id DESC LIMIT 10",
    "ix_receipts_deleted": "SELECT COUNT(*) FROM receipts r WHERE r.mailbox_id = 1 AND r.deleted_at >= 5",
    "ix_receipts_leaving": "SELECT id FROM receipts r WHERE r.mailbox_id = 1 "
    "AND r.deleted_at IS NOT NULL AND NOT r.gone ORDER BY r.id",
    "ix_messages_caused": "SELECT cause, COUNT(*) AS n FROM messages WHERE run_id = 1 AND cause IS NOT NULL "
    "AND state = 'sent' AND delivery IN ('undelivered', 'not_accepted') GROUP BY cause",
}
_MANY = """
INSERT INTO receipts (mailbox_id, fingerprint, harvest_id, item_id, kind, sender, subject, date, message)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
SELECT 1, CAST(i AS text), 1, CAST(i AS text), 'delivered', '', '', '', i FROM n
"""


@pytest.mark.parametrize("index", QUESTIONS)
async def test_each_question_has_its_index(ledger: Ledger, index: str) -> None:
    """With 20,000 receipts none of these is answered by reading all of them."""
    explain = "EXPLAIN" if ledger.database.is_postgres else "EXPLAIN QUERY PLAN"
    with ledger.database.transaction() as connection:
        ledger.database.execute(connection, _MANY)
    if ledger.database.is_postgres:
        with ledger.database.transaction() as connection:
            ledger.database.execute(connection, "ANALYZE receipts")
            ledger.database.execute(connection, "SET LOCAL enable_seqscan = off")
            rows = ledger.database.execute(connection, f"{explain} {QUESTIONS[index]}").all()
        plan = [str(row[0]) for row in rows]
    else:
        plan = [row["detail"] for row in query(ledger, f"{explain} {QUESTIONS[index]}")]
    assert any(index in line for line in plan), plan
