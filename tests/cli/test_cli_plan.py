"""`plan`: the whole list and every letter checked, and the run foretold; nothing written, nobody called."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import polars as pl
import pytest
from support.commands import Shell, good, refused, seen
from support.papers import PDF, put

CLOSED = "http://127.0.0.1:9"
ROWS = [
    ("001", "info@uno.example", "Prima Ditta S.r.l."),
    ("002", "info@due.example", "Due"),  # its file is not there
    ("003", "senza-arroba", "Tre"),
    ("001", "info@quattro.example", "Quattro"),  # the first one's key
    ("005", "Soppressa@cinque.example", "Cinque"),
    ("006", "qualcuno@gmail.com", "Sei"),
    ("007", "info@sette.example", ""),  # an empty merge field
    ("008", "soppressa@cinque.example", "Otto"),  # suppressed, and its file is not there
]
WITHOUT_A_FILE = ("002", "008")


@pytest.fixture(scope="module")
def office_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a list of every trouble, letters with a file each, and one suppressed address."""
    shell = Shell.settled(tmp_path_factory.mktemp("office") / "home", CLOSED)
    shell.edit("[message]", '[message]\nattachments = ["carte/{{ numero }}.pdf"]')
    for number in {row[0] for row in ROWS} - set(WITHOUT_A_FILE):
        put(shell.home, f"carte/{number}.pdf", PDF + number.encode())
    write(shell.home / "avvisi.csv", ROWS)
    assert shell.call("suppress", "add", "soppressa@cinque.example").code == 0
    return shell.home


@pytest.fixture
def office(office_home: Path, tmp_path: Path) -> Shell:
    """The command in a copy of that folder, without a secret."""
    shutil.copytree(office_home, tmp_path / "home")
    return Shell(tmp_path / "home")


def write(path: Path, rows: list[tuple[str, str, str]], separator: str = ";") -> None:
    """A list as an Italian office keeps it."""
    lines = [separator.join(row) for row in [("numero", "pec", "denominazione"), *rows]]
    path.write_bytes("\r\n".join([*lines, ""]).encode("cp1252"))


def test_every_row_is_a_message_or_a_named_problem(office: Shell) -> None:
    """3; the sums hold, each problem has row, column, value and what to do, in the order of the file.

    Without a secret, with a provider that is not there; neither the ledger nor the folder is touched.
    """
    before, files = office.ledger_content(), set(office.home.rglob("*.*"))
    answer = office.call("plan", "avvisi.csv", "--json")
    assert answer.exit == (3, "attention"), answer
    document = answer.document
    assert (document["schema"], document["list"]) == (1, "avvisi.csv")
    assert document["rows"] == {
        "input": 8,
        "messages": 2,
        "invalid": 4,
        "duplicate": 1,
        "suppressed": 1,
        "to_look_up": 0,
        "looked_up": 0,
    }
    assert document["set_aside"] == [
        {"row": 4, "kind": "duplicate", "what": "same key as row 1"},
        {"row": 5, "kind": "suppressed", "what": "suppressed"},
    ]
    assert document["set_aside_total"] == 2
    told = [(problem["row"], problem["column"], problem["value"]) for problem in document["problems"]]
    assert told == [
        (2, "attachments", "carte/002.pdf"),
        (3, "pec", "senza-arroba"),
        (7, "denominazione", ""),
        (8, "attachments", "carte/008.pdf"),
    ]
    assert all(problem["what"] and problem["todo"] for problem in document["problems"])
    assert document["problems_total"] == 4
    (free,) = document["warnings"]
    assert (free["row"], free["column"], free["value"]) == (6, "pec", "qualcuno@gmail.com")
    assert "max_invalid_share" in document["error"]["what"]
    assert answer.stderr.splitlines()[-1].startswith("bulk-pec: Loading would refuse this list: 4 of 8 rows")
    letters = document["letters"]
    assert (letters["largest_row"], letters["attachments"]) == (1, 2)
    assert letters["attachments_bytes"] == 2 * (len(PDF) + 3)
    forecast = document["forecast"]
    assert (forecast["messages"], forecast["cost"], forecast["max_cost"]) == (2, 0.1, None)
    assert forecast["space"]["needed_bytes"] > 2 * 190 * 1024
    assert office.ledger_content() == before
    assert set(office.home.rglob("*.*")) == files


