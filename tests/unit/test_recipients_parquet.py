"""Parquet lists: every scalar becomes text without loss; what is no text is refused by name."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from bulk_pec.domain.errors import ListRefused
from bulk_pec.recipients import ListOptions, open_list


def _write(tmp_path: Path, frame: pl.DataFrame) -> Path:
    path = tmp_path / "list.parquet"
    frame.write_parquet(path)
    return path


def test_scalars_become_text_without_loss(tmp_path: Path) -> None:
    """Zeros stay, numbers are written out, dates and times are ISO 8601, nothing is an empty text."""
    frame = pl.DataFrame(
        {
            " PEC ": ["a@x.example"],
            "cf": ["00123"],
            "big": pl.Series([2**63 - 1], dtype=pl.Int64),
            "small": pl.Series([7], dtype=pl.UInt8),
            "price": pl.Series([Decimal("12.30")], dtype=pl.Decimal(10, 2)),
            "share": [0.1],
            "day": [dt.date(2026, 11, 1)],
            "at": pl.Series([dt.datetime(2026, 11, 1, 9, 30)], dtype=pl.Datetime("us")),  # noqa: DTZ001 - a naive column
            "hour": [dt.time(9, 30)],
            "yes": [True],
            "kind": pl.Series(["x"], dtype=pl.Categorical),
            "none": pl.Series([None], dtype=pl.String),
            "null": pl.Series([None], dtype=pl.Null),
        }
    )
    found = open_list(_write(tmp_path, frame), ListOptions())
    assert (found.kind, found.encoding, found.separator) == ("parquet", "", "")
    assert found.columns[0] == found.address_column == "PEC"
    ((row,),) = [batch.rows for batch in found.batches()]
    assert json.loads(row[3]) == [
        *("a@x.example", "00123", "9223372036854775807", "7", "12.30", "0.1", "2026-11-01"),
        *("2026-11-01T09:30:00.000000", "09:30:00", "true", "x", "", ""),
    ]


def test_rows_are_checked_and_numbered_as_in_csv(tmp_path: Path) -> None:
    """The same rules, over batches of any size, in the order of the file."""
    pecs = [None if n % 7 == 0 else "rotto" if n % 5 == 0 else f"u{n}@x.example" for n in range(1, 1001)]
    frame = pl.DataFrame({"pec": pecs, "nome": ["Rossi"] * 1000})
    options = ListOptions(required_columns=frozenset({"nome"}))
    batches = list(open_list(_write(tmp_path, frame), options).batches(64))
    assert all(0 < len(batch) <= 64 for batch in batches)
    good = [row for batch in batches for row in batch.rows]
    bad = [row for batch in batches for row in batch.set_aside]
    assert [row[0] for row in good] == [n for n in range(1, 1001) if n % 7 and n % 5]
    assert [row.row for row in bad] == [n for n in range(1, 1001) if not (n % 7 and n % 5)]
    assert {problem.what for row in bad if row.row % 7 == 0 for problem in row.problems} == {
        "there is no address"
    }


def test_a_sample_shows_the_first_rows(tmp_path: Path) -> None:
    """As texts, without reading the rest."""
    frame = pl.DataFrame({"pec": ["a@x.example", None, "c@x.example"], "n": [1, 2, 3]})
    found = open_list(_write(tmp_path, frame), ListOptions())
    assert found.sample(2) == [("a@x.example", "1"), ("", "2")]


def test_a_path_with_wildcards_is_a_name(tmp_path: Path) -> None:
    """Characters that mean something to a shell are part of the file's name, in CSV and Parquet."""
    for other in ("a.parquet", "b.parquet"):
        pl.DataFrame({"pec": ["other@x.example"]}).write_parquet(tmp_path / other)
    path = tmp_path / "[ab].parquet"
    pl.DataFrame({"pec": ["a@x.example"]}).write_parquet(path)
    assert open_list(path, ListOptions()).sample() == [("a@x.example",)]


