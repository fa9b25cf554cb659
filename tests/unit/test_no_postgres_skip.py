"""The suite's own promise: a test that needs Postgres cannot be skipped unnoticed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
_SKIPPING = """
import pytest

@pytest.mark.postgres
def test_that_gives_up():
    pytest.skip("no server here")

def test_that_needs_none():
    pytest.skip("not today")
"""


def test_a_skipped_postgres_test_fails_the_run(tmp_path: Path) -> None:
    """Of two tests that skip, the one that needs Postgres fails, and with it the run; the other does not."""
    (tmp_path / "test_skipping.py").write_text(_SKIPPING, encoding="utf-8")
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text(encoding="utf-8"))
    found = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-m",
            "",
            "-c",
            str(TESTS.parent / "pyproject.toml"),
            str(tmp_path),
        ],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1, found.stdout
    assert "1 failed, 1 skipped" in found.stdout
    assert "needs Postgres and was skipped" in found.stdout
