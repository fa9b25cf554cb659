"""Export: one record for every row, in three forms, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from bulk_pec.domain.errors import LedgerError, UsageError
from bulk_pec.ledger.proof.views import RowView
from bulk_pec.reporting.export import COLUMNS, header, record, write

AT = 1_800_000_000_000
PROMISED = ["row", "key", "recipient", "reference", "state", "attempts", "message_id", "mailbox", "sent_at"]
PROMISED += ["delivery", "accepted_at", "delivered_at", "reason"]
SENT = RowView(
    row=1,
    key="007",
    recipient="mario@example.org",
    reference="0000000000000",
    state="sent",
    attempts=2,
    message_id="2020082610003492",
    mailbox="ufficio@example.com",
    sent_at=AT,
    delivery="delivered",
    accepted_at=AT + 2_000,
    delivered_at=AT + 9_999,
    reason=None,
    fields='["mario@example.org","Però, \\"Mario\\"","=1+1"]',
)
INVALID = RowView(
    2, None, "nobody", None, "invalid", 0, None, None, None, None, None, None, "not an address", '["nobody"]'
)
INPUTS = ("pec", "nome", "key")
FORMS = [".csv", ".jsonl", ".parquet"]


def _write(path: Path, *views: RowView, excel: bool = False) -> int:
    return write(path, INPUTS, iter(views), excel=excel)


def _read(path: Path) -> list[dict[str, Any]]:
    """An export as any reader would read it; empty cells of CSV are None."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path).to_dicts()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    return [{name: value or None for name, value in row.items()} for row in rows]


class TestHeader:
    """The names of the columns."""

    def test_ours_come_first(self) -> None:
        """In the promised order, then the input's own."""
        assert list(COLUMNS) == PROMISED
        assert header(("pec", "nome")) == [*PROMISED, "pec", "nome"]

    def test_a_name_that_is_taken(self) -> None:
        """It gets `_input`, as often as it takes."""
        assert header(("row", "state", "row_input"))[13:] == ["row_input", "state_input", "row_input_input"]

    def test_no_two_are_alike(self) -> None:
        """Whatever the input's columns are called."""
        names = header(("row_input", "row", "key", "key", ""))
        assert len(set(names)) == len(names)


class TestRecord:
    """One row."""

    def test_times_are_utc(self) -> None:
        """ISO 8601, or nothing."""
        values = dict(zip(header(INPUTS), record(SENT, 3), strict=True))
        assert values["sent_at"] == "2027-01-15T08:00:00Z"
        assert values["delivered_at"] == "2027-01-15T08:00:09Z"
        assert record(replace(SENT, sent_at=None), 3)[COLUMNS.index("sent_at")] is None
        assert record(replace(SENT, sent_at=0), 3)[COLUMNS.index("sent_at")] == "1970-01-01T00:00:00Z"

    def test_a_ragged_row_is_made_straight(self) -> None:
        """Missing cells are nothing, cells beyond the header are left out."""
        assert record(INVALID, 3)[13:] == ["nobody", None, None]
        assert record(replace(SENT, fields='["a","b","c","d"]'), 3)[13:] == ["a", "b", "c"]


