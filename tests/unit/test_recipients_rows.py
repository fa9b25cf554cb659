"""What makes a row invalid, and how it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bulk_pec.domain.addresses import canonical
from bulk_pec.recipients import Batch, ListOptions, open_list
from bulk_pec.recipients.addresses import fault


def _checked(tmp_path: Path, text: str, **options: object) -> Batch:
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode())
    found = open_list(path, ListOptions(**options))  # type: ignore[arg-type] # one helper for every option
    (batch,) = found.batches()
    return batch


@pytest.mark.parametrize(
    "address",
    [
        "ufficio@pec.example.it",
        "UFFICIO@PEC.EXAMPLE.IT",
        "o'brien@x.example",
        "a+b_c-d.e@x-y.example",
        "a@società.example",
        "x" * 64 + "@x.example",
        "a@" + ".".join(["d" * 60] * 3) + ".example.com",
        "1234@12.example",
        "a@x.museum",
    ],
)
def test_a_good_address_is_taken_as_written(tmp_path: Path, address: str) -> None:
    """Whether the fast expression or the library settles it; blanks at the ends are trimmed."""
    batch = _checked(tmp_path, f"n;pec\n1;\u00a0{address} \n")
    assert [row[1:3] for row in batch.rows] == [(canonical(address), address)]
    assert batch.set_aside == []


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("", "there is no address"),
        (" \u00a0", "there is no address"),
        ("a@x.example b@x.example", "several addresses"),
        ("a@x.example,b@x.example", "several addresses"),
        ("a@x.example; b@x.example", "several addresses"),
        ("rossi", "not an address"),
        ("a@b@x.example", "not an address"),
        ("a..b@x.example", "not an address"),
        ("a@x", "not an address"),
        ("a@-x.example", "not an address"),
        ("a@x.test", "not an address"),
        ("a@host.local", "not an address"),
        ("Mario <a@x.example>", "not an address"),
        ("mailto:a@x.example", "not an address"),
        ("ò@x.example", "not an address"),
        ("a@[127.0.0.1]", "not an address"),
        ("a\u212a@x.example", "not an address"),
        ("x" * 65 + "@x.example", "the part before the @ is 65 bytes long, more than the 64"),
        ("a@" + "d." * 130 + "example", "the address is 269 bytes long, more than the 254"),
        ("a@" + "d" * 64 + ".example", "not an address"),
    ],
)
def test_a_bad_address_makes_the_row_invalid(tmp_path: Path, address: str, what: str) -> None:
    """The problem names the column, shows the value and says what is wrong and what to do."""
    batch = _checked(tmp_path, f"n|pec\n1|{address}\n", separator="|")
    assert batch.rows == []
    (row,) = batch.set_aside
    (problem,) = row.problems
    assert what in problem.what
    assert (row.row, problem.column, problem.value) == (1, "pec", row.recipient_text[:80])
    assert problem.todo
    assert json.loads(row.values_json) == ["1", address]


def test_a_sending_address_is_no_recipient(tmp_path: Path) -> None:
    """In any case; the same name elsewhere is another address."""
    own = frozenset({"Mittente@x.example"})
    batch = _checked(tmp_path, "pec;n\nMITTENTE@X.example;1\nmittente@y.example;2\n", own_addresses=own)
    assert [row[0] for row in batch.rows] == [2]
    assert batch.set_aside[0].problems[0].what == "this is a sending address"


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("", "empty"),
        (" \u00a0 ", "empty"),
        ("a\x01b", "control"),
        ("a\nb", "control"),
        ("k" * 256, "256 characters"),
    ],
)
def test_a_key_that_cannot_be_used_makes_the_row_invalid(tmp_path: Path, key: str, what: str) -> None:
    """Empty, with a control character, or longer than a ledger's index takes."""
    batch = _checked(tmp_path, f'pec;n\na@x.example;"{key}"\nb@x.example;ok\n', key_column="n")
    assert [row[1] for row in batch.rows] == ["ok"]
    assert [problem.column for problem in batch.set_aside[0].problems] == ["n"]
    assert what in batch.set_aside[0].problems[0].what


def test_an_empty_needed_cell_makes_the_row_invalid(tmp_path: Path) -> None:
    """Blanks alone are empty; a column that may be empty may be."""
    batch = _checked(
        tmp_path,
        "pec;nome;nota\na@x.example;Rossi;\nb@x.example; \u00a0;z\nc@x.example;;z\n",
        required_columns=frozenset({"nome"}),
        optional_columns=frozenset({"nota"}),
    )
    assert [row[0] for row in batch.rows] == [1]
    assert [(row.row, row.key, row.problems[0].column) for row in batch.set_aside] == [
        (2, "b@x.example", "nome"),
        (3, "c@x.example", "nome"),
    ]


@pytest.mark.parametrize("char", ["\n", "\r", "\t", "\0", "\x1f", "\x7f", "\x85", "\u2028", "\u2029"])
def test_a_control_character_for_the_subject_makes_the_row_invalid(tmp_path: Path, char: str) -> None:
    """In a column that goes into the subject, even at its end; elsewhere it is a character like any other."""
    batch = _checked(
        tmp_path,
        f'pec;numero;nota\na@x.example;"1{char}";x\nb@x.example;2;"x{char}y"\n',
        subject_columns=frozenset({"numero"}),
    )
    assert [row[0] for row in batch.rows] == [2]
    assert [problem.column for problem in batch.set_aside[0].problems] == ["numero"]


def test_an_address_in_the_subject_is_checked_as_written(tmp_path: Path) -> None:
    """The recipient is trimmed, but the letter is given the cell, with the line break at its end."""
    text = 'pec;n\n"a@x.example\n";1\n'
    assert len(_checked(tmp_path, text).rows) == 1
    assert len(_checked(tmp_path, text, subject_columns=frozenset({"pec"})).set_aside) == 1


def test_every_problem_of_a_row_is_listed(tmp_path: Path) -> None:
    """A person who mends a list sees all that is wrong at once; values are cut to 80 characters."""
    batch = _checked(
        tmp_path,
        f'pec;n;nome;oggetto\n{"z" * 100};;;"a\tb"\n',
        key_column="n",
        required_columns=frozenset({"nome"}),
        subject_columns=frozenset({"oggetto"}),
    )
    (row,) = batch.set_aside
    assert [problem.column for problem in row.problems] == ["pec", "n", "nome", "oggetto"]
    assert row.problems[0].value == "z" * 80
    assert (row.key, row.recipient_text) == (None, "z" * 100)


def test_doubtful_rows_that_are_good_keep_their_place(tmp_path: Path) -> None:
    """Rows that the fast path leaves to the slow one come out in the order of the file."""
    lines = [f"{'o' + chr(39) if n % 3 else 'u'}{n}@x.example;{n}" for n in range(1, 10)]
    lines[4] = "rotto;5"
    batch = _checked(tmp_path, "pec;n\n" + "\n".join(lines) + "\n")
    assert [row[0] for row in batch.rows] == [1, 2, 3, 4, 6, 7, 8, 9]
    assert [json.loads(row[3])[1] for row in batch.rows] == ["1", "2", "3", "4", "6", "7", "8", "9"]
    assert [row.row for row in batch.set_aside] == [5]


def test_a_problem_with_an_address_is_one_sentence_without_an_end() -> None:
    """What is wrong reads on as part of a sentence, whoever found it."""
    for address in ("", "x", "a@x", "a@x.test", "a b@x.example"):
        what = fault(address)
        assert what is not None
        assert "\n" not in what
