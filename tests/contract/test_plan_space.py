"""Mailbox space in a plan: asked for with `--lookups`, and never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.intake import Home
from support.ledgers import load

from bulk_pec.cli.commands.plan import planned
from bulk_pec.cli.forecasting import terms
from bulk_pec.cli.space import free_by_mailbox
from bulk_pec.clock import SystemClock
from bulk_pec.domain.inbox import Quota
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.planning import Limit
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

ADDRESS = "ufficio@pec.example"
LIST = "numero;pec;nome\n" + "".join(f"{n};p{n}@uno.example;N\n" for n in range(50))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A folder, with both secrets in the environment."""
    monkeypatch.setenv("BULK_PEC_TOKEN", "x")
    monkeypatch.setenv("BULK_PEC_PASSWORD", "y")
    return Home(tmp_path)


def test_what_the_quota_says_is_what_a_plan_reckons_with(home: Home) -> None:
    """Room for some of the messages' receipts only: the space binds, and how many cannot be sent is said."""
    with background(SandboxOptions()) as provider:
        home.url = provider.url
        free = free_by_mailbox(home.session())
    assert free.keys() == {ADDRESS}
    assert free[ADDRESS] > 1 << 20
    found = home.examined(home.write(LIST))
    some = planned(home.session(), found, {ADDRESS: 20 * 200 * 1024})
    assert (some.forecast.binding, some.forecast.free_bytes) == (Limit.SPACE, 20 * 200 * 1024)
    assert 0 < some.forecast.left < 50
    assert some.listed.warnings[0].what == f"Messages that cannot be sent: {some.forecast.left}"
    assert planned(home.session(), found, free).forecast.left == 0
    assert planned(home.session(), found).forecast.free_bytes is None


@pytest.mark.parametrize("secret", [True, False])
def test_a_provider_that_cannot_be_asked_is_no_reason_against_a_plan(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, secret: bool
) -> None:
    """Nobody is there, or a secret is missing: it is not known, which is said."""
    if not secret:
        monkeypatch.delenv("BULK_PEC_PASSWORD")
    session = home.session()
    session.quiet = False
    assert free_by_mailbox(session) == {}
    assert "could not be asked: " in capsys.readouterr().err


def test_what_mails_were_seen_to_take_is_what_a_plan_reckons_with(home: Home) -> None:
    """Readings in the ledger: room as it was read an hour ago, less what is due, and growth as it was seen.

    A letter that is larger than those seen counts for more all the same; an old reading tells no room.
    """
    session, found = home.session(), home.examined(home.write(LIST))
    now = SystemClock().now()
    with session.ledger("write") as ledger:
        box = ledger.inbox.mailbox_id(ADDRESS)
        _read(ledger, box, now - 7_200_000, 0, 0)
        _read(ledger, box, now - 3_600_000, 400_000, 100)
    some = planned(home.session(), found)
    assert some.forecast.needed_bytes == 2 * 50 * 4_000 * 1024
    assert some.forecast.free_bytes == (900_000 - 400_000) * 1024
    assert (some.forecast.binding, some.forecast.left) == (Limit.RATE, 0)
    with session.ledger("write") as ledger:
        _read(ledger, box, now, 700_000, 200)
    full = planned(home.session(), found)
    assert (full.forecast.binding, full.forecast.left) == (Limit.SPACE, 50 - 200_000 // (2 * 3_500))
    with session.ledger("write") as ledger, ledger.database.transaction() as connection:
        ledger.database.execute(connection, "UPDATE quotas SET at = at - 90000000")
    assert planned(home.session(), found).forecast.free_bytes is None


def test_a_status_forecasts_with_the_room_that_is_known(home: Home) -> None:
    """Nearly full: nothing more can be sent and the space binds. Filling: it is foretold when it is full."""
    now, session = SystemClock().now(), home.session()
    with session.ledger("write") as ledger:
        run = load(ledger, 20)
        box = ledger.inbox.mailbox_id(ADDRESS)
        _read(ledger, box, now - 7_200_000, 100_000, 100)
        _read(ledger, box, now - 3_600_000, 300_000, 200)
        some = terms(session.config(), ledger, run, ledger.views.figures(run), now)
        assert (some.binding, some.eta is None) == ("rate", False)
        (filling,) = some.mailboxes
        assert (filling.address, filling.share, filling.mark) == (ADDRESS, 0.3, 0.9)
        assert filling.full_at == now - 3_600_000 + 3 * 3_600_000
        _read(ledger, box, now, 990_000, 300)
        full = terms(session.config(), ledger, run, ledger.views.figures(run), now)
        assert (full.binding, full.eta, full.mailboxes[0].full_at) == ("mailbox_space", None, None)


_KINDS = ("accepted", "delivered")
_MAIL = (
    "INSERT INTO receipts (mailbox_id, fingerprint, harvest_id, item_id, kind, sender, subject, date) "
    "VALUES (:box, :n, 1, :n, :kind, '', '', '')"
)


def _read(ledger: Ledger, box: int, at: int, usage: int, seen: int) -> None:
    """A reading of a quota of a million KiB; harvests had seen so many mails, half of them CONSEGNE."""
    with ledger.database.transaction() as connection:
        before = "SELECT seen FROM mailboxes WHERE id = :box"
        known = ledger.database.execute(connection, before, box=box).scalar_one()
        for number in range(known, seen):
            ledger.database.execute(connection, _MAIL, box=box, n=str(number), kind=_KINDS[number % 2])
        ledger.database.execute(connection, "UPDATE mailboxes SET seen = :n WHERE id = :box", n=seen, box=box)
    ledger.quotas.note(ADDRESS, Quota(usage, 1_000_000), at, harvested=True)
