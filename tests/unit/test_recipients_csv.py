"""CSV lists: records, separators, ragged rows, quotes that do not pair up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bulk_pec.domain.errors import ConfigError, ListRefused
from bulk_pec.recipients import Batch, CheckedRow, ListOptions, RecipientList, SetAsideRow, open_list
from bulk_pec.recipients.blocks import frame_of
from bulk_pec.recipients.records import Grammar, blocks


def _open(tmp_path: Path, text: str | bytes, **options: object) -> RecipientList:
    path = tmp_path / "list.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_list(path, ListOptions(**options))  # type: ignore[arg-type] # one helper for every option


def _all(found: RecipientList, rows_per_batch: int = 50_000) -> tuple[list[CheckedRow], list[SetAsideRow]]:
    batches: list[Batch] = list(found.batches(rows_per_batch))
    return [row for batch in batches for row in batch.rows], [
        row for batch in batches for row in batch.set_aside
    ]


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


@pytest.mark.parametrize("row", ["{}@x.example\t{}", '"{}@x.example"\t"{}"'])
def test_a_line_of_tabs_is_blank(tmp_path: Path, row: str) -> None:
    """Excel's Unicode text ends in them: no rows, whether or not the rows around them are quoted."""
    lines = ["pec\tn", row.format("a", 1), "\t", " \t ", row.format("b", 2), "\t", "\t"]
    path = tmp_path / "list.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    batches = list(open_list(path, ListOptions()).batches())
    assert [row[:2] for batch in batches for row in batch.rows] == [(1, "a@x.example"), (2, "b@x.example")]
    assert not any(batch.set_aside for batch in batches)


def test_a_line_of_separators_is_no_row_but_has_a_number(tmp_path: Path) -> None:
    """Excel's ``;;`` at the end of a sheet, or in the middle, is nothing that somebody forgot to mend."""
    rows, set_aside = _all(_open(tmp_path, "pec;n;m\na@x.example;1;2\n;;\nb@x.example;1;2\n;;\n"))
    assert [row[0] for row in rows] == [1, 3]
    assert set_aside == []


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
    return [list(row) for block in blocks(pieces, grammar) for row in frame_of(block, grammar).rows()]


@pytest.mark.parametrize("odd", ["\r,", "x\r,", "\ufeff,", '"\ufeff",', '"\r",'])
def test_what_polars_would_drop_is_kept(odd: str) -> None:
    """A bare carriage return before a separator, and a byte order mark at the start of a block, are text."""
    field = odd.removesuffix(",").strip('"')
    assert _records([f'{odd}"z"\n'], Grammar(",", 2)) == [[field, "z", None]]


def test_a_huge_field_is_a_value_like_any_other(tmp_path: Path) -> None:
    """A cell of 10 MB with line breaks in it, larger than what is read at a time, comes out whole."""
    huge = "riga\n" * 2_000_000
    rows, set_aside = _all(_open(tmp_path, f'pec,nota\na@x.example,"{huge}"\nb@x.example,y\n'))
    assert [(row[0], row[2]) for row in rows] == [(1, "a@x.example"), (2, "b@x.example")]
    assert json.loads(rows[0][3])[1] == huge
    assert set_aside == []


def test_a_quote_that_swallows_a_large_file_costs_one_line(tmp_path: Path) -> None:
    """An open quote before megabytes of rows without quotes is one invalid row; no other is lost."""
    many = "".join(f"u{n}@x.example,{'x' * 90}\n" for n in range(60_000))
    rows, set_aside = _all(_open(tmp_path, f'pec,nota\na@x.example,"open\n{many}'))
    assert [row.row for row in set_aside] == [1]
    assert [row[0] for row in rows] == list(range(2, 60_002))


def test_a_line_longer_than_any_record_is_refused(tmp_path: Path) -> None:
    """A line without end is no list, and memory is not filled to find that out."""
    found = _open(tmp_path, b"pec,nota\n" + b"x" * (70 << 20))
    with pytest.raises(ListRefused, match="a line of more than"):
        _all(found)


