"""`suppress`: addresses never to be written to, on the list and in what was loaded before."""

from __future__ import annotations

import re

import polars as pl
from support.commands import Shell, good, refused, seen

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
