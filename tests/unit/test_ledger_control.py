"""Orders beside a SQLite ledger: left whole, read in order, and believed only where they may be."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bulk_pec.domain.errors import LedgerError
from bulk_pec.ledger.runs.control import Control
from bulk_pec.ledger.runs.orders import Order, Word


@pytest.fixture
def control(tmp_path: Path) -> Control:
    """Beside an empty file that stands for a ledger."""
    (tmp_path / "ledger.db").touch()
    return Control(tmp_path / "ledger.db")


def _order(word: Word = Word.PAUSE, run: str = "giugno") -> Order:
    return Order(word, run, "mario@host, pid 7", 1_800_000_000_000)


def test_an_order_is_left_read_and_removed(control: Control, tmp_path: Path) -> None:
    """The holder reads exactly what was ordered; the file is this user's alone, and goes when it is done."""
    path = control.leave(_order())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (slip,) = control.waiting()
    assert (slip.path, slip.order) == (path, _order())
    assert control.done(slip)
    assert control.waiting() == []
    assert [one.name for one in tmp_path.iterdir()] == ["ledger.db"]


def test_an_order_may_say_when_its_run_was_loaded(control: Control) -> None:
    """So the run that is meant can be told from another of its name."""
    order = Order(Word.CANCEL, "giugno", "mario", 1_800_000_000_000, 1_700_000_000_000)
    control.leave(order)
    assert [slip.order for slip in control.waiting()] == [order]


def test_orders_are_read_in_the_order_they_were_given(control: Control) -> None:
    """None hides another: a resume does not undo a cancel by taking its place."""
    for word in (Word.CANCEL, Word.RESUME, Word.PAUSE):
        control.leave(_order(word))
    assert [slip.order.word for slip in control.waiting() if slip.order] == ["cancel", "resume", "pause"]


def test_another_ledgers_orders_are_left_alone(control: Control, tmp_path: Path) -> None:
    """Two ledgers may lie in one folder."""
    (tmp_path / "ledger.db2").touch()
    Control(tmp_path / "ledger.db2").leave(_order())
    assert control.waiting() == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"pause",
        b"[]",
        b"{}",
        b'{"word": "delete", "run": "giugno", "given_by": "x", "given_at": 1}',
        b'{"word": "pause", "run": 7, "given_by": "x", "given_at": 1}',
        b'{"word": "pause", "run": "", "given_by": "x", "given_at": 1}',
        b'{"word": "pause", "run": "giugno", "given_by": "a\\u001b[2J", "given_at": 1}',
        b'{"word": "pause", "run": "giugno", "given_by": "x", "given_at": "now"}',
        b'{"word": "pause", "run": "giugno", "given_by": "x", "given_at": 1, "command": "rm"}',
        b'{"word": "pause", "run": "giugno", "given_by": "x", "given_at": 1, "loaded_at": true}',
        b'{"word": "pause", "run": "giugno", "given_by": "x", "given_at": 1, "loaded_at": "now"}',
        b'{"word": ["pause"], "run": "giugno", "given_by": "x", "given_at": 1}',
        b'{"word": "pause", "run": "' + b"x" * 5_000 + b'", "given_by": "x", "given_at": 1}',
    ],
)
def test_what_is_no_order_is_not_believed(control: Control, tmp_path: Path, content: bytes) -> None:
    """It is found, so that it can be told and removed, and says nothing."""
    (tmp_path / "ledger.db.order-1").write_bytes(content)
    (slip,) = control.waiting()
    assert slip.order is None


def test_a_link_is_not_followed(control: Control, tmp_path: Path) -> None:
    """An order is a file that lies there, not one that is pointed to."""
    control.leave(_order()).rename(tmp_path / "elsewhere")
    (tmp_path / "ledger.db.order-1").symlink_to(tmp_path / "elsewhere")
    (slip,) = control.waiting()
    assert slip.order is None


def test_a_folder_and_a_pipe_are_no_orders(control: Control, tmp_path: Path) -> None:
    """Neither holds up who looks; what cannot be removed is said to be so."""
    (tmp_path / "ledger.db.order-1").mkdir()
    os.mkfifo(tmp_path / "ledger.db.order-2")
    folder, pipe = control.waiting()
    assert (folder.order, pipe.order) == (None, None)
    assert (control.done(folder), control.done(pipe)) == (False, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write a file as somebody else")
def test_another_users_file_is_not_believed(control: Control, tmp_path: Path) -> None:
    """Whoever may write to the folder may not by that stop a mailing."""
    path = control.leave(_order())
    os.chown(path, 65_534, 65_534)
    (slip,) = control.waiting()
    assert slip.order is None
    os.chown(tmp_path / "ledger.db", 65_534, 65_534)
    (slip,) = control.waiting()
    assert slip.order == _order(), "root believes the ledger's own owner"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_roots_order_can_be_read_by_the_holder(control: Control, tmp_path: Path) -> None:
    """It is given to the ledger's owner."""
    os.chown(tmp_path / "ledger.db", 65_534, 65_534)
    assert control.leave(_order()).stat().st_uid == 65_534


def test_a_folder_that_takes_nothing(tmp_path: Path) -> None:
    """The command says that nothing was ordered."""
    with pytest.raises(LedgerError, match="cannot be left"):
        Control(tmp_path / "gone" / "ledger.db").leave(_order())
    assert Control(tmp_path / "gone" / "ledger.db").waiting() == []
