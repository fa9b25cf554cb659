"""Opening a list: what is refused, how the header is read, which column holds the address."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.exits import ExitCode
from bulk_pec.recipients import ListOptions, RecipientList, open_list


def _open(tmp_path: Path, text: str | bytes, **options: object) -> RecipientList:
    path = tmp_path / "list.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_list(path, ListOptions(**options))  # type: ignore[arg-type] # one helper for every option


def _refusal(tmp_path: Path, text: str | bytes, **options: object) -> ListRefused:
    with pytest.raises(ListRefused) as caught:
        _open(tmp_path, text, **options)
    assert caught.value.exit.code == ExitCode.DATA
    assert str(tmp_path / "list.csv") in caught.value.what
    assert caught.value.hint
    return caught.value


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    """The error names the path that is not there."""
    with pytest.raises(ListRefused, match=r"There is no list .*none\.csv"):
        open_list(tmp_path / "none.csv", ListOptions())


def test_a_directory_is_refused(tmp_path: Path) -> None:
    """A directory is told from a file."""
    with pytest.raises(ListRefused, match="is a directory"):
        open_list(tmp_path, ListOptions())


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """A list is read more than once, which a named pipe does not allow; opening it does not hang."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ListRefused, match="no regular file"):
        open_list(tmp_path / "pipe", ListOptions())


def test_an_unreadable_list_is_refused(tmp_path: Path) -> None:
    """What the operating system says is passed on: here, a link that leads to itself."""
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    with pytest.raises(ListRefused, match="cannot be read"):
        open_list(tmp_path / "loop.csv", ListOptions())


def test_a_path_with_a_nul_is_refused(tmp_path: Path) -> None:
    """A path that no operating system takes is a bad list, not a crash."""
    with pytest.raises(ListRefused, match="cannot be read"):
        open_list(tmp_path / "a\0b.csv", ListOptions())


@pytest.mark.parametrize("content", [b"", b"\n \r\n\t\n", b"\xef\xbb\xbf", b"sep=;\n", b"\xff\xfe"])
def test_an_empty_list_is_refused(tmp_path: Path, content: bytes) -> None:
    """No bytes, blank lines, or a byte order mark alone: there is nothing to read."""
    assert "is empty" in _refusal(tmp_path, content).what


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04rest", "an Excel workbook"),
        (b"\xd0\xcf\x11\xe0rest", "an old Excel workbook"),
        (b"\x1f\x8brest", "a gzip archive"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "an image, not CSV nor Parquet"),
        (b"\x7fELF\x02\x01\x01\0\0\0\n", "its first line holds binary data"),
        (b"PAR1 and then nothing of the kind", "no Parquet file that can be read"),
        ("pec,n\na@x.example,1\n".encode("utf-16-le"), "binary data"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: bytes, what: str) -> None:
    """Workbooks, archives and other binaries are told apart where their first bytes allow it."""
    assert what in _refusal(tmp_path, content).what


@pytest.mark.parametrize("text", ["a@x.example,1\nb@x.example,2\n", ";;;\na;b;c;d\n"])
def test_a_list_without_header_is_refused(tmp_path: Path, text: str) -> None:
    """A first line that holds an address, or only empty names, is no header."""
    assert "has no header" in _refusal(tmp_path, text).what


def test_a_header_that_does_not_end_is_refused(tmp_path: Path) -> None:
    """A quote opened in the header and never closed."""
    assert "quotes do not pair up" in _refusal(tmp_path, '"pec,n\na@x.example,1\n').what
    assert "within its first MiB" in _refusal(tmp_path, "x" * (3 << 20)).what


@pytest.mark.parametrize("names", ["pec,nome,Nome ", "pec,Città,CITTA", "pec,pec"])
def test_columns_of_the_same_name_are_refused(tmp_path: Path, names: str) -> None:
    """Names that differ only by case, accents or blanks are the same name."""
    assert "two columns of the same name" in _refusal(tmp_path, f"{names}\na@x.example,1,2\n").what


def test_nameless_columns_are_named_by_place(tmp_path: Path) -> None:
    """A trailing separator in the header makes a column without a name; it is told."""
    found = _open(tmp_path, "pec;n;;\na@x.example;1;;\n")
    assert found.columns == ("pec", "n", "column_3", "column_4")
    assert "Column 3 has no name and is called 'column_3'." in found.guesses
    assert [row[2] for batch in found.batches() for row in batch.rows] == ["a@x.example"]


@pytest.mark.parametrize(
    "name",
    [
        *("pec", "PEC", " Pec ", "email_pec", "E-Mail PEC", "Indirizzo PEC", "indirizzo_pec", "pec_azienda"),
        *("DOMICILIO DIGITALE", "Posta certificata", "email", "E-mail", "mail", "Indirizzo e-mail"),
        "PEC (sede legale)",
    ],
)
def test_the_address_column_is_found_by_its_usual_names(tmp_path: Path, name: str) -> None:
    """In any case, with blanks and punctuation; its name is given as the file writes it, trimmed."""
    found = _open(tmp_path, f"n;{name};altro\n1;a@x.example;z\n")
    assert found.address_column == name.strip()
    assert found.guesses[-1] == f"The address is taken from column {name.strip()!r}."


def test_accents_do_not_matter_when_the_address_column_is_sought(tmp_path: Path) -> None:
    """A header typed with a stray accent is still recognised."""
    assert _open(tmp_path, "n;pèc\n1;a@x.example\n").address_column == "pèc"


def test_certified_mail_is_preferred_and_what_is_passed_over_is_told(tmp_path: Path) -> None:
    """Of several usual names the first in the documented order is taken, wherever it stands."""
    found = _open(tmp_path, "email;Domicilio digitale;PEC\na@x.example;b@x.example;c@x.example\n")
    assert found.address_column == "PEC"
    assert "passed over: 'Domicilio digitale', 'email'" in found.guesses[-1]


