"""Any JSON: valid JSON reads the same with slips mended, and slips put into it change nothing it says."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from bulk_pec.provider import parsing, slips

_TEXTS = st.text(st.sampled_from('ab,:[]{}"\\ \n\té'), max_size=8)
_LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1, 1, allow_nan=False) | _TEXTS
VALUES: st.SearchStrategy[Any] = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_valid_json_reads_the_same(value: object, indent: int | str | None, ascii_only: bool) -> None:
    """No character of it is taken for a slip, whatever stands in its texts."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert slips.mended(text) == text
    assert slips.decode(text.encode()) == parsing.decode(text.encode())


@given(st.text(max_size=60) | st.text(st.sampled_from('{}[],:"\\ 1a'), max_size=60))
@example("NaN")
@example("[-Infinity]")
def test_what_the_strict_reader_takes_is_never_read_otherwise(text: str) -> None:
    """Any text: if it can be read strictly, mending has no say."""
    strict = parsing.decode(text.encode())
    if strict is not None:
        assert slips.decode(text.encode()) == strict


@given(st.text(max_size=60) | st.text(st.sampled_from('{}[],:"\\ 1a'), max_size=60))
def test_mending_ends_and_comes_to_rest(text: str) -> None:
    """A text that was mended into JSON is JSON that needs no mending."""
    mended = slips.mended(text)
    if parsing.decode(mended.encode()) is not None:
        assert slips.mended(mended) == mended


@given(VALUES, st.randoms(use_true_random=False))
def test_slips_change_nothing_that_is_said(value: object, chance: random.Random) -> None:
    """Commas before closing brackets, and nothing where null stood."""
    # In a list: a text that holds JSON would be decoded once more.
    assert slips.decode(_slipped([value], chance).encode()) == [value]


def _slipped(value: object, chance: random.Random) -> str:
    """A value as JSON, written carelessly."""
    comma = chance.choice(["", ",", " ,\n"])
    if isinstance(value, dict) and value:
        items = (f"{json.dumps(key)}: {_missing(item, chance)}" for key, item in value.items())
        return "{" + ", ".join(items) + comma + "}"
    if isinstance(value, list) and value:
        return "[" + ", ".join(_slipped(item, chance) for item in value) + comma + "]"
    return json.dumps(value)


def _missing(value: object, chance: random.Random) -> str:
    return "" if value is None and chance.random() < 0.5 else _slipped(value, chance)
