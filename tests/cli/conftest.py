"""Fixtures of the command line's tests: a provider on this machine, and a folder with a configuration."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import SECRETS, Shell, good

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background


@pytest.fixture(scope="session")
def session_provider() -> Iterator[str]:
    """The address of a simulated provider that all tests share which do not count what it saw."""
    with background(SandboxOptions(accepted_after=0, delivered_after=0)) as running:
        yield running.url


@pytest.fixture
def provider() -> Iterator[str]:
    """The address of a new simulated provider whose receipts are there as soon as somebody looks."""
    with background(SandboxOptions(accepted_after=0, delivered_after=0)) as running:
        yield running.url


@pytest.fixture(scope="session")
def loaded_home(tmp_path_factory: pytest.TempPathFactory, session_provider: str) -> Path:
    """A folder whose ledger already holds a loaded run, to be copied by tests that must not change it."""
    shell = Shell.settled(tmp_path_factory.mktemp("loaded") / "home", session_provider)
    shell.write_list("prima.csv", good(3))
    assert shell.call("load", "prima.csv").code == 0
    return shell.home


@pytest.fixture
def loaded(loaded_home: Path, tmp_path: Path) -> Shell:
    """The command in a folder of its own where a run named `prima` of 3 messages is loaded and not begun."""
    shutil.copytree(loaded_home, tmp_path / "home")
    return Shell(tmp_path / "home", dict(SECRETS))


@pytest.fixture
def shell(tmp_path: Path, provider: str) -> Shell:
    """The command in a folder of its own, configured for the provider."""
    return Shell.settled(tmp_path / "home", provider)
