"""`export`: one row for every input row, in input order, in four forms."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.commands import ADDRESS, Shell, refused

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

COLUMNS = [
    *("row", "key", "recipient", "reference", "state", "attempts", "message_id", "mailbox", "sent_at"),
    *("delivery", "accepted_at", "delivered_at", "reason"),
]
LIST = (
    "numero,pec,denominazione,reason,state,state_input\n"
    "001,info@uno.example,=2+5,perché,A,x\n"
    "001,info@uno.example,Due,perché,B,x\n"
    '003,senza-arroba,"Tre; ""S.r.l.""",perché,C,x\n'
    "004,mancata@quattro.example,@quattro,+39 06,D,-1\n"
    '005,rifiutata@cinque.example,"Cinque\na capo",perché,E,x\n'
    "006,info@sei.example,Società Sei,'già,F,x\n"
)
UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A run of which one row is invalid, one a duplicate, one undelivered and one rejected."""
    with background(SandboxOptions(accepted_after=0, delivered_after=0)) as provider:
        shell = Shell.settled(tmp_path_factory.mktemp("export") / "home", provider.url)
        (shell.home / "lista.csv").write_text(LIST, encoding="utf-8")
        shell.edit("[recipients]", "[recipients]\nmax_invalid_share = 0.5")
        answer = shell.call("run", "lista.csv", "--yes", "--json")
        assert answer.exit == (3, "attention"), answer
    return shell


def export(shell: Shell, name: str, *options: str) -> Path:
    """Export to a file; the answer says how many rows went where."""
    answer = shell.call("export", "lista", "-o", name, *options, "--json")
    assert answer.exit == (0, "complete"), answer
    assert (answer.document["run"], answer.document["rows"]) == ("lista", 6)
    return shell.home / name


def read_csv(path: Path, *, encoding: str = "utf-8", separator: str = ",") -> list[dict[str, str]]:
    """A CSV export as dictionaries."""
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file, delimiter=separator))


def test_json_lines_hold_every_input_row(shell: Shell) -> None:
    """The documented columns, then the input's own; every row in input order, whatever became of it."""
    lines = export(shell, "out.jsonl").read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    own = ["numero", "pec", "denominazione", "reason_input", "state_input", "state_input_input"]
    assert all(list(row) == [*COLUMNS, *own] for row in rows)
    assert [row["row"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["numero"] for row in rows] == ["001", "001", "003", "004", "005", "006"]
    assert [row["state"] for row in rows] == ["sent", "duplicate", "invalid", "sent", "rejected", "sent"]
    assert [row["delivery"] for row in rows] == ["delivered", None, None, "undelivered", None, "delivered"]
    assert [row["state_input"] for row in rows] == list("ABCDEF")
    assert [row["attempts"] for row in rows] == [1, 0, 0, 1, 1, 1]
    first, duplicate, invalid, undelivered, rejected, _ = rows
    assert (first["key"], first["recipient"], first["mailbox"]) == ("001", "info@uno.example", ADDRESS)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{13}", first["reference"])
    assert re.fullmatch(r"\d{15,16}", first["message_id"])
    for name in ("sent_at", "accepted_at", "delivered_at"):
        assert UTC.fullmatch(first[name]), name
    assert first["denominazione"] == "=2+5"
    assert rejected["denominazione"] == "Cinque\na capo"
    for row in (duplicate, invalid, undelivered, rejected):
        assert row["reason"], row
        assert row["delivered_at"] is None
    assert invalid["recipient"] == invalid["pec"] == "senza-arroba"
    assert "HTTP 400" in rejected["reason"]
    assert (rejected["message_id"], rejected["sent_at"]) == (None, None)


def test_csv_and_parquet_say_the_same(shell: Shell) -> None:
    """The same rows and values in each form; in CSV what is not there is empty, and nothing is defused."""
    lines = export(shell, "out2.jsonl").read_text(encoding="utf-8").splitlines()
    expected = [json.loads(line) for line in lines]
    assert pl.read_parquet(export(shell, "out.parquet")).to_dicts() == expected
    texts = [{name: "" if value is None else str(value) for name, value in row.items()} for row in expected]
    assert read_csv(export(shell, "out.csv")) == texts
    assert not (shell.home / "out.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    left = [path.name for path in shell.home.iterdir() if path.name.startswith(".") or ".part" in path.name]
    assert left == [], "unfinished files must not stay behind"


def test_csv_for_italian_excel(shell: Shell) -> None:
    """`--excel`: a byte order mark, semicolons, and cells that Excel would reckon with made plain text."""
    path = export(shell, "excel.csv", "--excel")
    assert path.read_bytes().startswith(b"\xef\xbb\xbfrow;key;recipient;")
    rows = read_csv(path, encoding="utf-8-sig", separator=";")
    assert [row["row"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    names = ["'=2+5", "Due", 'Tre; "S.r.l."', "'@quattro", "Cinque\na capo", "Società Sei"]
    assert [row["denominazione"] for row in rows] == names
    assert (rows[3]["reason_input"], rows[3]["state_input_input"]) == ("'+39 06", "'-1")
    assert rows[5]["reason_input"] == "'già"
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_export_that_cannot_be_written(shell: Shell) -> None:
    """An ending that names no form is 2, a folder that is not there 74; no file comes of it, none is lost."""
    kept = export(shell, "kept.csv").read_bytes()
    before = sorted(path.name for path in shell.home.iterdir())
    for target, expected in (("out.xlsx", (2, "usage")), ("nowhere/out.csv", (74, "io"))):
        answer = shell.call("export", "lista", "-o", target, "--json")
        assert answer.exit == expected, answer
        assert target in answer.stderr
        assert "Traceback" not in answer.stderr
    assert sorted(path.name for path in shell.home.iterdir()) == before
    assert (shell.home / "kept.csv").read_bytes() == kept


def test_export_never_goes_over_what_the_run_lives_on(shell: Shell) -> None:
    """Its list, wherever it lies, the ledger and its companions, by whatever link: 2, and all is as it was.

    An older export is replaced.
    """
    (shell.home / "copia.csv").write_text(LIST, encoding="utf-8")
    (shell.home / "legame.jsonl").symlink_to("ledger.db")
    (shell.home / "stesso.jsonl").hardlink_to(shell.home / "ledger.db")
    names = ("lista.csv", "copia.csv", "ledger.db", "legame.jsonl", "stesso.jsonl", "ledger.db-wal")
    before = shell.ledger_content()
    for name in names:
        words = ["list the run was loaded from" if name in {"lista.csv", "copia.csv"} else "ledger", name]
        refused(shell, "export", "lista", "-o", name, ends=(2, "usage"), words=words)
    assert (shell.home / "lista.csv").read_text(encoding="utf-8") == LIST
    assert shell.ledger_content() == before
    first = export(shell, "due-volte.jsonl").read_bytes()
    assert export(shell, "due-volte.jsonl").read_bytes() == first
    for name in ("legame.jsonl", "stesso.jsonl"):
        (shell.home / name).unlink()
