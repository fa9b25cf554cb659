"""JSON with slips: what is mended, what is left alone, and what stays unreadable."""

from __future__ import annotations

import pytest

from bulk_pec.provider import parsing, slips


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1,}', {"a": 1}),
        ('{"a": 1 ,\n\t }', {"a": 1}),
        ("[1, 2,]", [1, 2]),
        ('{"a": ,"b": 2}', {"a": None, "b": 2}),
        ('{"a": ,}', {"a": None}),
        ('{"a":}', {"a": None}),
        ('{"a": [{"b": ,},], "c": "x",}', {"a": [{"b": None}], "c": "x"}),
        ('\ufeff{"a": 1,}', {"a": 1}),
        ('{"a": "[1,]", "b": ":,}",}', {"a": "[1,]", "b": ":,}"}),
        ('{"a": "\\",}", "b": 1,}', {"a": '",}', "b": 1}),
        ('{"a": "\\\\",}', {"a": "\\"}),
        ('{"a": "two\nlines",}', {"a": "two\nlines"}),
    ],
)
def test_a_slip_is_read(text: str, value: object) -> None:
    """A comma too many is nothing, a missing value is null; texts are left as they are."""
    assert slips.decode(text.encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[,]",
        "{,}",
        "[1,,]",
        "[1,,2]",
        "[,1]",
        '{"a" 1,}',
        '{"a": 1,',
        '{"a": 1',
        '{"a": "x,}',
        '{"a": "x\\',
        '{"a": 1,}}',
        "<html>,]</html>",
        '{"a": 1,} x',
        "{'a': 1,}",
        "null",
    ],
)
def test_what_broke_off_or_leaves_a_doubt_stays_unreadable(text: str) -> None:
    """Two commas, a missing end, another grammar: nothing is guessed."""
    assert slips.decode(text.encode()) is None


def test_what_is_very_long_is_read_strictly(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless answer is not gone through character by character."""
    monkeypatch.setattr(slips, "LONGEST_MENDED", 4)
    assert slips.decode(b'{"a": 1}') == {"a": 1}
    assert slips.decode(b'{"a": 1,}') is None


@pytest.mark.parametrize("text", ['"' * 200_001, '"\\' * 100_000, "[ " * 100_000 + ",", ", " * 100_000 + "]"])
def test_a_hostile_text_takes_no_more_than_its_length(text: str) -> None:
    """Each character is looked at a few times at most; a quadratic reading would outlast the suite."""
    assert slips.mended(text) in {text, text[:-3] + " ]"}
    assert slips.decode(text.encode()) is None


def test_the_strict_reading_is_another() -> None:
    """What judges POST /send takes no slip."""
    assert parsing.decode(b'{"success": true,}') is None
