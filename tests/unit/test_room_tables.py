"""The file tables in front of the larger rooms name every file, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOMS = Path(__file__).resolve().parents[2] / "bulk_pec"


@pytest.mark.parametrize(
    "room",
    [
        "cli",
        "cli/commands",
        "cli/commands/mailbox",
        "ledger",
        "ledger/inbox",
        "ledger/outbox",
        "ledger/proof",
        "ledger/registry",
        "ledger/runs",
        "ledger/store",
        "nightly",
    ],
)
def test_a_rooms_table_is_its_folder(room: str) -> None:
    """Each module stands once in the docstring of its room, and what stands there exists."""
    front = ROOMS / room / "__init__.py"
    told = ast.get_docstring(ast.parse(front.read_text(encoding="utf-8"))) or ""
    named = re.findall(r"\b\w+\.py\b", told)
    assert sorted(named) == sorted(path.name for path in front.parent.glob("*.py") if path != front)
