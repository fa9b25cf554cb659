"""What a cell of a list says cannot command the terminal or make up a line of the log."""

from __future__ import annotations

import pytest

from bulk_pec.cli import streams


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b]0;pwn\x07b", "a\\x1b]0;pwn\\x07b"),
        ("a\x9b2J", "a\\x9b2J"),
        ("a\rb\x00", "a\\rb\\x00"),
        ("a\u202eb", "a\\u202eb"),
        ("città € “x”\n\tb", "città € “x”\n\tb"),
    ],
)
def test_control_characters_stand_as_escapes(
    capsys: pytest.CaptureFixture[str], text: str, shown: str
) -> None:
    """On stdout and stderr alike; lines, tabs and letters stay."""
    streams.put(text)
    streams.talk(text)
    assert capsys.readouterr() == (f"{shown}\n", f"{shown}\n")


def test_a_value_makes_no_line_of_its_own() -> None:
    """Where a line is made of several values."""
    assert streams.line("x\ny\tz\x1b") == "x\\ny\\tz\\x1b"
