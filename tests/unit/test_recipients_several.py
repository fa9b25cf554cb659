"""Several addresses in one cell, and addresses that are looked up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bulk_pec.domain.letters import joined, recipients_of
from bulk_pec.recipients import Batch, ListOptions, RecipientList, open_list


def _open(tmp_path: Path, text: str, **options: object) -> RecipientList:
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode())
    return open_list(path, ListOptions(**options))  # type: ignore[arg-type] # one helper for every option


def _several(tmp_path: Path, cell: str, **options: object) -> Batch:
    (batch,) = _open(tmp_path, f'pec|n\n"{cell}"|1\n', allow_multiple=True, **options).batches()
    return batch


@pytest.mark.parametrize(
    "cell",
    [
        *("B@x.example;a@x.example", "B@x.example, a@x.example", "B@x.example a@x.example"),
        *(
            "B@x.example\na@x.example\n",
            " B@x.example;\r\na@x.example ; b@X.example",
            ";B@x.example,,a@x.example;",
        ),
        "B@x.example\u00a0a@x.example",
    ],
)
def test_several_addresses_are_one_message(tmp_path: Path, cell: str) -> None:
    """Whatever stands between them; in order, each once; the key is all of them, whatever their order."""
    batch = _several(tmp_path, cell)
    assert batch.set_aside == []
    ((_, key, recipient, values),) = batch.rows
    assert (key, recipient) == ("a@x.example, b@x.example", "B@x.example, a@x.example")
    assert recipients_of(recipient) == ("B@x.example", "a@x.example")
    assert json.loads(values)[0] == cell


def test_one_address_is_as_without_the_setting(tmp_path: Path) -> None:
    """A separator left over at its end does no harm."""
    assert [row[1:3] for row in _several(tmp_path, "A@x.example; ").rows] == [("a@x.example", "A@x.example")]


def test_every_address_of_a_cell_is_checked(tmp_path: Path) -> None:
    """Each that is wrong is named, the sender's own too; the row is one row."""
    cell = "a@x.example; rotto; io@x.example, b@x"
    batch = _several(tmp_path, cell, own_addresses=frozenset({"IO@x.example"}))
    (row,) = batch.set_aside
    assert [problem.value for problem in row.problems] == ["rotto", "io@x.example", "b@x"]
    assert row.recipient_text == cell


@pytest.mark.parametrize("cell", ["", " ; ", ",\n"])
def test_a_cell_without_an_address_is_invalid(tmp_path: Path, cell: str) -> None:
    """Separators alone are none."""
    assert [each.what for each in _several(tmp_path, cell).set_aside[0].problems] == ["there is no address"]


def test_a_key_of_too_many_addresses_is_refused(tmp_path: Path) -> None:
    """A key stands in an index; with a key column there may be as many as one likes."""
    cell = "; ".join(f"ufficio.{n}@comune.example.it" for n in range(20))
    (problem,) = _several(tmp_path, cell).set_aside[0].problems
    assert "at most 255" in problem.what
    assert "key_column" in problem.todo
    assert len(recipients_of(_several(tmp_path, cell, key_column="n").rows[0][2])) == 20


def test_each_free_mail_address_of_a_cell_is_warned_about(tmp_path: Path) -> None:
    """By its own value."""
    batch = _several(tmp_path, "a@x.example; b@gmail.com; c@libero.it")
    assert [warning.value for warning in batch.warnings] == ["b@gmail.com", "c@libero.it"]


def test_without_the_setting_several_addresses_are_invalid_and_it_is_named(tmp_path: Path) -> None:
    """One row is one message to one address unless somebody said otherwise."""
    (batch,) = _open(tmp_path, "pec|n\na@x.example;b@x.example|1\n").batches()
    (problem,) = batch.set_aside[0].problems
    assert "several addresses" in problem.what
    assert "allow_multiple" in problem.todo


def test_splitting_takes_apart_what_joining_made() -> None:
    """So a recipient can be kept as one text."""
    addresses = ("b@x.example", "A@y.example", "c@z.example")
    assert recipients_of(joined(addresses)) == addresses
    assert recipients_of("solo@x.example") == ("solo@x.example",)
    assert recipients_of("") == ()


def test_a_row_that_lacks_its_address_can_be_judged_again(tmp_path: Path) -> None:
    """By the tax code an address is looked up; the row is judged whole, with the one that was found.

    An answer is paid for, so a row is asked about only where it would help: nothing else is wrong with it.
    """
    found = _open(
        tmp_path,
        "pec;cf;nome;scade\n;it 00743110157;x;2026-12-31\n;RCCMNL83S18D969H;x;\n"
        ";RCCMNL83S18D969X;x;\n;;x;\nrotto;00743110157;x;\n;00743110157\n"
        ";00743110157;;\n;00743110157;x;domani\n",
        tax_code_column="cf",
        expires_at_column="scade",
        required_columns=frozenset({"nome"}),
    )
    (batch,) = found.batches()
    assert [found.lacks_address(row) for row in batch.set_aside] == [
        *("00743110157", "RCCMNL83S18D969H", None, None, None, None, None, None),
    ]
    again = found.with_address(batch.set_aside[0], " Trovata@gmail.com")
    assert [row[:3] for row in again.rows] == [(1, "trovata@gmail.com", "Trovata@gmail.com")]
    assert json.loads(again.rows[0][3]) == [" Trovata@gmail.com", "it 00743110157", "x", "2026-12-31"]
    assert again.expires[0] is not None
    assert [warning.row for warning in again.warnings] == [1]
    still = found.with_address(batch.set_aside[6], "a@x.example")
    assert [problem.column for problem in still.set_aside[0].problems] == ["nome"]


def test_without_a_tax_code_column_nothing_can_be_looked_up(tmp_path: Path) -> None:
    """A column of that name alone is only a guess."""
    found = _open(tmp_path, "pec;cf\n;00743110157\n")
    (batch,) = found.batches()
    assert found.lacks_address(batch.set_aside[0]) is None


CITTA = "info@xn--citt-3na.example"


@pytest.mark.parametrize("setting", [None, "pec", "PEC "])
def test_an_address_as_key_is_compared_in_one_form(tmp_path: Path, setting: str | None) -> None:
    """Whether it is the key because nothing else was named or because its own column was."""
    cells = ["Mario@X.example", "info@Città.example", "INFO@CITTA\u0300.example", CITTA]
    found = _open(tmp_path, "\n".join(["pec;n", *(f" {cell} ;1" for cell in cells), ""]), key_column=setting)
    (batch,) = found.batches()
    assert [row[1] for row in batch.rows] == ["mario@x.example", CITTA, CITTA, CITTA]
    assert [row[2] for row in batch.rows] == cells
    assert found.key_column is None


@pytest.mark.parametrize("own", ["Mittente@Città.example", f"MITTENTE@{CITTA.partition('@')[2]}"])
def test_the_sender_is_known_in_every_form(tmp_path: Path, own: str) -> None:
    """A row that names the sending mailbox is invalid, however either is spelled."""
    text = "pec;n\nmittente@citta\u0300.example;1\nmittente@xn--citt-3na.example;2\naltri@x.example;3\n"
    (batch,) = _open(tmp_path, text, own_addresses=frozenset({own})).batches()
    assert [row[0] for row in batch.rows] == [3]
    assert {problem.what for row in batch.set_aside for problem in row.problems} == {
        "this is a sending address"
    }