@pytest.mark.parametrize("kind", [pl.List(pl.String), pl.Array(pl.String, 2)], ids=["list", "array"])
def test_a_list_in_the_address_column_is_the_addresses_of_a_cell(tmp_path: Path, kind: pl.DataType) -> None:
    """One message to all of them where that is allowed; nothing in a list is nothing."""
    cells = pl.Series([["b@x.example", "A@x.example"], ["c@x.example", None], [None, None], None], dtype=kind)
    path = _write(tmp_path, pl.DataFrame({"pec": cells, "n": [1, 2, 3, 4]}))
    (batch,) = open_list(path, ListOptions(allow_multiple=True)).batches()
    assert [row[1:3] for row in batch.rows] == [
        ("a@x.example, b@x.example", "b@x.example, A@x.example"),
        ("c@x.example", "c@x.example"),
    ]
    assert [row.problems[0].what for row in batch.set_aside] == ["there is no address"] * 2
    (single,) = open_list(path, ListOptions()).batches()
    assert [row[2] for row in single.rows] == ["c@x.example"]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (pl.Series([["x", 'è"', None]], dtype=pl.List(pl.String)), '["x","è\\"",null]'),
        (pl.Series([[1, 2]], dtype=pl.List(pl.Int64)), "[1,2]"),
        (pl.Series([[]], dtype=pl.List(pl.Int64)), "[]"),
        (pl.Series([None], dtype=pl.List(pl.Int64)), ""),
        (pl.Series([["x"]], dtype=pl.Array(pl.String, 1)), '["x"]'),
        (pl.Series([[["x"], []]], dtype=pl.List(pl.List(pl.String))), '[["x"],[]]'),
        (pl.Series([[dt.date(2026, 11, 1)]], dtype=pl.List(pl.Date)), '["2026-11-01"]'),
        (pl.Series([[{"a": 1}]], dtype=pl.List(pl.Struct({"a": pl.Int64}))), '[{"a":1}]'),
    ],
)
def test_a_list_in_another_column_becomes_json_text(tmp_path: Path, column: pl.Series, text: str) -> None:
    """Whatever it holds, nested or not; nothing is an empty text."""
    frame = pl.DataFrame({"pec": ["a@x.example"], "voci": column})
    ((row,),) = [batch.rows for batch in open_list(_write(tmp_path, frame), ListOptions()).batches()]
    assert json.loads(row[3]) == ["a@x.example", text]


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([{"a": 1}], dtype=pl.Struct({"a": pl.Int64})),
        pl.Series([b"x"], dtype=pl.Binary),
        pl.Series([[b"x"]], dtype=pl.List(pl.Binary)),
        pl.Series([[{"a": b"x"}]], dtype=pl.List(pl.Struct({"a": pl.Binary}))),
    ],
    ids=["struct", "binary", "list of binary", "list of struct of binary"],
)
def test_a_column_that_is_no_text_is_refused(tmp_path: Path, column: pl.Series) -> None:
    """The error names the column and what it holds."""
    frame = pl.DataFrame({"pec": ["a@x.example"], "strano": column})
    with pytest.raises(ListRefused, match="Column 'strano'"):
        open_list(_write(tmp_path, frame), ListOptions())


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """Cut off, it cannot be opened; damaged inside, it is refused when it is read; never a crash."""
    path = _write(tmp_path, pl.DataFrame({"pec": [f"u{n}@x.example" for n in range(5000)]}))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ListRefused, match="no Parquet file that can be read"):
        open_list(path, ListOptions())
    path.write_bytes(whole[:4] + b"\xff" * (len(whole) // 2) + whole[len(whole) // 2 + 4 :])
    with pytest.raises(ListRefused, match="no Parquet file that can be read"):
        list(open_list(path, ListOptions()).batches())


def test_a_file_without_columns_is_refused(tmp_path: Path) -> None:
    """A Parquet file may have none."""
    with pytest.raises(ListRefused, match="has no header"):
        open_list(_write(tmp_path, pl.DataFrame()), ListOptions())
