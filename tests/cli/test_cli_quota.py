"""`quota`: a bar for each mailbox, the mark, and when it comes to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.calls import Desk
from support.commands import PASSWORD, SECRETS, seen

from bulk_pec.cli.commands.quota import WIDE, Fullness, bar, paragraph
from bulk_pec.cli.session import Session
from bulk_pec.cli.space import free_by_mailbox
from bulk_pec.clock import SystemClock
from bulk_pec.domain.inbox import Quota
from bulk_pec.sandbox.options import Credential, SandboxOptions
from bulk_pec.sandbox.server import background

FIRST, SECOND = "primo@pec.example", "secondo@pec.example"
HOUR = 3_600_000
NOWHERE = "http://127.0.0.1:9"

Opened = Callable[..., Desk]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Makes a provider with these options, and a folder configured for it with these mailboxes."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with ExitStack() as closing:

        def make(*addresses: str, used: int = 0, credentials: tuple[Credential, ...] = ()) -> Desk:
            options = SandboxOptions(quota_kib=1000, quota_used_kib=used, credentials=credentials)
            return Desk.settled(tmp_path, closing.enter_context(background(options)).url, *addresses)

        yield make


def grown(desk: Desk, usage: float, limit: float, ago: int) -> None:
    """Let the ledger know an earlier reading of the first mailbox."""
    with desk.with_ledger() as ledger:
        ledger.inbox.mailbox_id(FIRST)
        ledger.quotas.note(FIRST, Quota(usage, limit), SystemClock().now() - ago, harvested=False)


def readings(desk: Desk, address: str) -> list[float]:
    """The usages that the ledger knows of a mailbox, oldest first."""
    with desk.with_ledger() as ledger:
        boxes = ledger.quotas.boxes()
        return [one.usage for one in ledger.quotas.readings(boxes[address])] if address in boxes else []


@pytest.mark.parametrize(
    ("share", "strokes"),
    [(0.0, 0), (0.0001, 1), (0.5, WIDE // 2), (0.999, WIDE - 1), (1.0, WIDE), (7.0, WIDE)],
)
def test_a_bar_is_never_wider_nor_fuller_than_it_should_be(share: float, strokes: int) -> None:
    """A little is one stroke, only all is all; the mark stands where it belongs and hides one cell."""
    drawn = bar(share, 0.9)
    assert len(drawn) == WIDE + 2
    assert drawn.index("|") == 1 + int(0.9 * WIDE)
    assert drawn.count("#") == strokes - (strokes > int(0.9 * WIDE))
    assert drawn.isascii()


@pytest.mark.parametrize(
    ("limit", "words"),
    [(100.0, "50.0%"), (10.0, "500.0%"), (5.0, "far beyond its limit"), (1e-9, "far beyond")],
)
def test_a_limit_that_is_next_to_none_gives_no_absurd_figure(limit: float, words: str) -> None:
    """Past ten times full nobody reads per cents."""
    told = paragraph(Fullness(FIRST, Quota(50.0, limit), 0, 0.9, None), UTC)
    assert f"] {words}" in told


def test_each_mailbox_has_its_bar_its_figures_and_its_mark(opened: Opened) -> None:
    """Both, in the configuration's order, in words and as a document; no ledger is made for it."""
    desk = opened(FIRST, SECOND, used=250)
    shown = desk.call("quota")
    assert shown.code == 0, shown
    assert shown.stdout.index(FIRST) < shown.stdout.index(SECOND)
    assert shown.stdout.count("25.0% (250 of 1,000 in the provider's unit)") == 2
    assert shown.stdout.count(bar(0.25, 0.9)) == 2
    assert "\x1b" not in shown.stdout
    document = desk.ask("quota").document
    assert [one["address"] for one in document["mailboxes"]] == [FIRST, SECOND]
    first = document["mailboxes"][0]
    assert (first["usage"], first["limit"], first["share"], first["mark"]) == (250, 1000, 0.25, 0.9)
    assert first["full_at"] is None
    assert not desk.has_ledger
    assert seen(desk.url)["posts"] == 0


def test_what_is_read_is_kept_and_leads_to_a_forecast(opened: Opened) -> None:
    """An hour ago 100 of 1,000, now 400: 300 an hour, so the mark of 900 in a hundred minutes."""
    desk = opened(FIRST, SECOND, used=400)
    grown(desk, 100, 1000, HOUR)
    now = SystemClock().now()
    document = desk.ask("quota").document
    first, second = document["mailboxes"]
    expected = range(now + 99 * 60_000, now + 102 * 60_000)
    assert round(datetime.fromisoformat(first["full_at"]).timestamp() * 1000) in expected
    assert second["full_at"] is None, "of the other nothing is known"
    assert "at this pace on " in desk.call("quota").stdout
    assert readings(desk, FIRST)[:2] == [100.0, 400.0]
    assert readings(desk, SECOND)[:1] == [400.0], "a mailbox that is new to the ledger is kept from now on"


def test_a_busy_ledger_is_no_reason_not_to_show(opened: Opened) -> None:
    """Another process writes: the forecast is made all the same, and that nothing is kept is said."""
    desk = opened(FIRST, used=400)
    grown(desk, 100, 1000, HOUR)
    with desk.with_ledger():
        answer = desk.ask("quota")
    assert answer.exit == (0, "complete")
    assert answer.document["mailboxes"][0]["full_at"] is not None
    assert "is not kept in the ledger: Another bulk-pec process" in answer.stderr
    assert readings(desk, FIRST) == [100.0]


def test_a_mailbox_past_its_mark_says_that_nothing_is_sent(opened: Opened) -> None:
    """0 all the same: it could answer."""
    shown = opened(FIRST, used=950).call("quota")
    assert shown.code == 0
    assert "It is past 90%: nothing is sent from it until there is room." in shown.stdout


def test_one_that_fails_hides_no_other(opened: Opened) -> None:
    """Wrong credentials of one: the other is shown, and the end is 77."""
    known = Credential(SECOND, PASSWORD)
    desk = opened(FIRST, SECOND, credentials=(known,), used=100)
    answer = desk.ask("quota")
    assert answer.exit == (77, "credentials")
    failed, read = answer.document["mailboxes"]
    assert (read["address"], read["share"]) == (SECOND, 0.1)
    assert failed["address"] == FIRST
    assert "401" in failed["error"]["what"]
    words = desk.call("quota")
    assert bar(0.1, 0.9) in words.stdout
    assert f"{FIRST}\n  It could not be asked" in words.stdout


def test_one_that_fails_hides_no_other_from_a_plan(
    opened: Opened, capsys: pytest.CaptureFixture[str]
) -> None:
    """`plan --lookups` reckons with the room of those that could be asked, and says which could not."""
    desk = opened(FIRST, SECOND, credentials=(Credential(SECOND, PASSWORD),), used=100)
    free = free_by_mailbox(Session(config_path=desk.folder / "config.toml"))
    assert free == {SECOND: 800 * 1024}
    assert f"How much room {FIRST} has could not be asked: " in capsys.readouterr().err


def test_a_secret_that_is_missing_is_78(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named."""
    desk = opened(FIRST)
    monkeypatch.delenv("BULK_PEC_PASSWORD")
    answer = desk.ask("quota")
    assert answer.exit == (78, "config")
    assert "BULK_PEC_PASSWORD" in answer.document["error"]["what"]


def test_nobody_there_is_69(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider is named, and so is the setting."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    answer = Desk.settled(tmp_path, NOWHERE, FIRST).ask("quota")
    assert answer.exit == (69, "unavailable")
    assert "base_url" in answer.document["error"]["hint"]
