"""`suppress`: addresses never to be written to, on the list and in what was loaded before."""

from __future__ import annotations

import re

import polars as pl
from support.commands import Shell, good, refused, seen
from typer.core import TyperGroup
from typer.main import get_command

from bulk_pec.cli.main import app

RUN = ("run", "avvisi.csv", "--yes", "--json")


def suppressions(shell: Shell) -> dict[str, str]:
    """Reasons by address, as `suppress list --json` tells them; each with the day it was added."""
    answer = shell.call("suppress", "list", "--json")
    assert answer.exit == (0, "complete"), answer
    rows = answer.document["suppressions"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["added_at"]) for row in rows)
    assert [row["address"] for row in rows] == sorted(row["address"] for row in rows)
    return {row["address"]: row["reason"] for row in rows}


def test_addresses_come_and_go(shell: Shell) -> None:
    """Compared without case; one that is there keeps its reason; with one that is none, nothing is added."""
    added = shell.call("suppress", "add", "A@pec.example", " a@PEC.example", "b@pec.example", "--json")
    assert (added.exit, added.document["added"], added.document["known"]) == ((0, "complete"), 2, 0)
    again = shell.call("suppress", "add", "a@pec.example", "c@pec.example", "--reason", "revoca", "--json")
    assert (again.document["added"], again.document["known"]) == (1, 1)
    assert suppressions(shell) == {"a@pec.example": "", "b@pec.example": "", "c@pec.example": "revoca"}
    wrong = ("suppress", "add", "d@pec.example", "nessuno")
    refused(shell, *wrong, ends=(2, "usage"), words=["'nessuno'", "Nothing was added"])

    gone = shell.call("suppress", "remove", "C@pec.example", "z@pec.example", "--json")
    assert gone.exit == (0, "complete"), gone
    assert (gone.document["removed"], gone.document["unknown"]) == (1, 1)
    told = shell.call("suppress", "list")
    assert re.fullmatch(r"(?:[ab]@pec\.example\t\d{4}-\d\d-\d\d\t\n){2}", told.stdout), told


def test_a_list_of_them_is_imported(shell: Shell) -> None:
    """CSV and Parquet, each address once; 3 where rows hold none, and they are named."""
    csv = "Indirizzo PEC;motivo\na@pec.example;x\nA@PEC.example;x\nnessuno;x\nb@pec.example;x\n"
    (shell.home / "no.csv").write_text(csv, encoding="utf-8")
    answer = shell.call("suppress", "import", "no.csv", "--reason", "opposizione", "--json")
    assert answer.exit == (3, "attention"), answer
    document = {name: answer.document[name] for name in ("rows", "added", "invalid")}
    assert document == {"rows": 4, "added": 2, "invalid": 1}
    assert "row 3" in answer.stderr
    table = {"altro": ["c@pec.example", "a@pec.example"], "pec": ["x@pec.example", "y@pec.example"]}
    pl.DataFrame(table).write_parquet(shell.home / "no.parquet")
    good_one = shell.call("suppress", "import", "no.parquet", "--column", "altro", "--json")
    assert (good_one.exit, good_one.document["added"]) == ((0, "complete"), 1)
    assert suppressions(shell) == {
        **dict.fromkeys(("a@pec.example", "b@pec.example"), "opposizione"),
        "c@pec.example": "imported",
    }
    refused(shell, "suppress", "import", "altro.csv", ends=(65, "data"), words=["There is no list"])
    column = ("suppress", "import", "no.csv", "--column", "posta")
    refused(shell, *column, ends=(65, "data"), words=["no.csv", "'posta'"])


TWO_COLUMNS = 'pec;altra\nx@pec.example;"a@pec.example, b@pec.example"\nx@pec.example;ò\n'


def test_a_list_is_read_as_the_configuration_says(shell: Shell) -> None:
    """Column, encoding, separator and several addresses in a cell; the run's other columns are not asked for.

    `--column` goes before the configuration, and a configured column that the list lacks is found instead.
    """
    settings = {"ADDRESS_COLUMN": "altra", "ENCODING": "cp1252", "SEPARATOR": ";", "ALLOW_MULTIPLE": "true"}
    shell.environ |= {f"BULK_PEC_RECIPIENTS__{name}": value for name, value in settings.items()}
    (shell.home / "no.csv").write_text(TWO_COLUMNS, encoding="cp1252")
    answer = shell.call("suppress", "import", "no.csv", "--json")
    assert (answer.exit, answer.document["added"]) == ((3, "attention"), 2), answer
    assert list(suppressions(shell)) == ["a@pec.example", "b@pec.example"]
    chosen = shell.call("suppress", "import", "no.csv", "--column", "pec", "--json")
    assert (chosen.exit, chosen.document["added"]) == ((0, "complete"), 1)
    (shell.home / "altre.csv").write_text("PEC\nc@pec.example\n", encoding="utf-8")
    found = shell.call("suppress", "import", "altre.csv", "--json")
    assert (found.exit, found.document["added"]) == ((0, "complete"), 1), found
    assert "The address is taken from column 'PEC'." in found.stderr


