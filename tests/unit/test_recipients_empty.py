"""Rows without anything in them, as Excel leaves them: left out, and the others keep their numbers."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from bulk_pec.cli.picking import pick
from bulk_pec.domain.errors import ListRefused, UsageError
from bulk_pec.recipients import Batch, ListOptions, RecipientList, open_list
from bulk_pec.recipients.rejects import rejects

NEEDED = ListOptions(required_columns=frozenset({"nome"}))
LIST = 'pec;nome;cf\na@x.example;Uno;1\n;;\n \u00a0;\t;\u200b\n;Due;\n"";"";\n;\nb@x.example;Tre;\n;;\n'
"""Rows 1 and 7 are good, 4 has no address, and 2, 3, 5, 6 and 8 hold nothing."""


def _opened(tmp_path: Path, text: str = LIST, options: ListOptions = NEEDED) -> RecipientList:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    return open_list(path, options)


def _numbers(batches: list[Batch]) -> tuple[list[int], list[int], list[int]]:
    """The good rows', the bad rows' and the empty rows' numbers."""
    return (
        [row[0] for batch in batches for row in batch.rows],
        [row.row for batch in batches for row in batch.set_aside],
        [row for batch in batches for row in batch.empty],
    )


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_empty_rows_are_left_out_and_the_others_keep_their_numbers(tmp_path: Path, size: int) -> None:
    """Blank cells of any kind, quoted or too few, in batches of any size: no problem and no message."""
    batches = list(_opened(tmp_path).batches(size))
    assert _numbers(batches) == ([1, 7], [4], [2, 3, 5, 6, 8])
    assert all(0 < len(batch) + len(batch.empty) <= size for batch in batches)
    assert sum(map(len, batches)) == 3
    assert all(len(batch.expires) == len(batch.rows) for batch in batches)


def test_row_with_anything_in_it_is_none_of_them(tmp_path: Path) -> None:
    """A single zero, a field beyond the last column, or an open quote, is something that could be lost."""
    found = _opened(tmp_path, 'pec;nome;cf\n;;0\n;;;\n";;\na@x.example;Uno;\n')
    assert _numbers(list(found.batches())) == ([4], [1, 2, 3], [])


def test_parquet_rows_without_values_are_empty_too(tmp_path: Path) -> None:
    """Nulls and empty texts; the rejects still find their rows by number."""
    path = tmp_path / "list.parquet"
    rows = [("a@x.example", 1), (None, None), ("", None), ("rotto", 2), (None, 0)]
    pl.DataFrame(rows, schema={"pec": pl.String, "n": pl.Int64}, orient="row").write_parquet(path)
    found = open_list(path, ListOptions())
    batches = list(found.batches(2))
    assert _numbers(batches) == ([1], [4, 5], [2, 3])
    with rejects(found, tmp_path / "bad.parquet") as into:
        for batch in batches:
            for row in batch.set_aside:
                into.add(row)
    written = pl.read_parquet(tmp_path / "bad.parquet")
    assert written.select("pec", "n").rows() == [("rotto", 2), (None, 0)]
    assert [text.partition(":")[0] for text in written["reason"]] == ["row 4", "row 5"]


def test_rows_are_picked_by_the_same_numbers(tmp_path: Path) -> None:
    """Preview's row 7 is that of the plan and of the rejects; an empty one is named as what it is."""
    found = _opened(tmp_path)
    assert json.loads(pick(found, 7).values_json)[1] == "Tre"
    with pytest.raises(ListRefused, match=r"Row 4 .* no address"):
        pick(found, 4)
    with pytest.raises(ListRefused, match=r"Row 8 .* is empty"):
        pick(found, 8)
    with pytest.raises(UsageError, match="has 8 rows"):
        pick(found, 9)