def test_no_address_column_is_refused_with_the_columns_seen(tmp_path: Path) -> None:
    """The error lists the columns and names the setting."""
    error = _refusal(tmp_path, "nome;capec;aspect\nx;y;z\n")
    assert "'nome', 'capec', 'aspect'" in error.what
    assert "[recipients] address_column" in error.hint


def test_several_likely_columns_are_refused(tmp_path: Path) -> None:
    """Two unusual names that both speak of certified mail: a person has to choose."""
    error = _refusal(tmp_path, "pec sede;pec filiale;n\na@x.example;b@x.example;1\n")
    assert "'pec sede', 'pec filiale'" in error.what
    assert "address_column" in error.hint


def test_the_configured_columns_are_taken_exactly(tmp_path: Path) -> None:
    """A name from the configuration matches trimmed, and nothing is guessed of it."""
    found = _open(tmp_path, "n , altro\n1,a@x.example\n", address_column="altro", key_column=" n")
    assert (found.address_column, found.key_column, found.columns) == ("altro", "n", ("n", "altro"))


@pytest.mark.parametrize(
    ("options", "missing", "near"),
    [
        ({"address_column": "pecc"}, "[recipients] address_column names 'pecc'", "'pec'"),
        ({"key_column": "Num. Pratica"}, "[recipients] key_column names", "'numero_pratica'"),
        ({"tax_code_column": "cf"}, "[recipients] tax_code_column names 'cf'", "Correct the name"),
        ({"expires_at_column": "scadenza"}, "[recipients] expires_at_column names", "Correct the name"),
        ({"required_columns": frozenset({"numero_pratca"})}, "The templates need", "'numero_pratica'"),
        ({"subject_columns": frozenset({"cittaa"})}, "The templates need 'cittaa'", "'Città'"),
        ({"subject_columns": frozenset({"citta", "CITTA"})}, "The templates need 'citta'", "'Città'"),
        ({"optional_columns": frozenset({"zzz", "pec"})}, "The templates need 'zzz'", "Correct the name"),
    ],
)
def test_a_missing_column_is_refused_with_near_misses(
    tmp_path: Path, options: dict[str, object], missing: str, near: str
) -> None:
    """What was probably meant is said; two spellings of one column in the templates are one too many."""
    error = _refusal(tmp_path, "pec;numero_pratica;Città\na@x.example;1;Roma\n", **options)
    assert missing in error.what
    assert near in error.hint


@pytest.mark.parametrize("header", ["NUMERO PRATICA", "Numero  Pratica ", "numero-pratica", "Numèro pratica"])
def test_a_header_in_any_case_with_blanks_and_accents_is_understood(tmp_path: Path, header: str) -> None:
    """A template cannot name a column with blanks: the only one that may be meant is taken, and told."""
    found = _open(
        tmp_path,
        f" Indirizzo PEC ;{header};x\na@x.example;1;2\n",
        key_column="Numero Pratica",
        address_column="indirizzo_pec",
        required_columns=frozenset({"numero_pratica"}),
    )
    assert found.columns == ("Indirizzo PEC", "numero_pratica", "x")
    assert (found.address_column, found.key_column) == ("Indirizzo PEC", "numero_pratica")
    assert f"Column {header.strip()!r} is taken for the templates' 'numero_pratica'." in found.guesses


def test_an_exact_name_is_preferred_to_a_likeness(tmp_path: Path) -> None:
    """Where two columns differ by punctuation alone, only the exact name says which is meant."""
    text = "pec;n 1;n1\na@x.example;wrong;right\n"
    assert _open(tmp_path, text, key_column="n1").key_column == "n1"
    assert "'N-1'" in _refusal(tmp_path, text, key_column="N-1").what


def test_a_hundred_columns_are_not_all_told(tmp_path: Path) -> None:
    """The error stays a paragraph however wide the list is."""
    error = _refusal(tmp_path, ";".join(f"c{n}" for n in range(100)) + "\n")
    assert "'c19' and 80 more" in error.what


def test_a_wide_list_is_read(tmp_path: Path) -> None:
    """Hundreds of columns, quoted or not."""
    names = ["pec", *(f"c{n}" for n in range(300))]
    text = ";".join(names) + "\n" + ";".join(["a@x.example", *["v"] * 300]) + "\n"
    text += ";".join(["b@x.example", *['"v;"'] * 300]) + "\n"
    batches = list(_open(tmp_path, text).batches())
    assert [row[2] for batch in batches for row in batch.rows] == ["a@x.example", "b@x.example"]


def test_a_header_alone_is_a_list_of_no_rows(tmp_path: Path) -> None:
    """It opens; that no row is valid is for the caller to judge."""
    assert list(_open(tmp_path, "pec;n\n").batches()) == []
    assert list(_open(tmp_path, "pec;n").batches()) == []


def test_the_digest_is_of_the_bytes(tmp_path: Path) -> None:
    """SHA-256 of the file as it is, byte order mark and all."""
    content = b"\xef\xbb\xbfpec;n\r\na@x.example;1\r\n"
    assert _open(tmp_path, content).digest == hashlib.sha256(content).hexdigest()


def test_addresses_and_values_are_not_in_a_repr(tmp_path: Path) -> None:
    """A log that prints a list, its rules or a batch shows no personal data."""
    found = _open(tmp_path, "pec;n\nmario@x.example;1\nrotto;2\n", own_addresses=frozenset({"io@x.example"}))
    batch = next(found.batches())
    shown = repr(found) + repr(batch) + repr(batch.set_aside) + repr(found._rules)
    assert not any(secret in shown for secret in ("mario", "rotto", "io@x"))
