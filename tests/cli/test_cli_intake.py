"""Lists as they come, through the real command: look-ups, several addresses, expiry, what comes twice."""

from __future__ import annotations

import csv
from typing import Any

import pytest
from support.commands import Shell, asked, check_status, good, refused, seen

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

FOUND, UNKNOWN, WRONG = "79535389997", "79402849990", "79402849991"
LIST = f"""\
numero;pec;denominazione;codice_fiscale;scadenza
001;;Uno;{FOUND};
002;;Due;{UNKNOWN};
003;a@tre.example, b@quattro.example;Tre;;31/12/2199
004;info@quattro.example;Quattro;{WRONG};
005;info@senza-pec.example;Cinque;;
006;info@sei.example;Sei;;2020-01-31
001;info@sette.example;Sette;;
007;info@otto.example;Otto;;domani
"""
INTAKE = {
    "TAX_CODE_COLUMN": "codice_fiscale",
    "EXPIRES_AT_COLUMN": "scadenza",
    "LOOKUP": "true",
    "CHECK_DOMAINS": "true",
    "ALLOW_MULTIPLE": "true",
    "ON_DUPLICATE": "keep",
    "MAX_INVALID_SHARE": "1",
}


def exported(shell: Shell, run: str) -> list[dict[str, str]]:
    """Every row of a run's export."""
    assert shell.call("export", run, "-o", "results.csv").code == 0
    with (shell.home / "results.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sends(provider: str) -> list[dict[str, Any]]:
    """Every POST that the sandbox saw, in order."""
    posts: list[dict[str, Any]] = asked(provider, "GET", "/_sandbox/sends")["sends"]
    return posts


def test_every_setting_of_the_intake_at_work(shell: Shell, provider: str) -> None:
    """Addresses looked up and domains asked about once, several addresses in one message, expiry, `#2`.

    The export has every row in the order of the list, with what became of it.
    """
    shell.environ |= {f"BULK_PEC_RECIPIENTS__{name}": value for name, value in INTAKE.items()}
    services = ("BULK_PEC_API__COMPANY_URL", "BULK_PEC_API__REGISTRY_URL")
    shell.environ |= dict.fromkeys(services, provider)
    (shell.home / "avvisi.csv").write_text(LIST, encoding="utf-8")
    answer = shell.call("run", "avvisi.csv", "--yes", "--json")
    assert answer.exit == (3, "attention"), answer
    check_status(answer.document)
    assert answer.document["rows"] == {
        "input": 8,
        "messages": 4,
        "invalid": 4,
        "duplicate": 0,
        "suppressed": 0,
    }
    assert answer.document["delivery"]["delivered"] == 3
    rows = exported(shell, "avvisi")
    looked_up = f"info@ditta-{FOUND}.pec.example"
    assert [(row["row"], row["key"], row["recipient"], row["state"]) for row in rows] == [
        ("1", "001", looked_up, "sent"),
        ("2", "002", "", "invalid"),
        ("3", "003", "a@tre.example, b@quattro.example", "sent"),
        ("4", "004", "info@quattro.example", "invalid"),
        ("5", "005", "info@senza-pec.example", "invalid"),
        ("6", "006", "info@sei.example", "cancelled"),
        ("7", "001#2", "info@sette.example", "sent"),
        ("8", "007", "info@otto.example", "invalid"),
    ]
    why = {int(row["row"]): row["reason"] for row in rows}
    words = {1: "looked up", 4: "codice_fiscale", 5: "senza-pec.example", 6: "expired", 8: "scadenza"}
    assert [row for row, word in words.items() if word not in why[row]] == [], why
    recipients = [post["recipients"] for post in sends(provider)]
    assert recipients == [[looked_up], ["a@tre.example", "b@quattro.example"], ["info@sette.example"]]
    questions = asked(provider, "GET", "/_sandbox/enquiries")["asked"]
    assert set(questions.values()) == {1}
    assert {name for name in questions if name.startswith("company")} == {
        f"company {FOUND}",
        f"company {UNKNOWN}",
    }

    shell.environ["BULK_PEC_RECIPIENTS__ON_REPEAT"] = "warn"
    (shell.home / "altra.csv").write_text(LIST, encoding="utf-8")
    again = shell.call("load", "altra.csv", "--json")
    assert (again.code, again.document["rows"]) == (3, answer.document["rows"]), again
    # What was answered is never asked again.
    assert asked(provider, "GET", "/_sandbox/enquiries")["asked"] == questions


def test_a_service_that_refuses_us_loads_nothing(shell: Shell) -> None:
    """77, before anything is loaded: a missing address must not become an invalid row by mistake."""
    shell.environ |= {f"BULK_PEC_RECIPIENTS__{name}": value for name, value in INTAKE.items()}
    (shell.home / "avvisi.csv").write_text(LIST, encoding="utf-8")
    assert shell.call("ledger", "upgrade").code == 0
    with background(SandboxOptions(tokens=("another",))) as service:
        shell.environ["BULK_PEC_API__COMPANY_URL"] = service.url
        refused(shell, "run", "avvisi.csv", "--yes", ends=(77, "credentials"), words=["401", "token"])


@pytest.mark.parametrize("form", ["fail", "skip", "warn"])
def test_what_an_earlier_run_has_said_already(loaded: Shell, form: str) -> None:
    """The same list under another name: refused, left out or loaded again, as `on_repeat` says.

    A row that says something else is no repeat; and what is left out is no duplicate of the list itself.
    """
    loaded.environ["BULK_PEC_RECIPIENTS__ON_REPEAT"] = form
    loaded.environ["BULK_PEC_RECIPIENTS__ON_DUPLICATE"] = "fail"
    loaded.write_list("seconda.csv", [*good(2), "altro@pec.example", "info@ditta-4.example"])
    if form == "fail":
        words = ["2 messages are in an earlier run", "row 1 of run 'prima'", "on_repeat to skip"]
        refused(loaded, "load", "seconda.csv", ends=(65, "data"), words=words)
        return
    answer = loaded.call("load", "seconda.csv", "--json")
    assert answer.exit == (0, "complete"), answer
    assert f"{'left out' if form == 'skip' else 'sent again'}." in answer.stderr
    rows = answer.document["rows"]
    assert (rows["messages"], rows["duplicate"]) == ((2, 2) if form == "skip" else (4, 0))
    if form == "skip":
        first, second, *others = exported(loaded, "seconda")
        assert {row["state"] for row in others} == {"pending"}
        assert (first["state"], second["state"]) == ("duplicate", "duplicate")
        assert first["reason"] == "said already in run prima"


def test_doubtful_rows_are_sent_and_told(shell: Shell, provider: str) -> None:
    """Free mail and a code that Excel has damaged are warnings: how many is said, and who lists them."""
    rows = ["numero,pec,denominazione,cap", "001,info@gmail.com,Uno,184", "002,info@due.example,Due,00184"]
    (shell.home / "avvisi.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")
    answer = shell.call("run", "avvisi.csv", "--yes", "--json")
    assert answer.document["messages"]["sent"] == 2
    assert "Warnings: 2; `bulk-pec plan LIST --problems FILE` lists them all by row." in answer.stderr
    assert seen(provider)["posts"] == 2