def test_nul_bytes_are_characters(tmp_path: Path) -> None:
    """A NUL in a value comes through; in an address or a key it makes the row invalid."""
    text = "n,pec,nota\n1,a@x.example,\0x\n2,b@x\0.example,y\n\0,c@x.example,z\n"
    rows, set_aside = _all(_open(tmp_path, text, key_column="n"))
    assert [json.loads(row[3])[2] for row in rows] == ["\0x"]
    assert [(row.row, row.problems[0].column) for row in set_aside] == [(2, "pec"), (3, "n")]


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("pec,n\na@x.example,1\n", ","),
        ("pec;n\na@x.example;1,5\n", ";"),
        ("pec\tn\na@x.example\t1\n", "\t"),
        ("pec|n\na@x.example|1\n", "|"),
        ("pec;Cognome, nome, titolo\na@x.example;Rossi, Mario, ing.\n", ";"),
        ('pec,"a;b;c;d"\na@x.example,"1;2;3;4"\n', ","),
        ("sep=|\npec|n\na@x.example|1\n", "|"),
        ('"sep=;"\r\npec;n\r\na@x.example;1\r\n', ";"),
        ("pec\na@x.example\n", ","),
    ],
)
def test_the_separator_is_found(tmp_path: Path, text: str, separator: str) -> None:
    """By the header and the first rows, quoted text respected, or by Excel's first line; and it is told."""
    found = _open(tmp_path, text)
    assert found.separator == separator
    assert any("separator" in guess or "single column" in guess for guess in found.guesses)
    assert [row[2] for row in _all(found)[0]] == ["a@x.example"]


def test_a_separator_asked_for_is_taken(tmp_path: Path) -> None:
    """What the configuration names is not guessed."""
    found = _open(tmp_path, "pec;a:n;b\na@x.example;1:2;3\n", separator=":", address_column="pec;a")
    assert (found.separator, found.columns) == (":", ("pec;a", "n;b"))
    assert found.guesses == ()


@pytest.mark.parametrize("separator", ["", "ab", '"', "x", "€", "\n", "@"])
def test_a_separator_that_is_none_is_a_configuration_error(tmp_path: Path, separator: str) -> None:
    """It is refused by name, before any row is read."""
    with pytest.raises(ConfigError, match="separator"):
        _open(tmp_path, "pec,n\na@x.example,1\n", separator=separator)


def test_two_addresses_in_the_cell_of_a_single_column(tmp_path: Path) -> None:
    """In a list of one column a separator inside the cells is not taken for one."""
    _, set_aside = _all(_open(tmp_path, "pec\na@x.example;b@x.example\n"))
    assert set_aside[0].problems[0].what == "there are several addresses in one cell"


def test_batches_are_no_larger_than_asked_and_never_empty(tmp_path: Path) -> None:
    """Rows come in order, numbered through, in batches of at most the size asked for."""
    text = "pec,n\n" + "".join(f"u{n}@x.example,{n}\n" for n in range(1, 26))
    batches = list(_open(tmp_path, text).batches(10))
    assert [len(batch) for batch in batches] == [10, 10, 5]
    assert [row[0] for batch in batches for row in batch.rows] == list(range(1, 26))


def test_a_list_can_be_read_again_and_sampled(tmp_path: Path) -> None:
    """Reading twice gives the same; a sample is the first rows as they stand, good or bad."""
    with _open(tmp_path, 'pec,n\na@x.example,"1"\nnone\nc@x.example,3\nd@x.example,4\n') as found:
        assert found.sample() == [("a@x.example", "1"), ("none", ""), ("c@x.example", "3")]
        assert found.sample(0) == []
        assert _all(found) == _all(found)


def test_a_list_changed_meanwhile_is_refused(tmp_path: Path) -> None:
    """What was digested is what is read: a file that was written to since it was opened is refused."""
    found = _open(tmp_path, "pec,n\na@x.example,1\n")
    with found.path.open("ab") as file:
        file.write(b"b@x.example,2\n")
    with pytest.raises(ListRefused, match="was changed"):
        list(found.batches())
