"""Fixtures of the crash tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from crash.harness import Engine, Witness, running_witness


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    """A witness that answers after up to 30 ms, so that a kill finds requests in flight."""
    with running_witness(tmp_path / "witness.log", "--answer-delay-ms", "0:30") as running:
        yield running


@pytest.fixture
def engine(tmp_path: Path, ledger_url: str, witness: Witness) -> Engine:
    """The real command with a fresh ledger, on SQLite and on Postgres."""
    return Engine.settled(tmp_path, ledger_url, witness.url)
