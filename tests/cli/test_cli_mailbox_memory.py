"""What is remembered of mailboxes, where more than one registry, or one with an odd clock, has spoken."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.calls import Desk
from support.commands import SECRETS

from bulk_pec.domain.registrations import Registration
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

ADDRESS = "avvisi@pecmassiva.com"


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both secrets in the environment."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def test_a_rehearsal_and_the_real_thing_in_one_folder(tmp_path: Path) -> None:
    """One ledger, two registries: each mailbox has the history of its own, and is found at its own only."""
    with background(SandboxOptions()) as one, background(SandboxOptions()) as other:
        rehearsal = Desk.settled(tmp_path, one.url)
        rehearsal.with_ledger().close()
        played = rehearsal.put(ADDRESS, "revocata")
        rehearsal.ask("mailbox", "show", played)
        live = Desk.settled(tmp_path, other.url)
        real = live.put(ADDRESS, "evasa")
        shown = live.ask("mailbox", "show", real)
    assert [seen["state"] for seen in shown.document["history"]] == ["evasa"]
    with live.with_ledger() as ledger:
        told = [ledger.registrations(desk.url).of_address(ADDRESS) for desk in (rehearsal, live)]
    assert [known.registration.stato for known in told if known is not None] == ["revocata", "evasa"]


def test_an_answer_that_was_overtaken_is_said_not_to_be_kept(tmp_path: Path) -> None:
    """The registry dates it before what the ledger has: shown as it is, and the memory stays."""
    with background(SandboxOptions()) as running:
        desk = Desk.settled(tmp_path, running.url)
        identity, now = desk.put(ADDRESS, "in_evasione"), time.time_ns() // 1_000_000
        with desk.with_ledger() as ledger:
            later = Registration(identity, ADDRESS, "PECMASSIVA", "evasa", None, now + 200_000)
            ledger.registrations(desk.url).remember(later, now, "callback")
        answer = desk.ask("mailbox", "show", identity)
    assert answer.document["mailbox"]["state"] == "in_evasione"
    assert f"Not remembered in the ledger: {ADDRESS} is in_evasione" in answer.stderr
    assert "dates this before" in answer.stderr
    assert [seen["state"] for seen in answer.document["history"]] == ["evasa"]
