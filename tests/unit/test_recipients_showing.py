"""What was made of a list, shown to a person."""

from __future__ import annotations

from pathlib import Path

from bulk_pec.recipients import ListOptions, open_list, shown
from bulk_pec.recipients.showing import COLUMNS


def _shown(tmp_path: Path, content: bytes, **options: object) -> list[str]:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    return shown(open_list(path, ListOptions(**options)))  # type: ignore[arg-type] # one helper for every option


def test_a_list_is_shown_with_its_form_the_guesses_and_three_rows(tmp_path: Path) -> None:
    """A line for each column, so that shifted columns and garbled accents are seen at once."""
    text = "PEC;Città;n\r\na@x.example;Forlì;001\r\nb@x.example;;2\r\nrotto;Cantù;3\r\nd@x.example;x;4\r\n"
    assert _shown(tmp_path, text.encode("cp1252"), key_column="n") == [
        "The list is CSV in cp1252, with 3 columns separated by a semicolon.",
        "The encoding is taken for cp1252: byte 8 (line 1) is not UTF-8.",
        "The separator is taken for a semicolon.",
        "The address is taken from column 'PEC'.",
        "The first 3 rows:",
        "  PEC (address)  a@x.example | b@x.example | rotto",
        "  Città          Forlì |  | Cantù",
        "  n (key)        001 | 2 | 3",
    ]


def test_long_and_invisible_things_are_made_fit_for_a_terminal(tmp_path: Path) -> None:
    """Values and names are cut; what cannot be seen, or would move the cursor, is escaped."""
    lines = _shown(tmp_path, ('pec;"a\nb"\n"a@x.example\x1b[2J\u202e";' + "x" * 99 + "\n").encode())
    assert lines[-3:] == [
        "The first row:",
        "  pec (address)  a@x.example\\x1b[2J\\u202e",
        "  a\\nb           " + "x" * 29 + "…",
    ]


def test_of_a_wide_list_the_address_and_the_key_are_always_shown(tmp_path: Path) -> None:
    """And how many columns are not."""
    names = [*(f"c{n}" for n in range(50)), "pec", "numero"]
    text = ";".join(names) + "\n" + ";".join(["v"] * 52) + "\n"
    lines = _shown(tmp_path, text.encode(), key_column="numero")
    columns = [line for line in lines if line.startswith("  ")]
    assert len(columns) == COLUMNS + 1
    assert columns[-3:] == ["  pec (address)  v", "  numero (key)   v", "  and 32 more columns"]


def test_a_list_without_rows_shows_its_columns(tmp_path: Path) -> None:
    """A single column is called so."""
    assert _shown(tmp_path, b"pec\n") == [
        "The list is CSV in utf-8, with a single column.",
        "The list is taken to have a single column.",
        "The address is taken from column 'pec'.",
        "  pec (address)",
    ]


def test_parquet_is_shown_too(tmp_path: Path) -> None:
    """Without an encoding and a separator, of which it has none."""
    import polars as pl

    pl.DataFrame({"pec": ["a@x.example"], "n": [1]}).write_parquet(tmp_path / "list.parquet")
    lines = shown(open_list(tmp_path / "list.parquet", ListOptions()))
    assert lines == [
        "The list is Parquet with 2 columns.",
        "The address is taken from column 'pec'.",
        "The first row:",
        "  pec (address)  a@x.example",
        "  n              1",
    ]
