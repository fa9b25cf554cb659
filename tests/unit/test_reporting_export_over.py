"""An export replaces an export, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from bulk_pec.domain.errors import UsageError
from bulk_pec.ledger.proof.views import RowView
from bulk_pec.reporting.export import COLUMNS, write
from bulk_pec.reporting.replacing import refuse_foreign

ROW = RowView(
    1, "007", "a@b.example", None, "pending", 0, None, None, None, None, None, None, None, '["007"]'
)
FORMS = [".csv", ".jsonl", ".parquet"]
ENTRY = '"row":1,"key":null,"recipient":null'


def _rows() -> Iterator[RowView]:
    return iter([ROW])


def _over(path: Path) -> None:
    refuse_foreign(path)


@pytest.mark.parametrize("ending", FORMS)
@pytest.mark.parametrize("excel", [False, True])
def test_an_export_is_replaced(tmp_path: Path, ending: str, excel: bool) -> None:
    """Of whatever form and run, and also through a link."""
    path = tmp_path / f"out{ending}"
    for _ in range(2):
        _over(path)
        assert write(path, ("numero",), _rows(), excel=excel) == 1
    link = tmp_path / f"link{ending}"
    link.symlink_to(path)
    _over(link)


@pytest.mark.parametrize("ending", FORMS)
def test_an_empty_file_is_replaced(tmp_path: Path, ending: str) -> None:
    """Nothing is lost with it; nor with a link to nowhere."""
    path = tmp_path / f"out{ending}"
    path.touch()
    _over(path)
    path.unlink()
    path.symlink_to("nowhere")
    _over(path)


@pytest.mark.parametrize("ending", FORMS)
@pytest.mark.parametrize(
    "content",
    [
        "numero,pec\n1,a@b.example\n",
        "row,key,recipient,pec\n1,2,a@b.example,x\n",
        f"{','.join(COLUMNS)}_mine,pec\n",
        f"{{{ENTRY}}}\n",
        f"{{{ENTRY}",
        f"[{','.join(map(str, range(len(COLUMNS))))}]\n",
        "[" * 5_000,
        "PAR1 and no more",
        "\0" * 300,
        "\ufeff",
    ],
)
def test_anything_else_is_left(tmp_path: Path, content: str, ending: str) -> None:
    """A list of next month, notes, a broken file: refused (2), and nothing of it is changed."""
    path = tmp_path / f"out{ending}"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match="no export") as refused:
        _over(path)
    assert "Name another file" in refused.value.hint
    assert path.read_text(encoding="utf-8") == content


def test_a_parquet_list_is_left(tmp_path: Path) -> None:
    """It is known by its columns, as the other forms are."""
    path = tmp_path / "lista.parquet"
    pl.DataFrame({"numero": ["1"], "pec": ["a@b.example"]}).write_parquet(path)
    with pytest.raises(UsageError, match="no export"):
        _over(path)


def test_what_is_no_plain_file_is_left(tmp_path: Path) -> None:
    """A folder, a pipe: refused, and not waited for."""
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for name, words in (("folder.csv", "is a folder"), ("pipe.csv", "no plain file")):
        with pytest.raises(UsageError, match=words):
            _over(tmp_path / name)


@pytest.mark.parametrize("ending", FORMS)
@pytest.mark.parametrize("letter", ["n", "è", "\U0001f4e7"])
def test_a_name_as_long_as_it_may_be(tmp_path: Path, ending: str, letter: str) -> None:
    """An export is written under every name that a file may have (255 bytes); nothing unfinished stays."""
    path = tmp_path / (letter * ((255 - len(ending)) // len(letter.encode())) + ending)
    _over(path)
    assert write(path, ("numero",), _rows(), excel=False) == 1
    assert list(tmp_path.iterdir()) == [path]
