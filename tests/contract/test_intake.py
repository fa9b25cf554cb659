"""What becomes of a list on its way through the rooms: from the file into a real ledger, and out again."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from support.intake import NOWHERE, Home
from support.ledgers import NOW, REJECTED, Desk, recount

from bulk_pec.cli import wiring
from bulk_pec.planning import document, text
from bulk_pec.sending.writer import Writer

EMPTY = "numero;pec;nome\n001;a@uno.example;Uno\n;;\n;;\n002;b@due.example;Due\n003;rotto;Tre\n;;\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A new folder."""
    return Home(tmp_path)


def test_excels_empty_rows_do_not_refuse_a_list(home: Home) -> None:
    """They are no rows: not counted, not invalid, not exported; the others keep the numbers Excel shows."""
    home.share = 0.4
    path = home.write(EMPTY)
    with home.ledger() as ledger:
        run = home.load(ledger, path)
        recount(ledger, run)
        assert run.input_rows == 3
        rows = [(row["row"], row["key"], row["state"]) for row in home.exported(ledger, run)]
    assert rows == [("1", "001", "pending"), ("4", "002", "pending"), ("5", "003", "invalid")]


def test_a_plan_counts_empty_rows_as_loading_does(home: Home) -> None:
    """Left out, with a word on how many; what is wrong elsewhere is told by the same numbers."""
    found = home.examined(home.write(EMPTY)).listed
    assert (found.rows, found.invalid, found.messages) == (3, 1, 2)
    assert [problem.row for problem in found.problems] == [5]
    (warning,) = found.warnings
    assert (warning.row, warning.what) == (None, "Rows without anything in them: 3")


LOOKED_UP = "numero;pec;nome;cf\n001;;Uno;00000010157\n002; ;Due;00000010157\n003;c@tre.example;Tre;\n"
FOUND = "info@ditta.pec.example"


@pytest.fixture
def asking(home: Home) -> Home:
    """A folder whose lists have tax codes, by which missing addresses are looked up."""
    home.recipients += '\ntax_code_column = "cf"\nlookup = true'
    home.body = "'<p>{{ nome }} {{ pec | default(\"?\") }}</p>'"
    return home


def test_the_export_shows_the_input_as_it_was_and_says_what_was_looked_up(asking: Home) -> None:
    """The letter is made with the address that was found; the list's own cell stays what it was."""
    path = asking.write(LOOKED_UP)
    with asking.ledger() as ledger:
        ledger.answers.keep_address("00000010157", FOUND, NOW, NOWHERE)
        run = asking.load(ledger, path)
        recount(ledger, run)
        desk = Desk.of(ledger, run)
        first, second, _ = desk.pending()
        writer = Writer(wiring.composer(asking.session().config()), run)
        letter = anyio.run(writer.letter, writer.draft(first))
        assert (letter.recipients, letter.body) == ((FOUND,), f"<p>Uno {FOUND}</p>")
        desk.sent(second, REJECTED)
        rows = asking.exported(ledger, run)
    assert [(row["recipient"], row["pec"], row["cf"]) for row in rows] == [
        (FOUND, "", "00000010157"),
        (FOUND, " ", "00000010157"),
        ("c@tre.example", "c@tre.example", ""),
    ]
    mark = "address looked up by tax code"
    assert [row["reason"] for row in rows] == [mark, f"{REJECTED.detail}; {mark}", ""]


def test_rows_set_aside_after_a_look_up_are_the_lists_own(asking: Home) -> None:
    """What the service knows may be no address, or at a domain without certified mail: the reason says so."""
    asking.recipients += "\ncheck_domains = true"
    rows = "001;;Uno;00000010157\n002;;Due;00000070151\n003;c@tre.example;Tre;\n"
    path = asking.write("numero;pec;nome;cf\n" + rows)
    with asking.ledger() as ledger:
        ledger.answers.keep_address("00000010157", "chiuso", NOW, NOWHERE)
        ledger.answers.keep_address("00000070151", "info@uno.example", NOW, NOWHERE)
        ledger.answers.keep_domain("uno.example", NOW, NOWHERE, certified=False)
        ledger.answers.keep_domain("tre.example", NOW, NOWHERE, certified=True)
        run = asking.load(ledger, path)
        first, second, _ = asking.exported(ledger, run)
    assert [(row["state"], row["pec"]) for row in (first, second)] == [("invalid", "")] * 2
    assert "this is not an address" in first["reason"]
    assert "uno.example uses no certified mail" in second["reason"]
    assert all("the address was looked up by tax code" in row["reason"] for row in (first, second))


