"""Room in the mailbox while a run is sent, and its three-way balance: the real command."""

from __future__ import annotations

import http.client
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.commands import ADDRESS, PASSWORD, TOKEN, Shell, asked, check_status, good, seen, strike

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

RUN = ("run", "avvisi.csv", "--yes", "--json")
WHO = {"Authorization": f"Bearer {TOKEN}", "x-username": ADDRESS, "x-password": PASSWORD}


def _ask(provider: str, method: str, path: str) -> Any:
    connection = http.client.HTTPConnection(urlsplit(provider).netloc, timeout=30)
    try:
        connection.request(method, path, headers=WHO)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def _empty(provider: str) -> None:
    """Somebody deletes everything from the inbox, from the highest id down."""
    while items := _ask(provider, "GET", "/inbox?page=1")["data"]:
        for item in items:
            _ask(provider, "DELETE", f"/inbox/{item['id']}")


def test_a_mailbox_that_fills_while_sending(tmp_path: Path) -> None:
    """75 `mailbox_full` before the box overflows: not one receipt is lost. After room was made it goes on."""
    small = SandboxOptions(accepted_after=0, delivered_after=0, quota_kib=2_000)
    with background(small) as box:
        shell = Shell.settled(tmp_path / "home", box.url, rate=100.0)
        shell.edit("[receipts]\n", '[receipts]\nharvest_every = "1s"\n')
        shell.write_list("avvisi.csv", good(330))
        first = shell.call(*RUN)
        assert first.exit == (75, "mailbox_full"), first
        check_status(first.document)
        assert first.document["messages"]["pending"] > 0
        assert first.document["messages"]["sent"] > 100
        assert "make room in the mailbox" in first.document["closing"]
        quota = _ask(box.url, "GET", "/quota/INBOX")["data"]
        assert quota["usage"] <= 0.95 * quota["limit"]
        assert asked(box.url, "GET", "/_sandbox/state")["receipts"]["lost"] == 0
        with closing(sqlite3.connect(shell.home / "ledger.db")) as ledger:
            assert ledger.execute("SELECT COUNT(*) FROM quotas").fetchone()[0] >= 3
        _empty(box.url)
        again = shell.call(*RUN)
        assert again.exit == (0, "complete"), again
        assert again.document["delivery"]["delivered"] == 330
        state = asked(box.url, "GET", "/_sandbox/state")
        assert (state["receipts"]["lost"], state["taken_twice"], state["posts"]) == (0, [], 330)


def test_a_quota_that_cannot_be_read(shell: Shell, provider: str) -> None:
    """69 `unavailable`, before sending and in the middle of it; the next start sends the rest."""
    shell.edit("[sending]\n", "[sending]\nconcurrency = 1\n")
    shell.write_list("avvisi.csv", good(200))
    strike(provider, {"kind": "400", "on": "quota", "count": None})
    before = shell.call(*RUN)
    assert before.exit == (69, "unavailable"), before
    assert seen(provider)["posts"] == 0
    asked(provider, "DELETE", "/_sandbox/faults")
    strike(provider, {"kind": "400", "on": "quota", "count": 1, "skip": 1})
    amid = shell.call(*RUN)
    assert amid.exit == (69, "unavailable"), amid
    check_status(amid.document)
    assert 4 <= seen(provider)["posts"] < 200
    assert amid.document["messages"]["pending"] == 200 - seen(provider)["taken"]
    assert shell.call(*RUN).exit == (0, "complete")
    assert seen(provider)["taken"] == 200


def test_a_run_that_does_not_add_up(shell: Shell) -> None:
    """3 `attention` from `run` and `reconcile`: what does not add up is listed with row and key."""
    shell.write_list("avvisi.csv", good(30))
    whole = shell.call(*RUN)
    assert whole.exit == (0, "complete"), whole
    told = whole.document["balance"]
    assert (told["adds_up"], told["rows"], told["attempts"], told["receipts"]) == (True, 30, 30, 60)
    with closing(sqlite3.connect(shell.home / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE messages SET attempts = 2 WHERE row <= 25")
        ledger.execute("UPDATE run_counts SET updated_at = updated_at + 1")
    broken = shell.call("reconcile", "avvisi", "--json")
    assert broken.exit == (3, "attention"), broken
    (finding,) = broken.document["balance"]["findings"]
    assert (finding["kind"], finding["count"], len(finding["cases"])) == ("attempts", 25, 20)
    assert (finding["cases"][0]["row"], finding["cases"][0]["key"]) == (1, "001")
    words = shell.call("reconcile", "avvisi")
    assert words.code == 3
    assert "Messages whose attempts do not add up: 25. THIS CANNOT BE" in words.stdout
    assert "  row 1 (001): message" in words.stdout
    assert "  and 5 more" in words.stdout
    assert "25 that contradict each other" in words.stdout
    assert shell.call(*RUN).exit == (3, "attention")
    status = shell.call("status", "avvisi", "--json")
    assert status.exit == (0, "complete")
    assert status.document["balance"]["broken"] is True
