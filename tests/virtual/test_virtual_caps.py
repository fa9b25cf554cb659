"""Caps and the budget over weeks: never one too many in a calendar day, over restarts and clock changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ledgers import open_ledger
from support.nights import Nights, play, rome, rules, shown
from support.pec import MAILBOX

from bulk_pec.config import Window
from bulk_pec.domain.calendar import Calendar
from bulk_pec.domain.caps import Caps
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.sending.options import MailboxLimits

NIGHT = Window.parse("20:00-06:00")
WORKING = ("mon", "tue", "wed", "thu", "fri")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Time passes here for a SQLite ledger only: Postgres has a clock of its own."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


def _capped(**caps: int) -> dict[str, MailboxLimits]:
    return {MAILBOX.address: MailboxLimits(None, Caps(**caps))}


def _days(nights: Nights) -> Counter[str]:
    return Counter(shown(post.at).date().isoformat() for post in nights.provider.posts)


@pytest.mark.parametrize("begins", ["2026-10-22 09:00", "2027-03-24 09:00"], ids=["autumn", "spring"])
def test_a_day_cap_over_windows_and_clock_changes(ledger: Ledger, begins: str) -> None:
    """With --wait: windows and calendar days cut each other, and no local day has more than its cap."""
    calendar = Calendar("Europe/Rome", NIGHT, WORKING)

    async def wait_it_out(nights: Nights) -> None:
        assert (await nights.start(wait=True)).exit == Exit.of(Reason.COMPLETE)

    given = rules(calendar, rate=1 / 600, limits=_capped(per_day=30))
    nights = play(ledger, 150, begins, wait_it_out, given)
    days = _days(nights)
    assert sum(days.values()) == 150
    assert max(days.values()) == 30
    assert all(calendar.is_open(post.at) or calendar.is_open(post.at - 100) for post in nights.provider.posts)
    assert any("the cap's next period begins" in said for said in nights.said)


def test_a_cap_ends_a_start_and_the_next_day_goes_on(ledger: Ledger) -> None:
    """75 `cap`; started again the same day it sends nothing more, the next day as many again."""

    async def days(nights: Nights) -> None:
        first = await nights.start()
        assert first.exit == Exit.of(Reason.CAP)
        again = await nights.start()
        assert again.exit == Exit.of(Reason.CAP)
        assert len(nights.provider.posts) == 10
        nights.clock.skip(24 * 3600)
        assert (await nights.start()).exit == Exit.of(Reason.CAP)
        nights.clock.skip(24 * 3600)
        assert (await nights.start()).exit == Exit.of(Reason.COMPLETE)

    given = rules(Calendar("Europe/Rome"), limits=_capped(per_day=10))
    assert list(_days(play(ledger, 25, "2026-11-23 10:00", days, given)).values()) == [10, 10, 5]


def test_a_month_cap_is_waited_for_once(ledger: Ledger) -> None:
    """A month's cap that is reached on the 23rd has room again on the 1st, and not before."""

    async def month(nights: Nights) -> None:
        assert (await nights.start(wait=True)).exit == Exit.of(Reason.COMPLETE)

    given = rules(Calendar("Europe/Rome"), limits=_capped(per_month=10))
    nights = play(ledger, 15, "2026-11-23 10:00", month, given)
    assert [shown(post.at).month for post in nights.provider.posts] == [11] * 10 + [12] * 5
    assert rome("2026-12-01 00:00") <= nights.provider.posts[10].at < rome("2026-12-01 00:05")
    assert sum("Waiting" in said for said in nights.said) == 1


def test_the_budget_is_never_waited_for(ledger: Ledger) -> None:
    """75 `budget` at once, also with --wait; a larger one lets the run go on."""

    async def poor(nights: Nights) -> None:
        began = nights.clock.true()
        assert (await nights.start(wait=True)).exit == Exit.of(Reason.BUDGET)
        assert len(nights.provider.posts) == 8
        assert nights.clock.true() - began < 3600_000
        nights.rules = rules(Calendar("Europe/Rome"), price=0.05, max_cost=1.0)
        assert (await nights.start()).exit == Exit.of(Reason.COMPLETE)

    play(ledger, 20, "2026-11-23 10:00", poor, rules(Calendar("Europe/Rome"), price=0.05, max_cost=0.4))
