"""A run's dossier is streamed: ten times the messages take no more memory."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import pytest
from support.dossiers import composer, made_of_run
from support.ledgers import NOW, load, open_ledger

from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.proof import stories
from bulk_pec.ledger.proof.stories import PAGE, Stories


def _posted(ledger: Ledger, count: int) -> None:
    """So many messages, each with an attempt and two receipts, written at once."""
    load(ledger, count)
    db = ledger.database
    with db.transaction() as connection:
        db.execute(connection, _ATTEMPTS, now=NOW)
        for kind in ("accepted", "delivered"):
            db.execute(connection, _RECEIPTS, now=NOW, kind=kind)


_ATTEMPTS = (
    "INSERT INTO attempts (message, number, run_id, mailbox_id, worker_id, digest, opened_at, closed_at, "
    "outcome, status, detail) "
    "SELECT id, 1, run_id, 1, 1, 'd', :now, :now, 'sent', 201, 'Sent' FROM messages"
)
_RECEIPTS = (
    "INSERT INTO receipts (mailbox_id, fingerprint, harvest_id, item_id, kind, sender, subject, date, at, "
    "message) SELECT 1, :kind || id, 1, id, :kind, 'x@example.net', :kind || reference, 'd', :now, id "
    "FROM messages"
)


def _peak(tmp_path: Path, count: int) -> int:
    """The most memory that a dossier of so many messages takes, in bytes."""
    with open_ledger(f"sqlite:///{tmp_path / f'{count}.db'}") as ledger:
        _posted(ledger, count)
        run, letters = ledger.runs.get("giugno"), composer()
        gc.collect()
        tracemalloc.start()
        try:
            made = made_of_run(tmp_path / f"{count}.zip", ledger, run, letters)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert made.messages == count
    return peak


def test_memory_does_not_grow_with_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five times the messages, and many times a page, take the memory of one page and no more."""
    monkeypatch.setattr(stories, "PAGE", 200)
    _peak(tmp_path, 10)  # what is imported and compiled once
    assert _peak(tmp_path, 3_000) <= 1.2 * _peak(tmp_path, 600)


def test_no_more_than_a_page_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page that is handed out is bounded, whatever the run's size."""
    sizes: list[int] = []
    pages = Stories.pages

    def counted(self: Stories, run: object) -> object:
        for page in pages(self, run):  # type: ignore[arg-type]  # as it was called
            sizes.append(len(page))
            yield page

    monkeypatch.setattr(Stories, "pages", counted)
    with open_ledger(f"sqlite:///{tmp_path / 'x.db'}") as ledger:
        _posted(ledger, 2 * PAGE + 1)
        made_of_run(tmp_path / "x.zip", ledger, ledger.runs.get("giugno"), None)
    assert sizes == [PAGE, PAGE, 1]