@pytest.mark.parametrize("form", FORMS)
class TestForms:
    """What each form holds."""

    def test_every_row_is_there(self, tmp_path: Path, form: str) -> None:
        """In input order, those set aside too; texts come back as they were."""
        path = tmp_path / f"r{form}"
        assert _write(path, SENT, INVALID) == 2
        first, second = _read(path)
        assert list(first) == header(INPUTS)
        assert (str(first["row"]), first["key"], first["message_id"]) == ("1", "007", "2020082610003492")
        assert (first["nome"], first["key_input"]) == ('Però, "Mario"', "=1+1")
        assert (second["state"], second["key"], second["reason"]) == ("invalid", None, "not an address")

    def test_no_row_at_all(self, tmp_path: Path, form: str) -> None:
        """An export of nothing is a file all the same."""
        path = tmp_path / f"r{form}"
        assert _write(path) == 0
        assert _read(path) == []

    def test_an_ending_in_capitals(self, tmp_path: Path, form: str) -> None:
        """The ending tells the form in any case."""
        assert _write(tmp_path / f"r{form.upper()}", SENT) == 1

    def test_a_failure_leaves_nothing(self, tmp_path: Path, form: str) -> None:
        """Rows that cannot be read to the end: no file, no part of one, and the error comes out."""

        def views() -> Iterator[RowView]:
            yield SENT
            raise LedgerError("The ledger failed.", hint="Mend it.")

        with pytest.raises(LedgerError, match="The ledger failed"):
            write(tmp_path / f"r{form}", INPUTS, views(), excel=False)
        assert list(tmp_path.iterdir()) == []

    def test_a_failure_leaves_the_old_file(self, tmp_path: Path, form: str) -> None:
        """What was exported before stays until the new one is whole."""
        path = tmp_path / f"r{form}"
        _write(path, SENT)
        before = path.read_bytes()

        def views() -> Iterator[RowView]:
            yield INVALID
            raise LedgerError("The ledger failed.", hint="Mend it.")

        with pytest.raises(LedgerError):
            write(path, INPUTS, views(), excel=False)
        assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, [path])

    def test_a_folder_that_is_not_there(self, tmp_path: Path, form: str) -> None:
        """74, naming the file."""
        with pytest.raises(LedgerError, match="cannot be written") as failed:
            _write(tmp_path / "nowhere" / f"r{form}", SENT)
        assert failed.value.exit.code == 74


@pytest.mark.parametrize("name", ["r.xlsx", "r", "r.csv.gz"])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    """2, before anything is written."""
    with pytest.raises(UsageError, match="cannot be told"):
        _write(tmp_path / name, SENT)
    assert list(tmp_path.iterdir()) == []


class TestExcel:
    """CSV as an Italian Excel opens it."""

    def _cells(self, path: Path, *cells: str) -> list[str]:
        _write(path, replace(SENT, fields=json.dumps(cells)), excel=True)
        rows = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig")), delimiter=";"))
        return rows[1][13:]

    def test_its_bytes(self, tmp_path: Path) -> None:
        """A byte order mark, semicolons, CRLF."""
        _write(tmp_path / "r.csv", SENT, INVALID, excel=True)
        data = (tmp_path / "r.csv").read_bytes()
        assert data.startswith(b"\xef\xbb\xbfrow;key;recipient;")
        assert data.count(b"\r\n") == data.count(b"\n") == 3

    def test_formulas_are_defused(self, tmp_path: Path) -> None:
        """A text that Excel would evaluate gets an apostrophe; others do not."""
        formulas = ("=1+1", "+39 06", "-1", "@SUM(A1)", "\tx")
        for start in range(0, 5, 3):
            some = formulas[start : start + 3]
            assert self._cells(tmp_path / "r.csv", *some)[: len(some)] == [f"'{cell}" for cell in some]
        assert self._cells(tmp_path / "r.csv", "a=b", "1-1", "") == ["a=b", "1-1", ""]

    def test_a_column_s_name_is_defused_too(self, tmp_path: Path) -> None:
        """The header is cells like any other."""
        write(tmp_path / "r.csv", ("=1+1",), iter([SENT]), excel=True)
        assert b";reason;'=1+1\r\n" in (tmp_path / "r.csv").read_bytes()

    def test_numbers_of_ours_stay_numbers(self, tmp_path: Path) -> None:
        """Row and attempts are no text."""
        _write(tmp_path / "r.csv", SENT, excel=True)
        assert b"\r\n1;007;" in (tmp_path / "r.csv").read_bytes()

    def test_plain_csv_is_left_alone(self, tmp_path: Path) -> None:
        """Without `excel` a program reads it: every text as it is."""
        _write(tmp_path / "r.csv", SENT)
        assert b",=1+1\n" in (tmp_path / "r.csv").read_bytes()
