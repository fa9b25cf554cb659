"""SIGKILL while receipts are archived and deleted: no gap, no fork, no foreign mail gone, nothing lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from crash import errands_killed
from support.ledgers import a_row, load, open_ledger, query

from bulk_pec.domain.outcomes import Outcome, Verdict
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.outbox.attempts import Closing, Intent
from bulk_pec.ledger.proof.checking import Checking
from bulk_pec.receipts.papers import folder_of
from bulk_pec.receipts.verifying import verify
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

SCRIPT = Path(__file__).with_name("errands_killed.py")
BOX = errands_killed.MAILBOX
KEPT = ["POSTA CERTIFICATA", "POSTA CERTIFICATA", "ACCETTAZIONE", "POSTA CERTIFICATA"]
"""What must stay: somebody's mail, and the acceptance of a message whose delivery is awaited."""


SECOND = [
    "the file in its place",
    "the line half written",
    "before the ledger knows",
    "the delete done, not recorded",
]
"""Points at which it dies when it comes there for the second time; for all of them the first is tested."""


@dataclass
class Post:
    """A mailbox at a sandbox, and a ledger whose messages were sent from it."""

    url: str
    provider: str
    archive: Path
    http: httpx.Client

    def run(self, point: str = "none", times: int = 1) -> int:
        """Walk and run the errands in a process; its exit code."""
        command = [sys.executable, str(SCRIPT), point, str(times), self.url, self.provider, str(self.archive)]
        return subprocess.run(command, check=False, timeout=120, capture_output=True).returncode

    def subjects(self) -> list[str]:
        """What lies in the mailbox, oldest first."""
        items = self.http.get("/inbox", params={"page": 1}).json()["data"]
        return [item["object"].partition(":")[0] for item in sorted(items, key=lambda item: int(item["id"]))]


def _send(ledger: Ledger, http: httpx.Client, row: int) -> None:
    run = ledger.runs.get(errands_killed.RUN)
    worker = ledger.workers.register(run, 600_000, 1)
    block = ledger.claims.take(worker, 0)
    assert block is not None
    (one,) = [each for each in ledger.claims.pending(worker, block, 1) if each.row == row]
    (message,) = query(ledger, "SELECT reference, recipient FROM messages WHERE id = :id", id=one.id)
    body = {
        "sender": BOX,
        "recipient": message["recipient"],
        "body": "x",
        "username": BOX,
        "password": "segreta",
    }
    subject = f"Avviso [rif. {message['reference']}]"
    token = http.post("/send", json=body | {"subject": subject}).json()["message_id"]
    intent = Intent(one.id, 1, block.id, ledger.inbox.mailbox_id(BOX), f"d{row}", 0.25)
    attempt = ledger.attempts.tick(worker, [intent], [], 2).opened[one.id]
    sent = Outcome(Verdict.SENT, "Sent", status=201, message_id=token)
    ledger.attempts.tick(worker, [], [Closing(attempt, one.id, sent, 3)], 3)
    ledger.claims.give_back(worker, [block])
    ledger.workers.end(worker, 4)


@contextmanager
def _posted(url: str, tmp_path: Path, **settings: Any) -> Iterator[Post]:
    """Four messages sent, one of them to where no delivery comes; foreign mail below, between and above."""
    headers = {"Authorization": "Bearer gettone", "x-username": BOX, "x-password": "segreta"}
    locals_ = ["mario", "non-pec", "mancata-casella-piena", "anna"]
    with (
        background(SandboxOptions(**settings)) as sandbox,
        httpx.Client(base_url=sandbox.url, headers=headers) as http,
    ):
        with open_ledger(url) as ledger:
            load(ledger, [a_row(n, f"k{n}", f"{one}@d{n}.example") for n, one in enumerate(locals_, 1)])
            for row in range(1, 5):
                if row != 3:
                    http.post("/_sandbox/mail", json={"mailbox": BOX, "subject": "Notizie"})
                _send(ledger, http, row)
                http.post("/_sandbox/clock", json={"advance": 60})
        yield Post(url, sandbox.url, tmp_path / "archive", http)


def _whole(post: Post, entries: int) -> None:
    with open_ledger(post.url) as ledger:
        heads = {folder_of(BOX): (head.number, head.link) for head in [ledger.archiving.heads()[BOX]]}
        (checked,) = verify(post.archive, heads)
        assert (checked.broken, checked.entries) == ("", entries)
        rows = query(ledger, "SELECT archive_number FROM receipts WHERE archived_at IS NOT NULL ORDER BY 1")
        assert [row["archive_number"] for row in rows] == list(range(1, entries + 1))
        assert query(ledger, "SELECT 1 FROM receipts WHERE message IS NOT NULL AND archived_at IS NULL") == []
        assert Checking(ledger.database).report().violations == []
        walks = query(ledger, "SELECT lost FROM harvests WHERE complete")
        assert not any(walk["lost"] for walk in walks), "our own deletes are not lost mail"
    files = list(post.archive.rglob("*.txt"))
    assert len(files) == entries, "an orphan is taken over, not doubled"


@pytest.mark.parametrize("point", SECOND)
def test_killed_at_a_point_and_started_again(tmp_path: Path, point: str) -> None:
    """Wherever it dies, the next start ends the work: seven receipts archived once, six deleted, no more."""
    with _posted(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as post:
        assert post.run(point, 2) == -signal.SIGKILL
        assert [one for one in post.subjects() if one == "POSTA CERTIFICATA"] == ["POSTA CERTIFICATA"] * 3
        assert post.run() == 0
        _whole(post, 7)
        assert sorted(post.subjects()) == sorted(KEPT)


def test_killed_again_and_again(ledger_url: str, tmp_path: Path) -> None:
    """One death after the other, at every point, on either database: it comes to the same."""
    with _posted(ledger_url, tmp_path) as post:
        for point in errands_killed.POINTS:
            assert post.run(point) == -signal.SIGKILL, point
        assert post.run() == 0
        _whole(post, 7)
        assert sorted(post.subjects()) == sorted(KEPT)


@pytest.mark.parametrize("point", [point for point in errands_killed.POINTS if "delete" in point])
def test_killed_where_ids_shift(tmp_path: Path, point: str) -> None:
    """Ids are places and move with every delete: whatever is left to delete, nobody's mail ever goes."""
    with _posted(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path, shifting_ids=True) as post:
        assert post.run(point, 2) == -signal.SIGKILL
        for _ in range(2):
            assert post.run() == 0
        _whole(post, 7)
        left = post.subjects()
        assert [one for one in left if one == "POSTA CERTIFICATA"] == ["POSTA CERTIFICATA"] * 3
        assert "ACCETTAZIONE" in left