def test_a_column_that_is_not_found_is_named_with_an_option(shell: Shell) -> None:
    """Where none or several may be it, and where `--column` names none: 65, and never what is set already."""
    shell.environ["BULK_PEC_RECIPIENTS__ADDRESS_COLUMN"] = "altra"
    for header, chosen, words in (
        ("nome,tel", (), ["no column that looks like an address", "Name it with --column '…', or in the"]),
        ("pec sede,pec filiale", (), ["Choose one with --column 'pec sede', or in the configuration"]),
        ("pec,nome", ("--column", "posta"), ["--column names 'posta', which the list no.csv does not have"]),
    ):
        (shell.home / "no.csv").write_text(f"{header}\na@pec.example,b@pec.example\n", encoding="utf-8")
        refused(shell, "suppress", "import", "no.csv", *chosen, ends=(65, "data"), words=words)


def test_a_file_that_cannot_be_read_is_refused_by_reading_it() -> None:
    """Not by the command line's parser, which knows no JSON: its refusal would be 2, without an `error`.

    Root may read any file, so what is asked is what the parser was told.
    """
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    suppress = group.commands["suppress"]
    assert isinstance(suppress, TyperGroup)
    (file,) = (one for one in suppress.commands["import"].params if one.name == "file")
    assert vars(file)["type_descriptor"].parameter_info.readable is False


def test_figures_agree_with_their_words(shell: Shell) -> None:
    """One address was, one row has; and after the first ten rows left out the others are counted."""
    assert shell.call("suppress", "add", "a@pec.example", "b@pec.example").stdout == (
        "2 added, 0 were there already.\n"
    )
    assert shell.call("suppress", "add", "a@pec.example").stdout == "0 added, 1 was there already.\n"
    removed = shell.call("suppress", "remove", "z@pec.example").stdout
    assert removed.startswith("0 removed. 1 was not on the list; ")
    (shell.home / "no.csv").write_text("pec\nrotta\nc@pec.example\n", encoding="utf-8")
    one = shell.call("suppress", "import", "no.csv")
    assert one.stdout == "1 added of 2 rows; 1 has no valid address.\n"
    (shell.home / "no.csv").write_text("pec\n" + "rotta\n" * 12, encoding="utf-8")
    many = shell.call("suppress", "import", "no.csv")
    assert many.stdout == "0 added of 12 rows; 12 have no valid address.\n"
    assert many.stderr.count("Left out, row ") == 10
    assert many.stderr.endswith("Left out, and 2 more rows.\n")


def test_they_are_never_written_to(shell: Shell, provider: str) -> None:
    """At load their rows are set aside; what was loaded before is cancelled when its turn comes.

    Neither is a reason to call a person: 0. Allowed again, nothing cancelled comes back by itself.
    """
    shell.write_list("avvisi.csv", good(4))
    assert shell.call("suppress", "add", "INFO@ditta-2.example", "--reason", "revoca").code == 0
    loaded = shell.call("load", "avvisi.csv", "--json")
    assert loaded.exit == (0, "complete"), loaded
    assert (loaded.document["rows"]["messages"], loaded.document["rows"]["suppressed"]) == (3, 1)
    assert shell.call("suppress", "add", "info@ditta-3.example").code == 0
    sent = shell.call(*RUN)
    assert sent.exit == (0, "complete"), sent
    assert (sent.document["messages"]["sent"], sent.document["messages"]["cancelled"]) == (2, 1)
    assert shell.call("suppress", "remove", "info@ditta-2.example", "info@ditta-3.example").code == 0
    again = shell.call(*RUN)
    assert (again.exit, again.document["messages"]) == ((0, "complete"), sent.document["messages"])
    assert seen(provider)["posts"] == 2
    assert shell.call("export", "avvisi", "-o", "x.csv").code == 0
    rows = pl.read_csv(shell.home / "x.csv").select("row", "state", "reason").rows()
    assert rows[1:3] == [(2, "suppressed", "suppressed: revoca"), (3, "cancelled", "address suppressed")]
