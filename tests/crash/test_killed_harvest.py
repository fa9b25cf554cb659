"""SIGKILL during a harvest, again and again: the next carries on, and in the end nothing tells of it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from crash.killed_walk import POINTS, filled
from support.ledgers import load, open_ledger, query, recount

from bulk_pec.ledger.ledger import Ledger

SCRIPT = Path(__file__).with_name("killed_walk.py")
MAILS = 900
PAGES = MAILS // 25
MESSAGES = MAILS // 3
_TWICE = "SELECT fingerprint FROM receipts GROUP BY fingerprint, mailbox_id HAVING COUNT(*) > 1"


def _walk(url: str, point: str, times: int = 1) -> tuple[int, int]:
    """Harvest in a process of its own; its exit code, and how many pages it read if it ended."""
    command = [sys.executable, str(SCRIPT), url, str(MAILS), point, str(times)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode in {0, -signal.SIGKILL}, ran.stderr
    return ran.returncode, int(ran.stdout or 0)


def _check(ledger: Ledger) -> None:
    """Every mail is there once under its own id, and every message has both its receipts, and no more."""
    mails = query(ledger, "SELECT subject, date, item_id FROM receipts ORDER BY at")
    expected = [
        {"subject": one.subject, "date": one.date, "item_id": one.item_id}
        for one in filled(ledger, MAILS).mails
    ]
    assert mails == expected
    states = query(ledger, "SELECT state, delivery, accepted_at < delivered_at AS in_order FROM messages")
    assert [tuple(row.values()) for row in states] == [("sent", "delivered", True)] * MESSAGES
    (box,) = query(ledger, "SELECT seen, ids_moved_at FROM mailboxes")
    assert tuple(box.values()) == (MAILS, None)


def test_killed_at_every_point_nothing_is_lost_or_doubled(ledger_url: str) -> None:
    """Each death leaves what the next can carry on; states and receipts are those of an undisturbed walk."""
    with open_ledger(ledger_url) as ledger:
        run = load(ledger, MESSAGES)
    for times, point in enumerate(POINTS, start=2):
        code, pages = _walk(ledger_url, point, 1 if "walk" in point else times)
        assert (code, pages) == (-signal.SIGKILL, 0), point
        with open_ledger(ledger_url) as ledger:
            recount(ledger, run)
            assert query(ledger, _TWICE) == []
    code, pages = _walk(ledger_url, "none")
    assert (code, pages) == (0, 3)
    with open_ledger(ledger_url) as ledger:
        _check(ledger)
        recount(ledger, run)


@pytest.mark.parametrize("times", [2, 7])
def test_a_killed_harvest_is_carried_on(ledger_url: str, times: int) -> None:
    """The next reads the first pages, those at the seam, and what the dead one had not read."""
    with open_ledger(ledger_url) as ledger:
        load(ledger, MESSAGES)
    assert _walk(ledger_url, "pages recorded", times)[0] == -signal.SIGKILL
    with open_ledger(ledger_url) as ledger:
        (dead,) = query(ledger, "SELECT position, mails FROM harvests")
    code, pages = _walk(ledger_url, "none")
    assert code == 0
    assert pages <= PAGES - dead["position"] + 5
    with open_ledger(ledger_url) as ledger:
        _check(ledger)
