"""CSV lists: records, separators, ragged rows, quotes that do not pair up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bulk_pec.domain.errors import ConfigError, ListRefused
from bulk_pec.recipients import Batch, CheckedRow, ListOptions, RecipientList, SetAsideRow, open_list
from bulk_pec.recipients.records import Grammar, blocks


def _open(tmp_path: Path, text: str | bytes, **options: object) -> RecipientList:
    path = tmp_path / "list.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_list(path, ListOptions(**options))  # type: ignore[arg-type] # one helper for every option


def _all(found: RecipientList, rows_per_batch: int = 50_000) -> tuple[list[CheckedRow], list[SetAsideRow]]:
    batches: list[Batch] = list(found.batches(rows_per_batch))
    return [row for batch in batches for row in batch.rows], [row for batch in batches for row in batch.set_aside]


def test_a_row_is_number_key_recipient_and_values(tmp_path: Path) -> None:
    """A checked row is a plain tuple: its number, its key, the address as written, its values as JSON."""
    found = _open(tmp_path, "numero,pec\n007, Ufficio@Pec.example.it \n")
    rows, set_aside = _all(found)
    assert rows == [
        (1, "ufficio@pec.example.it", "Ufficio@Pec.example.it", '["007"," Ufficio@Pec.example.it "]')
    ]
    assert set_aside == []
    assert (found.kind, found.columns, found.address_column, found.key_column) == (
        "csv",
        ("numero", "pec"),
        "pec",
        None,
    )


def test_a_key_column_is_trimmed_and_keeps_its_case_and_zeros(tmp_path: Path) -> None:
    """With a key column the key is its text without blanks at the ends, otherwise as written."""
    rows, _ = _all(_open(tmp_path, "numero,pec\n 00A7 ,a@x.example\n", key_column="numero"))
    assert rows == [(1, "00A7", "a@x.example", '[" 00A7 ","a@x.example"]')]


def test_what_json_must_escape_comes_through(tmp_path: Path) -> None:
    """Quotes, backslashes, line breaks, control and wide characters are the same text in the JSON array."""
    odd = 'say "hi" \\ \t \x01 \x7f € 😀 \u2028\nnext'
    quoted = '"' + odd.replace('"', '""') + '"'
    rows, set_aside = _all(_open(tmp_path, f"pec,nota\na@x.example,{quoted}\nb@x.example,plain\n"))
    assert [json.loads(row[3]) for row in rows] == [["a@x.example", odd], ["b@x.example", "plain"]]
    assert set_aside == []


def test_values_are_never_taken_for_numbers_dates_or_nulls(tmp_path: Path) -> None:
    """Leading zeros, exponents, dates, "null", "NaN" and empty cells stay the texts they are."""
    cells = ["00123", "1,23E+11", "2026-11-01", "null", "NaN", "", " x "]
    head = ";".join(f"c{place}" for place in range(len(cells)))
    rows, _ = _all(_open(tmp_path, f"pec;{head}\na@x.example;{';'.join(cells)}\n"))
    assert json.loads(rows[0][3]) == ["a@x.example", *cells]


@pytest.mark.parametrize("with_quotes", [False, True], ids=["no quotes", "quotes"])
def test_ragged_rows_are_set_aside_and_shift_nothing(tmp_path: Path, with_quotes: bool) -> None:
    """A short and a long row are invalid, each by its own number; the rows around them stay right."""
    name = '"Rossi, Bianchi\ne figli"' if with_quotes else "Rossi"
    text = (
        f"n,pec,nome\n1,a@x.example,{name}\n2,b@x.example\n3,c@x.example,x,y,z\n4\n"
        f"5,e@x.example,{name}\n6,f@x.example,\n"
    )
    rows, set_aside = _all(_open(tmp_path, text, key_column="n"))
    assert [(row[0], row[1], row[2]) for row in rows] == [
        (1, "1", "a@x.example"),
        (5, "5", "e@x.example"),
        (6, "6", "f@x.example"),
    ]
    assert [(row.row, json.loads(row.values_json)) for row in set_aside] == [
        (2, ["2", "b@x.example", None]),
        (3, ["3", "c@x.example", "x", "y,z"]),
        (4, ["4", None, None]),
    ]
    assert [row.problems[0].what for row in set_aside] == [
        "the row has 2 fields, the header has 3",
        "the row has more fields than the header, which has 3",
        "the row has 1 fields, the header has 3",
    ]
    assert all(row.key is None and len(row.problems) == 1 for row in set_aside)


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    """Lines with nothing but blanks, before, between and after the rows, have no number."""
    text = "\n \r\npec,n\n\na@x.example,1\n \t \n\r\nb@x.example,2\n\n\n"
    rows, set_aside = _all(_open(tmp_path, text))
    assert [(row[0], row[2]) for row in rows] == [(1, "a@x.example"), (2, "b@x.example")]
    assert set_aside == []


def test_a_line_of_separators_is_a_row(tmp_path: Path) -> None:
    """Excel's ``;;`` at the end of a sheet is a row without an address, and is named as such."""
    rows, set_aside = _all(_open(tmp_path, "pec;n;m\na@x.example;1;2\n;;\n"))
    assert len(rows) == 1
    assert [(row.row, row.problems[0].column, row.problems[0].what) for row in set_aside] == [
        (2, "pec", "there is no address")
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("closed", [True, False], ids=["line end at the end", "none"])
def test_every_line_end_is_understood(tmp_path: Path, end: str, closed: bool) -> None:
    """Unix, Windows and old Macintosh line ends, with and without one after the last row."""
    text = end.join(["pec,n", "a@x.example,1", 'b@x.example,"2"']) + (end if closed else "")
    rows, set_aside = _all(_open(tmp_path, text))
    assert [json.loads(row[3]) for row in rows] == [["a@x.example", "1"], ["b@x.example", "2"]]
    assert set_aside == []


def test_quotes_inside_an_unquoted_field_stand_for_themselves(tmp_path: Path) -> None:
    """An export without quoting may hold quotes, even an odd number of them, and no row is swallowed."""
    text = 'pec,nome\na@x.example,Bar "Da Mario" srl\nb@x.example,5" pipe\nc@x.example,x\n'
    rows, set_aside = _all(_open(tmp_path, text))
    assert [json.loads(row[3])[1] for row in rows] == ['Bar "Da Mario" srl', '5" pipe', "x"]
    assert set_aside == []


@pytest.mark.parametrize(
    "broken",
    ['b@x.example,"never closed', '"b@x.example,n', 'b@x.example,"closed" early', '"b@x.example"x,"y"'],
)
def test_a_broken_quote_costs_its_own_line(tmp_path: Path, broken: str) -> None:
    """A quote that is never closed, or closed too early, makes one invalid row; the next lines are rows."""
    text = f'pec,nome\na@x.example,1\n{broken}\nc@x.example,"3"\nd@x.example,4\n'
    rows, set_aside = _all(_open(tmp_path, text))
    assert [(row[0], row[2]) for row in rows] == [(1, "a@x.example"), (3, "c@x.example"), (4, "d@x.example")]
    assert [row.row for row in set_aside] == [2]
    assert "quotes" in set_aside[0].problems[0].what
    assert json.loads(set_aside[0].values_json) == [broken, None]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_blocks_do_not_depend_on_the_pieces(size: int) -> None:
    """However the text is cut, the same records come out: quoted line ends, escapes and broken quotes too."""
    text = 'a,"b\r\n""b""",c\r\nd,e\n,"",\n\n"x"y,1,2\nu,v "w",z\nlong,er,than,it\nend,"of\nfile'
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    grammar = Grammar(",", 3)
    assert _records(pieces, grammar) == [
        ["a", 'b\r\n"b"', "c", None],
        ["d", "e", None, None],
        ["", "", "", None],
        ['"x"y,1,2', None, None, "\0quotes"],
        ["u", 'v "w"', "z", None],
        ["long", "er", "than", "it"],
        ['end,"of', None, None, "\0quotes"],
        ["file", None, None, None],
    ]


def _records(pieces: list[str], grammar: Grammar) -> list[list[str | None]]:
    from bulk_pec.recipients.blocks import frame_of

    return [list(row) for block in blocks(pieces, grammar) for row in frame_of(block, grammar).rows()]