def test_the_plan_for_people_shows_what_was_guessed_and_three_rows(office: Shell) -> None:
    """The form, the guesses, three sample rows, the figures, the problems by row, the sentence last."""
    answer = office.call("plan", "avvisi.csv")
    assert answer.code == 3, answer
    assert "with 3 columns separated by a semicolon.\n" in answer.stdout
    assert "The separator is taken for a semicolon." in answer.stdout
    assert "The first 3 rows:\n" in answer.stdout
    assert "info@uno.example | info@due.example | senza-arroba\n" in answer.stdout
    assert "          8 rows in the list\n          4   invalid\n          1   duplicate\n" in answer.stdout
    assert "  row 3, column pec “senza-arroba”: " in answer.stdout
    assert "Cost: EUR 0.10, no limit set.\n" in answer.stdout
    assert answer.stdout.splitlines()[-1].startswith("2 messages at 500/s: 1 day, until ")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_mended_rejects_can_be_loaded(office: Shell, kind: str) -> None:
    """`--rejects` writes the bad rows in the list's own form, each with its reason; mended, it is a list."""
    name, bad = f"avvisi.{kind}", office.home / f"scarti.{kind}"
    if kind == "parquet":
        frame = pl.DataFrame(ROWS, schema=["numero", "pec", "denominazione"], orient="row")
        frame.write_parquet(office.home / name)
    assert office.call("plan", name, "--rejects", bad.name).code == 3
    if kind == "parquet":
        table = pl.read_parquet(bad).rows()
        reasons, rows = [row[0] for row in table], [tuple(row[1:]) for row in table]
    else:
        content = bad.read_bytes()
        assert content.count(b"\r\n") == content.count(b"\n") == 5
        first, *lines = csv.reader(content.decode("cp1252").splitlines(), delimiter=";")
        assert first[1:] == ["numero", "pec", "denominazione"]
        reasons, rows = [row[0] for row in lines], [tuple(row[1:]) for row in lines]
    assert rows == [row for number, row in enumerate(ROWS, 1) if number in {2, 3, 7, 8}]
    assert [reason.partition(":")[0] for reason in reasons] == ["row 2", "row 3", "row 7", "row 8"]
    assert ["carte/002.pdf" in reasons[0], "address" in reasons[1]] == [True, True]
    if kind == "csv":
        for number in WITHOUT_A_FILE:
            put(office.home, f"carte/{number}.pdf")
        put(office.home, "carte/003.pdf")
        mended = bad.read_bytes().replace(b"senza-arroba", b"info@tre.example")
        bad.write_bytes(mended.replace(b"sette.example;", b"sette.example;Sette"))
        loaded = office.call("load", bad.name, "--json")
        assert loaded.exit == (0, "complete"), loaded
        assert loaded.document["rows"] == {
            "input": 4,
            "messages": 3,
            "invalid": 0,
            "duplicate": 0,
            "suppressed": 1,
        }


