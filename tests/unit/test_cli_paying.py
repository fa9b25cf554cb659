"""An errand that costs: what a signal leaves that comes when its intent is kept and nothing has left."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.ledgers import open_ledger

from bulk_pec.cli.paying import Errand
from bulk_pec.cli.session import Session
from bulk_pec.cli.signals import hear
from bulk_pec.config import Config
from bulk_pec.domain.registrations import Answer
from bulk_pec.provider.registry import Registry

ID = "6040e4613a716838dc4eee0e"


class Struck(Session):
    """A call that is sent SIGINT, once, as soon as it works with an intent on disk."""

    struck = False

    def config(self) -> Config:
        """The configuration, and the signal."""
        if not self.struck and self._stands_open():
            self.struck = True
            signal.raise_signal(signal.SIGINT)
        return super().config()

    def _stands_open(self) -> bool:
        assert self.config_path is not None
        file = self.config_path.parent / "bulk-pec.db"
        if not file.exists():
            return False
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as ledger:
            asked = "SELECT COUNT(*) FROM registry_changes WHERE outcome IS NULL"
            return bool(ledger.execute(asked).fetchone()[0])


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Struck]:
    """Such a call, with a new ledger."""
    monkeypatch.setenv("BULK_PEC_TOKEN", "gettone")
    path = tmp_path / "config.toml"
    path.write_text("", encoding="utf-8")
    open_ledger(f"sqlite:///{tmp_path}/bulk-pec.db").close()
    yield Struck(config_path=path, quiet=True)
    hear()


async def _never(_: Registry) -> Answer:
    raise AssertionError


def test_a_signal_before_the_request_leaves_nothing_in_doubt(session: Struck, tmp_path: Path) -> None:
    """Nothing was asked for: the command ends as interrupted, and its intent as not sent."""
    errand = Errand(session, "renew", ID, look="", again=False)
    with pytest.raises(KeyboardInterrupt):
        errand.carried_out(_never, done="", doing="")
    with closing(sqlite3.connect(tmp_path / "bulk-pec.db")) as ledger:
        rows = ledger.execute("SELECT outcome, settled_at IS NOT NULL FROM registry_changes").fetchall()
    assert rows == [("not_sent", 1)]
