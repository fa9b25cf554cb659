"""Progress while a list is read: a line now and then where nobody watches."""

from __future__ import annotations

import itertools

import pytest

from bulk_pec.cli.progress import Counted
from bulk_pec.cli.session import Session


def test_a_long_read_is_talked_about_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    """Every ten seconds a line; a list that is read sooner is not talked about at all."""
    seconds = itertools.count(0.0, 3.0)
    with Counted(Session(), "Checked", clock=lambda: next(seconds)) as counted:
        for _ in range(12):
            counted.add(20_000)
    said = [line.partition(" ")[2] for line in capsys.readouterr().err.splitlines()]
    assert said == [f"Checked {rows} rows so far." for rows in ("80,000", "160,000", "240,000")]
    with Counted(Session(), "Checked") as counted:
        counted.add(20_000)
    assert capsys.readouterr().err == ""


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """As with all talk."""
    seconds = itertools.count(0.0, 60.0)
    with Counted(Session(quiet=True), "Checked", clock=lambda: next(seconds)) as counted:
        counted.add(1)
    assert capsys.readouterr().err == ""