def test_a_plan_counts_as_loading_does(office: Shell) -> None:
    """What a plan says of the rows is what loading makes of them, whatever the settings of either.

    A list that loading refuses ends with 65 and its whole plan; so does one without a row to send.
    """
    office.environ["BULK_PEC_RECIPIENTS__MAX_INVALID_SHARE"] = "1"

    def planned() -> dict[str, int]:
        answer = office.call("plan", "avvisi.csv", "--json")
        assert answer.code == 3, answer
        rows: dict[str, int] = answer.document["rows"]
        assert [rows.pop(name) for name in ("to_look_up", "looked_up")] == [0, 0]
        return rows

    office.environ["BULK_PEC_RECIPIENTS__ON_DUPLICATE"] = "keep"
    kept = planned()
    loaded = office.call("load", "avvisi.csv", "--name", "prima", "--json")  # its row 4 as key 001#2
    assert (loaded.code, loaded.document["rows"]) == (3, kept)
    assert kept["messages"] == 3
    again = office.call("plan", "avvisi.csv", "--json")
    assert again.exit == (3, "attention"), again  # `run` would go on with it: nothing would be refused
    assert (again.document["loaded_as"], "error" in again.document) == ("prima", False)

    write(office.home / "avvisi.csv", [*ROWS, ("009", "info@nove.example", "Nove")])
    put(office.home, "carte/009.pdf")
    refused = office.call("plan", "avvisi.csv", "--json")
    assert refused.exit == (65, "data"), refused
    *_, last = refused.stderr.splitlines()
    assert last.startswith("bulk-pec: Loading would refuse this list: 3 messages are in an earlier run, ")
    assert "the first is row 1, as row 1 of run 'prima'" in refused.document["error"]["what"]
    said = [(row["row"], row["what"]) for row in refused.document["set_aside"] if row["kind"] == "repeated"]
    assert said == [
        (1, "said already, as row 1 of run 'prima'"),
        (4, "said already, as row 4 of run 'prima'"),
        (6, "said already, as row 6 of run 'prima'"),
    ]
    office.environ["BULK_PEC_RECIPIENTS__ON_DUPLICATE"] = "skip"
    office.environ["BULK_PEC_RECIPIENTS__ON_REPEAT"] = "skip"
    left = planned()
    loaded = office.call("load", "avvisi.csv", "--name", "seconda", "--json")
    assert (loaded.code, loaded.document["rows"]) == (3, left)
    assert (left["messages"], left["duplicate"]) == (1, 3)

    office.environ["BULK_PEC_RECIPIENTS__ON_DUPLICATE"] = "fail"
    write(office.home / "avvisi.csv", [*ROWS, ("010", "info@dieci.example", "Dieci")])
    put(office.home, "carte/010.pdf")
    assert office.call("plan", "avvisi.csv", "--json").exit == (65, "data")
    write(office.home / "avvisi.csv", ROWS[1:3])
    nothing = office.call("plan", "avvisi.csv", "--json")
    assert nothing.exit == (65, "data"), nothing
    assert (nothing.document["rows"]["messages"], nothing.document["forecast"]["messages"]) == (0, 0)
    assert "no row to send" in nothing.document["error"]["what"]


def test_a_plan_before_there_is_a_ledger_makes_none(tmp_path: Path) -> None:
    """0 for a good list; no ledger appears."""
    shell = Shell.settled(tmp_path / "home", CLOSED)
    shell.write_list("avvisi.csv", good(3))
    answer = shell.call("plan", "avvisi.csv", "--json")
    assert answer.exit == (0, "complete"), answer
    assert (answer.document["problems"], answer.document["warnings"]) == ([], [])
    assert sorted(path.name for path in shell.home.iterdir()) == [
        "avvisi.csv",
        "avviso.html.j2",
        "config.toml",
    ]


LIMITS: dict[str, tuple[str, str]] = {
    "the rate": ("[sending]", "rate"),
    "the day cap": ("max_per_day = 1000\n[sending]", "day_cap"),
    "the cost limit": ("[budget]\nmax_cost = 50\n[sending]", "cost"),
}


@pytest.mark.parametrize("case", LIMITS)
def test_the_forecast_names_the_limit_that_binds(tmp_path: Path, case: str) -> None:
    """Caps, cost and pace as configured."""
    text, binding = LIMITS[case]
    shell = Shell.settled(tmp_path / "home", CLOSED, rate=1.0)
    shell.edit('address = "ufficio@pec.example"\n', "")
    shell.edit("[[mailboxes]]\n", "")
    shell.edit("[sending]", f'[[mailboxes]]\naddress = "ufficio@pec.example"\n{text}')
    shell.write_list("avvisi.csv", good(2400))
    answer = shell.call("plan", "avvisi.csv", "--json")
    assert answer.exit == (0, "complete"), answer
    forecast = answer.document["forecast"]
    assert forecast["binding"] == binding
    assert forecast["sentence"].startswith("2,400 messages at 1/s")
    assert f"; {case} binds" in forecast["sentence"]
    assert (forecast["nights"] >= 3) is (binding == "day_cap")
    if binding == "cost":
        assert (forecast["left"], forecast["cost"], forecast["max_cost"]) == (1400, 50.0, 50.0)
        assert "1,400 cannot be sent" in forecast["sentence"]
    else:
        assert (forecast["left"], forecast["cost"], forecast["max_cost"]) == (0, 120.0, None)


