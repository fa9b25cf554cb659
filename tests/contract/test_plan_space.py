"""Mailbox space in a plan: asked for with `--lookups`, and never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.intake import Home

from bulk_pec.cli.plan import planned
from bulk_pec.cli.space import free_by_mailbox
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
