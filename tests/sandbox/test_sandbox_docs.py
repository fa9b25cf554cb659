"""docs/sandbox.md names everything that can be asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulk_pec.sandbox.arguments import parser
from bulk_pec.sandbox.fates import _FATES
from bulk_pec.sandbox.faults import _TAKES, PLACES
from bulk_pec.sandbox.registry_fates import WORDS

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
FLAGS = [
    text for action in parser()._actions for text in action.option_strings if text not in {"-h", "--help"}
]


@pytest.mark.parametrize("word", [*_FATES, *_TAKES, *PLACES, *WORDS])
def test_every_fate_kind_and_place_is_in_the_page(word: str) -> None:
    """As a word of its own, in code."""
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize("flag", FLAGS)
def test_every_flag_is_in_the_page(flag: str) -> None:
    """In code, alone or with what it takes."""
    assert f"`{flag}" in PAGE