def test_windows_and_days_make_nights(loaded: Shell) -> None:
    """A calendar of nights with their binding limits; holidays are left out."""
    window = '[sending]\nwindow = "20:00-20:10"\ndays = ["mon", "tue", "wed", "thu", "fri"]\n'
    loaded.edit("[sending]\n", f"{window}skip_holidays = true\n")
    loaded.edit("max_per_second = 500.0", "max_per_second = 1.0")
    loaded.write_list("nuova.csv", [f"pec@impresa-{number}.example" for number in range(1200)])
    answer = loaded.call("plan", "nuova.csv", "--json")
    assert answer.exit == (0, "complete"), answer
    forecast = answer.document["forecast"]
    assert (forecast["nights"] >= 3, forecast["left"]) == (True, 0)
    nights = forecast["calendar"]
    assert sum(night["messages"] for night in nights) == 1200
    assert max(night["messages"] for night in nights) <= 595
    assert [night["date"] for night in nights] == sorted({night["date"] for night in nights})
    words = f"1,200 messages at 1/s in 20:00–20:10 on working days: {forecast['nights']} days, until "
    assert words in forecast["sentence"]
    assert forecast["binding"] in {"window", "rate"}


def test_lookups_are_made_only_when_asked_for(office: Shell, provider: str) -> None:
    """Without `--lookups` a missing address is still to look up; with it the service fills it, once."""
    codes = {"79402849990": None, "79535389997": "info@ditta-79535389997.pec.example"}
    rows = ["numero,pec,denominazione,codice_fiscale", *(f"001,,D,{code}" for code in codes)]
    rows += ["003,x@senza-pec.example,D,", "004,x@pec.example,D,"]
    rows = [row.replace("001", f"00{place}", 1) for place, row in enumerate(rows)]
    (office.home / "avvisi.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")
    for number in range(1, 5):
        put(office.home, f"carte/00{number}.pdf")
    office.environ |= {
        "BULK_PEC_RECIPIENTS__LOOKUP": "true",
        "BULK_PEC_RECIPIENTS__CHECK_DOMAINS": "true",
        "BULK_PEC_RECIPIENTS__TAX_CODE_COLUMN": "codice_fiscale",
        "BULK_PEC_TOKEN": "x",
        "BULK_PEC_API__COMPANY_URL": provider,
        "BULK_PEC_API__REGISTRY_URL": provider,
    }
    before = office.ledger_content()
    silent = office.call("plan", "avvisi.csv", "--json")
    assert silent.exit == (0, "complete"), silent
    assert (silent.document["rows"]["invalid"], silent.document["rows"]["to_look_up"]) == (0, 2)
    told = [warning["what"] for warning in silent.document["warnings"]]
    assert "Rows that lack an address that can be looked up: 2" in told
    assert "Domains that were not asked about yet: 2" in told
    assert office.ledger_content() == before

    asked = office.call("plan", "avvisi.csv", "--lookups", "--json")
    assert asked.exit == (3, "attention"), asked
    assert [(problem["row"], problem["value"]) for problem in asked.document["problems"]] == [
        (1, ""),
        (3, "x@senza-pec.example"),
    ]
    assert asked.document["rows"]["messages"] == 2
    known = office.call("plan", "avvisi.csv", "--json")
    assert known.document["rows"] == asked.document["rows"]
    assert seen(provider)["posts"] == 0


def test_a_list_that_cannot_be_read(office: Shell) -> None:
    """65, in one paragraph; so is a template with an error."""
    (office.home / "nuova.csv").write_bytes(b"PK\x03\x04" + bytes(99))
    refused(office, "plan", "nuova.csv", ends=(65, "data"), words=["Excel", "Save it as CSV"])
    (office.home / "avviso.html.j2").write_text("{{ numero", encoding="utf-8")
    refused(office, "plan", "avvisi.csv", ends=(65, "data"), words=["avviso.html.j2", "line 1"])
