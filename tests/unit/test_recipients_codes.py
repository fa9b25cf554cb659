"""Tax codes, what Excel does to codes, its errors, and free mail."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from bulk_pec.recipients import Batch, ListOptions, open_list
from bulk_pec.recipients.taxcodes import compact, fault, surely_good

GOOD = [
    "RCCMNL83S18D969H",
    "rccmnl83s18d969h",
    "RCC MNL 83S18 D969H",
    "CNTCHR83T41D969D",
    "RCCMNL83S1UD969E",  # omocodia: a letter for a digit, so that two people have different codes
    "00743110157",
    "IT00743110157",
    "it 00743110157",
]


def _checked(tmp_path: Path, text: str, **options: object) -> Batch:
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode())
    found = open_list(path, ListOptions(**options))  # type: ignore[arg-type] # one helper for every option
    (batch,) = found.batches()
    return batch


@pytest.mark.parametrize("code", [*GOOD, "", " \u00a0"])
def test_a_good_tax_code_or_none_is_no_fault(tmp_path: Path, code: str) -> None:
    """Codice fiscale of a person or of a body, partita IVA with ``IT`` or without; empty is for templates."""
    batch = _checked(tmp_path, f"pec;cf\na@x.example;{code}\n", tax_code_column="cf")
    assert len(batch.rows) == 1
    assert batch.warnings == []


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("RCCMNL83S18D969X", "the check digit"),
        ("00743110158", "the check digit"),
        ("RCCMNL83B31D969E", "a date or a province that does not exist"),
        ("0000000000A", "is no codice fiscale"),
        ("00000000000", "is no codice fiscale"),
        ("RCCMNL83S18D969", "is no codice fiscale"),
        ("007431101570", "is no codice fiscale"),
        ("ROSSI", "is no codice fiscale"),
        ("IT", "is no codice fiscale"),
        ("DE123456789", "is no codice fiscale"),
        ("RCCMNL83S18D969\u212a", "a letter that none has"),
        ("1,23E+11", "its last digits are lost"),
        ("7.4311E+10", "its last digits are lost"),
        ("743110157", "it has 9 of 11 digits: Excel drops zeros"),
        ("743110157.0", "saved as a number with decimals"),
    ],
)
def test_a_wrong_tax_code_makes_the_row_invalid(tmp_path: Path, code: str, what: str) -> None:
    """The configured column's check digits are checked, and Excel's damage is named as such."""
    batch = _checked(tmp_path, f"pec;cf\na@x.example;{code}\n", tax_code_column="cf")
    assert batch.rows == []
    (problem,) = batch.set_aside[0].problems
    assert what in problem.what
    assert (problem.column, problem.value) == ("cf", code)


def test_the_code_without_its_zeros_is_offered(tmp_path: Path) -> None:
    """What to do says what the code may have been."""
    batch = _checked(tmp_path, "pec;cf\na@x.example;743110157\n", tax_code_column="cf")
    assert "Write 00743110157" in batch.set_aside[0].problems[0].todo


def test_the_vectorised_check_knows_every_check_character() -> None:
    """Of all last characters exactly the right one passes, for a person in both cases and for a company."""
    letters = [f"RCCMNL83S18D969{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    digits = [f"0074311015{digit}" for digit in range(10)]
    codes = [*letters, *map(str.lower, letters), *digits]
    passed = surely_good(pl.Series(codes))
    assert [code for code, good in zip(codes, passed, strict=True) if good] == [
        *("RCCMNL83S18D969H", "rccmnl83s18d969h", "00743110157"),
    ]


def test_a_tax_code_for_a_register_is_compact() -> None:
    """Upper-case, without blanks, hyphens and country."""
    assert {compact(code) for code in GOOD} == {
        *("RCCMNL83S18D969H", "CNTCHR83T41D969D", "RCCMNL83S1UD969E", "00743110157"),
    }
    assert all(fault(code) is None for code in GOOD)


@pytest.mark.parametrize(
    "header",
    [
        "CF",
        "C.F.",
        "Codice Fiscale",
        "cod. fisc.",
        "P.IVA",
        "Partita IVA",
        "PIVA",
        "codice_fiscale_destinatario",
    ],
)
def test_excels_damage_in_a_usual_tax_code_column_is_a_warning(tmp_path: Path, header: str) -> None:
    """A column known by its name alone is a guess, so the row stays."""
    cells = ("1,23E+11", "743110157", "00743110157", "X1")
    rows = "".join(f"u{n}@x.example;{cell}\n" for n, cell in enumerate(cells))
    batch = _checked(tmp_path, f"pec;{header}\n{rows}")
    assert [row[0] for row in batch.rows] == [1, 2, 3, 4]
    assert [(warning.row, warning.column, warning.value) for warning in batch.warnings] == [
        (1, header, "1,23E+11"),
        (2, header, "743110157"),
    ]
    assert "last digits are lost" in batch.warnings[0].what
    assert "Excel drops zeros" in batch.warnings[1].what
    assert batch.warned == 2


@pytest.mark.parametrize("header", ["CAP", "C.A.P.", "Cap sede", "indirizzo_cap", "Codice postale"])
def test_a_postal_code_without_its_zeros_is_a_warning(tmp_path: Path, header: str) -> None:
    """``184`` was ``00184``; a whole one, none, and one from abroad are nothing to say."""
    batch = _checked(
        tmp_path, f"pec;{header}\na@x.example;184\nb@x.example;00184\nc@x.example;\nd@x.example;SW1A\n"
    )
    (warning,) = batch.warnings
    assert (warning.row, warning.value) == (1, "184")
    assert "Write 00184" in warning.todo


@pytest.mark.parametrize("header", ["importo iva", "capitale", "capo", "iva", "cfr", "scapola"])
def test_names_that_only_look_like_a_codes_are_left_alone(tmp_path: Path, header: str) -> None:
    """A word must be the whole word."""
    assert _checked(tmp_path, f"pec;{header}\na@x.example;184\n").warned == 0


def test_a_shortened_number_as_key_is_a_warning(tmp_path: Path) -> None:
    """Different keys look the same once Excel has shortened them; a key that only has an E in it is fine."""
    batch = _checked(
        tmp_path, "pec;n\na@x.example;1,23E+11\nb@x.example;12E5\nc@x.example;DIE+1\n", key_column="n"
    )
    assert [(warning.row, warning.column) for warning in batch.warnings] == [(1, "n")]
    twice = _checked(tmp_path, "pec;cf\na@x.example;1,23E+11\n", key_column="cf")
    assert [warning.column for warning in twice.warnings] == ["cf"]


@pytest.mark.parametrize(
    "error", ["#N/D", "#RIF!", "#VALORE!", "#DIV/0!", "#NOME?", "#n/a", "#REF!", "########", " #N/D "]
)
@pytest.mark.parametrize("column", ["pec", "n", "nome", "oggetto", "nota", "cf", "scadenza"])
def test_an_error_of_excels_makes_the_row_invalid_where_it_is_needed(
    tmp_path: Path, column: str, error: str
) -> None:
    """In a column of the templates, empty ones allowed or not, and in those the settings name."""
    names = ("pec", "n", "nome", "oggetto", "nota", "cf", "scadenza", "altro")
    good = dict(zip(names, ("a@x.example", "1", "x", "x", "", "", "", "#N/D"), strict=True))
    row = ";".join((good | {column: error}).values())
    batch = _checked(
        tmp_path,
        ";".join(names) + "\n" + ";".join(good.values()) + "\n" + row + "\n",
        key_column="n",
        required_columns=frozenset({"nome"}),
        subject_columns=frozenset({"oggetto"}),
        optional_columns=frozenset({"nota"}),
        tax_code_column="cf",
        expires_at_column="scadenza",
    )
    assert [found[0] for found in batch.rows] == [1]
    (problem,) = batch.set_aside[0].problems
    assert (problem.column, problem.what) == (column, "this is an error of Excel's, not a value")


def test_a_hash_is_no_error_by_itself(tmp_path: Path) -> None:
    """Text that begins with one is text."""
    batch = _checked(tmp_path, "pec;nome\na@x.example;#1 Rossi\n", required_columns=frozenset({"nome"}))
    assert len(batch.rows) == 1


@pytest.mark.parametrize(
    "address", ["a@gmail.com", "A@GMAIL.com", "a@libero.it", "a@hotmail.it", "a@yahoo.it", "a@icloud.com"]
)
def test_free_mail_is_a_warning_and_the_row_stays(tmp_path: Path, address: str) -> None:
    """Ordinary mail holds no certified mailbox, but a person decides."""
    batch = _checked(tmp_path, f"pec;n\n{address};1\n")
    assert [row[2] for row in batch.rows] == [address]
    (warning,) = batch.warnings
    assert (warning.row, warning.column, warning.value) == (1, "pec", address)
    assert "no certified mailbox" in warning.what


@pytest.mark.parametrize(
    "address", ["a@pec.libero.it", "a@gmail.com.example", "a@notgmail.com", "a@pec.tiscali.it"]
)
def test_a_domain_that_only_looks_like_free_mail_is_fine(tmp_path: Path, address: str) -> None:
    """Their certified mail is under domains of its own."""
    assert _checked(tmp_path, f"pec;n\n{address};1\n").warnings == []


def test_rows_that_are_set_aside_are_not_warned_about(tmp_path: Path) -> None:
    """They have problems of their own to be mended first."""
    batch = _checked(
        tmp_path, "pec;nome\na@gmail.com;\nb@gmail.com;x\n", required_columns=frozenset({"nome"})
    )
    assert [warning.row for warning in batch.warnings] == [2]
    assert batch.warned == 1


def test_every_warning_of_a_batch_is_there(tmp_path: Path) -> None:
    """None is only counted: whoever shows them decides how many; the batch bounds the memory."""
    batch = _checked(tmp_path, "pec;n\n" + "".join(f"u{n}@gmail.com;{n}\n" for n in range(250)))
    assert [warning.row for warning in batch.warnings] == list(range(1, 251))
    assert batch.warned == 250
