"""The file tables in front of the rooms name every file, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "bulk_pec"
ROOMS = sorted(path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.glob("*/**/__init__.py"))


def test_the_rooms_are_found() -> None:
    """Rooms of both levels, and those inside the commands: the check below looks at all of them."""
    assert {"sandbox", "ledger/store", "cli/commands/mailbox"} < set(ROOMS)
    assert len(ROOMS) > 20


@pytest.mark.parametrize("room", ROOMS)
def test_a_rooms_table_is_its_folder(room: str) -> None:
    """Each module stands once in the docstring of its room, and what stands there exists."""
    front = PACKAGE / room / "__init__.py"
    told = ast.get_docstring(ast.parse(front.read_text(encoding="utf-8"))) or ""
    named = re.findall(r"\b\w+\.py\b", told)
    assert sorted(named) == sorted(path.name for path in front.parent.glob("*.py") if path != front)
