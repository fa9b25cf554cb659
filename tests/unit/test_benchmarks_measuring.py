"""What the benchmarks tell of a child: its own figures, whatever started it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.measuring import ALL, run

MANY = 256 << 20


def test_a_child_s_peak_memory_is_its_own(tmp_path: Path) -> None:
    """What this process holds is not counted in; what the child holds is."""
    ours = bytearray(MANY)
    small = run([sys.executable, "-c", "print('here')"], folder=tmp_path, cores=ALL)
    large = run([sys.executable, "-c", f"bytearray({MANY // 2})"], folder=tmp_path, cores=ALL)
    assert small.out == "here\n"
    assert small.peak < MANY // 2 < large.peak < len(ours)


def test_a_child_that_fails_is_told(tmp_path: Path) -> None:
    """Its exit code and the end of what it said."""
    with pytest.raises(RuntimeError, match=r"(?s)ended with 3.*wrong"):
        run(
            [sys.executable, "-c", "import sys; print('wrong', file=sys.stderr); sys.exit(3)"],
            folder=tmp_path,
        )