def test_duplicates_and_suppressed_rows_show_what_was_looked_up(asking: Home) -> None:
    """They never become messages, and are shown as the list has them all the same."""
    rows = "001;;Uno;00000010157\n001;;Due;00000010157\n003; ;Tre;00000070151\n"
    with asking.ledger() as ledger:
        ledger.answers.keep_address("00000010157", FOUND, NOW, NOWHERE)
        ledger.answers.keep_address("00000070151", "no@tre.example", NOW, NOWHERE)
        ledger.suppressions.add(["no@tre.example"], "asked", NOW)
        run = asking.load(ledger, asking.write("numero;pec;nome;cf\n" + rows))
        shown = [(row["state"], row["pec"], row["reason"]) for row in asking.exported(ledger, run)]
    assert shown[1:] == [
        ("duplicate", "", "same key as row 1; address looked up by tax code"),
        ("suppressed", " ", "suppressed: asked; address looked up by tax code"),
    ]


def test_a_plan_says_how_many_addresses_were_looked_up(asking: Home) -> None:
    """In its figures, and for people."""
    with asking.ledger() as ledger:
        ledger.answers.keep_address("00000010157", FOUND, NOW, NOWHERE)
    found = asking.planned(asking.write(LOOKED_UP))
    assert found.listed.looked_up == 2
    assert document(found)["rows"]["looked_up"] == 2
    assert "          2   with an address looked up by tax code" in text(found).splitlines()


def test_what_a_look_up_did_not_find_is_said_as_that(asking: Home) -> None:
    """Whoever reads it knows that the register was asked, and that asking again is no help."""
    with asking.ledger() as ledger:
        ledger.answers.keep_address("00000010157", None, NOW, NOWHERE)
        rows = asking.exported(ledger, asking.load(ledger, asking.write(LOOKED_UP)))
    assert [row["state"] for row in rows] == ["invalid", "invalid", "pending"]
    assert "the company service knows none for this tax code" in rows[0]["reason"]
    assert "00000010157" not in rows[0]["reason"]


def test_rows_to_be_looked_up_are_no_problems_of_a_plan(asking: Home) -> None:
    """They are neither messages nor invalid before somebody has asked; loading asks."""
    found = asking.planned(asking.write(LOOKED_UP + "004;;;\n"))
    listed = found.listed
    assert (listed.rows, listed.messages, listed.invalid, listed.to_look_up) == (4, 1, 1, 2)
    assert [problem.row for problem in listed.problems] == [4, 4]
    assert document(found)["rows"]["to_look_up"] == 2
    assert "          2   to be looked up by tax code" in text(found).splitlines()


def test_the_export_has_the_lists_own_header_and_the_letter_its_values(home: Home) -> None:
    """A column that the templates spell otherwise is found all the same, also when the letter is made."""
    path = home.write("Numero ; PEC;NOME;\n001;a@uno.example;Uno;x\n")
    with home.ledger() as ledger:
        run = home.load(ledger, path)
        (pending,) = Desk.of(ledger, run).pending()
        writer = Writer(wiring.composer(home.session().config()), run)
        letter = anyio.run(writer.letter, writer.draft(pending))
        (row,) = home.exported(ledger, run)
    assert letter.subject == f"Avviso n. 001 [rif. {pending.reference}]"
    assert letter.body == "<p>Gentile Uno</p>"
    assert list(row)[-4:] == ["Numero", "PEC", "NOME", "column_4"]
    assert list(row.values())[-4:] == ["001", "a@uno.example", "Uno", "x"]
